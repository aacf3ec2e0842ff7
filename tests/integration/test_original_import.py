"""The import of the original's tables, which a Django project made: built here in a PostgreSQL of their own, as Django builds them."""

import re
import shlex
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from chalicelib import config, manage
from chalicelib.config import Settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.personal_text import placeholders
from chalicelib.domain.phone import parse_phone
from chalicelib.domain.status import StartSource
from chalicelib.scheduling.run import RunTools, advance_mailing
from chalicelib.services import mailings, messages, original_import
from chalicelib.services.original_import import ImportOptions, ImportReport, OriginalError
from chalicelib.services.original_import.clients import zone_of
from chalicelib.storage import original as original_rows
from chalicelib.storage.clock import database_clock
from chalicelib.storage.engine import build_source_engine
from local.postgres import PostgresServer
from local.settings import ROOT
from tests.conftest import AwsCalls

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
# What `sqlmigrate` says of the original's models, and of django.contrib.auth.
TABLES = """
CREATE TABLE auth_user (id serial PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz, is_superuser boolean NOT NULL,
  username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL, email varchar(254) NOT NULL,
  is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
CREATE TABLE management_client (id bigserial PRIMARY KEY, phone_number varchar(11) NOT NULL, operator_code varchar(3) NOT NULL,
  tag varchar(100) NOT NULL, time_zone integer NOT NULL, user_id integer NOT NULL REFERENCES auth_user);
CREATE TABLE management_mailing (id bigserial PRIMARY KEY, date_time_start_sending timestamptz NOT NULL, text text NOT NULL,
  filter_operator_code varchar(100) NOT NULL, filter_tag varchar(100) NOT NULL, date_time_end_sending timestamptz NOT NULL,
  active boolean NOT NULL, task_id varchar(100) NOT NULL, stopped boolean NOT NULL, user_id integer NOT NULL REFERENCES auth_user);
CREATE TABLE management_message (id bigserial PRIMARY KEY, date_time_of_dispatch timestamptz NOT NULL, status integer NOT NULL,
  mailing_id bigint NOT NULL REFERENCES management_mailing, client_id bigint NOT NULL REFERENCES management_client);
"""
USERS = [(1, "admin", True, True), (2, "anna", False, True), (3, "Anna", False, True), (4, "gone", False, False)]
CLIENTS = [
    (1, "79100000001", "910", "tag1", 3, 2),
    (2, "79110000002", "911", "", 0, 2),
    (3, "79120000003", "912", "tag1", 12, 2),
    (4, "79100000001", "910", "other", 5, 2),  # the phone of client 1
    (5, "7912", "912", "tag1", 3, 2),  # no phone
    (6, "79130000006", "913", "tag1", 17, 2),  # no zone is 17 hours ahead
    (7, "79140000007", "914", "tag1", 14, 1),
    (8, "79150000008", "915", "tag1", 3, 3),  # of a user who is left out
]
MAILINGS = [
    (1, NOW - 9 * DAY, NOW - 8 * DAY, "Hello, ${name}!", "910;911;", " tag1 ; tag2", True, 2),  # over
    (2, NOW - DAY / 2, NOW + 2 * DAY, "Under way", "", "", True, 2),
    (3, NOW + 2 * DAY, NOW + 3 * DAY, "Not begun", "900;901", "", True, 2),
    (4, NOW - 9 * DAY, NOW - 8 * DAY, "Of admin", "", "", False, 1),
    (5, NOW + 2 * DAY, NOW + 3 * DAY, "Bad filter", "90x", "", True, 2),
    (6, NOW - 8 * DAY, NOW - 9 * DAY, "Turned around", "", "", True, 2),
    (7, NOW - 9 * DAY, NOW - 8 * DAY, "Of a user who is left out", "", "", True, 3),
]
MESSAGES = [
    (11, 1, 1, 1),
    (12, 2, 1, 2),
    (13, 3, 1, 3),
    (14, 0, 1, 5),  # waits in a mailing that is over, for a client who cannot be imported
    (15, 0, 1, 4),  # to the phone of 11, which was sent
    (21, 1, 2, 1),
    (22, 3, 2, 2),
    (23, 0, 2, 3),
    (24, 0, 2, 6),
    (41, 1, 4, 7),
    (71, 1, 7, 8),
]


