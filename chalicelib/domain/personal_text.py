"""Texts with `${placeholders}` that are filled from a client's attributes.

`${name}` is the client's attribute `name`; `${name|friend}` falls back to `friend`. An attribute that holds nothing visible counts as
missing. Dollar signs directly before a `{` are read in pairs: `$$` is one dollar sign, so `$${` is a literal `${` and `$$${price}` a
dollar sign before the value of `price`. A `$` before anything else is just a dollar sign.
"""

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from chalicelib.domain.characters import is_blank
from chalicelib.domain.status import ErrorCode
from chalicelib.domain.words import counted

TEXT_LENGTH: Final = 2_000
"""Of a mailing's text, and of what becomes of it for each client."""
ATTRIBUTE_NAME_LENGTH: Final = 64
_LETTERS: Final = (
    r"A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u0386\u0388-\u061b\u061d-\u115e\u1161-\u167f\u1681-\u17b3"
    r"\u17b6-\u180a\u1810-\u1fee\u1ff0-\u1ffc\u2c00-\u2dff\u3005-\u3007\u3021-\u3163\u3165-\ud7ff"
)
ATTRIBUTE_NAME: Final = f"[{_LETTERS}][{_LETTERS}" + rf"0-9\u0300-\u034e\u0350-\u036f]{{0,{ATTRIBUTE_NAME_LENGTH - 1}}}"
"""A name of an attribute, as a pattern for Python, JavaScript, JSON Schema and PostgreSQL alike.

Letters of every script are those of names in XML, less those that nobody sees and those beyond U+FFFF: `\\w` means something else in
each of the four. Names are compared in Unicode's composed form (NFC), letter by letter: capital letters are not small ones.
"""
NAME_RULE = "letters, digits and _, a digit not first; capital letters are not small ones"
_DOLLARS = re.compile(r"(?P<dollars>\$+)\{")
_INSIDE = re.compile(r"(?P<inside>[^{}]*)(?P<close>\}?)")
_NAME = re.compile(ATTRIBUTE_NAME)


def attribute_name(name: str) -> str:
    """The form in which a name of an attribute is stored and looked up."""
    return unicodedata.normalize("NFC", name)


def is_attribute_name(name: str) -> bool:
    """Is it a name of an attribute in its stored form?"""
    return _NAME.fullmatch(name) is not None and name == attribute_name(name)


class TextError(ValueError):
    """The text's placeholders are not understood; the message names the place."""


class UnsendableTextError(Exception):
    """The text for one client must not be sent; `code` says why, `detail` holds nothing personal."""

    code: ErrorCode

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class MissingValueError(UnsendableTextError):
    """The client lacks a value that the text needs and has no default for; `name` is the attribute."""

    code = ErrorCode.MISSING_VALUE

    @property
    def name(self) -> str:
        """The attribute."""
        return self.detail


class EmptyTextError(UnsendableTextError):
    """Nothing visible is left of the text."""

    code = ErrorCode.EMPTY_TEXT


class LongTextError(UnsendableTextError):
    """The values make the text longer than TEXT_LENGTH."""

    code = ErrorCode.TEXT_TOO_LONG


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    default: str | None


@lru_cache(maxsize=64)
def _parse(text: str) -> tuple[str | _Placeholder, ...]:
    parts: list[str | _Placeholder] = []
    end = 0
    while found := _DOLLARS.search(text, end):
        pairs, single = divmod(len(found["dollars"]), 2)
        parts.append(text[end : found.start()] + "$" * pairs + ("" if single else "{"))
        end = found.end()
        if single:
            inside = _INSIDE.match(text, end)
            assert inside is not None  # noqa: S101 - it matches nothing, too
            parts.append(_placeholder(found.end() - 2, inside))
            end = inside.end()
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")


def _placeholder(place: int, found: re.Match[str]) -> _Placeholder:
    name, bar, default = found["inside"].partition("|")
    name = attribute_name(name)
    if not found["close"] or not is_attribute_name(name):
        raise TextError(
            f"position {place}: a placeholder is ${{name}} or ${{name|default}}; a literal ${{ is written $${{,"
            f" a dollar sign before a placeholder $$; a name is made of {NAME_RULE}"
        )
    return _Placeholder(name, default if bar else None)


def escape(text: str) -> str:
    """The text to write so that exactly `text` is sent."""
    return _DOLLARS.sub(lambda found: f"{found['dollars'] * 2}{{", text)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a text asks of a client."""

    names: frozenset[str]
    required: frozenset[str]
    """Names without a default."""
    by_values_alone: bool
    """Is everything else in the text blank, so that a client with none of the values would get an empty text?"""


def needs(text: str) -> Needs:
    """What the text asks of a client; raises TextError where its syntax is unknown."""
    parts = _parse(text)
    asked = [part for part in parts if isinstance(part, _Placeholder)]
    return Needs(
        frozenset(part.name for part in asked),
        frozenset(part.name for part in asked if part.default is None),
        all(is_blank((part.default or "") if isinstance(part, _Placeholder) else part) for part in parts),
    )


@dataclass(frozen=True, slots=True)
class TextParts:
    """What a text is made of: each placeholder's name and default (None: it has none), and how long the rest is."""

    placeholders: tuple[tuple[str, str | None], ...]
    fixed_length: int
    by_values_alone: bool


def parts_of(text: str) -> TextParts:
    """The text's placeholders, once for each time that they occur; raises TextError where its syntax is unknown."""
    parts = _parse(text)
    return TextParts(
        tuple((part.name, part.default) for part in parts if isinstance(part, _Placeholder)),
        sum(len(part) for part in parts if isinstance(part, str)),
        needs(text).by_values_alone,
    )


def placeholders(text: str) -> frozenset[str]:
    """Names of the attributes that the text asks for; raises TextError where its syntax is unknown."""
    return needs(text).names


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that an unknown one was probably meant to be."""
    by_small_letters = {each.casefold(): each for each in sorted(known)}  # of two, the one in small letters
    found = difflib.get_close_matches(name.casefold(), by_small_letters, n=1, cutoff=0.6)
    return by_small_letters[found[0]] if found else None


def render(text: str, attributes: Mapping[str, object]) -> str:
    """The text for one client; raises UnsendableTextError rather than leave a hole or nothing, TextError for unknown syntax."""
    rendered = fill(text, attributes)
    if is_blank(rendered):
        raise EmptyTextError
    if len(rendered) > TEXT_LENGTH:
        raise LongTextError(counted(len(rendered), "character"))
    return rendered


def fill(text: str, attributes: Mapping[str, object]) -> str:
    """The text with the values in it, whatever its length. Raises MissingValueError."""
    return "".join(part if isinstance(part, str) else _value(part, attributes) for part in _parse(text))


def _value(part: _Placeholder, attributes: Mapping[str, object]) -> str:
    value = attributes.get(part.name)
    if value is None or is_blank(str(value)):
        if part.default is None:
            raise MissingValueError(part.name)
        return part.default
    return str(value)
