"""A start by hand, and what a claim knows of the client when the call is made."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from chalicelib.domain.outcome import Outcome
from chalicelib.services import do_not_contact, mailings
from chalicelib.services.do_not_contact import NewEntry
from tests.world import ACCEPTED, NOW, START, World


def test_a_start_by_hand_keeps_the_planned_moment_beside_its_own(world: World) -> None:
    world.add_clients(2)
    planned = START + timedelta(hours=5)
    mailing = world.write(starts_at=planned)
    world.clock.advance(minutes=1)
    started = mailings.start(world.engine, world.owner, mailing.id, clock=world.clock)
    assert (started.starts_at, started.start_now_at) == (planned, NOW + timedelta(minutes=1))
    done = world.finish(mailing.id)
    assert (done.starts_at, done.start_now_at, done.started_at) == (planned, started.start_now_at, started.start_now_at)


def test_a_start_that_is_planned_anew_takes_the_one_by_hand_back(world: World) -> None:
    """Started, put back to a draft or paused before its first run, and planned for tomorrow: it does not start today."""
    world.add_clients(2)
    tomorrow = START + timedelta(hours=20)
    for put_back in ("draft", "pause"):
        mailing = world.write(starts_at=START + timedelta(hours=5))
        mailings.start(world.engine, world.owner, mailing.id, clock=world.clock)
        if put_back == "draft":
            mailings.edit(world.engine, world.owner, mailing.id, {"draft": True}, clock=world.clock)
            mailings.edit(world.engine, world.owner, mailing.id, {"draft": False, "starts_at": tomorrow}, clock=world.clock)
        else:
            mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
            mailings.edit(world.engine, world.owner, mailing.id, {"starts_at": tomorrow}, clock=world.clock)
            mailings.resume(world.engine, world.owner, mailing.id, clock=world.clock)
        record = world.mailing(mailing.id)
        assert (record.start_now_at, record.next_run_at) == (None, NOW + timedelta(hours=20))


def test_what_was_not_called_in_time_is_looked_up_again(world: World) -> None:
    """One thread, and a first call that takes so long that no other may begin under the same claim; meanwhile people change their minds."""
    world.add_clients(4)
    mailing_id = world.write().id
    world.run(mailing_id)
    world.pool = ThreadPoolExecutor(1)

    def answer(_message_id: int) -> Outcome:
        if len(world.provider.calls) == 1:
            do_not_contact.put(world.engine, world.owner, [NewEntry("+79100000001"), NewEntry("+79100000002")])
            # What deleting a client does to a message under a lease: by the real clock this world's leases are over.
            world.sql("DELETE FROM client WHERE phone = '+79100000003'")
            world.clock.advance(seconds=world.settings.lease_seconds - world.settings.provider_deadline_seconds + 1)
        return ACCEPTED

    world.provider.answer = answer
    world.work()
    assert len(world.provider.calls) == 1
    assert world.finish(mailing_id).counts["sent"] == 1
    codes = world.sql("SELECT error_code FROM message WHERE status = 4 ORDER BY phone")
    assert [code for (code,) in codes] == ["do_not_contact", "do_not_contact", "client_deleted"]
