"""What is left of a mailing that was deleted."""

from datetime import timedelta

import pytest

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import MessageStatus
from chalicelib.services import history, mailings, messages, progress
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


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Pacific/Chatham", "America/St_Johns"])
def test_the_days_of_the_dashboard_keep_deleted_messages(world: World, monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    """In every time zone, after each slice of the deletion, to the end; what waited goes."""
    monkeypatch.setattr(mailings, "AT_ONCE", 7)
    world.settings = world.settings.model_copy(update={"plan_slice": 7, "run_budget_seconds": -1})
    mailing_id = finished(world, *[OutcomeKind.ACCEPTED] * 20, *[OutcomeKind.REFUSED] * 10)
    # Five hours and seven minutes apart, so that they meet the midnights of all zones: six days. One is older than the dashboard.
    world.sql("UPDATE message SET sent_at = CAST(:now AS timestamptz) - id * interval '307 minutes'", now=world.clock.now)
    world.sql("UPDATE message SET sent_at = sent_at - interval '40 days' WHERE id = (SELECT max(id) FROM message)")
    world.sql("UPDATE message SET deleted_at = now() WHERE id = (SELECT min(id) FROM message)")
    world.sql("UPDATE mailing SET final_counts = NULL, status = 'cancelled', next_run_at = NULL")
    later = world.write(name="later", starts_at=START + timedelta(hours=6))
    world.add_clients(1, first=1000)
    client = world.sql("SELECT max(id) FROM client")[0][0]
    shown = progress.overview(world.engine, world.owner, "default", zone, clock=world.clock).days
    assert sum(number for day in shown.values() for number in day.values()) == 28
    messages.add(world.engine, world.owner, later.id, client, clock=world.clock)
    for number, each in enumerate((later.id, mailing_id)):
        mailings.delete(world.engine, world.owner, each, force=True, clock=world.clock)
        for _ in range(8 * number):
            assert progress.overview(world.engine, world.owner, "default", zone, clock=world.clock).days == shown
            world.run(each)
            world.clock.advance(seconds=2)
    assert world.sql("SELECT (SELECT count(*) FROM mailing), (SELECT count(*) FROM message)") == [(0, 0)]
    assert progress.overview(world.engine, world.owner, "default", zone, clock=world.clock).days == shown
    world.clock.advance(days=30)
    world.reconcile()
    assert world.sql("SELECT 1 FROM deleted_period") == []


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
