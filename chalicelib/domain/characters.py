"""Which characters nobody sees, and when people take two names for the same."""

import re
import unicodedata
from typing import Final

VISIBLE: Final = (
    r"[^\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
"""A character that is seen, as a pattern for both Python and PostgreSQL: no space, control, format or filler character.

Ranges are written out: the tables of `unicodedata` differ between versions of Python.
"""

_VISIBLE = re.compile(VISIBLE)
# Not the joiners U+200C and U+200D: Persian words and many emoji need them.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SPACES = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def is_blank(text: str) -> bool:
    """Is there nothing in it that anybody would see?"""
    return _VISIBLE.search(text) is None


def tidy(text: str) -> str:
    """A name as it is stored: without space around it, one between its words, without invisible characters.

    Line breaks and other control characters in it stay, to be refused.
    """
    return _SPACES.sub(" ", _INVISIBLE.sub("", text).strip())


def canonical(name: str) -> str:
    """The form in which tags and names of users are stored and looked up: names that people take for the same have the same.

    Compatibility forms become plain letters (NFKC), capitals small ones; the dot that a small Turkish İ would keep is dropped.
    """
    for _ in range(3):  # a small letter may have a compatibility form again
        name = tidy(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tidy(name)).lower().replace("i\u0307", "i")))
    return name
