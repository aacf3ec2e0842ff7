"""What a person found out about messages of unknown outcome is taken once, for good, and counted."""

from datetime import timedelta

import pytest

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.domain.outcome import Outcome, OutcomeKind, Verdict
from chalicelib.domain.paging import Slice
from chalicelib.domain.settlement import read_answers
from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.domain.table import parse_csv
from chalicelib.services import history, mailings, messages, settlement
from chalicelib.services.history import Kind
from chalicelib.services.settlement import Settled
from chalicelib.storage import messages as messages_table
from chalicelib.storage.engine import autocommit
from chalicelib.storage.message_reads import MessageRow
from tests.world import World


def finished(world: World, number: int = 4) -> tuple[int, list[int]]:
    """A finished mailing whose messages are all of unknown outcome; its id and theirs."""
    world.add_clients(number)
    mailing_id = world.write().id
    world.provider.answer = lambda _id: Outcome(OutcomeKind.UNKNOWN, "TIMEOUT")
    assert world.finish(mailing_id).counts["failed"] == number
    assert world.sql("SELECT DISTINCT status, error_code, unknown FROM message") == [(4, "unknown_outcome", True)]
    return mailing_id, [row[0] for row in world.sql("SELECT id FROM message ORDER BY id")]


def settle(world: World, message_id: int, *, delivered: bool) -> MessageRow:
    return settlement.settle(world.engine, world.owner, message_id, delivered=delivered, clock=world.clock)


def test_one_that_was_delivered_is_sent_from_then_on(world: World) -> None:
    mailing_id, ids = finished(world)
    row = settle(world, ids[0], delivered=True)
    assert (row.status, row.error_code, row.error_detail) == (2, None, None)
    assert row.sent_at == row.last_attempted_at is not None
    counts = mailings.get(world.engine, world.owner, mailing_id).counts
    assert (counts["sent"], counts["failed"], counts["total"]) == (1, 3, 4), "the counts that a finished mailing keeps"
    assert settle(world, ids[0], delivered=True) == row, "said again it changes nothing"
    with pytest.raises(ConflictError, match="known already"):
        settle(world, ids[0], delivered=False)
    with pytest.raises(ConflictError, match="only a failed"):
        messages.requeue(world.engine, world.owner, ids[0], honours_key=True, clock=world.clock)


def test_one_that_was_not_delivered_may_be_sent_then_and_once(world: World) -> None:
    mailing_id, ids = finished(world)
    with pytest.raises(ConflictError, match="may have been delivered"):
        messages.requeue(world.engine, world.owner, ids[1], honours_key=False, clock=world.clock)
    assert (settle(world, ids[1], delivered=False).status, world.statuses(mailing_id)["failed"]) == (4, 4)
    calls = len(world.provider.calls)
    world.provider.answer = lambda _id: Outcome(OutcomeKind.ACCEPTED)
    messages.requeue(world.engine, world.owner, ids[1], honours_key=False, clock=world.clock)
    assert world.finish(mailing_id).counts["sent"] == 1
    assert world.provider.calls[calls:] == [ids[1]]


def test_a_file_settles_those_that_it_answers_and_names_the_others(world: World) -> None:
    mailing_id, ids = finished(world, 6)
    settle(world, ids[0], delivered=True)
    answers = {ids[0]: True, ids[1]: True, ids[2]: False, ids[3]: True, 10**9: True}
    for apply, known, sent in ((False, 1, 2), (True, 1, 2), (True, 4, 0)):
        before = world.sql("SELECT id, status, error_code, sent_at FROM message ORDER BY id")
        report = settlement.settle_many(world.engine, world.owner, mailing_id, answers, apply=apply, clock=world.clock)
        missing = {10**9: "the mailing has no such message"}
        assert report == Settled(sent, 1 if sent else 0, known, missing)
        if not apply:
            assert world.sql("SELECT id, status, error_code, sent_at FROM message ORDER BY id") == before
    assert world.sql("SELECT status, count(*) FROM message GROUP BY 1 ORDER BY 1") == [(2, 3), (4, 3)]
    assert mailings.get(world.engine, world.owner, mailing_id).counts["sent"] == 3
    told = history.page(world.engine, world.owner, Kind.MESSAGE, ids[2], Slice(limit=5))
    assert [(each.action, each.changes) for each in told] == [("settle", {"outcome": ["unknown_outcome", "not_delivered"]})]
    newest = history.page(world.engine, world.owner, Kind.MAILING, mailing_id, Slice(limit=1, descending=True))[0]
    assert (newest.action, newest.changes) == ("settle", {"sent": [None, 2], "not_delivered": [None, 1]})


