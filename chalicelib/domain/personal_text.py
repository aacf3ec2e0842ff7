"""Texts with `${placeholders}` that are filled from a client's attributes.

`${name}` is the client's attribute `name`; `${name|friend}` falls back to `friend`; `$${` stands for a literal `${`. A `$` before
anything else is just a dollar sign.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{(?P<inside>[^{}]*)(?P<close>\}?)")
ATTRIBUTE_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_NAME = re.compile(ATTRIBUTE_NAME, re.ASCII)


class TextError(ValueError):
    """The text's placeholders are not understood; the message names the place."""


class MissingValueError(Exception):
    """A client lacks a value that the text needs and has no default for; `name` is the attribute."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    default: str | None


@lru_cache(maxsize=64)
def _parse(text: str) -> tuple[str | _Placeholder, ...]:
    parts: list[str | _Placeholder] = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        parts.append(text[end : found.start()])
        parts.append("${" if found["inside"] is None else _placeholder(found))
        end = found.end()
    parts.append(text[end:])
    return tuple(part for part in parts if part != "")


def _placeholder(found: re.Match[str]) -> _Placeholder:
    name, bar, default = found["inside"].partition("|")
    if not found["close"] or not _NAME.fullmatch(name):
        raise TextError(
            f"position {found.start()}: a placeholder is ${{name}} or ${{name|default}}; a literal ${{ is written $${{"
        )
    return _Placeholder(name, default if bar else None)


def placeholders(text: str) -> frozenset[str]:
    """Names of the attributes that the text asks for; raises TextError where its syntax is unknown."""
    return frozenset(part.name for part in _parse(text) if isinstance(part, _Placeholder))


def render(text: str, attributes: Mapping[str, object]) -> str:
    """The text for one client; raises MissingValueError rather than leave a hole, TextError for unknown syntax."""
    parts = _parse(text)
    if len(parts) == 1 and isinstance(parts[0], str):
        return parts[0]
    return "".join(part if isinstance(part, str) else _value(part, attributes) for part in parts)


def _value(part: _Placeholder, attributes: Mapping[str, object]) -> str:
    value = attributes.get(part.name)
    if value is None or value == "":
        if part.default is None:
            raise MissingValueError(part.name)
        return part.default
    return str(value)
