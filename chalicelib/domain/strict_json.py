"""JSON from outside, parsed by one set of rules at every door: what two readers would understand differently is refused.

Refused are text that is not UTF-8, a name that is given twice in one object, NaN and Infinity, numbers of more digits than any field takes,
halves of surrogate pairs, and what is too long or nested too deep. The error names the place.
"""

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from chalicelib.domain.words import counted

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 400
_SHOWN: Final = 64
_PLACE_SHOWN: Final = 200

# The last alternatives let an open string end with the text: each character is looked at once, whatever the text is.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1))
_BRACKETS = bytes.maketrans(b"[{]}", b"(())")
_HALF = re.compile("[\ud800-\udfff]")
_HALF_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


class JsonError(ValueError):
    """The JSON cannot be taken. The message says what is wrong with it and where: "has NaN at clients.3.phone, …"."""


class _Odd:
    """Stands in the parsed value where something is wrong, until its place is known."""

    def __init__(self, before: str, after: str) -> None:
        self._words = (before, after)

    def at(self, where: tuple[str | int, ...]) -> str:
        before, after = self._words
        place = ".".join(str(part) for part in where)[:_PLACE_SHOWN]
        return f"{before} {ascii(place)[1:-1] or 'its top level'}{after}"


def parse(
    raw: bytes | str,
    most: int,
    *,
    fields: int | None = None,
    all_fields: int | None = None,
    whole: bool = False,
    halves: bool = False,
) -> Any:
    """The value of a JSON text of at most `most` bytes. Raises JsonError.

    An object has at most `fields` fields, and all objects together `all_fields`. With `whole`, 7.0 is the integer 7. With `halves`, halves
    of surrogate pairs are left to the caller, who checks strings himself.
    """
    body = raw.encode(errors="surrogatepass") if isinstance(raw, str) else raw
    if len(body) > most:
        raise JsonError(f"has more than {counted(most, 'byte')}")
    try:
        text = raw if isinstance(raw, str) else raw.decode()
    except UnicodeDecodeError as error:
        raise JsonError(f"is not UTF-8 at byte {error.start + 1}") from None
    _refuse_deep(body)
    reader = _Reader(fields, all_fields, whole)
    try:
        found = json.loads(
            text,
            object_pairs_hook=reader.pairs,
            parse_constant=reader.constant,
            parse_float=reader.fraction,
            parse_int=reader.integer if _LONG_NUMBER.search(body) else None,
        )
    except json.JSONDecodeError as error:
        if text.startswith("\ufeff"):
            raise JsonError("is not JSON: it begins with a byte order mark; send it as UTF-8 without one") from None
        raise JsonError(f"is not JSON: {error.msg}, line {error.lineno}, column {error.colno}") from None
    if reader.odd is not None:
        place = next(where for where, value in _walk(found, ()) if value is reader.odd)
        raise JsonError(reader.odd.at(place))
    if not halves and (_HALF_ESCAPED.search(text) or _HALF.search(text)):
        _refuse_halves(found)
    return found


class _Reader:
    """Makes the values of one text. Each odd one is marked, and found again once its place is known."""

    def __init__(self, fields: int | None, all_fields: int | None, whole: bool) -> None:
        self._fields, self._all, self._left, self._whole = fields, all_fields, all_fields, whole
        self.odd: _Odd | None = None

    def pairs(self, pairs: list[tuple[str, Any]]) -> Any:
        if self._fields is not None and len(pairs) > self._fields:
            raise JsonError(
                f"has an object of more than {counted(self._fields, 'field')}, of which the first is {pairs[0][0][:_SHOWN]!a}"
            )
        if self._left is not None and self._all is not None:
            self._left -= len(pairs)
            if self._left < 0:
                raise JsonError(f"has objects of more than {counted(self._all, 'field')} together")
        made = dict(pairs)
        return made if len(made) == len(pairs) else self._marked(*_twice([name for name, _ in pairs]))

    def constant(self, name: str) -> Any:
        return self._marked(f"has {name} at", ", which is no number of JSON")

    def integer(self, digits: str) -> Any:
        # Asked only where there are so many. Reading digits takes a time that grows with their square.
        return int(digits) if len(digits) <= MAX_DIGITS else self._marked(f"has a number of more than {MAX_DIGITS} digits at", "")

    def fraction(self, digits: str) -> Any:
        value = float(digits)
        if not isfinite(value) or len(digits) > MAX_DIGITS:
            return self._marked("has a number at", " that is larger than any field takes")
        # JSON knows one kind of number, and 7.0 is a whole one.
        return int(value) if self._whole and value.is_integer() and abs(value) < 2**53 else value

    def _marked(self, before: str, after: str) -> _Odd:
        self.odd = _Odd(before, after)  # the last: one that was inside of it is no longer in the value
        return self.odd


def _twice(names: list[str]) -> tuple[str, str]:
    places: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        first = places.setdefault(name, place)
        if first != place:
            return f"gives the field {name[:_SHOWN]!a} at", f" twice, as fields {first} and {place} of the object: give it once"
    raise AssertionError(names)


def _walk(value: Any, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    yield where, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, (*where, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, (*where, number))


def _refuse_halves(found: Any) -> None:
    for where, value in _walk(found, ()):
        if isinstance(value, str) and _HALF.search(value):
            raise JsonError(_Odd("has half of a surrogate pair at", ", which is no character").at(where))
        if isinstance(value, dict) and any(map(_HALF.search, value)):
            raise JsonError(_Odd("has half of a surrogate pair in a name at", ", which is no character").at(where))


def _refuse_deep(body: bytes) -> None:
    """Told before parsing, which calls itself for each level."""
    if max(body.count(b"[") + body.count(b"{"), body.count(b"]") + body.count(b"}")) <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", body).translate(_BRACKETS, _NOT_BRACKETS)
    for _level in range(MAX_DEPTH):
        brackets = brackets.replace(b"()", b"")  # removes the innermost level
    if brackets:
        raise JsonError(f"is not JSON, or nested deeper than {MAX_DEPTH} levels")
