"""Russian words for what this package and the services say; the library brings its own for what it says."""

import io
import re
from functools import lru_cache

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.numbers import format_decimal
from babel.support import Translations
from starlette_admin.i18n import get_locale, gettext, ngettext, translations

from chalicelib.admin.russian import MESSAGES, PATTERNS, PLURALS


def install() -> None:
    """Adds our words to the library's, in place of what it says for the same texts; safe to repeat."""
    known = translations["ru"]
    if isinstance(known, Translations):
        known.merge(_catalog())


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
def _patterns() -> list[tuple[re.Pattern[str], str | tuple[str, str]]]:
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
            values = {name: _value(name, value) for name, value in found.groupdict().items()}
            return (gettext(english) if isinstance(english, str) else ngettext(*english, _whole(found["n"]))) % values
    return message


def _value(name: str, value: str) -> str:
    if name == "raw":
        return value
    if name == "why":
        return _translated(value)
    if _GROUPED.fullmatch(value):
        return format_decimal(_whole(value), locale=get_locale())
    return _words(value)


_GROUPED = re.compile(r"\d{1,3}(,\d{3})+")


def _whole(number: str) -> int:
    """The number that decides the form of the noun: that of a fraction is another than that of 1."""
    plain = number.replace(",", "")
    return int(plain) if plain.isdecimal() else 2


def _words(text: str) -> str:
    whole = gettext(text)
    if whole != text:
        return whole
    return re.sub(r"[a-z_]+", lambda found: gettext(found[0]), text)


def _sentence(text: str) -> str:
    whole = text[:1].upper() + text[1:]
    return whole if whole.endswith((".", "!", "?", "…")) else f"{whole}."
