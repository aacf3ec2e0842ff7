"""Everything that a provider can do to a call, done by a real one over real sockets."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import sleep
from typing import Any

import pytest
import trustme

from local.process import free_port
from tests.faults.rig import Rig, ids_of, statuses
from tests.integration.raw_server import Server, certified
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


def test_the_answer_to_one_message_is_never_taken_for_anothers(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(40)
    ids = ids_of(chunks)
    rig.provider.configure(
        faults=[
            {"kind": "interim", "interim": [103], "status": 400, "ids": ids[0::5]},
            {"kind": "interim", "interim": [100, 102, 101], "status": 422, "ids": ids[1::5]},
            {"kind": "leftover", "seconds": 0, "status": 400, "ids": ids[2::5]},
            {"kind": "interim", "accepted": True, "ids": ids[3::5]},
        ]
    )
    assert rig.send(chunks) == []
    found = rig.settled(mailing_id)
    assert statuses(found) == {"failed": 24, "sent": 16}
    assert (found.calls, found.deliveries, found.parked) == (40, 16, 0)


def test_connections_idle_for_too_long_are_not_used(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    rig.provider.configure(idle_seconds=0.6)
    process = rig.process(PROVIDER_IDLE_SECONDS="0.3")
    rig.send(chunks[:1], process)
    sleep(1)
    rig.send(chunks[1:], process)
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


def test_a_connection_that_breaks_before_any_byte_of_an_answer_leaves_an_unknown_fate(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    rig.provider.configure(idle_seconds=0.6)
    process = rig.process(PROVIDER_IDLE_SECONDS="60")  # longer than this provider bears
    rig.send(chunks[:1], process)
    sleep(1)
    rig.send(chunks[1:], process)
    begun = [call for call in rig.ledger() if call.answer == "reset when used again"]
    assert begun
    assert all(call.received for call in begun)
    found = rig.settled(mailing_id)
    assert found.parked == (0 if rig.honours_key else len(begun))
    assert found.unseen == 0
    assert found.calls == 10 + (len(begun) if rig.honours_key else 0)


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "status", "status": 302, "location": "http://["},
        {"kind": "bomb", "status": 302, "location": "//["},
        {"kind": "status", "status": 503, "retry_after": "Mon, 99 Foo 99999 25:61:61 +99999"},
        {"kind": "status", "status": 429, "retry_after": "9" * 400},
        {
            "kind": "status",
            "status": 401,
            "headers": {"Date": "never", "Set-Cookie": "a=b; expires=99999", "Content-Type": "\u00ff"},
        },
        {"kind": "raw", "raw": "HTTP/1.1 400 No\r\nContent-Length: -1\r\n\r\n"},
        {"kind": "raw", "raw": "\u0000\u00ff\r\n\r\n"},
        {"kind": "bomb", "status": 200, "accepted": True},
    ],
    ids=lambda odd: f"{odd['kind']}-{odd.get('status', '')}",
)
def test_one_odd_answer_is_the_trouble_of_one_message(rig: Rig, odd: dict[str, Any]) -> None:
    mailing_id, chunks = rig.dispatched(5)
    [chunk] = chunks
    fault(rig, **odd, ids=ids_of(chunks)[2:3])
    assert rig.send([chunk]) == []
    assert rig.rows("status", mailing_id).count((2,)) == 4, "the others are recorded as what they were answered"
    details = [detail for (detail,) in rig.rows("coalesce(error_detail, '')", mailing_id)]
    assert not any("died" in detail for detail in details), "no worker died, and none is said to have"


@pytest.mark.parametrize("status", [409, 418, 451])
def test_an_unexpected_4xx_is_tried_again_before_it_is_final(rig: Rig, status: int) -> None:
    mailing_id, chunks = rig.dispatched()
    fault(rig, kind="status", status=status)
    assert rig.send(chunks) == []
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 5})


def test_many_unexpected_4xx_in_a_row_open_the_breaker_and_burn_no_mailing(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(60)
    rig.provider.configure(faults=[{"kind": "status", "status": 409}])
    for chunk in chunks:
        assert rig.send([chunk]) == []
    assert len(rig.ledger()) == 20, "the rest waits until the provider is back"
    rig.provider.configure(faults=[])
    assert statuses(rig.settled(mailing_id)) == {"sent": 60}


def test_a_certificate_that_is_not_trusted_opens_the_breaker_and_burns_nothing(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    impostor = Server(certified(trustme.CA().issue_cert("127.0.0.1")))
    for chunk in chunks:
        assert rig.send([chunk], rig.process(PROVIDER_URL=impostor.url)) == []
    assert rig.rows("status, attempts, unknown", mailing_id) == [(1, 0, False)] * 10
    assert impostor.connections == 5, "the first chunk opened the breaker"
    assert not impostor.requests
    impostor.close()
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


def test_a_failed_tls_handshake_sends_nothing_and_costs_an_attempt(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched()
    plain = rig.process(PROVIDER_URL=f"https{rig.environment['PROVIDER_URL'].removeprefix('http')}")
    assert rig.send(chunks, plain) == []
    assert rig.rows("status, attempts, error_code, unknown", mailing_id) == [(1, 1, "not_delivered", False)] * 5
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})
