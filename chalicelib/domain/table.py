"""Files of rows: CSV parsed strictly, once, and here only.

A file is read as a whole or refused as a whole with a row and a reason. Every row of the file, the header not counted, is in `rows` or
counted in `blank`; `number` is the row's number as a spreadsheet shows it.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from chalicelib.domain.characters import is_blank
from chalicelib.domain.personal_text import ATTRIBUTE_NAME

MAX_BYTES: Final = 20 * 2**20
MAX_ROWS: Final = 200_000
MAX_COLUMNS: Final = 200
MAX_CELL: Final = 10_000
ENCODINGS: Final = ("utf-8", "windows-1251", "utf-16")
DELIMITERS: Final = (",", ";", "\t")
_SAMPLE: Final = 3
_MOST_SHOWN = 100

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_OLD_EXCEL, _ZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04"
_SEPARATOR = re.compile(r"(?:\ufeff)?\s*\"?sep=(.)\"?[ \t]*(?:\r\n|\r|\n|$)", re.IGNORECASE)
_PHONE_LIKE = re.compile(r"[\s'\"]*[+(]?(?:[\s().-]*[0-9]){7,15}[\s().'\"-]*")
_ATTRIBUTE_LINE = re.compile(f"{ATTRIBUTE_NAME} = ")
_LINE = re.compile(r"\r\n|\r|\n")


class TableError(ValueError):
    """The file cannot be read. `row` is where, as a spreadsheet counts, if it is about a row."""

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message if row is None else f"row {row}: {message}")
        self.row = row


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the file, and at least as many cells as the header has; more is an error of the row."""

    number: int
    cells: list[str]


@dataclass(slots=True)
class Table:
    """A file, read. `total` is the number of its rows without the header, so `total == len(rows) + blank`."""

    header: list[str]
    rows: list[Row] = field(default_factory=list)
    blank: int = 0
    sheet: str | None = None
    """Of a workbook with several sheets: the one that was read."""

    @property
    def total(self) -> int:
        """All rows below the header."""
        return len(self.rows) + self.blank

    def samples(self) -> list[list[str]]:
        """The first values of each column."""
        return [
            [row.cells[place][:_MOST_SHOWN] for row in self.rows if row.cells[place].strip()][:_SAMPLE]
            for place in range(len(self.header))
        ]


def visible(text: str) -> str:
    """The text without invisible characters and the spaces around it."""
    if text.isascii():
        return text.strip()
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip()


