"""Clients from a CSV file: rehearsed, taken in, rewritten, refused row by row."""

import pytest
from sqlalchemy import text

from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.paging import Slice as Page
from chalicelib.services import client_import, clients
from chalicelib.services.client_import import Report, RowError, Slice
from chalicelib.services.clients import NewClient
from chalicelib.storage.clients import ClientFilter
from tests.world import World

HEADER = "phone,time_zone,operator_code,tags,attributes.name"


def take(
    world: World, body: str, header: str = HEADER, *, update: bool = False, rehearse: bool = False, first_row: int = 1
) -> Report:
    return client_import.run(world.engine, world.owner, Slice(header, body, first_row), update=update, rehearse=rehearse)


def there(world: World) -> dict[str, tuple[str, str, tuple[str, ...], dict[str, str]]]:
    rows = clients.page(world.engine, ClientFilter(world.owner.user_id), Page(limit=100))
    return {row.phone: (row.time_zone, row.operator_code, tuple(row.tags), dict(row.attributes)) for row in rows}


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.skipped, len(report.errors)


def test_a_rehearsal_says_what_would_be_done_and_does_nothing(world: World) -> None:
    clients.create(world.engine, world.owner, NewClient("+79100000001", "UTC"))
    body = "+79100000001,Asia/Tokyo,,,\n+79100000002,Asia/Tokyo,,vip;new,Анна"
    assert counts(take(world, body, rehearse=True)) == (1, 0, 1, 0)
    report = take(world, body, rehearse=True, update=True)
    assert counts(report) == (1, 1, 0, 0)
    assert report.sample[1] == NewClient("+79100000002", "Asia/Tokyo", tags=("vip", "new"), attributes={"name": "Анна"})
    assert list(there(world)) == ["+79100000001"]


@pytest.mark.parametrize(("update", "zone"), [(False, "UTC"), (True, "Asia/Tokyo")])
def test_a_known_phone_is_left_alone_or_rewritten(world: World, update: bool, zone: str) -> None:
    clients.create(world.engine, world.owner, NewClient("+79100000001", "UTC"))
    report = take(world, "+79100000001,Asia/Tokyo,,,\n+79100000002,UTC,,,", update=update)
    assert counts(report) == (1, int(update), int(not update), 0)
    assert there(world)["+79100000001"][0] == zone
    with world.engine.connect() as connection:
        written = connection.execute(text("SELECT action FROM history WHERE kind = 'client' ORDER BY id")).scalars().all()
    assert sorted(written) == sorted(["create", "create", *(["import"] if update else [])])


def test_bad_rows_are_named_and_good_ones_taken(world: World) -> None:
    body = "+7910,UTC,,,\n+79100000002,Mars/Olympus,x,,\n+79100000003,UTC,,,\n+79100000003,UTC,,,\n+79100000004,UTC,,,,more"
    report = take(world, body, first_row=501)
    assert sorted((each.row, each.field) for each in report.errors) == [
        (501, "phone"),
        (502, "operator_code"),
        (502, "time_zone"),
        (504, "phone"),
        (505, ""),
    ]
    assert RowError(504, "phone", "stands in an earlier row already") in report.errors
    assert (report.created, list(there(world))) == (1, ["+79100000003"])


def test_a_row_that_repeats_one_of_an_earlier_slice(world: World) -> None:
    """By the phones that were read there, however they were written."""
    first = take(world, "+79100000001,UTC,,,\n+7910,UTC,,,\n+79100000002,UTC,,,")
    assert first.phones == {1: "+79100000001", 3: "+79100000002"}
    part = Slice(HEADER, "+7 910 000 00 02,Asia/Tokyo,,,\n+79100000003,UTC,,,", 4, {4})
    for rehearse in (True, False):
        report = client_import.run(world.engine, world.owner, part, update=True, rehearse=rehearse)
        assert counts(report) == (1, 0, 0, 1)
        assert report.errors == [RowError(4, "phone", "stands in an earlier row already")]
    assert there(world)["+79100000002"][0] == "UTC"


def test_what_spreadsheets_make_of_it(world: World) -> None:
    report = take(world, '+79100000001;UTC;"vip, new"\r\n+7 (910) 000-00-02;Asia/Tokyo;vip\r\n', "\ufeffphone;time_zone;tags")
    assert counts(report) == (2, 0, 0, 0)
    assert there(world) == {
        "+79100000001": ("UTC", "910", ("vip", "new"), {}),
        "+79100000002": ("Asia/Tokyo", "910", ("vip",), {}),
    }


def test_an_exported_file_is_imported_again(world: World) -> None:
    body = '1,\'+79100000001,910,"\'=vip, new",UTC,"name = Anna\nsum = a=b",root,2026-05-01T00:00:00Z'
    report = take(world, body, "id,phone,operator_code,tags,time_zone,attributes,owner_id,created_at")
    assert counts(report) == (1, 0, 0, 0)
    assert there(world) == {"+79100000001": ("UTC", "910", ("=vip", "new"), {"name": "Anna", "sum": "a=b"})}


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("phone", "these headers are missing: time_zone"),
        ("phone,time_zone,colour", "these headers are not known, or stand twice: colour"),
        ("phone,time_zone,phone", "these headers are not known, or stand twice: phone, time_zone, phone"),
    ],
)
def test_a_header_that_cannot_be_used(world: World, header: str, why: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        take(world, "+79100000001,UTC,x", header)
    assert [error.message for error in caught.value.errors] == [why]


def test_a_slice_has_an_end(world: World) -> None:
    with pytest.raises(InvalidInputError):
        take(world, "\n".join(f"+7910{place:07},UTC,,," for place in range(client_import.MAX_ROWS + 1)))
    assert there(world) == {}


@pytest.mark.parametrize(
    ("header", "body", "why"),
    [
        (HEADER, "+79100000001,UTC,,\ufffd\ufffd\ufffd,", "UTF-8"),  # windows-1251, as a browser reads it
        ("\ufffd\ufffdp\0h\0o\0n\0e\0", "+\0007\0", "UTF-8"),  # UTF-16
        ("phone,\ud800", "", "UTF-8"),
        (HEADER, '+79100000001,UTC,,"vip,\n' + "+79100000002,UTC,,,\n" * 10_000, "quotation mark"),
        (HEADER, "+79100000001,UTC,,,\r+79100000002,UTC,,,", "no CSV"),
        (f"{HEADER}\rx", "", "no CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_a_hint(world: World, header: str, body: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        take(world, body, header)
    assert there(world) == {}