def fill(original: Engine) -> None:
    with original.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + TABLES)
        for number, name, is_superuser, is_active in USERS:
            values = {"id": number, "name": name, "superuser": is_superuser, "active": is_active}
            connection.execute(
                text(
                    "INSERT INTO auth_user VALUES"
                    " (:id, 'pbkdf2_sha256$260000$x$y', NULL, :superuser, :name, '', '', '', false, :active, now())"
                ),
                values,
            )
        for row in CLIENTS:
            _insert(connection, "INSERT INTO management_client VALUES (:0, :1, :2, :3, :4, :5)", row)
        for mailing_row in MAILINGS:
            statement = "INSERT INTO management_mailing VALUES (:0, :1, :3, :4, :5, :2, :6, '', false, :7)"
            _insert(connection, statement, mailing_row)
        for number, status, mailing, client in MESSAGES:
            values_of = (number, NOW - DAY / 4, status, mailing, client)
            _insert(connection, "INSERT INTO management_message VALUES (:0, :1, :2, :3, :4)", values_of)


def _insert(connection: Any, statement: str, row: tuple[Any, ...]) -> None:
    connection.execute(text(statement), {str(place): value for place, value in enumerate(row)})


@pytest.fixture(scope="module")
def original_database() -> Iterator[Engine]:
    """A PostgreSQL as the original has one."""
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as folder, PostgresServer(Path(folder), durable=False) as server:
        made = create_engine(server.create_database("original"))
        yield made
        made.dispose()


@pytest.fixture
def original(original_database: Engine, engine: Engine, settings: Settings, aws_calls: AwsCalls) -> Engine:
    """The original's tables, filled; ours, empty."""
    del engine, settings, aws_calls
    fill(original_database)
    return original_database


@dataclass
class Imported:
    """The report of an import, and the lines about single rows."""

    report: ImportReport
    notes: list[str]

    @property
    def counts(self) -> dict[str, Counter[str]]:
        return self.report.counts


def imported(original: Engine, target: Engine, options: ImportOptions) -> Imported:
    notes: list[str] = []
    return Imported(original_import.run(original, target, options, notes.append), notes)


APPLY = ImportOptions(apply=True, original_is_stopped=True)


