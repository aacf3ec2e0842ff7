"""What SQS and EventBridge Scheduler do to us: twice, at once, out of order, late, never, and bodies that are none."""

import json
from datetime import timedelta

from chalicelib.services.mailings import NewMailing
from tests.faults.function import Trap
from tests.faults.rig import VISIBILITY, Rig, ids_of, raw_event, statuses
from tests.faults.transport import DEAD_MAILINGS, DEAD_MESSAGES
from tests.world import START


def test_01_duplicate_delivery_after_success(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    rig.send(chunks)
    rig.send(chunks[::-1])
    found = rig.settled(mailing_id)
    rig.world.clock.advance(days=30)
    rig.send(chunks)
    assert (rig.check(mailing_id).calls, found.calls, statuses(found)) == (20, 20, {"sent": 20})


def test_01_duplicate_delivery_because_the_worker_died_before_it_acknowledged(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    rig.dies(rig.sending(chunks, Trap("after record")))
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})


def test_02_concurrent_duplicates(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    rig.provider.configure(latency_ms=50)
    workers = [rig.process() for _ in range(3)]
    for number, worker in enumerate(workers):
        worker.begin(rig.sending(chunks if number % 2 else chunks[::-1]))
    for worker in workers:
        assert worker.result() == {"batchItemFailures": []}
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (20, {"sent": 20})


def test_02_a_duplicate_while_the_first_is_at_the_provider(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    worker = rig.process()
    worker.begin(rig.sending(chunks, Trap("after call", "freeze")))
    assert worker.result() is None
    assert rig.send(chunks) == [], "acknowledged: the lease keeps it from a second call"
    worker.thaw()
    worker.result()
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})


