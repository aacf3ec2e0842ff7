"""Loops over many mailings, zones, records and schedules: one item that fails is logged and counted, the others proceed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from chalicelib import aws
from chalicelib.domain.errors import ConflictError
from chalicelib.scheduling import handler as runs
from chalicelib.scheduling.reconcile import reconcile
from chalicelib.services import clients, mailings, messages, previews, progress
from chalicelib.storage.engine import autocommit
from tests.integration.test_metrics import Lines, lines
from tests.world import NOW, START, World

__all__ = ["lines"]
LATER = START + timedelta(hours=1)
GONE = "Mars/Olympus_Mons"
"""A zone that the deployed time zone data does not know."""


@contextmanager
def locked(world: World, mailing_id: int) -> Iterator[None]:
    """Somebody holds the mailing's row for longer than anybody waits."""
    with world.owner_engine.begin() as connection:
        connection.execute(text("SELECT 1 FROM mailing WHERE id = :id FOR UPDATE"), {"id": mailing_id})
        yield


@dataclass(frozen=True)
class Case:
    """Two mailings; `spoil` harms the first, and then `good` must be true of the second after one pass of reconcile."""

    step: str
    write: Callable[[World], int]
    need: Callable[[World, int], None]
    """Makes both mailings need the repair."""
    good: Callable[[World, int], bool]
    spoil: Callable[[World, int], None] = lambda _world, _id: None
    held: Callable[[World, int], Any] = lambda _world, _id: nullcontext()


def _far(world: World) -> int:
    return world.write(starts_at=LATER, time_zone=None, ends_at=LATER + timedelta(days=2)).id


def _running(world: World) -> int:
    mailing_id = world.write().id
    world.run(mailing_id)
    return mailing_id


def _nothing(_world: World, _id: int) -> None:
    pass


def _new_zone(world: World, mailing_id: int) -> None:
    world.sql("DELETE FROM mailing_zone WHERE mailing_id = :id", id=mailing_id)


def _has_zone(world: World, mailing_id: int) -> bool:
    return bool(world.sql("SELECT 1 FROM mailing_zone WHERE mailing_id = :id", id=mailing_id))


def _lost(world: World, mailing_id: int) -> None:
    world.sql(
        "UPDATE message SET dispatched_at = :long_ago WHERE mailing_id = :id", id=mailing_id, long_ago=NOW - timedelta(days=1)
    )
    world.sql("UPDATE mailing SET next_run_at = :later WHERE id = :id", id=mailing_id, later=NOW + timedelta(hours=1))


def _rescued(world: World, mailing_id: int) -> bool:
    return not world.sql("SELECT 1 FROM message WHERE mailing_id = :id AND dispatched_at IS NOT NULL", id=mailing_id)


def _strand(world: World, mailing_id: int) -> None:
    world.sql("UPDATE mailing SET next_run_at = NULL WHERE id = :id", id=mailing_id)


def _woken(world: World, mailing_id: int) -> bool:
    return mailing_id in [body["mailing_id"] for body, _ in world.aws.runs]


def _unscheduled(world: World, mailing_id: int) -> None:
    world.sql("UPDATE mailing SET schedule_at = NULL WHERE id = :id", id=mailing_id)
    world.aws.schedules.clear()


def _scheduled(world: World, mailing_id: int) -> bool:
    return any(name.startswith(f"mailing-{mailing_id}-") for name in world.aws.schedules)


def _schedule_lost(world: World, _mailing_id: int) -> None:
    world.aws.schedules.clear()


def _over(world: World) -> int:
    mailing_id = world.write().id
    return world.finish(mailing_id).id


def _long_ago(world: World, mailing_id: int) -> None:
    world.sql(
        "UPDATE mailing SET finished_at = :then WHERE id = :id", id=mailing_id, then=NOW - timedelta(days=1000 - mailing_id)
    )


def _cleared(world: World, mailing_id: int) -> bool:
    return not world.sql("SELECT 1 FROM message WHERE mailing_id = :id AND phone IS NOT NULL", id=mailing_id)


def _set(assignment: str) -> Callable[[World, int], None]:
    def spoil(world: World, mailing_id: int) -> None:
        world.sql(f"UPDATE mailing SET {assignment} WHERE id = :id", id=mailing_id)

    return spoil


CASES = {
    "zones, unreadable start": Case("add_zones", _far, _new_zone, _has_zone, _set("starts_at = '-infinity'")),
    "zones, year of no calendar": Case(
        "add_zones", _far, _new_zone, _has_zone, _set("starts_at = '12026-01-01', ends_at = '12027-01-01'")
    ),
    "zones, row locked": Case("add_zones", _far, _new_zone, _has_zone, held=locked),
    "lost messages, row locked": Case("rescue_messages", _running, _lost, _rescued, held=locked),
    "stranded, row locked": Case("", _running, _strand, _woken, held=locked),
    "overdue since ever": Case("", _far, _nothing, _has_zone, _set("next_run_at = '-infinity'")),
    "schedule to move, moment unreadable": Case(
        "move_schedules", _far, _unscheduled, _scheduled, _set("next_run_at = 'infinity'")
    ),
    "schedule to move, row locked": Case("any", _far, _unscheduled, _scheduled, held=locked),
    "schedule to make again, moment unreadable": Case(
        "known_schedules", _far, _schedule_lost, _scheduled, _set("next_run_at = 'infinity', schedule_at = 'infinity'")
    ),
    "phones to clear, row locked": Case("clear_phones", _over, _long_ago, _cleared, held=locked),
}


