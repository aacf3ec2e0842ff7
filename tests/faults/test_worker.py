"""Workers that die, freeze, wake up too late, or live with a clock that is off."""

from datetime import timedelta

import pytest

from tests.faults.function import Trap
from tests.faults.rig import LEASE, Rig, statuses


def test_03_killed_after_claim_before_the_call(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    rig.dies(rig.sending(chunks[:1], Trap("after claim")))
    assert not rig.ledger()
    assert rig.send(chunks) == [], "its own chunk comes again while its lease lasts: not touched"
    assert len(rig.ledger()) == 5

    found = rig.settled(mailing_id)
    if rig.honours_key:
        assert (found.calls, statuses(found)) == (10, {"sent": 10})
    else:
        assert (found.calls, found.parked, statuses(found)) == (5, 5, {"sent": 5, "failed": 5})


def test_03_killed_before_the_claim(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    rig.dies(rig.sending(chunks, Trap("before claim")))
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5}), "nothing was in doubt"


def test_04_killed_after_the_provider_accepted_before_the_record(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    rig.dies(rig.sending(chunks, Trap("before record")))
    assert len(rig.ledger()) == 5
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert found.deliveries == 5
    if rig.honours_key:
        assert (found.calls, statuses(found)) == (10, {"sent": 5})
    else:
        assert (found.calls, found.delivered_unknown, statuses(found)) == (5, 5, {"failed": 5})


@pytest.mark.parametrize("calls", range(4))
def test_04_killed_in_the_middle_of_a_chunks_calls(rig: Rig, calls: int) -> None:
    mailing_id, chunks = rig.dispatched(20)
    rig.provider.configure(latency_ms=10, jitter_ms=30)
    rig.dies(rig.sending(chunks, Trap("after call", skip=5 * calls + calls)))
    for chunk in chunks:
        rig.send([chunk])
    found = rig.settled(mailing_id)
    assert found.statuses["sent"] + found.parked == 20
    if rig.honours_key:
        assert found.statuses["sent"] == found.deliveries == 20
    else:
        assert found.parked == 5, "the chunk that was in hand, and no other"


def test_04_killed_while_the_call_is_under_way(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    rig.provider.configure(latency_ms=400)
    worker = rig.process()
    worker.begin(rig.sending(chunks))
    rig.waits(lambda: len(rig.ledger()) == 5)
    worker.kill()
    rig.provider.configure(latency_ms=0)
    found = rig.settled(mailing_id)
    assert found.deliveries == 5
    assert (found.statuses["sent"], found.parked) == ((5, 0) if rig.honours_key else (0, 5))


@pytest.mark.parametrize("point", ["before call", "after call", "before record"])
def test_20_a_worker_that_wakes_up_after_its_lease(rig: Rig, point: str) -> None:
    mailing_id, chunks = rig.dispatched(5)
    late = rig.freezes(rig.sending(chunks, Trap(point, "freeze")))
    rig.world.clock.now += LEASE
    while_it_slept = rig.settled(mailing_id)

    late.thaw()
    assert late.result() == {"batchItemFailures": []}
    found = rig.check(mailing_id)
    assert found.statuses == while_it_slept.statuses, "its claim is not the newest: it writes nothing"
    assert statuses(found) == ({"sent": 5} if rig.honours_key else {"failed": 5})
    assert found.deliveries == 5


def test_20_a_worker_that_wakes_up_after_its_lease_before_anyone_missed_it(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    late = rig.freezes(rig.sending(chunks, Trap("before record", "freeze")))
    rig.world.clock.now += 2 * LEASE
    late.thaw()
    late.result()
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5}), "nobody has claimed since: what it knows is true"


def test_20_a_worker_that_wakes_up_while_another_has_its_messages(rig: Rig) -> None:
    """What it knows is old: were it written, the messages would be free for a third worker while the second sends them."""
    mailing_id, chunks = rig.dispatched(5)
    rig.provider.configure(faults=[{"kind": "status", "status": 503, "first_calls": 1}])
    late = rig.freezes(rig.sending(chunks, Trap("before record", "freeze")))
    rig.world.clock.now += LEASE
    second = rig.freezes(rig.sending(chunks, Trap("before record", "freeze")))
    held = rig.rows("status, claim_no, lease_until, dispatched_at", mailing_id)
    late.thaw()
    assert late.result() == {"batchItemFailures": []}
    assert rig.rows("status, claim_no, lease_until, dispatched_at", mailing_id) == held
    rig.send(chunks)
    second.thaw()
    second.result()
    found = rig.settled(mailing_id)
    assert statuses(found) == ({"sent": 5} if rig.honours_key else {"failed": 5})
    assert found.calls == (10 if rig.honours_key else 5)


@pytest.mark.parametrize(
    "off", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=2)], ids=["ahead", "behind", "days-ahead"]
)
def test_20_a_clock_that_is_off(rig: Rig, off: timedelta) -> None:
    """The one clock is the database's: off it is after a failover to a server that has the time wrong."""
    mailing_id, chunks = rig.dispatched(10)
    slow = rig.freezes(rig.sending(chunks[:1], Trap("after call", "freeze")))
    wrong = rig.process()
    for job in (rig.sending(chunks, clock_is_off_by=off), rig.job("reconcile", clock_is_off_by=off)):
        wrong.call(job)
    slow.thaw()
    slow.result()
    found = rig.settled(mailing_id)
    assert found.deliveries == found.statuses["sent"] + found.delivered_unknown


def test_20_less_time_left_than_a_lease(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    assert rig.usual.call(rig.sending(chunks, seconds=1)) == {"batchItemFailures": []}
    assert not rig.ledger()
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})
