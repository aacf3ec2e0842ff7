"""Clients from files: previewed, imported, and every row accounted for, through the panel's steps and in one call."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import phonenumbers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import text

from chalicelib.domain.cells import join_attributes, join_words
from chalicelib.domain.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.domain.phone import parse_phone
from chalicelib.domain.table import MAX_BYTES, TableError, parse_csv
from chalicelib.services import accounts, client_import, clients, uploads
from chalicelib.services.client_import import Options, Report, RowError
from chalicelib.services.clients import NewClient
from chalicelib.services.uploads import Progress
from chalicelib.storage.clients import ClientFilter
from tests.world import World

HEADER = "phone,time_zone,operator_code,tags,attributes.name"
TARGETS = ("phone", "time_zone", "operator_code", "tags", "attributes.name")


def take(
    world: World, body: str, *, update: bool = False, apply: bool = True, country: str | None = None, header: str = HEADER,
    targets: Sequence[str] = TARGETS,
) -> Report:  # fmt: skip
    table = parse_csv(f"{header}\n{body}".encode())
    return client_import.take_table(world.engine, world.owner, table, Options(tuple(targets), update, country), apply=apply)


def there(world: World) -> dict[str, tuple[str, str, tuple[str, ...], dict[str, Any]]]:
    rows = clients.page(world.engine, world.owner, ClientFilter(None), Slice(limit=500))
    return {row.phone: (row.time_zone, row.operator_code, tuple(row.tags), dict(row.attributes)) for row in rows}


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.bad, report.blank


def upload(world: World, raw: bytes) -> int:
    upload_id = uploads.begin(world.engine, world.owner, len(raw))
    for position in range(-(-len(raw) // uploads.PART_BYTES)):
        at = position * uploads.PART_BYTES
        uploads.put_part(world.engine, world.owner, upload_id, position, raw[at : at + uploads.PART_BYTES])
    return upload_id


def run(world: World, upload_id: int, *, apply: bool) -> Progress:
    for position in range(uploads.get(world.engine, world.owner, upload_id).chunks):
        uploads.take(world.engine, world.owner, upload_id, position, apply=apply)
    return uploads.progress(world.engine, world.owner, upload_id, applied=apply)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(world: World) -> None:
    clients.create(world.engine, world.owner, NewClient("+79100000001", "UTC"))
    body = "+79100000001,Asia/Tokyo,,,\n\n+79100000002,Asia/Tokyo,,vip;new,Анна"
    assert counts(take(world, body, apply=False)) == (1, 0, 1, 0, 1)
    report = take(world, body, apply=False, update=True)
    assert counts(report) == (1, 1, 0, 0, 1)
    assert report.sample[1] == NewClient("+79100000002", "Asia/Tokyo", tags=("vip", "new"), attributes={"name": "Анна"})
    assert list(there(world)) == ["+79100000001"]


@pytest.mark.parametrize(("update", "zone"), [(False, "UTC"), (True, "Asia/Tokyo")])
def test_a_known_phone_is_left_alone_or_updated(world: World, update: bool, zone: str) -> None:
    clients.create(world.engine, world.owner, NewClient("+79100000001", "UTC"))
    report = take(world, "+79100000001,Asia/Tokyo,,,\n+79100000002,UTC,,,", update=update)
    assert counts(report) == (1, int(update), int(not update), 0, 0)
    assert there(world)["+79100000001"][0] == zone
    assert counts(take(world, "+79100000001,Asia/Tokyo,,,\n+79100000002,UTC,,,", update=update)) == (0, 0, 2, 0, 0)
    with world.engine.connect() as connection:
        written = connection.execute(text("SELECT action FROM history WHERE kind = 'client' ORDER BY id")).scalars().all()
    assert sorted(written) == sorted(["create", "create", *(["import"] if update else [])])


def test_what_the_file_has_no_column_for_stays(world: World) -> None:
    stored = NewClient("+79100000001", "UTC", "999", ("old",), {"name": "Anna", "city": "Tver", "n": 5})
    clients.create(world.engine, world.owner, stored)
    body, header = "+79100000001,Asia/Tokyo,Boris\n", "phone,time_zone,attributes.name"
    take(world, body, update=True, header=header, targets=("phone", "time_zone", "attributes.name"))
    expected = ("Asia/Tokyo", "999", ("old",), {"name": "Boris", "city": "Tver", "n": 5})
    assert there(world) == {"+79100000001": expected}
    take(world, "+79100000001,Asia/Tokyo,\n", update=True, header=header, targets=("phone", "time_zone", "attributes.name"))
    assert there(world)["+79100000001"][3] == {"city": "Tver", "n": 5}


def test_bad_rows_are_named_with_their_cells_and_good_ones_taken(world: World) -> None:
    body = (
        "+7910,UTC,,,\n+79100000002,Mars/Olympus,x,,\n\n+79100000003,UTC,,,\n+7 8 910 000 00 03,UTC,,,\n+79100000004,UTC,,,,more"
    )
    report = take(world, body)
    assert [(each.row, each.column, each.cell) for each in report.errors] == [
        (2, "phone", "+7910"),
        (3, "operator_code", "x"),
        (3, "time_zone", "Mars/Olympus"),
        (6, "phone", "+7 8 910 000 00 03"),
        (7, "", ""),
    ]
    assert RowError(6, "phone", "+7 8 910 000 00 03", "is the phone of row 5, too", "given_twice") in report.errors
    assert (counts(report), list(there(world))) == ((1, 0, 0, 4, 1), ["+79100000003"])


def test_national_numbers_need_a_country_and_countries_are_counted(world: World) -> None:
    body = "9261234567,Europe/Moscow,,,\n8 (495) 123-45-67,America/New_York,,,\n+84912345678,Europe/Moscow,,,\n"
    assert counts(take(world, body, apply=False)) == (1, 0, 0, 2, 0)
    report = take(world, body, country="RU")
    assert counts(report) == (3, 0, 0, 0, 0)
    assert dict(report.countries) == {"RU": 2, "VN": 1}
    assert report.contradictions == [(3, "RU", "America/New_York"), (4, "VN", "Europe/Moscow")]
    assert set(there(world)) == {"+79261234567", "+74951234567", "+84912345678"}
    with pytest.raises(InvalidInputError, match="ISO 3166"):
        take(world, body, country="UK")


@pytest.mark.parametrize("cell", ["7.91E+10", "79121230017.0", '"=""+79121230017"""', "'79121230017"])
def test_what_a_spreadsheet_did_to_a_phone_is_said(world: World, cell: str) -> None:
    report = take(world, f"{cell},UTC,,,", country="RU")
    assert report.bad == 1
    assert "spreadsheet" in report.errors[0].message


