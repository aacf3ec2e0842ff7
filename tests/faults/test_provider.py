"""Everything that a provider can do to a call, done by a real one over real sockets."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from local.process import free_port
from tests.faults.rig import Rig, ids_of, statuses
from tests.world import NOW, START

NO_ANSWER: dict[str, dict[str, Any]] = {
    "hang": {"kind": "hang", "seconds": 3},
    "half": {"kind": "half"},
    "reset": {"kind": "reset"},
    "drip": {"kind": "drip", "seconds": 0.2},
}


def dead_end() -> str:
    """An address at which nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def fault(rig: Rig, **what: Any) -> None:
    """This fault at the first call of each message."""
    rig.provider.configure(faults=[{"first_calls": 1, **what}])


def check_unknown_fate(rig: Rig, mailing_id: int, *, accepted: bool, clients: int = 5) -> None:
    """After a first call of which nobody knows: repeated under the same key where it is honoured, else parked."""
    found = rig.settled(mailing_id)
    if rig.honours_key:
        assert (found.calls, found.deliveries, statuses(found)) == (2 * clients, clients, {"sent": clients})
    else:
        assert (found.calls, found.parked, statuses(found)) == (clients, clients, {"failed": clients})
        assert found.delivered_unknown == (clients if accepted else 0)


@pytest.mark.parametrize("accepted", [True, False], ids=["after-accepting", "before"])
@pytest.mark.parametrize("kind", ["hang", "half", "reset"])
def test_05_read_timeout_and_broken_connection(rig: Rig, kind: str, accepted: bool) -> None:
    mailing_id, chunks = rig.dispatched()
    fault(rig, **NO_ANSWER[kind], accepted=accepted)
    assert rig.send(chunks) == []
    check_unknown_fate(rig, mailing_id, accepted=accepted)


def test_05_an_answer_that_drips_is_cut_at_the_deadline(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched()
    fault(rig, **NO_ANSWER["drip"], accepted=True)
    before = datetime.now(UTC)
    assert rig.send(chunks) == []
    assert datetime.now(UTC) - before < timedelta(seconds=2), "the whole answer would take twenty"
    check_unknown_fate(rig, mailing_id, accepted=True)


def test_06_connect_failure(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched()
    assert rig.send(chunks, rig.process(PROVIDER_URL=dead_end())) == []
    assert rig.rows("status, attempts, error_code, lease_until", mailing_id) == [(1, 1, "not_delivered", None)] * 5
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5}), "no doubt: called again with either kind of provider"


@pytest.mark.parametrize("accepted", [True, False], ids=["after-accepting", "before"])
@pytest.mark.parametrize("status", [500, 502])
def test_07_500_and_502(rig: Rig, status: int, accepted: bool) -> None:
    mailing_id, chunks = rig.dispatched()
    fault(rig, kind="status", status=status, accepted=accepted)
    assert rig.send(chunks) == []
    check_unknown_fate(rig, mailing_id, accepted=accepted)


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_08_429_and_503_with_retry_after(rig: Rig, status: int, form: str) -> None:
    mailing_id, chunks = rig.dispatched()
    wanted = format_datetime(datetime.now(UTC) + timedelta(seconds=61), usegmt=True) if form == "date" else "60"
    fault(rig, kind="status", status=status, retry_after=wanted)
    assert rig.send(chunks) == []
    [moments, attempts] = zip(*rig.rows("not_before, attempts", mailing_id), strict=True)
    assert set(attempts) == {0 if status == 429 else 1}, "throttling spends no attempt"
    assert all(NOW + timedelta(seconds=57) <= moment <= NOW + timedelta(seconds=63) for moment in moments)

    rig.send(chunks)
    assert len(rig.ledger()) == 5, "a copy that comes before its time does nothing"
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 5})
    assert rig.world.clock.now >= NOW + timedelta(seconds=57)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_09_refused_is_final_at_once(rig: Rig, status: int) -> None:
    mailing_id, chunks = rig.dispatched()
    fault(rig, kind="status", status=status)
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert (found.calls, found.parked, statuses(found)) == (5, 0, {"failed": 5})


