"""Russian words for what this package and the services say; the library brings its own for what it says."""

import io
import re
from functools import lru_cache

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.support import Translations
from starlette_admin.i18n import gettext, translations

from chalicelib.admin.russian import MESSAGES, PATTERNS, PLURALS


def install() -> None:
    """Adds our words to the library's; safe to repeat."""
    ours = translations["ru"]
    if isinstance(ours, Translations) and "mailing-api" not in ours.files:
        ours.merge(_catalog())
        ours.files.append("mailing-api")


def _catalog() -> Translations:
    catalog = Catalog(locale="ru", domain="admin")
    for english, russian in MESSAGES.items():
        catalog.add(english, russian)
    for (one, many), forms in PLURALS.items():
        catalog.add((one, many), forms)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Translations(compiled, domain="admin")


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), english) for pattern, english in PATTERNS]


def said(message: str) -> str:
    """What a service said, as a sentence in the reader's language; what has no words there stays English."""
    return _sentence(_translated(message))


def _translated(message: str) -> str:
    whole = gettext(message)
    if whole != message:
        return whole
    for pattern, english in _patterns():
        found = pattern.fullmatch(message)
        if found:
            return gettext(english) % {
                name: value if name == "raw" else _translated(value) if name == "why" else _words(value)
                for name, value in found.groupdict().items()
            }
    return message


def _words(text: str) -> str:
    whole = gettext(text)
    if whole != text:
        return whole
    return re.sub(r"[a-z_]+", lambda found: gettext(found[0]), text)


def _sentence(text: str) -> str:
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."
