"""Workbooks (.xlsx) as tables: the first sheet that has anything, values as people see them, and limits against what is no honest file."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from chalicelib.domain.table import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, Table, TableError, table_of

MAX_UNPACKED: Final = 150 * 2**20
MAX_CELLS: Final = 500_000
_ENTRIES: Final = 1_000
_STEP: Final = 2**16
# Entities can be declared only in a document type, which no workbook has. UTF-16 is the other encoding that XML readers take.
_DOCTYPE: Final = tuple("<!DOCTYPE".encode(name) for name in ("ascii", "utf-16-le", "utf-16-be"))
_NOT_ONE: Final = "this workbook cannot be read: save it as .xlsx again, or as CSV UTF-8"


def parse_xlsx(raw: bytes) -> Table:
    """Read a workbook. Raises TableError."""
    if len(raw) > MAX_BYTES:
        raise TableError(f"a file has at most {MAX_BYTES // 2**20} MB")
    try:
        _refuse_bombs(raw)
        return _read(raw)
    except TableError:
        raise
    except (zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, KeyError, ValueError, TypeError, AttributeError, IndexError,
            OSError, EOFError, NotImplementedError, RuntimeError, OverflowError) as error:  # fmt: skip
        # What openpyxl raises for a file that is not what it says: whatever its code stumbles over first.
        raise TableError(_NOT_ONE) from error


def _refuse_bombs(raw: bytes) -> None:
    """Unpack everything once, counting: the sizes that an archive states of itself may be false."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        entries = archive.infolist()
        if len(entries) > _ENTRIES:
            raise TableError(f"a workbook has at most {_ENTRIES:,} parts")
        if "[Content_Types].xml" not in archive.namelist() or not any(entry.filename.startswith("xl/") for entry in entries):
            raise TableError("this archive is no .xlsx workbook")
        unpacked = 0
        for entry in entries:
            with archive.open(entry) as stream:
                tail = b""
                while block := stream.read(_STEP):
                    unpacked += len(block)
                    if unpacked > MAX_UNPACKED:
                        raise TableError(f"a workbook unpacks to at most {MAX_UNPACKED // 2**20} MB: save it as CSV UTF-8")
                    if entry.filename.endswith((".xml", ".rels")) and any(mark in tail + block for mark in _DOCTYPE):
                        raise TableError("a workbook with a document type declaration is not read")
                    tail = block[-32:]


def _read(raw: bytes) -> Table:
    book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True, keep_links=False)
    try:
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        filled = [sheet for sheet in sheets if _has_values(sheet)]
        if not filled:
            raise TableError("the file is empty")
        return table_of(_records(filled[0]), filled[0].title if len(filled) > 1 else None)
    finally:
        book.close()


def _has_values(sheet: Any) -> bool:
    return next((True for row in _records(sheet) if any(row)), False)


def _records(sheet: Any) -> Iterator[list[str]]:
    sheet.reset_dimensions()  # what a file says of its own size is not believed
    cells = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        values = list(row)
        while values and values[-1] is None:
            values.pop()
        if len(values) > MAX_COLUMNS:
            raise TableError(f"a file has at most {MAX_COLUMNS} columns", number)
        cells += len(values)
        if number > MAX_ROWS + 1 or cells > MAX_CELLS:
            raise TableError(f"a workbook has at most {MAX_ROWS:,} rows and {MAX_CELLS:,} cells: save it as CSV UTF-8")
        yield [shown(value) for value in values]


def shown(value: Any) -> str:
    """A cell as people mean it: a phone that was kept as a number has its digits, a date is a date."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        whole_day = value.time() == time()
        return value.date().isoformat() if whole_day else value.isoformat(sep="T", timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
