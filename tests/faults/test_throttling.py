"""A provider that throttles is called more slowly, and one message's trouble stays its own; over real sockets."""

import time
from datetime import timedelta

import pytest

from tests.faults.rig import Rig, ids_of, statuses
from tests.world import NOW


@pytest.mark.parametrize("status", [420, 429])
def test_throttling_holds_the_provider_and_spends_nothing(rig: Rig, status: int) -> None:
    mailing_id, chunks = rig.dispatched(30)
    rig.provider.configure(faults=[{"kind": "status", "status": status, "retry_after": "60"}])
    assert rig.send(chunks) == []
    assert len(rig.ledger()) == 5, "the first chunk was told to wait, and so are all others"
    assert rig.rows("status, attempts", mailing_id) == [(1, 0)] * 30
    [(opened, failures, pace, held)] = rig.world.sql("SELECT opened_at, failures, pace, held_until FROM provider_state")
    assert (opened, failures) == (None, 0), "throttling is not an outage"
    assert pace >= 1
    assert held == NOW + timedelta(seconds=60)
    rig.world.clock.advance(seconds=59)
    rig.run(mailing_id)
    rig.send(rig.take_chunks())
    assert len(rig.ledger()) == 5
    rig.provider.configure(faults=[])
    found = rig.settled(mailing_id)
    assert (found.deliveries, statuses(found)) == (30, {"sent": 30})
    assert rig.rows("attempts", mailing_id) == [(1,)] * 30


def test_one_absurd_retry_after_does_not_stop_the_service(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(30)
    ids = ids_of(chunks)
    rig.provider.configure(
        faults=[{"kind": "status", "status": 429, "retry_after": "99999999", "ids": ids[2:3], "first_calls": 1}]
    )
    assert rig.send(chunks) == []
    assert rig.rows("status", mailing_id).count((2,)) == 29
    assert rig.world.sql("SELECT 1 FROM provider_state WHERE held_until > :now", now=NOW + timedelta(seconds=2)) == []
    assert statuses(rig.settled(mailing_id)) == {"sent": 30}


def test_everybody_asking_for_days_is_held_for_minutes_and_asked_again(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(30)
    rig.provider.configure(faults=[{"kind": "status", "status": 429, "retry_after": "99999999"}])
    rig.send(chunks)
    [(held, reason)] = rig.world.sql("SELECT held_until, held_reason FROM provider_state")
    assert held == NOW + timedelta(minutes=10)
    assert "HTTP 429, Retry-After" in reason
    rig.provider.configure(faults=[])
    rig.world.clock.now = held
    rig.run(mailing_id)
    rig.send(rig.take_chunks())
    assert rig.rows("status", mailing_id).count((2,)) > 0
    assert statuses(rig.settled(mailing_id)) == {"sent": 30}


def test_a_paced_provider_is_called_evenly(rig: Rig) -> None:
    mailing_id, _ = rig.dispatched(40)
    rig.world.sql(
        "INSERT INTO provider_state (name, pace, pace_at, pace_steady, pace_ceiling) VALUES ('default', 10, :now, 60, 10)",
        now=NOW,
    )
    rig.world.sql("UPDATE message SET dispatched_at = NULL")
    rig.world.sql("UPDATE mailing SET next_run_at = :now", now=NOW)
    rig.run(mailing_id)
    chunks = rig.take_chunks()
    assert sum(len(chunk["message_ids"]) for chunk in chunks) == 30, "three seconds' worth"
    begun = time.time()
    rig.send(chunks)
    moments = [call.at for call in rig.ledger()]
    assert len(moments) == 21, "two seconds ahead"
    # The rig's clock stands still, so that every chunk but the first finds its turn to be later than it is. A slow machine makes calls
    # late, and so near to each other; none makes one before its turn.
    assert all(moment - begun > 0.1 * place - 0.01 for place, moment in enumerate(moments[:5]))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_one_recipient_that_is_always_refused_delays_nobody(rig: Rig, status: int) -> None:
    mailing_id, chunks = rig.dispatched(60)
    [poisoned] = ids_of(chunks)[7:8]
    rig.provider.configure(faults=[{"kind": "status", "status": status, "ids": [poisoned]}])
    assert rig.send(chunks) == []
    assert rig.rows("status", mailing_id).count((2,)) == 59, "at once"
    found = rig.settled(mailing_id)
    assert (found.deliveries, found.calls, statuses(found)) == (59, 64, {"sent": 59, "failed": 1})
    assert rig.world.sql("SELECT id, error_code, attempts FROM message WHERE status = 4") == [
        (poisoned, "refused_for_this_message", 0)
    ]
    assert rig.world.sql("SELECT 1 FROM provider_state WHERE opened_at IS NOT NULL") == []


def test_every_call_is_on_the_trail(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(5)
    rig.provider.configure(
        faults=[
            {"kind": "status", "status": 429, "first_calls": 1},
            {"kind": "status", "status": 503, "first_calls": 2},
            {"kind": "reset", "accepted": True, "first_calls": 3},
        ]
    )
    rig.send(chunks)
    rig.settled(mailing_id)
    rows = rig.world.sql("SELECT message_id, kind, detail, milliseconds FROM message_call ORDER BY message_id, claim_no")
    expected = ["throttled", "not_delivered", "unknown"] + (["accepted"] if rig.honours_key else [])
    assert [row.kind for row in rows] == expected * 5
    assert [row.detail for row in rows[:2]] == ["HTTP 429", "HTTP 503"]
    assert all(row.milliseconds is not None for row in rows)
    codes = set(rig.rows("error_code", mailing_id))
    assert codes == {(None if rig.honours_key else "unknown_outcome",)}
