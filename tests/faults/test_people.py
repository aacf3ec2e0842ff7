"""People who change their minds while calls are under way."""

from datetime import timedelta

import pytest

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError
from chalicelib.services import clients, demo_clients, mailings
from chalicelib.services import messages as message_service
from tests.faults.function import Trap
from tests.faults.rig import LEASE, Rig, ids_of, statuses
from tests.world import START


def test_16_cancel_in_mid_flight(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    rig.send(chunks[:1])
    worker = rig.freezes(rig.sending(chunks[1:2], Trap("before call", "freeze")))
    mailings.cancel(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    rig.send(chunks[2:])
    rig.run(mailing_id, source="api")
    worker.thaw()
    worker.result()
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10, "cancelled": 10}), "what was at the provider is answered"


def test_16_cancel_while_a_worker_dies(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    rig.dies(rig.sending(chunks[:1], Trap("after call", skip=4)))
    mailings.cancel(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    found = rig.settled(mailing_id)
    assert (found.parked, statuses(found)) == (5, {"cancelled": 5, "failed": 5}), "cancelled would not be true of what it held"


def test_16_pause_in_mid_flight(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before call", "freeze")))
    mailings.pause(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    rig.send(chunks)
    rig.run(mailing_id, source="api")
    worker.thaw()
    worker.result()
    rig.world.clock.advance(hours=1)
    rig.reconcile()
    assert len(rig.ledger()) == 5, "only what was claimed before"
    mailings.resume(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (20, {"sent": 20})


def test_16_edit_in_mid_flight(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before call", "freeze")))
    with pytest.raises(ConflictError):
        mailings.edit(rig.world.engine, rig.world.owner, mailing_id, {"text": "other"}, clock=rig.world.clock)
    mailings.pause(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    changes = {"text": "bye", "ends_at": START + timedelta(minutes=1)}
    mailings.edit(rig.world.engine, rig.world.owner, mailing_id, changes, clock=rig.world.clock)
    mailings.resume(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    rig.send(chunks[1:2])
    worker.thaw()
    worker.result()
    rig.world.clock.advance(minutes=1)
    rig.send(chunks[2:])
    found = rig.settled(mailing_id)
    assert statuses(found) == {"sent": 10, "expired": 10}
    assert [call.text for call in rig.ledger()] == ["bye"] * 5 + ["hello"] * 5


def test_16_delete_a_client_in_mid_flight(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before call", "freeze")))
    held, waiting = rig.rows("client_id", mailing_id)[0][0], rig.rows("client_id", mailing_id)[9][0]
    for client_id in (held, waiting):
        clients.delete(rig.world.engine, rig.world.owner, client_id)
    worker.thaw()
    worker.result()
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert found.deliveries == found.statuses["sent"] + found.delivered_unknown
    assert rig.rows("status, error_code", mailing_id)[9] == (4, "client_deleted")


def test_16_delete_a_message_in_mid_flight(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before call", "freeze")))
    held, waiting = chunks[0]["message_ids"][0], chunks[1]["message_ids"][0]
    with pytest.raises(ConflictError):
        message_service.delete(rig.world.engine, rig.world.owner, held, clock=rig.world.clock)
    message_service.delete(rig.world.engine, rig.world.owner, waiting, clock=rig.world.clock)
    worker.thaw()
    worker.result()
    rig.send(chunks)
    rig.finish(mailing_id)
    assert sorted({call.id for call in rig.ledger()}) == [id_ for id_ in range(1, 11) if id_ != waiting]
    assert dict(rig.rows("id, status", mailing_id))[waiting] == 5


def test_16_delete_a_mailing_in_mid_flight(rig: Rig) -> None:
    """It stays for as long as one of its messages may be at the provider: a deletion would lose its outcome."""
    mailing_id, chunks = rig.dispatched(10)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before call", "freeze")))
    with pytest.raises(ConflictError):
        mailings.delete(rig.world.engine, rig.world.owner, mailing_id)
    mailings.cancel(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    with pytest.raises(ConflictError):
        mailings.delete(rig.world.engine, rig.world.owner, mailing_id)
    worker.thaw()
    worker.result()
    found = rig.settled(mailing_id)
    assert (found.deliveries, statuses(found)) == (5, {"sent": 5, "cancelled": 5})
    mailings.delete(rig.world.engine, rig.world.owner, mailing_id)
    rig.world.clock.now += LEASE
    assert rig.send(chunks) == [], "ids that are no more are acknowledged"
    rig.run(mailing_id)
    assert len(rig.ledger()) == 5


def test_16_retry_failed_never_delivers_twice(rig: Rig) -> None:
    """Ten that were delivered with nobody the wiser, ten refused: all are failed, and a person wants them tried again."""
    mailing_id, chunks = rig.dispatched(20)
    ids = ids_of(chunks)
    lost = {"kind": "status", "status": 500, "accepted": True, "ids": ids[:10]}
    rig.provider.configure(faults=[lost, {"kind": "status", "status": 400, "ids": ids[10:]}])
    soon_tired = rig.process(MAX_ATTEMPTS="2")
    rig.send(chunks, soon_tired)
    assert statuses(rig.settled(mailing_id, soon_tired)) == {"failed": 20}

    rig.provider.configure(faults=[])
    mailings.retry_failed(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    found = rig.settled(mailing_id)
    assert statuses(found) == ({"sent": 20} if rig.honours_key else {"sent": 10, "failed": 10})
    assert (found.deliveries, found.parked) == (20, 0 if rig.honours_key else 10)


def test_test_clients_deleted_in_mid_sending(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before call", "freeze")))
    # Deleting looks at the database's own clock, by which this rig's leases are long over.
    rig.world.sql("UPDATE message SET lease_until = clock_timestamp() + interval '1 hour' WHERE lease_until IS NOT NULL")
    root = Principal(rig.world.owner.user_id, "olga", is_superuser=True)
    assert demo_clients.remove_all(rig.world.engine, root, enabled=True) == demo_clients.Removed(20, 0)
    worker.thaw()
    worker.result()
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5, "failed": 15}), "what was at the provider is recorded"
    codes = [code for (code,) in rig.rows("error_code", mailing_id)]
    assert (codes.count("client_deleted"), codes.count(None)) == (15, 5)


def test_a_slow_mailing_does_not_hold_up_a_fast_one(rig: Rig) -> None:
    """One queue, first in first out, and a worker that takes one chunk at a time; then one that hangs in a call of the slow mailing."""
    rig.world.add_clients(40)
    slow, fast = rig.world.write(rate_limit=1).id, rig.world.write().id
    for mailing_id in (slow, fast):
        rig.run(mailing_id)
    queue = rig.take_chunks()
    assert sum(len(chunk["message_ids"]) for chunk in queue if chunk["mailing_id"] == slow) <= 3, "its rate's next seconds"
    for _ in range(len(queue)):
        rig.send(queue[:1])
        queue = queue[1:]
    assert rig.world.mailing(fast).counts["sent"] == 40
    assert rig.world.mailing(slow).counts["sent"] <= 3
    rig.world.clock.advance(seconds=5)
    rig.run(slow)
    worker = rig.freezes(rig.sending(rig.take_chunks()[:1], Trap("before call", "freeze")))
    other = rig.world.write(name="another").id
    rig.run(other)
    rig.send(rig.take_chunks())
    assert rig.world.mailing(other).counts["sent"] == 40, "while a worker hangs in a call of the slow one"
    worker.thaw()
    worker.result()
    for mailing_id in (slow, fast, other):
        rig.finish(mailing_id)
    assert rig.check(slow, fast, other).calls == 120