@pytest.mark.parametrize("accepted", [True, False], ids=["after-accepting", "before"])
def test_09_malformed_200(rig: Rig, accepted: bool) -> None:
    mailing_id, chunks = rig.dispatched()
    fault(rig, kind="nonsense", accepted=accepted)
    rig.send(chunks)
    check_unknown_fate(rig, mailing_id, accepted=accepted)


@pytest.mark.parametrize("status", [401, 302, 404])
def test_09_our_own_fault_burns_nothing(rig: Rig, status: int) -> None:
    mailing_id, chunks = rig.dispatched(30)
    rig.provider.configure(faults=[{"kind": "status", "status": status, "location": "http://127.0.0.1:9/elsewhere"}])
    for chunk in chunks:
        assert rig.send([chunk]) == []
    assert len(rig.ledger()) == 5, "the first chunk opened the breaker"
    assert rig.rows("status, attempts", mailing_id) == [(1, 0)] * 30
    for _ in range(15):  # five minutes of an expired token
        rig.world.clock.advance(seconds=20)
        rig.run(mailing_id)
        rig.send(rig.take_chunks())
    assert len(rig.ledger()) <= 5 + 16, "one probe every 20 seconds"
    assert rig.rows("status, attempts", mailing_id) == [(1, 0)] * 30

    rig.provider.configure(faults=[])
    mended = rig.world.clock.now
    found = rig.settled(mailing_id)
    assert (found.deliveries, statuses(found)) == (30, {"sent": 30})
    [(last,)] = rig.world.sql("SELECT max(sent_at) FROM message")
    assert last <= mended + timedelta(seconds=45)


def test_10_provider_down_for_hours_window_ends_meanwhile(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(60, ends_at=START + timedelta(hours=3))
    rig.send(chunks[:2])
    dead = rig.process(PROVIDER_URL=dead_end(), PROBE_SECONDS="600")
    for chunk in chunks[2:]:
        rig.send([chunk], dead)
    [(opened,)] = rig.world.sql("SELECT opened_at FROM provider_state")
    assert opened == NOW
    found = rig.settled(mailing_id, dead)
    assert (found.calls, found.deliveries, found.parked) == (10, 10, 0)
    assert statuses(found)["sent"] == 10
    assert statuses(found)["expired"] >= 48, "all but those that probes and the first minute used up"
    assert rig.world.clock.now >= NOW + timedelta(hours=3)


def test_10_sending_resumes_by_itself(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(100)
    rig.provider.configure(faults=[{"kind": "status", "status": 503}])
    for _ in range(30):
        rig.send(chunks)
        rig.world.clock.advance(seconds=20)
        rig.run(mailing_id)
        chunks = rig.take_chunks()
    in_the_end = len(rig.ledger())
    assert in_the_end <= 25 + 31
    rig.provider.configure(faults=[])
    mended = rig.world.clock.now
    rig.send(chunks)
    found = rig.settled(mailing_id)
    assert statuses(found)["sent"] >= 97
    [(soon,)] = rig.world.sql("SELECT count(*) FROM message WHERE sent_at <= :soon", soon=mended + timedelta(seconds=30))
    assert soon >= 70


def test_12_one_of_a_chunk_fails(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(25)
    ids = ids_of(chunks)
    rig.provider.configure(
        faults=[
            {"kind": "status", "status": 400, "ids": ids[2:3]},
            {"kind": "reset", "accepted": True, "ids": ids[8:9], "first_calls": 1},
            {"kind": "status", "status": 503, "ids": ids[14:15], "first_calls": 1},
        ]
    )
    assert rig.send(chunks) == []
    assert rig.rows("status", mailing_id).count((2,)) == 22
    found = rig.settled(mailing_id)
    rows = dict(rig.world.sql("SELECT id, error_code FROM message WHERE status = 4"))
    expected = {ids[2]: "refused"} | ({} if rig.honours_key else {ids[8]: "unknown_outcome"})
    assert rows == expected
    assert found.deliveries == 24
