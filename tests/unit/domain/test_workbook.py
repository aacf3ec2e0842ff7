"""Workbooks: values as people mean them, and files that are no honest workbooks."""

import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from chalicelib.domain import workbook
from chalicelib.domain.table import MAX_COLUMNS, TableError
from chalicelib.domain.workbook import parse_xlsx


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def book_of(rows: Sequence[Sequence[Any]]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(list(row))
    return saved(book)


def edited(raw: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """The workbook with one of its parts changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for entry in before.namelist():
            body = before.read(entry)
            assert entry != name or old in body
            after.writestr(entry, body.replace(old, new) if entry == name else body)
    return out.getvalue()


def test_values_are_what_people_see() -> None:
    day = datetime(2026, 5, 1, tzinfo=UTC).replace(tzinfo=None)
    row = [
        79121230017,
        79121230017.0,
        "+7 912",
        1.5,
        day,
        day.replace(hour=9, minute=30),
        date(2026, 5, 1),
        time(9, 30),
        True,
        None,
        "x",
    ]
    table = parse_xlsx(book_of([["a"] * 11, row]))
    assert table.rows[0].cells == [
        *("79121230017", "79121230017", "+7 912", "1.5"),
        *("2026-05-01", "2026-05-01T09:30:00", "2026-05-01", "09:30", "TRUE", "", "x"),
    ]


def test_rows_have_the_numbers_of_the_sheet() -> None:
    table = parse_xlsx(book_of([[], ["phone", "tz"], ["1", "2"], [], [None, " "], ["3"]]))
    assert [(row.number, row.cells) for row in table.rows] == [(3, ["1", "2"]), (6, ["3", ""])]
    assert (table.header, table.blank, table.total) == (["phone", "tz"], 2, 4)


def test_of_several_sheets_the_first_with_anything_is_read_and_named() -> None:
    book = Workbook()
    book.create_sheet("Clients").append(["phone"])
    book.create_sheet("Other").append(["x"])
    hidden = book.create_sheet("Secret", 0)
    hidden.append(["y"])
    hidden.sheet_state = "hidden"
    assert (parse_xlsx(saved(book)).header, parse_xlsx(saved(book)).sheet) == (["phone"], "Clients")
    assert parse_xlsx(book_of([["phone"]])).sheet is None


def test_an_empty_workbook_is_refused() -> None:
    with pytest.raises(TableError, match="empty"):
        parse_xlsx(saved(Workbook()))


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"PK\x03\x04", "cannot be read"),
        (book_of([["a"]])[:-40], "cannot be read"),
        (edited(book_of([["a"]]), SHEET, b"<worksheet", b"<!DOCTYPE x [<!ENTITY a 'aa'>]><worksheet"), "document type"),
        (edited(book_of([["a"]]), SHEET, b"</sheetData>", b""), "cannot be read"),
        (edited(book_of([["a"]]), SHEET, b'r="A1"', b'r="ZZZ1"'), f"at most {MAX_COLUMNS} columns"),
        (edited(book_of([["a"], ["b"]]), SHEET, b'<row r="2"', b'<row r="1048576"'), "rows"),
        (book_of([["a"] * (MAX_COLUMNS + 1)]), f"at most {MAX_COLUMNS} columns"),
    ],
)
def test_what_is_no_honest_workbook_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(TableError, match=why):
        parse_xlsx(raw)


def test_a_bomb_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MAX_UNPACKED", 2**20)
    raw = edited(book_of([["a"]]), SHEET, b"</worksheet>", b" " * 2**21 + b"</worksheet>")
    assert len(raw) < 20_000
    with pytest.raises(TableError, match="unpacks to at most 1 MB"):
        parse_xlsx(raw)


def test_an_archive_that_is_no_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(TableError, match=r"no \.xlsx workbook"):
        parse_xlsx(out.getvalue())


def test_a_size_that_a_sheet_states_of_itself_is_not_believed() -> None:
    raw = edited(book_of([["a", "b"], ["1", "2"]]), SHEET, b'ref="A1:B2"', b'ref="A1:XFD1048576"')
    assert [row.cells for row in parse_xlsx(raw).rows] == [["1", "2"]]


_GOOD = book_of([["phone", "time_zone"], ["+79121230017", "UTC"]])


@settings(max_examples=150)
@given(st.integers(0, len(_GOOD) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_workbook_is_read_or_refused(at: int, damage: bytes) -> None:
    try:
        parse_xlsx(_GOOD[:at] + damage + _GOOD[at + len(damage) :])
    except TableError as error:
        assert str(error)  # noqa: PT017 - one of two outcomes