def test_nobody_settles_what_is_anothers(world: World) -> None:
    mailing_id, ids = finished(world)
    other = Principal(world.owner.user_id + 1, "other", is_superuser=False)
    with pytest.raises(NotFoundError):
        settlement.settle(world.engine, other, ids[0], delivered=True)
    with pytest.raises(NotFoundError):
        settlement.settle_many(world.engine, other, mailing_id, {ids[0]: True}, apply=True)
    report = settlement.settle_messages(world.engine, other, {ids[0]: True})
    assert report == Settled(0, 0, 0, {ids[0]: "no such message"})
    assert world.sql("SELECT count(*) FROM message WHERE unknown") == [(4,)]


def test_one_that_is_being_called_for_is_left_and_its_dead_worker_changes_nothing_later(world: World) -> None:
    world.add_clients(1)
    mailing_id = world.write().id
    world.run(mailing_id)
    (chunk,) = world.aws.chunks
    late = world.die_after_claim(chunk)
    (message_id,) = chunk["message_ids"]
    with pytest.raises(ConflictError, match="being called for"):
        settle(world, message_id, delivered=True)
    world.clock.now = world.sql("SELECT max(lease_until) FROM message")[0][0] + timedelta(seconds=1)
    assert settle(world, message_id, delivered=True).status == 2
    world.work([chunk])
    assert world.provider.calls == [], "settled before another call was made"
    refused = Verdict(MessageStatus.FAILED, 1, False, None, ErrorCode.REFUSED)
    with autocommit(world.engine) as connection:
        assert messages_table.record(connection, mailing_id, [(late.claims[0], refused)], world.clock.now).rows == 0
    assert world.finish(mailing_id).counts["sent"] == 1


def test_one_that_waits_to_be_called_again_is_called_no_more(world: World) -> None:
    """Where the provider honours the key, an unknown outcome is called again by itself; a person may be faster."""
    world.settings = world.settings.model_copy(update={"provider_honours_key": True})
    world.add_clients(1)
    mailing_id = world.write().id
    world.provider.answer = lambda _id: Outcome(OutcomeKind.UNKNOWN, "TIMEOUT")
    world.run(mailing_id)
    world.work()
    ((message_id, status, unknown),) = world.sql("SELECT id, status, unknown FROM message")
    assert (status, unknown, len(world.provider.calls)) == (1, True, 1)
    settle(world, message_id, delivered=True)
    assert world.finish(mailing_id).counts["sent"] == 1
    assert len(world.provider.calls) == 1


@pytest.mark.parametrize(
    ("file", "answers"),
    [
        ("message,delivered\n5,true\n6,No\n7,\n", {5: True, 6: False}),
        ("Phone;message;delivered\n1;5;1\n;6;0\n", {5: True, 6: False}),
        ("message,delivered\n5,yes\n5,true\n", {5: True}),
        ("message,delivered\n\n", {}),
    ],
)
def test_files_that_are_read(file: str, answers: dict[int, bool]) -> None:
    assert read_answers(parse_csv(file.encode())) == answers


@pytest.mark.parametrize(
    ("file", "places"),
    [
        ("id,delivered\n5,true\n", ["body"]),
        ("message,message,delivered\n5,6,true\n", ["body"]),
        ("message,delivered\n5,maybe\nx,true\n-1,true\n", ["body.2.delivered", "body.3.message", "body.4.message"]),
        ("message,delivered\n1.0,true\n0,false\n 5,true\n", ["body.2.message", "body.3.message"]),
        ("message,delivered\n5,true\n5,false\n", ["body.3.delivered"]),
        ("message,delivered\n5,true,no\n", ["body.2.row"]),
        (f"message,delivered\n{2**63},true\n{'9' * 5000},true\n٣,true\n", ["body.2.message", "body.3.message", "body.4.message"]),
        ("message,delivered\n" + "5,true\n" * 20_001, ["body"]),
    ],
)
def test_files_that_are_refused_name_each_place(file: str, places: list[str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_answers(parse_csv(file.encode()))
    assert [error.field for error in refused.value.errors] == places