def test_11_poison_harms_nothing_but_itself(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    poison = ["", "not JSON", "null", "[" * 10_000, json.dumps({**chunks[0], "v": 2}), json.dumps({"v": 1, "message_ids": [1]})]
    strangers = json.dumps({"v": 1, "mailing_id": mailing_id, "message_ids": [10**15]})
    good = [json.dumps(chunk) for chunk in chunks]
    answer = rig.usual.call(rig.job("send", raw_event(good[0], *poison, strangers, good[1])))
    assert answer == {"batchItemFailures": []}
    assert rig.transport.buried[DEAD_MESSAGES] == poison
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


def test_11_poison_for_runs(rig: Rig) -> None:
    poison = ["", "{}", '{"mailing_id": "x"}', '{"mailing_id": 1, "source": "the moon"}']
    assert rig.usual.call(rig.job("advance", raw_event(*poison, '{"mailing_id": 4711}'))) == {"batchItemFailures": []}
    assert rig.transport.buried[DEAD_MAILINGS] == poison


def test_11_poison_stays_in_its_queue_while_it_cannot_be_copied(rig: Rig) -> None:
    rig.transport.queues.down = True
    answer = rig.usual.call(rig.job("send", raw_event("poison")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_13_redrive_after_the_end(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(15)
    rig.send(chunks[:1])
    rig.world.clock.advance(days=1)
    found = rig.settled(mailing_id)
    assert statuses(found) == {"sent": 5, "expired": 10}
    for days in (0, 14):
        rig.world.clock.advance(days=days)
        assert rig.send(chunks) == []
        rig.run(mailing_id)
    assert rig.check(mailing_id) == found


def test_13_redrive_after_the_end_of_what_was_being_sent(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    rig.dies(rig.sending(chunks, Trap("after call")))
    rig.world.clock.advance(days=1)
    assert rig.send(chunks) == []
    found = rig.settled(mailing_id)
    assert statuses(found) == {"failed": 5}, "neither sent nor expired can be said of them"
    assert found.parked == 5


def test_14_schedule_twice(rig: Rig) -> None:
    rig.world.add_clients(30)
    mailing = rig.world.write()
    runners = [rig.process() for _ in range(2)]
    for runner in runners:
        runner.begin(rig.running(mailing.id))
    for runner in runners:
        assert runner.result() == {"batchItemFailures": []}
    rig.run(mailing.id)
    assert sorted(ids_of(rig.transport.queues.chunks)) == list(range(1, 31))
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (30, {"sent": 30})


def test_14_schedule_late(rig: Rig) -> None:
    rig.world.add_clients(10)
    mailing = rig.world.write()
    rig.world.clock.advance(hours=23)
    found = rig.settled(mailing.id)
    assert statuses(found) == {"sent": 10}
    rig.run(mailing.id)
    assert rig.check(mailing.id) == found, "and once more when it is over"


def test_14_schedule_never(rig: Rig) -> None:
    rig.world.add_clients(10)
    mailing = rig.world.write(starts_at=START + timedelta(hours=1))
    assert rig.transport.queues.schedules
    rig.world.clock.advance(hours=1, seconds=6)
    assert rig.reconcile()["runs_woken"] == 1
    assert statuses(rig.settled(mailing.id)) == {"sent": 10}


def test_14_schedules_that_are_gone_are_made_again(rig: Rig) -> None:
    rig.world.add_clients(1)
    rig.world.write(starts_at=START + timedelta(hours=1))
    before = dict(rig.transport.queues.schedules)
    rig.transport.queues.schedules.clear()
    assert rig.reconcile()["schedules_remade"] == 1
    assert rig.transport.queues.schedules == before


def test_15_killed_between_commit_and_schedule(rig: Rig) -> None:
    rig.world.add_clients(10)
    new = NewMailing("sale", "hello", START + timedelta(hours=1), START + timedelta(days=1), time_zone="UTC")
    rig.dies(rig.job("write", (rig.world.owner, new), Trap("before create_schedule")))
    assert not rig.transport.queues.schedules
    [(mailing_id,)] = rig.world.sql("SELECT id FROM mailing")

    assert rig.reconcile()["schedules_moved"] == 1
    assert len(rig.transport.queues.schedules) == 1
    assert statuses(rig.settled(mailing_id)) == {"sent": 10}


def test_15_killed_between_schedule_and_its_confirmation(rig: Rig) -> None:
    rig.world.add_clients(10)
    new = NewMailing("sale", "hello", START + timedelta(hours=1), START + timedelta(days=1), time_zone="UTC")
    rig.dies(rig.job("write", (rig.world.owner, new), Trap("after create_schedule")))
    [(mailing_id,)] = rig.world.sql("SELECT id FROM mailing")
    assert len(rig.transport.queues.schedules) == 1
    rig.reconcile()
    assert len(rig.transport.queues.schedules) == 1
    assert statuses(rig.settled(mailing_id)) == {"sent": 10}


def test_15_killed_between_commit_and_dispatch(rig: Rig) -> None:
    rig.world.add_clients(10)
    mailing = rig.world.write()
    rig.dies(rig.running(mailing.id, Trap("before send_message_batch")))
    assert not rig.transport.queues.chunks
    assert rig.rows("dispatched_at IS NOT NULL", mailing.id) == [(True,)] * 10

    rig.reconcile()
    assert rig.rows("dispatched_at IS NOT NULL", mailing.id) == [(True,)] * 10, "it may be on its way"
    rig.world.clock.now += VISIBILITY
    assert rig.reconcile()["messages_rescued"] == 10
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


def test_15_killed_after_dispatch_before_the_next_turn(rig: Rig) -> None:
    rig.world.add_clients(10)
    mailing = rig.world.write()
    for trap in (Trap("before settle"), Trap("before send_message")):
        rig.dies(rig.running(mailing.id, trap))
        rig.world.clock.advance(seconds=6)  # its lease on the mailing
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


def test_17_planner_killed_in_mid_fan_out(rig: Rig) -> None:
    rig.world.add_clients(47)
    mailing = rig.world.write()
    for trap in (Trap("after plan", skip=1), Trap("before plan", skip=1), Trap("before commit", skip=2)):
        rig.dies(rig.running(mailing.id, trap), PLAN_SLICE="10")
        rig.world.clock.advance(seconds=6)  # its lease on the mailing
    planned = len(rig.rows("id", mailing.id))
    assert 0 < planned < 47
    found = rig.settled(mailing.id)
    assert statuses(found) == {"sent": 47}


def test_17_partial_send_message_batch(rig: Rig) -> None:
    rig.world.add_clients(60)
    mailing = rig.world.write()
    rig.transport.queues.refuse = lambda position: position % 3 == 0
    rig.run(mailing.id)
    refused = rig.rows("dispatched_at IS NULL", mailing.id).count((True,))
    assert refused == 25, "4 of ten chunks in the one batch, 1 of two in the other"
    rig.transport.queues.refuse = lambda _position: False
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (60, {"sent": 60})


def test_17_send_message_batch_carried_out_without_an_answer(rig: Rig) -> None:
    rig.world.add_clients(20)
    mailing = rig.world.write()
    rig.transport.silent = lambda operation: operation == "send_message_batch"
    rig.run(mailing.id)
    rig.transport.silent = lambda _operation: False
    lost = rig.take_chunks()
    assert len(ids_of(lost)) == 20
    rig.world.clock.advance(seconds=2)
    rig.run(mailing.id)
    again = rig.take_chunks()
    rig.send([*again, *lost])
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (20, {"sent": 20})
    assert set(ids_of(lost)) == set(ids_of(again))


def test_17_planner_killed_between_two_batches(rig: Rig) -> None:
    rig.world.add_clients(60)
    mailing = rig.world.write()
    rig.dies(rig.running(mailing.id, Trap("after send_message_batch")))
    sent = rig.take_chunks()
    assert sent
    rig.send(sent)
    rig.world.clock.advance(seconds=6)
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (60, {"sent": 60})