def parse_csv(raw: bytes, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """Read a CSV file. `encoding` is UTF-8 unless it is chosen or the file's first bytes say otherwise. Raises TableError."""
    if delimiter and delimiter not in DELIMITERS:
        raise TableError("the delimiter must be a comma, a semicolon or a tab")
    text = decoded(raw, encoding)
    named = _SEPARATOR.match(text)
    if named and (named[1] in DELIMITERS):
        text, delimiter = text[named.end() :], delimiter or named[1]
    text = text.removeprefix("\ufeff")
    return table_of(_records(text, delimiter or _delimiter(text)))


def decoded(raw: bytes, encoding: str | None = None) -> str:
    """The file's text. Raises TableError that says where it stops being text, and what to do."""
    if len(raw) > MAX_BYTES:
        raise TableError(f"a file has at most {MAX_BYTES // 2**20} MB")
    if raw.startswith(_OLD_EXCEL):
        raise TableError("this is an Excel file of the old kind (.xls): save it as .xlsx or as CSV UTF-8")
    if raw.startswith(_ZIP):
        raise TableError("this is a workbook or an archive, not a CSV file")
    marked = next((name for mark, name in _BOMS if raw.startswith(mark)), None)
    name = marked or encoding or ENCODINGS[0]
    if name not in ENCODINGS:
        raise TableError(f"the encoding must be one of {', '.join(ENCODINGS)}")
    try:
        text = raw.decode("utf-16-le" if name == "utf-16" and marked is None else name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        raise TableError(f"is not in {name}: choose the file's encoding, or save it as CSV UTF-8", row) from None
    for character in ("\0", "\ufffd"):
        if character in text:
            row = text.count("\n", 0, text.index(character)) + 1
            what = "a NUL character" if character == "\0" else "a character that was lost when the file was saved (\ufffd)"
            raise TableError(f"holds {what}: choose the file's encoding, or save it as CSV UTF-8", row)
    return text


def table_of(records: Iterator[list[str]], sheet: str | None = None) -> Table:
    """Rows below the first that is not blank, which is the header. Raises TableError for what is too much."""
    table: Table | None = None
    for number, cells in enumerate(records, 1):
        if number > MAX_ROWS + 1:
            raise TableError(f"a file has at most {MAX_ROWS:,} rows: split it")
        if table is None:
            if _has_text(cells):
                table = Table(_header(cells, number), sheet=sheet)
        elif _has_text(cells):
            table.rows.append(Row(number, _fitted(cells, len(table.header), number)))
        else:
            table.blank += 1
    if table is None:
        raise TableError("the file is empty")
    return table


def _has_text(cells: list[str]) -> bool:
    """Does anybody see anything in the row? The Ctrl-Z that old programs write at a file's end is not seen."""
    return any(not is_blank(cell) for cell in cells)


def _header(cells: list[str], number: int) -> list[str]:
    if any(visible(cell) for cell in cells[MAX_COLUMNS:]):
        raise TableError(f"a file has at most {MAX_COLUMNS} columns", number)
    if any(len(cell) > _MOST_SHOWN for cell in cells):
        raise TableError(f"a column's name has at most {_MOST_SHOWN} characters; does the first row hold the names?", number)
    return [visible(cell) for cell in cells[:MAX_COLUMNS]]


def _fitted(cells: list[str], columns: int, number: int) -> list[str]:
    if any(len(cell) > MAX_CELL for cell in cells):
        raise TableError(f"a cell has at most {MAX_CELL:,} characters; is a quotation mark missing at the end of a cell?", number)
    if any(visible(cell) for cell in cells[columns:]):
        return cells
    return cells[:columns] + [""] * (columns - len(cells))


def _delimiter(text: str) -> str:
    """The delimiter that the first row shows. Raises TableError if it shows several."""
    first = next((line for line in _LINE.split(text[:100_000]) if visible(line)), "")
    counts = {each: len(next(_records(first, each, lenient=True), [""])) - 1 for each in DELIMITERS}
    seen = [each for each in DELIMITERS if counts[each]]
    if len(seen) > 1:
        raise TableError(
            "the names of the columns are separated by more than one of comma, semicolon and tab: choose the delimiter", 1
        )
    return seen[0] if seen else DELIMITERS[0]


def _records(text: str, delimiter: str, *, lenient: bool = False) -> Iterator[list[str]]:
    """The cells of each row. Quotation marks stand around a whole cell or have no meaning."""
    mark = re.escape(delimiter)
    end = rf"{mark}|\r\n|\r|\n|\Z"
    quoted_cell = rf'[ \u00a0]*"(?P<quoted>(?>[^"]*(?:""[^"]*)*))"[ \u00a0]*(?P<after>{end})'
    cell = re.compile(rf"{quoted_cell}|(?P<bare>[^{mark}\r\n]*)(?P<end>{end})")
    opening = re.compile(r'[ \u00a0]*"')
    at, number, columns, cells = 0, 1, 0, list[str]()
    while at < len(text) or cells:
        found = cell.match(text, at)
        assert found is not None  # noqa: S101 - the second branch matches anything, also nothing
        quoted = found["quoted"]
        if quoted is None and opening.match(text, at) and not lenient:
            raise TableError("a quotation mark is opened at the beginning of a cell and not closed at its end", number)
        if quoted is not None and ("\n" in quoted or "\r" in quoted):
            _refuse_swallowed_rows(quoted, delimiter, number, columns)
        cells.append(found["bare"] if quoted is None else quoted.replace('""', '"'))
        if len(cells) > MAX_COLUMNS * 2:
            raise TableError(f"a file has at most {MAX_COLUMNS} columns", number)
        at, after = found.end(), found["end"] if quoted is None else found["after"]
        if after != delimiter:
            columns = columns or len(cells)
            yield cells
            cells, number = [], number + 1
        elif at == len(text):
            cells.append("")
            yield cells
            return


def _refuse_swallowed_rows(quoted: str, delimiter: str, number: int, columns: int) -> None:
    """A cell may have several lines, but not lines that are rows: then a mark that was never closed met the next one."""
    for line in _LINE.split(quoted)[1:]:
        pieces = line.split(delimiter)
        whole = len(pieces) >= max(columns, 3)
        if len(pieces) > 1 and not _ATTRIBUTE_LINE.match(line) and (whole or any(map(_PHONE_LIKE.fullmatch, pieces))):
            raise TableError(
                "a quotation mark is opened in this row and takes in the rows after it: close it, or double it", number
            )
