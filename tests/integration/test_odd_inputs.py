"""Odd inputs, each with the value that it must become or the word that its refusal must say, through every door that takes such a thing."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest
from openpyxl import Workbook

from chalicelib.domain.errors import FieldError, InvalidInputError
from chalicelib.domain.segments import GSM_EXTENSION, segments
from chalicelib.domain.table import MAX_CELL, Table, TableError
from chalicelib.services import client_import, clients, do_not_contact, uploads
from chalicelib.services.client_import import Options
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.uploads import parsed
from tests.world import World

Door = Callable[[World, str, str | None], str]


def created(world: World, phone: str, country: str | None) -> str:
    return clients.create(world.engine, world.owner, NewClient(phone, "UTC", country=country)).phone


def put(world: World, phone: str, country: str | None) -> str:
    row, _ = clients.put(world.engine, world.owner, NewClient(phone, "UTC", country=country))
    return row.phone


def changed(world: World, phone: str, country: str | None) -> str:
    row = clients.create(world.engine, world.owner, NewClient("+14155550100", "UTC"))
    changes = {"phone": phone, "country": country}
    return clients.change(world.engine, world.owner, row.id, changes).phone  # type: ignore[arg-type]  # as a PATCH gives them


def imported(world: World, phone: str, country: str | None) -> str:
    table = replace_table([["phone", "time_zone"], [phone, "UTC"]])
    options = Options(("phone", "time_zone"), country=country)
    report = client_import.take_table(world.engine, world.owner, table, options, apply=True)
    if report.errors:
        raise InvalidInputError(*(FieldError(each.column, each.message) for each in report.errors))
    return report.sample[0].phone


def barred(world: World, phone: str, country: str | None) -> str:
    return do_not_contact.put(world.engine, world.owner, [NewEntry(phone, country=country)])[0].phone


def replace_table(rows: list[list[str]]) -> Table:
    table = parsed(b"phone,time_zone\n+79101234567,UTC\n")
    table.rows = [replace(table.rows[0], cells=rows[1])]
    return table


DOORS: list[Door] = [created, put, changed, imported, barred]
MOSCOW = "+79121230017"
PHONES: list[tuple[str, str | None, str]] = [
    # Trunk prefixes
    ("+7 8 912 123 00 17", None, MOSCOW),
    ("8 (912) 123-00-17", "RU", MOSCOW),
    ("8 (912) 123-00-17", None, "without its +"),
    ("+44 (0)7700 900982", None, "+447700900982"),
    ("07400 123456", "GB", "+447400123456"),
    ("+49 (0) 160 12345678", None, "+4916012345678"),
    ("+33 06 12 34 56 78", None, "+33612345678"),
    ("06 12 34 56 78", "FR", "+33612345678"),
    ("+390612345678", None, "+390612345678"),  # in Italy the 0 belongs to the number
    ("8 029 491 19 11", "BY", "+375294911911"),
    ("06 20 123 4567", "HU", "+36201234567"),
    ("0044 7400 123456", "FR", "+447400123456"),
    ("0044 7700 900982", None, "begins with 00"),
    # Digits and marks of other scripts
    ("＋７９１２１２３００１７", None, MOSCOW),
    ("+٧٩١٢١٢٣٠٠١٧", None, MOSCOW),
    ("+۷۹۱۲۱۲۳۰۰۱۷", None, MOSCOW),
    ("+७९१२१२३००१७", None, MOSCOW),
    ("\u200e+7\u00a0912\u202f123\u200900\u200b17\u202c", None, MOSCOW),
    ("\u2066+7 912 123-00-17\u2069", None, MOSCOW),
    ("\ufeff+7‑912–123—00−17".replace("−", "-"), None, MOSCOW),
    ("+7.912.123.00.17", None, MOSCOW),
    ("\t+7 912 123 00 17\r\n", None, MOSCOW),
    ("tel:+7-912-123-00-17", None, MOSCOW),
    ("TEL: +7(912)1230017", None, MOSCOW),
    # What is no number, or more than one
    ("+7 912 123 00 17 ext. 5", None, "extension"),
    ("+7 912 123 00 17 доб. 5", None, "extension"),
    ("+7 912 123 00 17x5", None, "extension"),
    ("tel:+7-912-123-00-17;ext=5", None, "extension"),
    ("+1-800-FLOWERS", None, "letters"),
    ("+7 912 123 OO 17", None, "letters"),
    ("+79121230017 / +79121230018", None, "several numbers"),
    ("+79121230017+79121230018", None, "several numbers"),
    ("++79121230017", None, "several numbers"),
    ("7+9121230017", None, "+ stands before all digits"),
    ("-79121230017", "RU", "minus sign"),
    ("+", None, "has 0 digits"),
    ("+7912", None, "too few digits"),
    ("+7912123001712", None, "cannot have this many digits"),
    ("+0 912 123 00 17", None, "no country calling code"),
    ("\u200b", None, "a phone number is needed"),
    ("+7912123001\0", None, "no phone number has"),
    ("+7912123001½", None, "no phone number has"),
    ("📞+79121230017", None, "no phone number has"),
    # What spreadsheets do
    ("7.9E+10", None, "rounded this number"),
    ("7,9E+10", "RU", "rounded this number"),
    ("7.91212E10", None, "rounded this number"),
    ("79121230017.0", None, "gave it decimals"),
    ("79121230017,00", "RU", "gave it decimals"),
    ("79,121,230,017", None, "separated its thousands"),
    ("#####", None, "error value"),
    ("#REF!", None, "error value"),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("typed", "country", "outcome"), PHONES)
def test_phones(world: World, door: Door, typed: str, country: str | None, outcome: str) -> None:
    if outcome.startswith("+") and outcome[1:].isdigit():
        assert door(world, typed, country) == outcome
        return
    with pytest.raises(InvalidInputError) as refused:
        door(world, typed, country)
    assert [error.field for error in refused.value.errors] == ["phone"]
    assert outcome in refused.value.errors[0].message


def book(*, formula: str = "", rows: int = 1) -> bytes:
    made = Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.append(["phone", "time_zone"])
    for number in range(rows):
        sheet.append([formula or 79101234567 + number, "UTC"])
    file = io.BytesIO()
    made.save(file)
    return file.getvalue()


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book())) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in source.infolist():
            archive.writestr(entry.filename, source.read(entry))
        archive.writestr("xl/media/zeros.bin", bytes(160 * 2**20))
    return file.getvalue()


HEAD = "phone,time_zone"
ROW = "+79101234567,UTC"
FILES: dict[str, tuple[Callable[[], bytes], str | None, list[list[str]] | str]] = {
    "UTF-8 with a mark": (lambda: b"\xef\xbb\xbf" + f"{HEAD}\n{ROW}".encode(), None, [["+79101234567", "UTC"]]),
    "two marks": (lambda: b"\xef\xbb\xbf\xef\xbb\xbf" + f"{HEAD}\n{ROW}".encode(), None, [["+79101234567", "UTC"]]),
    "UTF-16": (lambda: f"{HEAD}\n{ROW}".encode("utf-16"), None, [["+79101234567", "UTC"]]),
    "UTF-16, big end first": (lambda: b"\xfe\xff" + f"{HEAD}\n{ROW}".encode("utf-16-be"), None, [["+79101234567", "UTC"]]),
    "UTF-16 without a mark": (lambda: f"{HEAD}\n{ROW}".encode("utf-16-le"), None, "row 1: holds a NUL character"),
    "windows-1251": (lambda: f"{HEAD},имя\n{ROW},Анна".encode("cp1251"), None, "row 1: is not in utf-8"),
    "windows-1251, chosen": (lambda: f"{HEAD},имя\n{ROW},Анна".encode("cp1251"), "windows-1251", [["+79101234567", "UTC", "Анна"]]),
    "CR alone": (lambda: f"{HEAD}\r{ROW}\r".encode(), None, [["+79101234567", "UTC"]]),
    "all ends of lines": (lambda: f"{HEAD}\r\n{ROW}\n\r{ROW}".encode(), None, [["+79101234567", "UTC"], ["+79101234567", "UTC"]]),
    "Ctrl-Z at the end": (lambda: f"{HEAD}\n{ROW}\n\x1a".encode(), None, [["+79101234567", "UTC"]]),
    "characters that nobody sees": (lambda: f"{HEAD}\n\u2800,\u200b\n{ROW}\n".encode(), None, [["+79101234567", "UTC"]]),
    "semicolons": (lambda: b"phone;time_zone\n+79101234567;UTC", None, [["+79101234567", "UTC"]]),
    "tabs": (lambda: b"phone\ttime_zone\n+79101234567\tUTC", None, [["+79101234567", "UTC"]]),
    "sep=": (lambda: b"sep=;\r\nphone;time_zone\r\n+79101234567;UTC", None, [["+79101234567", "UTC"]]),
    "two delimiters": (lambda: b"phone;time_zone,tags\n", None, "row 1: the names of the columns are separated by more than one"),
    "an open quotation mark": (lambda: f'{HEAD}\n"+79101234567,UTC\n{ROW}'.encode(), None, "row 2: a quotation mark"),
    "one that takes in rows": (lambda: f'{HEAD}\n"+79101234567,UTC\n{ROW}\n+79101234568,"UTC"'.encode(), None, "row 2: a quotation mark"),
    "an inch": (lambda: f'{HEAD},size\n{ROW},5" pipe'.encode(), None, [["+79101234567", "UTC", '5" pipe']]),
    "doubled marks": (lambda: f'{HEAD},size\n{ROW},"5"" pipe"'.encode(), None, [["+79101234567", "UTC", '5" pipe']]),
    "NUL": (lambda: f"{HEAD}\n{ROW}\0".encode(), None, "row 2: holds a NUL character"),
    "a lost character": (lambda: f"{HEAD},name\n{ROW},Ann\ufffd".encode(), None, "row 2: holds a character that was lost"),
    "a cell of a megabyte": (lambda: f"{HEAD},note\n{ROW},{'x' * 2**20}".encode(), None, f"row 2: a cell has at most {MAX_CELL:,}"),
    "nothing but spaces": (lambda: " \n\t\n\u200b\n".encode(), None, "the file is empty"),
    "an old workbook": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", None, "Excel file of the old kind"),
    "a workbook": (book, None, [["79101234567", "UTC"]]),
    "a workbook with a formula": (lambda: book(formula="=1+1"), None, [["", "UTC"]]),
    "a bomb": (bomb, None, "unpacks to at most"),
    "an archive": (lambda: b"PK\x03\x04" + bytes(30), None, "cannot be read"),
    "a page": (lambda: b"<!DOCTYPE html><html><body>Log in</body></html>", None, []),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    make, encoding, outcome = FILES[name]
    if isinstance(outcome, str):
        with pytest.raises(TableError, match=outcome.replace("=", ".")):
            parsed(make(), encoding=encoding)
        return
    table = parsed(make(), encoding=encoding)
    assert [row.cells for row in table.rows] == outcome
    assert table.total == len(table.rows) + table.blank


def test_a_page_in_the_place_of_a_file_lacks_its_columns(world: World) -> None:
    table = parsed(FILES["a page"][0]())
    with pytest.raises(InvalidInputError, match="columns"):
        client_import.take_table(
            world.engine, world.owner, table, Options(client_import.targets_of(table.header, "leave_out")), apply=False
        )


ZONES: list[tuple[str, bool]] = [
    ("Europe/Moscow", True), ("Europe/Kyiv", True), ("Europe/Kiev", True), ("Asia/Calcutta", True), ("America/Argentina/Ushuaia", True),
    ("UTC", True), ("europe/moscow", False), ("MSK", False), ("UTC+3", False), ("GMT+3", False), ("+03:00", False), ("Etc/GMT-3", False),
    ("../../etc/passwd", False), ("Europe/Moscow\0", False), ("Europe/Moscow\u200b", False), ("", False), ("Mars/Olympus", False),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "taken"), ZONES)
def test_time_zones(world: World, zone: str, taken: bool) -> None:
    new = NewClient("+79101234567", zone)
    if taken:
        assert clients.create(world.engine, world.owner, new).time_zone == zone
        return
    with pytest.raises(InvalidInputError) as refused:
        clients.create(world.engine, world.owner, new)
    assert [error.field for error in refused.value.errors] == ["time_zone"]


TEXTS: list[tuple[str, str, int, int]] = [
    ("a" * 160, "GSM-7", 160, 1),
    ("a" * 161, "GSM-7", 161, 2),
    ("a" * 159 + "€", "GSM-7", 161, 2),
    ("a" * 158 + "€", "GSM-7", 160, 1),
    ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),  # the escape does not end a part
    ("[" * 80, "GSM-7", 160, 1),
    (GSM_EXTENSION, "GSM-7", 2 * len(GSM_EXTENSION), 1),
    ("ё" * 70, "UCS-2", 70, 1),
    ("ё" * 71, "UCS-2", 71, 2),
    ("ё" * 66 + "😀" + "ё" * 66, "UCS-2", 134, 3),  # nor half of a pair
    ("👨\u200d👩\u200d👧", "UCS-2", 8, 1),
    ("e\u0301", "UCS-2", 2, 1),
    ("é", "GSM-7", 1, 1),
    ("a`", "UCS-2", 2, 1),
    ("a\tb", "UCS-2", 3, 1),
    ("ΔΦΓΛΩΠΨΣΘΞ", "GSM-7", 10, 1),
    ("\u00a0", "UCS-2", 1, 1),
    ("", "GSM-7", 0, 1),
]


@pytest.mark.parametrize(("text", "encoding", "units", "count"), TEXTS)
def test_sizes_of_texts(text: str, encoding: str, units: int, count: int) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, count)


def test_codes_of_bad_rows_are_counted_filtered_and_downloaded(world: World) -> None:
    rows = ["+79101234567,UTC", "9101234567,UTC", "7.9E+10,UTC", "9101234568,Mars", "+79101234567,UTC"]
    raw = "\n".join(["phone,time_zone", *rows]).encode()
    upload_id = uploads.begin(world.engine, world.owner, len(raw))
    uploads.put_part(world.engine, world.owner, upload_id, 0, raw)
    uploads.read(world.engine, world.owner, upload_id)
    uploads.choose(world.engine, world.owner, upload_id, Options(("phone", "time_zone")))
    uploads.take(world.engine, world.owner, upload_id, 0, apply=False)
    whole = uploads.progress(world.engine, world.owner, upload_id, applied=False)
    assert whole.report.codes == {"phone_country_unknown": 2, "phone_scientific": 1, "wrong_format": 1, "given_twice": 1}
    some = uploads.progress(world.engine, world.owner, upload_id, applied=False, code="phone_country_unknown")
    assert [error.row for error in some.report.errors] == [3, 5]
    assert (some.report.bad, some.report.codes) == (4, whole.report.codes)
    file = uploads.errors_csv(world.engine, world.owner, upload_id).splitlines()
    assert file[0] == "phone,time_zone,row,error_code,reason"
    assert [line.split(",")[3] for line in file[1:]] == [
        "phone_country_unknown", "phone_scientific", "wrong_format; phone_country_unknown", "given_twice",
    ]  # fmt: skip
