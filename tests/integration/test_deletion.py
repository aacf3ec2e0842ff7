"""What is left of a mailing that was deleted."""

from datetime import timedelta

import pytest

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import MessageStatus
from chalicelib.services import history, mailings, messages
from chalicelib.services.history import Kind
from tests.world import START, World


def finished(world: World, *outcomes: OutcomeKind) -> int:
    """A finished mailing, one message for each outcome."""
    world.add_clients(len(outcomes))
    mailing_id = world.write().id
    remaining = list(outcomes)
    world.provider.answer = lambda _id: Outcome(remaining.pop(), "HTTP")
    assert world.finish(mailing_id).status == "finished"
    return mailing_id


def test_the_final_counts_of_deleted_mailings_stay_in_the_statistics_and_in_history(world: World) -> None:
    before: dict[MessageStatus, int] = {}
    for times in (1, 2):
        mailing_id = finished(world, OutcomeKind.ACCEPTED, OutcomeKind.ACCEPTED, OutcomeKind.REFUSED)
        before = dict(messages.counts(world.engine, world.owner))
        assert (before[MessageStatus.SENT], before[MessageStatus.FAILED]) == (2 * times, times)
        mailings.delete(world.engine, world.owner, mailing_id)
        assert dict(messages.counts(world.engine, world.owner)) == before
        assert world.sql("SELECT count(*) FROM message") == [(0,)]
        newest = history.page(world.engine, world.owner, Kind.MAILING, mailing_id, Slice(limit=1, descending=True))[0]
        assert (newest.action, newest.changes) == ("delete", {"sent": [2, None], "failed": [1, None]})
        world.sql("DELETE FROM client")


def test_messages_of_unknown_outcome_are_deleted_only_by_force(world: World) -> None:
    mailing_id = finished(world, OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN, OutcomeKind.UNKNOWN)
    with pytest.raises(ConflictError, match="only record: 2"):
        mailings.delete(world.engine, world.owner, mailing_id)
    before = dict(messages.counts(world.engine, world.owner))
    mailings.delete(world.engine, world.owner, mailing_id, force=True)
    assert dict(messages.counts(world.engine, world.owner)) == before
    newest = history.page(world.engine, world.owner, Kind.MAILING, mailing_id, Slice(limit=1, descending=True))[0]
    assert newest.changes == {"sent": [1, None], "failed": [2, None], "unknown": [2, None]}


def test_a_call_under_way_keeps_a_mailing_also_from_force(world: World) -> None:
    world.add_clients(2)
    mailing_id = world.write(ends_at=START + timedelta(days=2)).id
    world.run(mailing_id)
    world.die_after_claim(world.aws.chunks[0])
    mailings.cancel(world.engine, world.owner, mailing_id, clock=world.clock)
    with pytest.raises(ConflictError, match="being sent"):
        mailings.delete(world.engine, world.owner, mailing_id, force=True)


def test_what_waited_in_a_scheduled_mailing_counts_nowhere_once_it_is_deleted(world: World) -> None:
    world.add_clients(1)
    mailing = world.write(starts_at=START + timedelta(hours=1))
    messages.add(world.engine, world.owner, mailing.id, world.sql("SELECT id FROM client")[0][0], clock=world.clock)
    mailings.delete(world.engine, world.owner, mailing.id)
    assert sum(messages.counts(world.engine, world.owner).values()) == 0
