"""Files of rows: read as a whole or refused as a whole, and every row accounted for."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.columns import attribute_of, problem, suggested
from chalicelib.domain.table import MAX_COLUMNS, MAX_ROWS, TableError, parse_csv

HEADER = b"phone,time_zone,tags\n"


def cells(raw: bytes, encoding: str | None = None, delimiter: str | None = None) -> list[tuple[int, list[str]]]:
    return [(row.number, row.cells) for row in parse_csv(raw, encoding=encoding, delimiter=delimiter).rows]


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        (b"a,b\n1,2\n\n3,4\n", [(2, ["1", "2"]), (4, ["3", "4"])]),
        (b"\n\na,b\n1,2", [(4, ["1", "2"])]),
        (b'a,b\n"x\ny","5"" wide"\n5" wide,\n', [(2, ["x\ny", '5" wide']), (3, ['5" wide', ""])]),
        (b'"a", "b" ,c\r\n1, "x,y" ,z\r\n', [(2, ["1", "x,y", "z"])]),
        (b"sep=;\r\na;b\r\n1,5;2\r\n", [(2, ["1,5", "2"])]),
        (b'"sep=\t"\na\tb\n1\t2', [(2, ["1", "2"])]),
        (b"\xef\xbb\xbfa;b\n1;2", [(2, ["1", "2"])]),
        (b"a,b\r1,2\r", [(2, ["1", "2"])]),
        (b"a,b,,\n1,2,,\n1,2,3,4\n", [(2, ["1", "2", "", ""]), (3, ["1", "2", "3", "4"])]),
        (b"a,b\n1\n1,2,,\n1,2,3\n", [(2, ["1", ""]), (3, ["1", "2"]), (4, ["1", "2", "3"])]),
        ("a\tb\n1\tя".encode("utf-16"), [(2, ["1", "я"])]),
    ],
)
def test_what_spreadsheets_write(raw: bytes, rows: list[tuple[int, list[str]]]) -> None:
    assert cells(raw) == rows


def test_an_encoding_is_chosen_and_never_guessed() -> None:
    raw = "телефон;имя\n1;Анна".encode("windows-1251")
    with pytest.raises(TableError, match=r"row 1: is not in utf-8: choose the file's encoding"):
        cells(raw)
    assert cells(raw, "windows-1251") == [(2, ["1", "Анна"])]
    assert cells("a;b\n1;я".encode("utf-16-le"), "utf-16") == [(2, ["1", "я"])]
    with pytest.raises(TableError, match="NUL"):
        cells("a;b\n1;2".encode("utf-16-le"))
    with pytest.raises(TableError, match="row 2: holds a character that was lost"):
        cells("a,b\n1,\ufffd".encode())


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "empty"),
        (b" \n\xe2\x80\x8b,\n", "empty"),
        (HEADER + b'+79121230017,UTC,"vip\n', "row 2: a quotation mark is opened at the beginning of a cell and not closed"),
        (HEADER + b'1,UTC,vip\n+79121230017,UTC,"a"b\n', "row 3: a quotation mark is opened"),
        (HEADER + b'+79121230017,UTC,"vip\n+79121230018,UTC,"x"\n', "row 2: a quotation mark is opened"),
        (HEADER + b'+79121230017,UTC,"vip\n+79121230018,UTC,"\n', "row 2: .*takes in the rows after it"),
        (HEADER + b'+79121230017,UTC,"vip\n8 (912) 123-00-18,UTC,\n1,2,"\n', "row 2: .*takes in the rows after it"),
        (HEADER + b'+79121230017,UTC,"vip\nnone,UTC,\n"\n', "row 2: .*takes in the rows after it"),
        (b"a,b;c\n1,2;3", "row 1: .*choose the delimiter"),
        (b"PK\x03\x04rest", "workbook or an archive"),
        (b"\xd0\xcf\x11\xe0rest", "old kind"),
        (b",".join([b"a"] * (MAX_COLUMNS + 1)), f"at most {MAX_COLUMNS} columns"),
        (b"a,b\n" + b"x" * 10_001 + b",", "row 2: a cell has at most"),
        (b"x" * 101, "row 1: a column's name"),
        (b"a\n" + b"1\n" * (MAX_ROWS + 1), "split it"),
    ],
)
def test_a_file_that_is_refused_says_where_and_why(raw: bytes, why: str) -> None:
    with pytest.raises(TableError, match=why):
        parse_csv(raw)


def test_an_exported_cell_of_several_lines_is_no_swallowed_row() -> None:
    raw = b'phone,attributes\n+79121230017,"name = Anna\nother = a, +79121230018"\n'
    assert cells(raw) == [(2, ["+79121230017", "name = Anna\nother = a, +79121230018"])]


_PIECES = st.sampled_from(
    ['"', ",", ";", "\n", "\r\n", "\t", " ", "a", "phone", "+79121230017", "UTC", '""', "\ufeff", "я", "sep=", "'"]
)
_FILES = st.one_of(
    st.lists(_PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode()),
    st.binary(max_size=60),
    st.lists(_PIECES, max_size=25).map(lambda pieces: b"phone,time_zone,tags\n" + "".join(pieces).encode()),
)


@given(_FILES)
def test_any_bytes_are_refused_with_a_reason_or_accounted_for(raw: bytes) -> None:
    try:
        table = parse_csv(raw)
    except TableError as error:
        assert str(error)  # noqa: PT017 - one of two outcomes
        return
    numbers = [row.number for row in table.rows]
    assert numbers == sorted(set(numbers))
    assert table.total == len(table.rows) + table.blank
    assert all(len(row.cells) >= len(table.header) for row in table.rows)
    # No character is lost: what stands outside of separators and quotation marks is in some cell.
    kept = "".join([*table.header, *(cell for row in table.rows for cell in row.cells)])
    if not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert raw.count(b"+79121230017") == kept.count("+79121230017") or b"sep=" in raw


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0\ufffd", exclude_categories=["Cs"]), max_size=6), min_size=3, max_size=3), max_size=6))  # fmt: skip  # noqa: E501 - one line a case
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["a", "b", "c"], *rows])
    table = parse_csv(out.getvalue().encode())
    assert table.blank + len(table.rows) == len(rows)
    assert [row.cells for row in table.rows] == [rows[row.number - 2] for row in table.rows]


@pytest.mark.parametrize(
    ("names", "targets"),
    [
        (["phone", "time_zone", "tags", "attributes.name"], ["phone", "time_zone", "tags", "attributes.name"]),
        ([" Phone ", "TIME ZONE", "Operator-Code", "T\u200bags"], ["phone", "time_zone", "operator_code", "tags"]),
        (["Номер телефона", "Часовой пояс", "Код оператора", "Теги"], ["phone", "time_zone", "operator_code", "tags"]),
        (["Телефон", "Номер", "tz", "", "Город"], ["phone", "", "time_zone", "", ""]),
        (["Мобильный", "Часовои\u0306 пояс", "attributes.Имя"], ["phone", "time_zone", "attributes.Имя"]),
        (["тел", "зона", "attributes.и\u0306"], ["phone", "time_zone", "attributes.й"]),
        (["id", "phone", "owner_id", "created_at"], ["", "phone", "", ""]),
    ],
)  # fmt: skip
def test_columns_are_known_by_their_names(names: list[str], targets: list[str]) -> None:
    assert suggested(names) == targets


@pytest.mark.parametrize(
    ("name", "target"),
    [("Имя", "имя"), ("Дата рождения", "дата_рождения"), ("First name", "first_name"), ("2-й взнос", "c_2_й_взнос"), ("и\u0306", "й"),
     ("Ёлка №5", "ёлка_5"), ("名前", "名前"), ("नाम", "नाम"), ("Straße", "straße"), ("attributes.Имя!", "имя"), ("#", None), ("", None),
     ("\U0001f600", None), ("x" * 100, "x" * 64)],
)  # fmt: skip
def test_an_unknown_column_becomes_an_attribute_under_its_own_name(name: str, target: str | None) -> None:
    assert attribute_of(name) == (None if target is None else f"attributes.{target}")


def test_what_was_chosen_before_is_suggested_again() -> None:
    assert suggested(["Город", "Phone"], {"город": "attributes.city", "phone": ""}) == ["attributes.city", ""]


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        (["phone", "time_zone"], None),
        (["phone", ""], "no column was chosen for: time_zone"),
        (["phone", "phone"], "columns 1 (a) and 2 (b) are both phone: leave one out"),
        (["phone", "time_zone", ""], "the number of columns is 2, and that of the choices 3"),
        (["phone", "owner_id"], "a column can be one of phone"),
        (["phone", "attributes.1x"], "a column can be one of phone"),
    ],
)
def test_a_choice_of_columns(targets: list[str], why: str | None) -> None:
    found = problem(["a", "b"], targets)
    assert (found is None) if why is None else str(found).startswith(why)
