"""What each statement on messages leaves alone, whoever asks for it, and whenever a copy in the queue comes."""

from datetime import datetime, timedelta

import pytest

from chalicelib.domain.outcome import Verdict
from chalicelib.domain.status import MessageStatus
from chalicelib.services import mailings as life
from chalicelib.services import messages as by_hand
from chalicelib.storage import mailings, messages
from chalicelib.storage.engine import autocommit
from tests.world import NOW, World

LEASE, DEADLINE = timedelta(seconds=30), timedelta(seconds=10)
LATER = NOW + timedelta(minutes=5)
TRIED = Verdict(MessageStatus.WAITING, attempts=1, unknown=False, not_before=LATER)


@pytest.fixture
def dispatched(world: World) -> tuple[int, list[int]]:
    """A mailing of two messages, both dispatched at NOW: its id, and theirs."""
    world.add_clients(2)
    mailing = world.write()
    world.run(mailing.id)
    return mailing.id, world.aws.chunks[0]["message_ids"]


def claim(world: World, mailing_id: int, ids: list[int]) -> messages.ClaimedChunk:
    with autocommit(world.engine) as connection:
        return messages.claim(connection, mailing_id, ids, now=world.clock.now, lease=LEASE, deadline=DEADLINE)


def state(world: World) -> list[tuple[object, ...]]:
    return [
        tuple(row)
        for row in world.sql("SELECT id, status, dispatched_at IS NOT NULL, lease_until, not_before FROM message ORDER BY id")
    ]


def marked(world: World) -> list[bool]:
    return [row[0] for row in world.sql("SELECT dispatched_at IS NOT NULL FROM message ORDER BY id")]


def next_run(world: World) -> datetime | None:
    [(found,)] = world.sql("SELECT next_run_at FROM mailing")
    assert found is None or isinstance(found, datetime)
    return found