def test_an_exported_file_is_imported_equal(world: World) -> None:
    made = NewClient(
        "+79100000001",
        "UTC",
        tags=("=vip", "a,b", "new"),
        attributes={"name": "Anna", "sum": 5, "text": "5", "zero": "007", "calc": "=1", "lines": "a\nb, +79100000002,c"},
    )
    out = io.StringIO()
    cells = [f"'{made.phone}", f"'{join_words(made.tags)}", made.time_zone, join_attributes(made.attributes)]
    csv.writer(out).writerows([["id", "phone", "tags", "time_zone", "attributes"], ["1", *cells]])
    table = parse_csv(out.getvalue().encode())
    targets = ("", "phone", "tags", "time_zone", "attributes")
    report = client_import.take_table(world.engine, world.owner, table, Options(targets), apply=True)
    assert counts(report) == (1, 0, 0, 0, 0)
    assert there(world)[made.phone] == ("UTC", "910", made.tags, made.attributes)
    assert counts(client_import.take_table(world.engine, world.owner, table, Options(targets, update=True), apply=True)) == (
        0,
        0,
        1,
        0,
        0,
    )


_VALUES = st.one_of(
    st.integers(-(10**14), 10**14),
    st.text(st.sampled_from("a1,;\"'=\n\r |7я0-+. "), max_size=12),
)
_TAG = st.text(st.sampled_from("ab,;\"'=я1"), min_size=1, max_size=8).filter(lambda tag: tag == tag.strip())
_TAGS = st.lists(_TAG, max_size=3, unique=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(_TAGS, st.dictionaries(st.sampled_from(["a", "b", "имя", "नाम", "x_1"]), _VALUES, max_size=4))
def test_any_client_comes_back_as_it_was_exported(world: World, tags: list[str], attributes: dict[str, Any]) -> None:
    out = io.StringIO()
    words = join_words(tags)
    cells = [
        "'+79100000001",
        f"'{words}" if words.startswith(("=", "+", "-", "@")) else words,
        "UTC",
        join_attributes(attributes),
    ]
    csv.writer(out).writerows([["phone", "tags", "time_zone", "attributes"], cells])
    table = parse_csv(out.getvalue().encode())
    report = client_import.take_table(
        world.engine, world.owner, table, Options(("phone", "tags", "time_zone", "attributes"), update=True), apply=True
    )
    assert report.errors == []
    row = there(world)["+79100000001"]
    assert (list(row[2]), row[3]) == (tags, attributes)


_PHONES = ["+79100000001", "+7 8 910 000-00-01", "9261234567", "7.9E+10"]
_CELLS = st.sampled_from([*_PHONES, '"', ",", "\n", "UTC", "Mars", "vip", '"a,b"', " ", ";", "x"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.lists(_CELLS, max_size=40), st.booleans(), st.sampled_from([None, "RU"]))
def test_any_file_is_refused_or_accounted_for_and_preview_and_import_agree(
    world: World, pieces: list[str], update: bool, country: str | None
) -> None:
    raw = (HEADER + "\n+79100000009,UTC,,,\n" + "".join(pieces)).encode()
    try:
        table = parse_csv(raw)
    except TableError:
        upload_id = upload(world, raw)
        with pytest.raises(InvalidInputError):
            uploads.read(world.engine, world.owner, upload_id)
        return
    options = Options(TARGETS, update, country)
    whole = client_import.take_table(world.engine, world.owner, table, options, apply=False)
    upload_id = upload(world, raw)
    uploads.read(world.engine, world.owner, upload_id)
    uploads.choose(world.engine, world.owner, upload_id, options)
    preview, done = run(world, upload_id, apply=False), run(world, upload_id, apply=True)
    assert preview.report == done.report == whole
    assert preview.rows == done.report.rows == table.total
    assert all(phone == parse_phone(phone) == _e164(phone) for phone in there(world))


def _e164(phone: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(phone), phonenumbers.PhoneNumberFormat.E164)


def test_chunks_of_a_file_know_the_phones_of_the_chunks_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHUNK_ROWS", 3)
    rows = [f"+7910000000{place},UTC,,,{place}" for place in range(8)]
    rows[5] = "+7 (910) 000-00-01,Asia/Tokyo,,,again"
    upload_id = upload(world, "\n".join([HEADER, *rows]).encode())
    read = uploads.read(world.engine, world.owner, upload_id)
    assert (read.rows, read.chunks, read.suggested) == (8, 3, list(TARGETS))
    uploads.choose(world.engine, world.owner, upload_id, Options(TARGETS, update=True))
    with pytest.raises(ConflictError):
        uploads.take(world.engine, world.owner, upload_id, 1, apply=False)
    for apply in (False, True):
        found = run(world, upload_id, apply=apply)
        assert counts(found.report) == (7, 0, 0, 1, 0)
        assert [(each.row, each.message) for each in found.report.errors] == [(7, "is the phone of row 3, too")]
    assert there(world)["+79100000001"][0] == "UTC"


def test_an_import_that_is_sent_twice_or_broken_off_is_done_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHUNK_ROWS", 2)
    raw = "\n".join([HEADER, *(f"+7910000000{place},UTC,,,{place}" for place in range(5))]).encode()
    upload_id = upload(world, raw)
    uploads.put_part(world.engine, world.owner, upload_id, 0, raw)
    uploads.read(world.engine, world.owner, upload_id)
    options = Options(TARGETS)
    uploads.choose(world.engine, world.owner, upload_id, options)
    uploads.take(world.engine, world.owner, upload_id, 0, apply=True)
    broken = uploads.progress(world.engine, world.owner, upload_id, applied=True)
    assert (broken.done, broken.chunks, broken.report.created) == (1, 3, 2)
    for changed in (lambda: uploads.read(world.engine, world.owner, upload_id), lambda: uploads.choose(world.engine, world.owner, upload_id, Options(TARGETS, update=True))):  # fmt: skip  # noqa: E501 - one line a case
        with pytest.raises(ConflictError):
            changed()
    uploads.choose(world.engine, world.owner, upload_id, options)
    first, again = run(world, upload_id, apply=True), run(world, upload_id, apply=True)
    assert counts(first.report) == counts(again.report) == (5, 0, 0, 0, 0)
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM history WHERE kind = 'client'")).scalar_one() == 5


def test_a_file_belongs_to_who_sent_it_and_arrives_whole(world: World) -> None:
    raw = f"{HEADER}\n+79100000001,UTC,,,".encode()
    upload_id = uploads.begin(world.engine, world.owner, len(raw))
    with pytest.raises(ConflictError, match="not all of the file"):
        uploads.read(world.engine, world.owner, upload_id)
    for position, body in ((1, raw), (0, raw[1:]), (-1, raw)):
        with pytest.raises(InvalidInputError):
            uploads.put_part(world.engine, world.owner, upload_id, position, body)
    with pytest.raises(NotFoundError):
        uploads.get(world.engine, world.owner, upload_id)
    other = type(world.owner)(world.owner.user_id + 1, "other", is_superuser=True)
    with pytest.raises(NotFoundError):
        uploads.put_part(world.engine, other, upload_id, 0, raw)
    for size in (0, -1, MAX_BYTES + 1):
        with pytest.raises(InvalidInputError):
            uploads.begin(world.engine, world.owner, size)


def test_bad_rows_come_back_as_a_file_without_formulas(world: World) -> None:
    raw = f'{HEADER}\n=1+1,UTC,,"=cmd|x",a\n+79100000001,UTC,,,\n\n+7910,Mars,,,\n'.encode()
    upload_id = upload(world, raw)
    uploads.read(world.engine, world.owner, upload_id)
    uploads.choose(world.engine, world.owner, upload_id, Options(TARGETS))
    run(world, upload_id, apply=False)
    rows = list(csv.reader(io.StringIO(uploads.errors_csv(world.engine, world.owner, upload_id))))
    assert rows[0] == [*HEADER.split(","), "row", "error_code", "reason"]
    assert rows[1][:6] == ["'=1+1", "UTC", "", "'=cmd|x", "a", "2"]
    assert (rows[2][0], rows[2][5]) == ("'+7910", "5")
    assert "phone: " in rows[2][7]
    assert "time_zone: " in rows[2][7]


def test_columns_and_country_are_remembered(world: World) -> None:
    raw = "Город,Тел.,Пояс\nTver,9261234567,UTC\n".encode()
    upload_id = upload(world, raw)
    assert uploads.read(world.engine, world.owner, upload_id).suggested == ["", "phone", "time_zone"]
    targets = ("attributes.city", "phone", "time_zone")
    uploads.choose(world.engine, world.owner, upload_id, Options(targets, country="ru"))
    assert accounts.default_country(world.engine, world.owner) == "RU"
    again = upload(world, raw)
    assert uploads.read(world.engine, world.owner, again).suggested == list(targets)


def test_a_file_for_one_call_has_an_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_import, "MAX_ROWS_AT_ONCE", 2)
    with pytest.raises(InvalidInputError, match="at most 2 rows"):
        take(world, "\n".join(f"+7910000000{place},UTC,,," for place in range(3)))
    assert there(world) == {}


def test_a_file_is_forgotten_after_a_day(world: World) -> None:
    raw = f"{HEADER}\n+79100000001,UTC,,,".encode()
    upload_id = upload(world, raw)
    uploads.read(world.engine, world.owner, upload_id)
    world.reconcile()
    assert uploads.get(world.engine, world.owner, upload_id).rows == 1
    world.sql("UPDATE upload SET created_at = created_at - interval '25 hours'")
    world.reconcile()
    assert world.sql("SELECT 1 FROM upload_part UNION ALL SELECT 1 FROM upload_chunk") == []


def test_a_workbook_is_imported(world: World) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (["Телефон", "Часовой пояс", "Город"], [79121230017, "Europe/Moscow", 5], ["+7 912 123-00-18", "UTC", None]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    upload_id = upload(world, out.getvalue())
    assert uploads.read(world.engine, world.owner, upload_id).suggested == ["phone", "time_zone", ""]
    uploads.choose(world.engine, world.owner, upload_id, Options(("phone", "time_zone", "attributes.city"), country="RU"))
    assert counts(run(world, upload_id, apply=True).report) == (2, 0, 0, 0, 0)
    assert there(world) == {
        "+79121230017": ("Europe/Moscow", "912", (), {"city": "5"}),
        "+79121230018": ("UTC", "912", (), {}),
    }


def triggers_called(world: World, statement: str, **parameters: Any) -> dict[str, int]:
    (plan,) = world.sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", **parameters)[0][0]
    return {each["Trigger Name"]: each["Calls"] for each in plan["Triggers"] if each["Trigger Name"].startswith("recognise")}


def test_writing_many_clients_compares_none_but_changed_phones_with_erased_ones(world: World) -> None:
    """Counted, not timed: an import of 20,000 known clients once took minutes, because all rows were compared with all."""
    world.add_clients(100)
    world.sql(
        "INSERT INTO erased_phone (owner_id, token) SELECT :owner, erased_token(n::text) FROM generate_series(1, 50) n",
        owner=world.owner.user_id,
    )
    assert triggers_called(world, "UPDATE client SET attributes = '{\"name\": \"new\"}', time_zone = 'Europe/Paris'") == {}
    changed = triggers_called(world, "UPDATE client SET phone = CASE WHEN id % 10 = 0 THEN phone || '9' ELSE phone END")
    assert changed == {"recognise_changed": 10}
    hashed = "SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE funcname = 'phone_token'"
    added = (
        "INSERT INTO client (owner_id, phone, operator_code, time_zone)"
        f" SELECT {world.owner.user_id}, '+7911' || lpad(n::text, 7, '0'), '911', 'UTC' FROM generate_series(1, 40) n"
    )
    with world.owner_engine.begin() as connection:
        connection.execute(text("SET LOCAL track_functions = 'all'"))
        connection.execute(text(added))
        # Of this transaction: what the server counts of all of them reaches others when it likes.
        assert connection.execute(text(hashed)).scalar_one() == 40, "once for each phone, however many were erased"