def ours(owner_engine: Engine, statement: str) -> list[tuple[Any, ...]]:
    with owner_engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def everything(owner_engine: Engine) -> list[list[tuple[Any, ...]]]:
    tables = ('"user"', "client", "mailing", "message", "mailing_zone", "history", "original_row")
    return [ours(owner_engine, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


def test_a_dry_run_reports_all_and_writes_nothing(original: Engine, owner_engine: Engine) -> None:
    before = everything(owner_engine)
    report = imported(original, owner_engine, ImportOptions())
    assert everything(owner_engine) == before
    assert report.report.lines()[0] == "dry run: nothing was written"
    applied = imported(original, owner_engine, APPLY)
    assert applied.counts == report.counts
    assert len(applied.notes) == len(report.notes)


def test_what_cannot_be_taken_as_it_is_stands_in_the_report(original: Engine, owner_engine: Engine) -> None:
    report = imported(original, owner_engine, ImportOptions())
    print("\n".join([*report.notes, *report.report.lines()]))
    assert report.counts == {
        "user": {"read": 4, "imported": 3, "left out": 1},
        "client": {"read": 8, "imported": 4, "the same phone is there": 1, "left out": 3},
        "mailing": {"read": 7, "imported as finished": 3, "imported as paused": 1, "imported as draft": 1, "left out": 2},
        "message": {
            "read": 11,
            "imported as sent": 3,
            "imported as expired": 2,
            "imported as failed": 3,
            "imported as waiting": 1,
            "waited in a mailing that is over": 1,
            "left out": 2,
        },
    }
    told = "\n".join(report.notes)
    for words in (
        "user 3: left out: another user of the original has this name but for capital letters",
        "client 5: left out: ",
        "time_zone 17: 1 client left out, for no time zone is 17 hours ahead of UTC",
        "client 4: is our client",
        "client 8: left out: its user 3 is not imported",
        "mailing 5: left out: its filters have words that ours cannot have",
        "mailing 6: ended before it started",
        "mailing 2: is under way",
        "mailing 3: has not begun",
        "message 15: left out: another message of this mailing to the same phone",
        "message 24: waited for a client who is not imported",
        "message 71: left out: its mailing 7 is not imported",
    ):
        assert words in told, words
    assert "7910" not in told  # no phone


def test_owners_statuses_zones_and_filters_are_kept(original: Engine, owner_engine: Engine) -> None:
    imported(original, owner_engine, APPLY)
    clients = ours(
        owner_engine,
        'SELECT username, phone, operator_code, tags, time_zone FROM client c JOIN "user" u ON u.id = owner_id ORDER BY phone',
    )
    assert clients == [
        ("anna", "+79100000001", "910", ["tag1"], "Etc/GMT-3"),
        ("anna", "+79110000002", "911", [], "UTC"),
        ("anna", "+79120000003", "912", ["tag1"], "Etc/GMT-12"),
        ("admin", "+79140000007", "914", ["tag1"], "Etc/GMT-14"),
    ]
    assert ours(owner_engine, 'SELECT username, is_superuser, is_active FROM "user" ORDER BY id') == [
        ("admin", True, True),
        ("anna", False, True),
        ("gone", False, False),
    ]
    found = ours(
        owner_engine,
        "SELECT text, name, filter_operator_codes, filter_tags, status, time_zone, starts_at FROM mailing ORDER BY id LIMIT 1",
    )
    start = (NOW - 9 * DAY).replace(tzinfo=None)
    assert found == [("Hello, $${name}!", "Hello, ${name}!", ["910", "911"], ["tag1", "tag2"], "finished", "UTC", start)]
    kept = ours(owner_engine, "SELECT final_counts FROM mailing ORDER BY id LIMIT 1")[0][0]
    assert {name: kept[name] for name in ("sent", "expired", "failed", "total")} == {
        "sent": 1,
        "expired": 2,
        "failed": 1,
        "total": 4,
    }
    statuses = ours(
        owner_engine,
        "SELECT original_id, status, phone IS NULL, sent_at IS NOT NULL FROM message m"
        " JOIN original_row r ON r.kind = 'message' AND r.row_id = m.id ORDER BY original_id",
    )
    assert statuses == [
        (11, 2, False, True),
        (12, 3, False, False),
        (13, 4, True, False),
        (14, 3, True, False),
        (21, 2, False, True),
        (22, 4, True, False),
        (23, 1, False, False),
        (24, 4, True, False),
        (41, 2, False, True),
    ]


def test_running_twice_is_harmless(original: Engine, owner_engine: Engine) -> None:
    imported(original, owner_engine, APPLY)
    before = everything(owner_engine)
    again = imported(original, owner_engine, APPLY)
    assert everything(owner_engine) == before
    assert again.counts["client"]["there already"] == 5
    assert again.counts["message"]["there already"] == 9
    assert "imported" not in again.counts["client"] or again.counts["client"]["imported"] == 0


def test_what_the_original_sent_meanwhile_does_not_wait_any_more(original: Engine, owner_engine: Engine) -> None:
    imported(original, owner_engine, APPLY)
    with original.begin() as connection:
        connection.execute(text("UPDATE management_message SET status = 1 WHERE id = 23"))
        connection.execute(text("UPDATE management_message SET status = 0 WHERE id = 21"))  # and nothing waits again
    report = imported(original, owner_engine, APPLY)
    assert report.counts["message"]["sent or given up by the original since the last import"] == 1
    assert ours(owner_engine, "SELECT status, count(*) FROM message GROUP BY 1 ORDER BY 1") == [(2, 4), (3, 2), (4, 3)]


def test_nothing_that_was_sent_or_may_have_been_is_sent_again(original: Engine, owner_engine: Engine, engine: Engine) -> None:
    imported(original, owner_engine, APPLY)
    root = Principal(1, "admin", is_superuser=True)
    rows = ours(owner_engine, "SELECT original_id, row_id FROM original_row WHERE kind = 'message' ORDER BY 1")
    for original_id, message_id in rows:
        if original_id in (11, 13, 14, 21, 22, 24, 41, 12):  # 23 waits, and may go out
            with pytest.raises(ConflictError):
                messages.requeue(engine, root, message_id, honours_key=True)
    before = ours(owner_engine, "SELECT id, status FROM message WHERE status <> 1 ORDER BY 1")
    for mailing_id, status in ours(owner_engine, "SELECT id, status FROM mailing ORDER BY 1"):
        if status == "finished":
            for use_case in (mailings.start, mailings.resume):
                with pytest.raises(ConflictError):
                    use_case(engine, root, mailing_id)
            try:
                mailings.retry_failed(engine, root, mailing_id)
            except ConflictError:
                continue
    assert (
        ours(owner_engine, "SELECT id, status FROM message WHERE id IN (SELECT id FROM message) AND status <> 1 ORDER BY 1")
        == before
    )


def test_resuming_sends_what_waited_and_revives_nothing(original: Engine, owner_engine: Engine, engine: Engine) -> None:
    with original.begin() as connection:  # another client was too late by the original's clock
        connection.execute(text("UPDATE management_message SET status = 2, mailing_id = 2, client_id = 2 WHERE id = 22"))
    imported(original, owner_engine, APPLY)
    (mailing,) = ours(owner_engine, "SELECT id, owner_id FROM mailing WHERE status = 'paused'")
    final = ours(owner_engine, f"SELECT * FROM message WHERE mailing_id = {mailing[0]} AND status <> 1 ORDER BY id")
    assert len(final) == 3
    mailings.resume(engine, Principal(1, "admin", is_superuser=True), mailing[0])
    tools = RunTools(engine, config.settings(), database_clock, lambda _queue, _bodies, _group: [], time.monotonic)
    for _ in range(5):
        advance_mailing(tools, mailing[0], StartSource.API)
    again = ours(owner_engine, f"SELECT * FROM message WHERE mailing_id = {mailing[0]} AND status <> 1 ORDER BY id")
    assert again == final
    waiting = ours(
        owner_engine,
        f"SELECT client_id, count(*) FROM message WHERE mailing_id = {mailing[0]} AND status = 1 GROUP BY 1",
    )
    assert waiting == [(3, 1)]


def test_new_messages_have_ids_that_the_provider_has_not_seen(original: Engine, owner_engine: Engine) -> None:
    with original.begin() as connection:
        connection.execute(text("UPDATE management_message SET id = 5000000 WHERE id = 41"))
    imported(original, owner_engine, APPLY)
    assert ours(owner_engine, "SELECT nextval(pg_get_serial_sequence('message', 'id'))")[0][0] > 5_000_000


def test_a_mailing_under_way_asks_that_the_original_is_stopped(original: Engine, owner_engine: Engine) -> None:
    before = everything(owner_engine)
    with pytest.raises(OriginalError, match="--original-is-stopped"):
        imported(original, owner_engine, ImportOptions(apply=True))
    assert everything(owner_engine) == before


def test_a_user_of_the_same_name_is_taken_for_the_same_and_keeps_rights(original: Engine, owner_engine: Engine) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text("""INSERT INTO "user" (username, password_hash, is_superuser) VALUES ('ADMIN', 'x', false)"""))
    report = imported(original, owner_engine, APPLY)
    assert ours(owner_engine, """SELECT username, is_superuser, password_hash FROM "user" WHERE lower(username) = 'admin'""") == [
        ("ADMIN", False, "x")
    ]
    assert any(note.startswith("user 1: is taken for our user 1") for note in report.notes)


FEW, MANY = 500, 2_000
"""Clients, and messages, of two imports whose memory is compared; a page has as many as the smaller."""
MADE = """
INSERT INTO management_client SELECT n, '7' || 9200000000 + n, '920', 'tag' || mod(n, 90), mod(n, 24) - 11, 2
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n;
INSERT INTO management_message SELECT n, now() - interval '1 day', mod(n, 4), 1 + mod(n, 2), n
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
"""


def test_memory_does_not_grow_with_the_rows(original: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original_rows, "PAGE", FEW)

    def peak_of(first: int, last: int) -> int:
        with original.begin() as connection:
            for statement in MADE.split(";"):
                connection.execute(text(statement), {"first": first, "last": last})
        tracemalloc.start()
        report = original_import.run(original, owner_engine, APPLY, lambda _line: None)
        _now, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert report.counts["client"]["imported"] > last - first
        return peak

    first = 1_000
    peak_of(first, first)  # what is loaded once
    smaller, larger = peak_of(first + 1, first + FEW), peak_of(first + FEW + 1, first + FEW + MANY)
    assert larger < 1.5 * smaller


# What a column of text can hold that a phone, a tag, a name or a filter cannot, or not so.
ODD_TEXTS = (
    *("", " ", "\t\n", "\u200b\u200d", "\x01\x1f", "\ufffd", "\u202e910", "\u00a0vip\u00a0", "VIP", "Vip", "VIP;vip"),
    *("e\u0301", "\u0661\u0662\u0663", "\U0001f600" * 3, ";", ";;910;;", "910;\u200b;911", "910,911", "${name}", "$$${"),
    *("'; --", "NULL", "%s", "+", "++7", "x" * 100, "9" * 100),
)


@pytest.mark.parametrize(
    "column", ["phone_number", "operator_code", "tag", "text", "filter_operator_code", "filter_tag", "username"]
)
def test_an_odd_text_is_taken_as_our_rules_have_it_or_told(original: Engine, owner_engine: Engine, column: str) -> None:
    tables = {"phone_number": "client", "operator_code": "client", "tag": "client", "username": "user"}
    kind = tables.get(column, "mailing")
    table = "auth_user" if kind == "user" else f"management_{kind}"
    with original.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE text"))
        connection.execute(text(f"CREATE TEMP TABLE odd AS SELECT * FROM {table} WHERE id = {'4' if kind == 'user' else '3'}"))
        for place, value in enumerate(ODD_TEXTS):
            connection.execute(text(f"UPDATE odd SET id = {1000 + place}, {column} = :value"), {"value": value})
            connection.execute(text(f"INSERT INTO {table} SELECT * FROM odd"))
        connection.execute(text("DROP TABLE odd"))
    report = imported(original, owner_engine, APPLY)
    assert report.counts[kind]["read"] == sum(number for what, number in report.counts[kind].items() if what != "read")
    told = {int(note.split()[1].rstrip(":")) for note in report.notes if note.startswith(f"{kind} ")}
    taken = {row[0] for row in ours(owner_engine, f"SELECT original_id FROM original_row WHERE kind = '{kind}'")}
    assert {1000 + place for place in range(len(ODD_TEXTS))} <= told | taken
    for code, tags in ours(owner_engine, "SELECT operator_code, tags FROM client"):
        assert limits.client_problems(code, tags, {}) == []
    columns = "name, text, filter_operator_codes, filter_tags, rate_limit"
    for name, words, codes, tags, rate in ours(owner_engine, f"SELECT {columns} FROM mailing"):
        assert limits.mailing_problems(name, words, codes, tags, rate) == []
        assert (len(set(codes)), len(set(tags))) == (len(codes), len(tags))
        assert placeholders(words) == frozenset()
    for (phone,) in ours(owner_engine, "SELECT phone FROM client"):
        assert parse_phone(phone) == phone
    for (username,) in ours(owner_engine, 'SELECT username FROM "user"'):
        assert limits.username_problems(username) == []


ODD: tuple[tuple[str, str, str], ...] = (
    *(("client", name, "NULL") for name in ("phone_number", "operator_code", "tag", "time_zone", "user_id")),
    *(("mailing", name, "NULL") for name in ("text", "filter_operator_code", "filter_tag", "active", "user_id")),
    *(
        ("mailing", f"date_time_{name}_sending", value)
        for name in ("start", "end")
        for value in ("NULL", "'infinity'", "'-infinity'")
    ),
    *(("message", name, "NULL") for name in ("status", "mailing_id", "client_id")),
    *(("message", "date_time_of_dispatch", value) for value in ("NULL", "'infinity'")),
    *(("message", "status", value) for value in ("-1", "4", "2147483647")),
    *(("mailing", f"date_time_{name}_sending", "'1969-12-31'") for name in ("start", "end")),
    ("client", "phone_number", "'8 (910)'"),
    ("client", "phone_number", "''"),
    ("client", "time_zone", "-13"),
    ("client", "time_zone", "2147483647"),
    ("client", "operator_code", "'9x'"),
)


@pytest.mark.parametrize(("kind", "column", "value"), ODD)
def test_a_row_that_cannot_be_taken_is_told_by_its_id(
    original: Engine, owner_engine: Engine, kind: str, column: str, value: str
) -> None:
    """One row among others that are taken; its id is below zero, which sequences do not give but people can."""
    with original.begin() as connection:
        connection.execute(text(f"ALTER TABLE management_{kind} ALTER COLUMN {column} DROP NOT NULL"))
        connection.execute(text(f"CREATE TEMP TABLE odd AS SELECT * FROM management_{kind} WHERE id IN (2, 12)"))
        connection.execute(text(f"UPDATE odd SET id = -5, {column} = {value}"))
        connection.execute(text(f"INSERT INTO management_{kind} SELECT * FROM odd; DROP TABLE odd"))
    report = imported(original, owner_engine, APPLY)
    counts = report.counts[kind]
    assert counts["read"] == {"client": 9, "mailing": 8, "message": 12}[kind]
    assert counts["read"] == sum(
        number for what, number in counts.items() if what not in ("read", "waited in a mailing that is over")
    )
    assert any(
        f"{kind} -5: left out" in note or note.startswith(f"time_zone {value}: 1 client left out") for note in report.notes
    )
    assert ours(owner_engine, "SELECT count(*) FROM original_row WHERE original_id < 0") == [(0,)]


def test_another_app_and_missing_tables_are_told(original: Engine, owner_engine: Engine) -> None:
    from chalicelib.storage.original import OriginalTables

    with pytest.raises(OriginalError, match=r"sms_client\.id"):
        imported(original, owner_engine, ImportOptions(OriginalTables("sms")))
    with original.begin() as connection:
        for kind in ("client", "mailing", "message"):
            connection.execute(text(f"ALTER TABLE management_{kind} RENAME TO sms_{kind}"))
    assert imported(original, owner_engine, ImportOptions(OriginalTables("sms"))).counts["client"]["read"] == 8


@pytest.mark.parametrize(
    ("hours", "zone"),
    [
        (0, "UTC"),
        (3, "Etc/GMT-3"),
        (12, "Etc/GMT-12"),
        (14, "Etc/GMT-14"),
        (-5, "Etc/GMT+5"),
        (15, None),
        (23, None),
        (-13, None),
    ],
)
def test_hours_become_zones_whose_sign_is_turned_around(hours: int, zone: str | None) -> None:
    assert zone_of(hours, {}) == zone
    if zone is not None:
        from zoneinfo import ZoneInfo

        assert datetime.now(ZoneInfo(zone)).utcoffset() == timedelta(hours=hours)


def test_a_mapping_names_places(original: Engine, owner_engine: Engine) -> None:
    options = ImportOptions(zones={3: "Europe/Moscow", 17: "America/Los_Angeles"}, apply=True, original_is_stopped=True)
    report = imported(original, owner_engine, options)
    zones = {row[0] for row in ours(owner_engine, "SELECT time_zone FROM client")}
    assert {"Europe/Moscow", "America/Los_Angeles"} <= zones
    assert "Etc/GMT-3" not in zones
    assert not any("time_zone 17" in note for note in report.notes)


def test_pages_do_not_show_in_what_is_imported(original: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = imported(original, owner_engine, ImportOptions())
    monkeypatch.setattr("chalicelib.storage.original.PAGE", 2)  # duplicates, owners and counts stand on other pages
    by_two = imported(original, owner_engine, APPLY)
    assert by_two.counts == whole.counts
    assert sorted(note.split(": ")[0] for note in by_two.notes) == sorted(note.split(": ")[0] for note in whole.notes)
    before = everything(owner_engine)
    imported(original, owner_engine, APPLY)
    assert everything(owner_engine) == before


def test_the_command(
    original: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(manage, "engine", lambda: owner_engine)
    url = original.url.render_as_string(hide_password=False)
    assert manage.main(["import-original", "--source", url]) == 0
    assert "dry run: nothing was written" in capsys.readouterr().out
    assert manage.main(["import-original", "--source", url, "--zone", "17=Nowhere/Town"]) == 1
    assert "--zone 17=Nowhere/Town" in capsys.readouterr().err
    assert manage.main(["import-original", "--source", url, "--apply"]) == 1
    assert "--original-is-stopped" in capsys.readouterr().err
    assert manage.main(["import-original", "--source", url, "--apply", "--original-is-stopped"]) == 0
    assert "imported" in capsys.readouterr().out


def test_the_page_shows_what_the_command_says(
    original: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line of the page's example is told of the database made here, and its commands are taken; its table has every option."""
    page = (ROOT / "docs" / "coming-from-mailingapi.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    monkeypatch.setattr(manage, "engine", lambda: owner_engine)
    source = original.url.render_as_string(hide_password=False)
    told: list[str] = []
    commands = re.findall(r"^\$ python -m chalicelib\.manage (.+)$", example, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        given = shlex.split(command)
        given[given.index("--source") + 1] = source
        assert manage.main(given) == 0
        told += capsys.readouterr().out.splitlines()
    shown = [line for line in example.splitlines() if not line.startswith("$") and line != "…"]
    assert len(shown) > 4
    assert [line for line in shown if line not in told] == []
    with pytest.raises(SystemExit):
        manage.main(["import-original", "--help"])
    options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert options - {"--help", "--source"} == set(re.findall(r"^\| `(--[a-z-]+)", page, re.MULTILINE))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "nowhere",
        "mysql://anna:secret@db/mailing",
        "postgresql+psycopg2://anna:secret@db/mailing",
        "postgresql://anna:secret@db:port/x",
    ],
)
def test_the_command_says_how_a_source_is_written(
    owner_engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str
) -> None:
    monkeypatch.setattr(manage, "engine", lambda: owner_engine)
    assert manage.main(["import-original", "--source", source]) == 1
    error = capsys.readouterr().err
    assert error == "error: --source must be a URL like postgresql+pg8000://user:password@host:5432/database\n"


@pytest.mark.parametrize("driver", ["postgresql", "postgres", "postgresql+pg8000"])
def test_the_command_takes_the_url_that_django_has(
    original: Engine, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], driver: str
) -> None:
    monkeypatch.setattr(manage, "engine", lambda: owner_engine)
    url = original.url.render_as_string(hide_password=False).replace(original.url.drivername, driver)
    assert manage.main(["import-original", "--source", url]) == 0
    assert "dry run: nothing was written" in capsys.readouterr().out


def test_a_source_that_does_not_answer_is_a_sentence(
    owner_engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(manage, "engine", lambda: owner_engine)
    assert manage.main(["import-original", "--source", "postgresql://anna:secret@127.0.0.1:1/mailing"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: database error: ")
    assert "secret" not in error


BROKEN = (("auth_user", "username"), ("management_client", "tag"), ("management_mailing", "text"))


@pytest.mark.parametrize(("table", "column"), BROKEN)
def test_a_text_that_is_not_utf8_is_told_by_its_place(original: Engine, owner_engine: Engine, table: str, column: str) -> None:
    """A database in SQL_ASCII gives the bytes as they were put in, here Windows-1251."""
    with original.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS ascii")
        connection.exec_driver_sql(
            "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
    source = build_source_engine(original.url.set(database="ascii"))
    fill(source)
    before = everything(owner_engine)
    try:
        assert imported(source, owner_engine, ImportOptions()).counts["user"]["read"] == len(USERS)  # ASCII is UTF-8
        with source.begin() as connection:
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = E'\\xcf\\xf0\\xe8' WHERE id = 2")
        with pytest.raises(OriginalError, match=f"^{table}: a text is not UTF-8, .* from the first on by id; .* SQL_ASCII"):
            imported(source, owner_engine, APPLY)
        with source.connect() as connection:  # what was left of the answer is not taken for that of the next statement
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
    finally:
        source.dispose()
    assert everything(owner_engine) == before