@pytest.mark.parametrize("name", CASES)
def test_one_bad_mailing_keeps_reconcile_from_no_other(world: World, lines: Lines, name: str) -> None:
    case = CASES[name]
    world.add_clients(3)
    bad, good = case.write(world), case.write(world)
    for mailing_id in (bad, good):
        case.need(world, mailing_id)
    case.spoil(world, bad)
    world.aws.runs.clear()
    with case.held(world, bad):
        world.reconcile()
        world.reconcile()
    assert case.good(world, good)
    failed = lines.of("item_failed")
    if case.step not in ("", "any"):
        assert (case.step, bad) in [(line["step"], line.get("mailing_id")) for line in failed]
    if case.step:
        assert lines.metrics("reconcile")["ItemsFailed"] >= 1
    assert "+7910" not in json.dumps(failed)


def test_a_schedule_that_aws_refuses_keeps_no_other_from_being_removed_or_made(world: World, lines: Lines) -> None:
    first, second = _far(world), _far(world)
    world.aws.schedules = {"mailing-77-1": {}, "mailing-78-1": {}}
    refused = {"mailing-77-1", next(iter(_names(world, first)))}
    world.aws.refuse_schedules = refused
    world.reconcile()
    assert set(world.aws.schedules) == {"mailing-77-1", *_names(world, second)}
    assert {line["step"] for line in lines.of("item_failed")} == {"orphaned_schedule", "missing_schedule"}
    world.aws.refuse_schedules = set()
    world.reconcile()
    assert set(world.aws.schedules) == {*_names(world, first), *_names(world, second)}


def _names(world: World, mailing_id: int) -> set[str]:
    (moment,) = world.sql("SELECT schedule_at FROM mailing WHERE id = :id", id=mailing_id)[0]
    return {f"mailing-{mailing_id}-{moment.timestamp():.0f}"}


def test_aws_that_is_away_is_asked_a_few_times_and_not_once_a_mailing(world: World) -> None:
    for _ in range(6):
        _far(world)
    world.sql("UPDATE mailing SET schedule_at = NULL")
    world.aws.down, world.aws.calls = True, 0
    world.reconcile()
    assert world.aws.calls <= 4


def test_a_database_that_is_away_is_told_to_the_caller(world: World) -> None:
    world.add_clients(3)
    _far(world)
    with pytest.raises((DBAPIError, OSError)), _ending_connections(world):
        reconcile(world.run_tools)


@contextmanager
def _ending_connections(world: World) -> Iterator[None]:
    """Nobody may connect for as long as this lasts."""
    world.engine.dispose()
    database, role = world.engine.url.database, world.engine.url.username
    world.sql(f'REVOKE CONNECT ON DATABASE "{database}" FROM PUBLIC')
    world.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT 0')
    try:
        yield
    finally:
        world.sql(f'ALTER ROLE "{role}" CONNECTION LIMIT -1')
        world.sql(f'GRANT CONNECT ON DATABASE "{database}" TO PUBLIC')


