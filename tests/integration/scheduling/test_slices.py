"""What is asked of a large mailing: answered at once, done in slices by its runs, whatever dies or is asked meanwhile."""

from collections.abc import Callable
from datetime import time

import pytest
from sqlalchemy import text

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, NotFoundError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import MailingStatus, MessageStatus
from chalicelib.services import demo_clients, mailings, messages, progress
from chalicelib.storage import message_reads
from chalicelib.storage.message_reads import MessageFilter
from tests.world import ACCEPTED, World

REFUSED = Outcome(OutcomeKind.REFUSED, "HTTP 400")
NUMBER = 10


@pytest.fixture
def large(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which ten messages are five slices, and a run has time for one."""
    monkeypatch.setattr(mailings, "AT_ONCE", 2)
    world.settings = world.settings.model_copy(update={"plan_slice": 2})
    return world


def one_slice_a_run(world: World) -> None:
    """Each run is out of time after its first slice."""
    world.settings = world.settings.model_copy(update={"run_budget_seconds": -1})


def failed_mailing(world: World) -> int:
    world.add_clients(NUMBER)
    world.provider.answer = lambda _id: REFUSED
    mailing = world.write()
    assert world.finish(mailing.id).counts["failed"] == NUMBER
    world.sql("UPDATE message SET created_at = :now", now=world.clock.now)
    world.provider.answer = lambda _id: ACCEPTED
    return mailing.id


def retry(world: World, mailing: int) -> mailings.MailingRecord:
    return mailings.retry_failed(world.engine, world.owner, mailing, clock=world.clock)


def test_failed_messages_are_tried_again_in_slices(large: World) -> None:
    mailing = failed_mailing(large)
    asked = retry(large, mailing)
    assert (asked.status, asked.retrying_since) == ("running", large.clock.now)
    assert (asked.counts["waiting"], asked.counts["failed"]) == (2, NUMBER - 2)
    one_slice_a_run(large)
    assert retry(large, mailing).counts["waiting"] == 2, "asked again it changes nothing"
    seen = set()
    for _ in range(20):
        large.run(mailing)
        large.work()
        record = large.mailing(mailing)
        seen.add(record.counts["failed"])
        if record.status == "finished":
            break
        large.clock.advance(seconds=2)
    assert record.retrying_since is None
    assert record.counts["sent"] == NUMBER
    assert len(seen) > 3, "slice by slice"
    assert sorted(large.provider.calls) == sorted([*set(large.provider.calls)] * 2), "each once more, and no more"


def test_only_what_had_failed_when_it_was_asked_for(large: World) -> None:
    """What fails meanwhile is not retried, whether it had failed before or is new."""
    mailing = failed_mailing(large)
    large.clock.advance(seconds=1)
    large.provider.answer = lambda _id: REFUSED
    one_slice_a_run(large)
    retry(large, mailing)
    large.add_clients(1, first=100)
    client = large.sql("SELECT max(id) FROM client")[0][0]
    new = messages.add(large.engine, large.owner, mailing, client, clock=large.clock)
    for _ in range(20):
        large.clock.advance(seconds=2)
        large.run(mailing)
        large.work()
    record = large.mailing(mailing)
    assert (record.status, record.retrying_since, record.counts["failed"]) == ("finished", None, NUMBER + 1)
    assert sorted(large.provider.calls) == sorted([new.id, *[id_ for id_ in set(large.provider.calls) if id_ != new.id] * 2])


def test_it_goes_on_while_the_mailing_is_paused(large: World) -> None:
    mailing = failed_mailing(large)
    retry(large, mailing)
    mailings.pause(large.engine, large.owner, mailing, clock=large.clock)
    large.run(mailing)
    record = large.mailing(mailing)
    assert (record.status, record.retrying_since, record.counts["waiting"]) == ("paused", None, NUMBER)
    mailings.resume(large.engine, large.owner, mailing, clock=large.clock)
    assert large.finish(mailing).counts["sent"] == NUMBER


def test_cancelling_ends_it(large: World) -> None:
    mailing = failed_mailing(large)
    retry(large, mailing)
    cancelled = mailings.cancel(large.engine, large.owner, mailing, clock=large.clock)
    assert cancelled.retrying_since is None
    record = large.finish(mailing)
    assert (record.status, record.counts["cancelled"], record.counts["failed"]) == ("cancelled", 2, NUMBER - 2)
    assert len(large.provider.calls) == NUMBER


def test_a_lost_wake_is_repaired(large: World) -> None:
    mailing = failed_mailing(large)
    large.aws.down = True
    retry(large, mailing)
    large.aws.down = False
    large.clock.advance(seconds=120)
    assert large.reconcile().runs_woken == 1
    assert large.finish(mailing).counts["sent"] == NUMBER


def test_what_may_not_be_tried_again_is_passed_over(large: World) -> None:
    """More of these than a slice has, in front of one that may."""
    mailing = failed_mailing(large)
    large.sql("UPDATE message SET unknown = true, error_code = 'unknown_outcome' WHERE id < (SELECT max(id) FROM message)")
    assert retry(large, mailing).retrying_since is not None
    record = large.finish(mailing)
    assert (record.status, record.counts["sent"], record.counts["failed"]) == ("finished", 1, NUMBER - 1)


def gone(world: World, mailing: int, *, kept: int = 0) -> None:
    """It is seen nowhere; how many messages it had of final statuses stays in the statistics."""
    for use_case in (mailings.get, mailings.start, mailings.retry_failed, mailings.delete, mailings.cancel):
        with pytest.raises(NotFoundError):
            use_case(world.engine, world.owner, mailing)
    root = Principal(world.owner.user_id, "olga", is_superuser=True)
    for who in (world.owner, root):
        assert mailings.page(world.engine, who, Slice(10)) == []
        assert sum(messages.counts(world.engine, who).values()) == kept
        overview = progress.overview(world.engine, who, "default", "UTC", clock=world.clock)
        assert (overview.mailings, overview.running) == (0, [])
        shown = sum(number for day in overview.days.values() for number in day.values())
        assert shown == kept, "the dashboard's days go on showing what was sent"
        for chosen in (
            MessageFilter(None),
            MessageFilter(None, mailing),
            MessageFilter(None, status=4),
        ):
            assert messages.page(world.engine, who, chosen, Slice(10)) == []
    for row in world.sql("SELECT id, client_id FROM message"):
        with world.engine.connect() as connection:
            assert message_reads.find(connection, None, row.id) is None
            assert message_reads.page(connection, MessageFilter(None, client_id=row.client_id), Slice(10)) == []


def rows(world: World) -> tuple[int, int, int]:
    return tuple(
        world.sql("SELECT (SELECT count(*) FROM mailing), (SELECT count(*) FROM message), (SELECT count(*) FROM message_call)")[0]
    )


def test_a_deleted_mailing_is_gone_at_once_and_its_messages_in_slices(large: World) -> None:
    mailing = failed_mailing(large)
    assert rows(large) == (1, NUMBER, NUMBER)
    mailings.delete(large.engine, large.owner, mailing, clock=large.clock)
    assert rows(large)[:2] == (1, NUMBER - 2)
    gone(large, mailing, kept=NUMBER)
    one_slice_a_run(large)
    left = [rows(large)[1]]
    large.clock.advance(seconds=120)  # the wake was lost
    for _ in range(10):
        large.reconcile()
        large.run(mailing)
        left.append(rows(large)[1])
        large.clock.advance(seconds=120)
    assert left[:5] == [8, 6, 4, 2, 0]
    assert rows(large) == (0, 0, 0)
    assert large.run(mailing) is None
    assert [row.action for row in large.sql("SELECT action FROM history WHERE kind = 'mailing' ORDER BY id")] == [
        "create",
        "delete",
    ]


def test_a_small_one_is_removed_with_the_answer(world: World) -> None:
    world.add_clients(3)
    mailing = world.write()
    world.finish(mailing.id)
    mailings.delete(world.engine, world.owner, mailing.id, clock=world.clock)
    assert rows(world) == (0, 0, 0)


@pytest.mark.parametrize("status", [MailingStatus.SCHEDULED, MailingStatus.DRAFT])
def test_one_that_was_to_start_never_does(large: World, status: MailingStatus) -> None:
    large.add_clients(NUMBER)
    mailing = large.write()
    for row in large.sql("SELECT id FROM client LIMIT 5"):
        messages.add(large.engine, large.owner, mailing.id, row.id, clock=large.clock)
    large.sql("UPDATE mailing SET status = :status", status=str(status))
    mailings.delete(large.engine, large.owner, mailing.id, clock=large.clock)
    gone(large, mailing.id)
    large.run(mailing.id)
    large.work()
    assert rows(large) == (0, 0, 0)
    assert large.provider.calls == []


def test_one_whose_calls_are_under_way_stays(large: World) -> None:
    large.add_clients(NUMBER)
    mailing = large.write()
    large.run(mailing.id)
    large.die_after_claim(large.aws.chunks[0])
    mailings.cancel(large.engine, large.owner, mailing.id, clock=large.clock)
    with pytest.raises(ConflictError, match="fate is not known"):
        mailings.delete(large.engine, large.owner, mailing.id, clock=large.clock)
    assert large.mailing(mailing.id).status == "cancelled"


@pytest.mark.parametrize("use_case", [mailings.retry_failed, mailings.delete])
def test_only_its_owner_may(large: World, use_case: Callable[..., object]) -> None:
    mailing = failed_mailing(large)
    stranger = Principal(large.owner.user_id + 1, "boris", is_superuser=False)
    with pytest.raises(NotFoundError):
        use_case(large.engine, stranger, mailing, clock=large.clock)
    assert large.mailing(mailing).counts["failed"] == NUMBER


def test_a_large_cancellation_shows_how_far_it_is(large: World) -> None:
    large.add_clients(NUMBER)
    mailing = large.write()
    large.run(mailing.id)
    large.aws.chunks.clear()
    large.sql("UPDATE message SET dispatched_at = NULL")
    cancelled = mailings.cancel(large.engine, large.owner, mailing.id, clock=large.clock)
    assert cancelled.counts["waiting"] == NUMBER
    one_slice_a_run(large)
    shown = []
    for _ in range(7):
        large.run(mailing.id)
        shown.append(large.mailing(mailing.id).counts[MessageStatus.CANCELLED.key])
        large.clock.advance(seconds=2)
    assert shown[:5] == [2, 4, 6, 8, 10]
    assert large.mailing(mailing.id).finished_at is not None


def test_a_retry_finds_the_clients_of_today(large: World) -> None:
    """What one message's retry does for it, the retry of all does for all: a new client of the phone gets it, under its old key."""
    mailing = failed_mailing(large)
    large.sql("DELETE FROM client")
    large.add_clients(NUMBER - 3)
    single, *others = [row.id for row in large.sql("SELECT id FROM message ORDER BY id")]
    messages.requeue(large.engine, large.owner, single, honours_key=False, clock=large.clock)
    retry(large, mailing)
    record = large.finish(mailing)
    assert (record.counts["sent"], record.counts["failed"]) == (NUMBER - 3, 3), "three have no client any more"
    linked = large.sql(
        "SELECT m.status, c.phone = m.phone AS own FROM message m LEFT JOIN client c ON c.id = m.client_id ORDER BY m.id"
    )
    assert [tuple(row) for row in linked] == [(2, True)] * (NUMBER - 3) + [(4, None)] * 3
    for message_id in others[-3:]:
        with pytest.raises(ConflictError, match="its client was deleted"):
            messages.requeue(large.engine, large.owner, message_id, honours_key=False, clock=large.clock)


@pytest.mark.parametrize(
    "obstacle", ["do not contact", "duplicate phone", "unknown outcome", "unknown zone", "other owner", "own row"]
)
def test_a_retry_of_all_refuses_what_a_retry_of_one_refuses(world: World, obstacle: str) -> None:
    world.provider.answer = lambda _id: REFUSED
    world.add_clients(1)
    mailing = world.write(time_zone=None)
    world.finish(mailing.id)
    world.provider.answer = lambda _id: ACCEPTED
    (message,) = [row.id for row in world.sql("SELECT id FROM message")]
    match obstacle:
        case "do not contact":
            world.sql("INSERT INTO do_not_contact (owner_id, phone) SELECT owner_id, phone FROM client")
        case "duplicate phone":
            world.sql("UPDATE message SET error_code = 'duplicate_phone'")
        case "unknown outcome":
            world.sql("UPDATE message SET unknown = true, error_code = 'unknown_outcome'")
        case "unknown zone":
            world.sql("UPDATE client SET time_zone = 'Mars/Base'")
            world.sql("UPDATE message SET time_zone = 'Mars/Base', error_code = 'unknown_time_zone'")
            world.sql("UPDATE mailing_zone SET time_zone = 'Mars/Base'")
        case "other owner":
            world.sql("INSERT INTO \"user\" (username, password_hash) VALUES ('other', '-')")
            world.sql("DELETE FROM client")
            world.sql(
                "INSERT INTO client (owner_id, phone, operator_code, time_zone)"
                " SELECT (SELECT id FROM \"user\" WHERE username = 'other'), phone, '910', 'UTC' FROM message"
            )
        case "own row":  # the client who has the phone has a message of the mailing already
            world.sql("UPDATE client SET phone = '+79990000000'")
            world.sql("UPDATE message SET client_id = NULL")
            world.sql(
                "INSERT INTO message (mailing_id, owner_id, client_id, time_zone, not_before, status)"
                " SELECT m.mailing_id, m.owner_id, c.id, 'UTC', now(), 2 FROM message m, client c"
            )
            world.sql("UPDATE client SET phone = (SELECT phone FROM message WHERE phone IS NOT NULL)")
    before = [tuple(row) for row in world.sql("SELECT id, status, client_id FROM message ORDER BY id")]
    with pytest.raises(ConflictError):
        messages.requeue(world.engine, world.owner, message, honours_key=False, clock=world.clock)
    retry(world, mailing.id)
    assert [tuple(row) for row in world.sql("SELECT id, status, client_id FROM message ORDER BY id")] == before


def test_who_has_no_row_yet_gets_one_in_slices(large: World) -> None:
    """Those without a row in front of them who get none (their zone is not the mailing's yet) do not keep it from the others."""
    large.add_clients(1, tags=["old"])
    mailing = large.write(filter_tags=("old",))
    large.run(mailing.id)
    large.work()
    large.add_clients(5, first=50, zone="Asia/Tokyo", tags=["old"])
    large.add_clients(NUMBER, first=100, tags=["old"])
    large.sql("UPDATE mailing_zone SET planned_at = now(), cursor = (SELECT max(id) FROM client)")
    large.sql("DELETE FROM client WHERE phone = '+79100000000'")
    large.sql("UPDATE client SET phone = '+79100000000' WHERE phone = '+79100000103'")  # adopts what was sent
    one_slice_a_run(large)
    made = []
    for _ in range(40):
        figures = large.run(mailing.id)
        made.append(figures.caught_up if figures else 0)
        large.work()
        large.clock.advance(seconds=2)
        if large.mailing(mailing.id).status == "finished":
            break
    assert max(made) <= 4, "of two statements, two each"
    assert large.mailing(mailing.id).counts["sent"] == NUMBER + 5, "the other zone's clients, too"


def test_hours_of_a_paused_mailing_are_moved_without_rewriting_its_messages(large: World) -> None:
    """What waits in bulk waits for the window, and not for a moment of its own that an edit would have to move."""
    mailing = failed_mailing(large)
    retry(large, mailing)
    mailings.pause(large.engine, large.owner, mailing, clock=large.clock)
    large.run(mailing)
    rows_before = [tuple(row) for row in large.sql("SELECT id, xmin::text FROM message ORDER BY id")]
    later = {"send_from": time(20), "send_until": time(21)}
    mailings.edit(large.engine, large.owner, mailing, later, clock=large.clock)
    earlier = {"send_from": time(18), "send_until": time(19)}
    mailings.edit(large.engine, large.owner, mailing, earlier, clock=large.clock)
    mailings.resume(large.engine, large.owner, mailing, clock=large.clock)
    assert [tuple(row) for row in large.sql("SELECT id, xmin::text FROM message ORDER BY id")] == rows_before
    calls = len(large.provider.calls)
    large.run(mailing)
    large.work()
    assert len(large.provider.calls) == calls, "the window is closed"
    assert large.mailing(mailing).next_run_at == large.clock.now.replace(hour=18, minute=0, second=0, microsecond=0)
    assert large.finish(mailing).counts["sent"] == NUMBER


def test_all_clients_are_deleted_in_slices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request deletes for some seconds, reconcile goes on; clients added meanwhile stay, and locked ones are only passed over."""
    monkeypatch.setattr(demo_clients, "_SLICE", 2)
    root = Principal(world.owner.user_id, "olga", is_superuser=True)
    world.add_clients(NUMBER)
    mailing = world.write()
    world.run(mailing.id)
    asked = demo_clients.remove_all(world.engine, root, enabled=True, seconds=-1)
    assert asked == demo_clients.Removed(2, NUMBER - 2)
    assert world.sql("SELECT changes FROM history WHERE action = 'delete_all_clients'") == [({"clients": [None, NUMBER]},)]
    world.add_clients(1, first=100)
    held = world.sql("SELECT min(id) FROM client")[0][0]
    with world.owner_engine.begin() as connection:
        connection.execute(text("SELECT 1 FROM client WHERE id = :held FOR UPDATE"), {"held": held})
        world.reconcile()
    assert [row.id == held for row in world.sql("SELECT id FROM client ORDER BY id")] == [True, False]
    world.reconcile()
    world.reconcile()
    assert [row.phone for row in world.sql("SELECT phone FROM client")] == ["+79100000100"]
    assert world.sql("SELECT 1 FROM clients_deletion") == []
    world.work()
    record = world.finish(mailing.id)
    assert (record.counts["failed"], record.counts["sent"]) == (NUMBER, 1), "whoever came later is sent to"
    assert demo_clients.remove_all(world.engine, root, enabled=True) == demo_clients.Removed(1, 0)
    assert demo_clients.remove_all(world.engine, root, enabled=True) == demo_clients.Removed(0, 0)