def test_hold_leaves_what_a_worker_has_and_what_is_over(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, (first, second) = dispatched
    claim(world, mailing_id, [first])
    world.sql("UPDATE message SET status = 2 WHERE id = :id", id=second)
    before = state(world)
    with autocommit(world.engine) as connection:
        assert messages.hold(connection, mailing_id, [first, second], LATER) == 0
    assert state(world) == before


def test_hold_never_brings_a_message_forward(world: World, dispatched: tuple[int, list[int]]) -> None:
    """A copy in the queue must not undo the wait that a provider asked for."""
    mailing_id, ids = dispatched
    world.sql("UPDATE message SET not_before = :later", later=LATER)
    with autocommit(world.engine) as connection:
        assert messages.hold(connection, mailing_id, ids, NOW) == 2
    assert world.sql("SELECT DISTINCT not_before FROM message") == [(LATER,)]


def test_release_leaves_what_a_worker_has_and_what_may_go(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, ids = dispatched
    with autocommit(world.engine) as connection:
        assert messages.release(connection, mailing_id, ids, now=NOW, deadline=DEADLINE) == 0, "its window is open"
        messages.claim(connection, mailing_id, ids[:1], now=NOW, lease=LEASE, deadline=DEADLINE)
        world.sql("UPDATE mailing SET status = 'paused'")
        assert messages.release(connection, mailing_id, ids, now=NOW, deadline=DEADLINE) == 1
    assert marked(world) == [True, False]


def test_unmark_leaves_what_a_worker_has_and_what_was_marked_since(world: World, dispatched: tuple[int, list[int]]) -> None:
    """SQS may have taken what it seemed to refuse; and a run that is late must not undo the mark of the next."""
    mailing_id, ids = dispatched
    claim(world, mailing_id, ids[:1])
    world.sql("UPDATE message SET dispatched_at = :later WHERE id = :id", later=LATER, id=ids[1])
    with autocommit(world.engine) as connection:
        messages.unmark(connection, ids, NOW)
    assert marked(world) == [True, True]


@pytest.mark.parametrize("status", ["running", "paused", "cancelled"])
def test_lost_rows_are_rescued_whatever_became_of_their_mailing(
    world: World, dispatched: tuple[int, list[int]], status: str
) -> None:
    mailing_id, _ = dispatched
    world.sql("UPDATE mailing SET status = :status", status=status)
    world.clock.advance(seconds=world.settings.visibility_seconds)
    assert world.reconcile().messages_rescued == 2
    assert world.finish(mailing_id).next_run_at is None


def test_what_a_living_worker_has_is_not_lost(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, ids = dispatched
    world.clock.advance(seconds=world.settings.visibility_seconds)
    claim(world, mailing_id, ids)
    assert world.reconcile().messages_rescued == 0


def test_a_record_wakes_its_mailing_in_time_and_no_later_than_it_wanted(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, ids = dispatched
    for wanted, expected in ((NOW, NOW), (LATER + timedelta(hours=1), LATER), (None, LATER)):
        world.sql("UPDATE mailing SET next_run_at = :wanted", wanted=wanted)
        world.sql("UPDATE message SET status = 1, lease_until = NULL, not_before = :now", now=NOW)
        held = claim(world, mailing_id, ids)
        with autocommit(world.engine) as connection:
            recorded = messages.record(connection, mailing_id, [(each, TRIED) for each in held.claims], NOW)
        assert (recorded.rows, recorded.woken) == (2, wanted != NOW)
        assert next_run(world) == expected


def test_a_paused_mailing_is_not_woken_by_what_its_workers_record(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, ids = dispatched
    held = claim(world, mailing_id, ids)
    life.pause(world.engine, world.owner, mailing_id, clock=world.clock)
    end = NOW + timedelta(days=1)
    world.sql("UPDATE mailing SET next_run_at = :end", end=end)
    with autocommit(world.engine) as connection:
        assert not messages.record(connection, mailing_id, [(each, TRIED) for each in held.claims], NOW).woken
    assert next_run(world) == end
    assert world.finish(mailing_id).counts["expired"] == 2


def test_a_run_is_only_ever_brought_forward(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, _ = dispatched
    world.sql("UPDATE mailing SET next_run_at = :now", now=NOW)
    with autocommit(world.engine) as connection:
        assert not mailings.lower_next_run(connection, mailing_id, LATER)
        assert next_run(world) == NOW
        world.sql("UPDATE mailing SET next_run_at = NULL")
        assert mailings.lower_next_run(connection, mailing_id, LATER)
    assert next_run(world) == LATER


@pytest.mark.parametrize("status", ["draft", "finished"])
def test_what_does_not_run_wants_no_run(world: World, dispatched: tuple[int, list[int]], status: str) -> None:
    mailing_id, _ = dispatched
    world.sql("UPDATE mailing SET next_run_at = NULL, status = :status", status=status)
    with autocommit(world.engine) as connection:
        assert not mailings.lower_next_run(connection, mailing_id, NOW)


def test_a_schedule_is_confirmed_by_who_knew_the_one_before(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, _ = dispatched
    with autocommit(world.engine) as connection:
        assert mailings.confirm_schedule(connection, mailing_id, None, LATER)
        assert not mailings.confirm_schedule(connection, mailing_id, None, NOW)
        assert mailings.confirm_schedule(connection, mailing_id, LATER, None)


def test_anothers_do_not_contact_list_bars_nobody(world: World) -> None:
    """Neither when planned, nor when caught up with, nor at the claim, nor when tried again."""
    world.add_clients(3)
    [(other,)] = world.sql("""INSERT INTO "user" (username, password_hash) VALUES ('boris', '-') RETURNING id""")
    listed = "INSERT INTO do_not_contact (owner_id, phone) SELECT :other, phone FROM client ON CONFLICT DO NOTHING"
    world.sql(listed, other=other)
    mailing = world.write()
    world.run(mailing.id)
    world.add_clients(1, first=3)
    world.sql(listed, other=other)
    assert world.finish(mailing.id).counts["sent"] == 4
    world.sql("UPDATE message SET status = 4, error_code = 'refused'")
    assert life.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock).counts["waiting"] == 4
    assert world.finish(mailing.id).counts["sent"] == 4


def test_what_is_tried_again_goes_out_with_the_next_run(world: World, dispatched: tuple[int, list[int]]) -> None:
    """It was dispatched once, and must not be taken for what a queue still holds."""
    mailing_id, (first, second) = dispatched
    world.sql("UPDATE message SET status = 4, error_code = 'refused'")
    by_hand.requeue(world.engine, world.owner, first, honours_key=False, clock=world.clock)
    assert marked(world) == [False, True]
    life.retry_failed(world.engine, world.owner, mailing_id, clock=world.clock)
    assert marked(world) == [False, False]
    world.aws.chunks.clear()
    world.run(mailing_id)
    # Both are due at the same moment: their order is not promised.
    [chunk] = world.aws.chunks
    assert sorted(chunk["message_ids"]) == [first, second]


def test_trying_one_mailing_again_leaves_the_others_alone(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, _ = dispatched
    other = world.write()
    world.run(other.id)
    world.sql("UPDATE message SET status = 4, error_code = 'refused'")
    assert life.retry_failed(world.engine, world.owner, mailing_id, clock=world.clock).counts["waiting"] == 2
    assert world.statuses(other.id) == {"failed": 2, "total": 2}


def test_only_zones_whose_end_came_expire(world: World, dispatched: tuple[int, list[int]]) -> None:
    mailing_id, (first, second) = dispatched
    world.sql("UPDATE message SET time_zone = 'Asia/Tokyo' WHERE id = :id", id=first)
    with autocommit(world.engine) as connection:
        assert messages.expire(connection, mailing_id, ["Asia/Tokyo"], 10, NOW) == 1
    assert [row[:2] for row in state(world)] == [(first, 3), (second, 1)]


@pytest.mark.parametrize("end", ["expire", "cancel"])
def test_what_a_dead_worker_held_is_neither_expired_nor_cancelled(
    world: World, dispatched: tuple[int, list[int]], end: str
) -> None:
    """Nobody can tell whether it was delivered."""
    mailing_id, (first, second) = dispatched
    claim(world, mailing_id, [first])
    with autocommit(world.engine) as connection:
        if end == "expire":
            assert messages.expire(connection, mailing_id, ["UTC"], 10, NOW + LEASE) == 2
        else:
            assert messages.cancel(connection, mailing_id, 10, NOW + LEASE) == 2
    found = world.sql("SELECT id, status, error_code, unknown, lease_until FROM message ORDER BY id")
    assert found == [(first, 4, "unknown_outcome", True, None), (second, 3 if end == "expire" else 5, None, False, None)]


def test_what_can_not_be_answered_before_the_end_is_not_dispatched(world: World) -> None:
    world.add_clients(1)
    mailing = world.write()
    world.run(mailing.id)
    world.sql("UPDATE message SET dispatched_at = NULL")
    end = NOW + timedelta(days=1)
    with autocommit(world.engine) as connection:
        assert messages.mark_dispatched(connection, mailing.id, 10, end - DEADLINE, DEADLINE) == []
        before = end - DEADLINE - timedelta(seconds=1)
        assert len(messages.mark_dispatched(connection, mailing.id, 10, before, DEADLINE)) == 1


def test_deleting_the_last_waiting_message_ends_the_mailing(world: World) -> None:
    """Its next run, which finds nothing left, is wanted now and not when the message would have gone."""
    world.add_clients(1)
    mailing = world.write(starts_at=NOW.replace(tzinfo=None) + timedelta(hours=1))
    world.clock.advance(hours=1)
    world.run(mailing.id)
    world.sql("UPDATE message SET dispatched_at = NULL")
    world.sql("UPDATE mailing SET next_run_at = :later", later=world.clock.now + timedelta(hours=5))
    by_hand.delete(world.engine, world.owner, world.sql("SELECT id FROM message")[0][0], clock=world.clock)
    assert next_run(world) == world.clock.now
    assert world.finish(mailing.id).status == "finished"