class Context:
    """Of a function with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.mark.parametrize("spoilt", ["starts_at = '-infinity'", "starts_at = '12026-01-01', ends_at = '12027-01-01'"])
def test_one_bad_request_of_an_event_fails_alone(
    world: World, lines: Lines, spoilt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_tools", lambda: world.run_tools)
    world.add_clients(3)
    bad, good = world.write(time_zone=None).id, world.write(time_zone=None).id
    _set(spoilt)(world, bad)
    bodies = [{"mailing_id": bad}, {"mailing_id": good}]
    records = [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]
    assert runs.advance({"Records": records}, Context()) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert world.statuses(good) == {"waiting": 3, "total": 3}
    assert lines.metrics("run_failed") == {"ItemsFailed": 1}


@pytest.mark.parametrize(
    "body", ['{"mailing_id": 1e999}', '{"mailing_id": 0}', '{"mailing_id": 9223372036854775808}', "[" * 100_000]
)
def test_requests_that_name_no_mailing_are_buried(world: World, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    buried: list[str] = []
    monkeypatch.setattr(aws, "send_text", lambda _queue_url, text: buried.append(text))
    monkeypatch.setattr(runs, "_tools", lambda: world.run_tools)
    assert runs.advance({"Records": [{"messageId": "1", "body": body}]}, Context()) == {"batchItemFailures": []}
    assert buried == [body]


@pytest.mark.parametrize("hours", [{}, {"send_from": START.replace(hour=9).time(), "send_until": START.replace(hour=18).time()}])
@pytest.mark.parametrize("when", ["before it was written", "before its first run", "while it runs"])
@pytest.mark.parametrize("zone", [GONE, "America", "../../etc/passwd", ""])
def test_clients_in_a_zone_that_is_unknown_get_a_row_that_says_so(
    world: World, hours: dict[str, Any], when: str, zone: str
) -> None:
    """Written straight into the table, as rows are that were valid under other time zone data."""
    world.add_clients(2)
    if when == "before it was written":
        world.add_clients(3, first=100, zone=zone)
    mailing = world.write(time_zone=None, confirmed=True, **hours)
    if when == "before its first run":
        world.add_clients(3, first=100, zone=zone)
        assert world.reconcile().zones_added == 1
    world.run(mailing.id)
    if when == "while it runs":
        world.add_clients(3, first=100, zone=zone)
    done = world.finish(mailing.id)
    assert (done.status, world.statuses(mailing.id)) == ("finished", {"sent": 2, "failed": 3, "total": 5})
    assert world.sql("SELECT DISTINCT status, error_code FROM message WHERE time_zone = :zone", zone=zone) == [
        (4, "unknown_time_zone")
    ]
    assert len(world.provider.calls) == 2


def test_a_zone_that_becomes_unknown_after_its_rows_were_planned_fails_them_and_ends_the_mailing(world: World) -> None:
    """At night; the next morning's opening cannot be computed any more."""
    hours = {"send_from": START.replace(hour=9).time(), "send_until": START.replace(hour=13).time()}
    world.add_clients(4)
    world.add_clients(2, first=100, zone="Europe/London")
    mailing = world.write(time_zone=None, rate_limit=1, ends_at=START + timedelta(days=3), **hours)
    world.run(mailing.id)
    world.aws.chunks.clear()
    world.sql("UPDATE message SET time_zone = :zone, dispatched_at = NULL WHERE time_zone = 'Europe/London'", zone=GONE)
    world.sql("UPDATE mailing_zone SET time_zone = :zone WHERE time_zone = 'Europe/London'", zone=GONE)
    world.sql("UPDATE client SET time_zone = :zone WHERE time_zone = 'Europe/London'", zone=GONE)
    world.clock.advance(hours=2)
    world.reconcile()
    done = world.finish(mailing.id)
    assert (done.status, done.counts["failed"], done.counts["sent"]) == ("finished", 2, 4)
    assert world.clock.now < NOW + timedelta(days=3), "nobody waited for the end"


def test_a_mailing_whose_own_zone_is_unknown_fails_everybody_and_ends(world: World) -> None:
    world.add_clients(3)
    mailing = world.write()
    world.sql("UPDATE mailing SET time_zone = :zone", zone=GONE)
    world.sql("DELETE FROM mailing_zone")
    assert world.finish(mailing.id).status == "finished"
    assert world.statuses(mailing.id) == {"failed": 3, "total": 3}


def test_a_client_whose_zone_was_corrected_is_tried_again_there(world: World) -> None:
    world.add_clients(2, zone=GONE)
    world.add_clients(1, first=10)
    mailing = world.write(time_zone=None, confirmed=True)
    world.sql("DELETE FROM client WHERE time_zone = 'UTC'")
    world.run(mailing.id)
    (first, client_id), (second, _) = world.sql("SELECT id, client_id FROM message ORDER BY id")
    with pytest.raises(ConflictError, match="correct the client's time zone first"):
        messages.requeue(world.engine, world.owner, first, honours_key=False, clock=world.clock)
    clients.change(world.engine, world.owner, client_id, {"time_zone": "Europe/Paris"})
    assert messages.requeue(world.engine, world.owner, first, honours_key=False, clock=world.clock).status == 1
    world.sql("UPDATE client SET time_zone = 'Asia/Tokyo' WHERE time_zone = :zone", zone=GONE)
    mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock)
    assert world.sql("SELECT id, time_zone FROM message ORDER BY id") == [(first, "Europe/Paris"), (second, "Asia/Tokyo")]
    assert world.finish(mailing.id).counts["sent"] == 2


def test_what_shows_a_mailing_shows_one_with_an_unknown_zone(world: World) -> None:
    mailing = world.write(time_zone=None, starts_at=LATER)
    world.add_clients(2, zone=GONE)
    world.reconcile()
    assert previews.preview(world.engine, world.owner, mailing.id, clock=world.clock).clients == 2
    assert progress.of_mailing(world.engine, world.owner, mailing.id, clock=world.clock).mailing.counts["total"] == 2
    added = world.sql("SELECT min(id) FROM client")[0][0]
    found = messages.add(world.engine, world.owner, mailing.id, added, clock=world.clock)
    assert (found.status, found.error_code) == (4, "unknown_time_zone")


@pytest.mark.filterwarnings("error")
def test_an_answer_that_was_not_read_to_its_end_is_never_taken_for_the_next(world: World) -> None:
    """The driver stops decoding at a value it cannot take; what the server still sends belongs to that statement alone."""
    with autocommit(world.engine) as connection, pytest.raises(Warning, match="not understood"):
        connection.execute(text("SELECT CAST('0044-03-15 BC' AS timestamp) FROM generate_series(1, 9)"))
    for number in range(3):
        with autocommit(world.engine) as connection:
            assert connection.execute(text("SELECT CAST(:number AS int)"), {"number": number}).scalar_one() == number
