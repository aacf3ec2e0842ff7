"""Lists of words and attributes as one text, as fields of forms and cells of files hold them. What is written here is read back the same.

Words stand between commas (or semicolons), attributes on a line each: `name = value`. A word or a value that would be read as another
stands in quotation marks: in a word they are doubled inside, as in CSV; a value is then written as in JSON. So a whole number is one
without quotation marks, and a text of the same digits has them.
"""

import json
import re
from collections.abc import Iterable, Mapping

from chalicelib.domain.personal_text import ATTRIBUTE_NAME_LENGTH, attribute_name

_WORD = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")+)"\s*(?=[,;]|$)|(?P<bare>[^,;]*))(?:[,;]|$)')
_ODD_WORD = re.compile(r"""^["']|[,;\r\n]|^\s|\s$""")
_WHOLE = re.compile("0|-?[1-9][0-9]{0,14}", re.ASCII)  # as JSON writes it, and small enough for every reader
_ODD_VALUE = re.compile(r'^"|[\r\n]|^\s|\s$')


class CellError(ValueError):
    """The text cannot be read without losing some of it; the message names the places."""


def join_words(words: Iterable[str]) -> str:
    """`a, b, "c,d"`."""
    return ", ".join(f'"{word.replace(chr(34), chr(34) * 2)}"' if _ODD_WORD.search(word) else word for word in words)


def split_words(text: str) -> list[str]:
    """The words, each once."""
    found = (
        each["bare"].strip() if each["quoted"] is None else each["quoted"].replace('""', '"') for each in _WORD.finditer(text)
    )
    return list(dict.fromkeys(word for word in found if word))


def join_attributes(attributes: Mapping[str, str | int]) -> str:
    """`name = Anna`, and the next line."""
    return "\n".join(f"{name} = {_shown(value)}" for name, value in attributes.items())


def split_attributes(text: str) -> dict[str, str | int]:
    """The attributes; a line without `=` is a name without a value. Raises CellError for a name that stands in two lines."""
    lines: dict[str, int] = {}
    attributes: dict[str, str | int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        name, _equals, value = map(str.strip, line.partition("="))
        if not line.strip():
            continue
        first = lines.setdefault(attribute_name(name), number)
        if first != number:
            raise CellError(f"the attribute {name[:ATTRIBUTE_NAME_LENGTH]} stands in lines {first} and {number}: give it once")
        attributes[name] = _read(value)
    return attributes


def _shown(value: str | int) -> str:
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, ensure_ascii=False) if _ODD_VALUE.search(value) or _WHOLE.fullmatch(value) else value


def _read(shown: str) -> str | int:
    if _WHOLE.fullmatch(shown):
        return int(shown)
    if not shown.startswith('"'):
        return shown
    try:
        value = json.loads(shown)
    except ValueError:
        return shown
    return value if isinstance(value, str) else shown
