"""Answers of PostgreSQL that get lost, connections that break, servers that go away and come back."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from chalicelib.config import read_settings
from chalicelib.services import mailings
from chalicelib.storage import dialect, engine
from tests.faults.database_proxy import DatabaseProxy
from tests.faults.function import FunctionProcess, Trap
from tests.faults.rig import Rig, ids_of, statuses

OTHERS = "pid <> pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'"


@pytest.fixture
def proxy(rig: Rig) -> Iterator[DatabaseProxy]:
    made = DatabaseProxy(rig.server.port)
    yield made
    rig.close()
    made.close()


def behind(rig: Rig, proxy: DatabaseProxy) -> FunctionProcess:
    """A process that reaches the database through the proxy."""
    url = make_url(rig.environment["DATABASE_URL"]).set(port=proxy.port)
    return rig.process(DATABASE_URL=url.render_as_string(hide_password=False))


@contextmanager
def failing(rig: Rig, state: str, passes: int) -> Iterator[None]:
    """The statement after `passes` others that change messages fails with this SQLSTATE, and no other does."""
    rig.world.sql("CREATE SEQUENCE changes")
    rig.world.sql("GRANT USAGE ON SEQUENCE changes TO PUBLIC")
    rig.world.sql(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF nextval('changes') = {passes + 1} THEN RAISE EXCEPTION 'as asked for' USING ERRCODE = '{state}'; END IF;"
        " RETURN NULL; END $$"
    )
    rig.world.sql("CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON message EXECUTE FUNCTION fail()")
    try:
        yield
    finally:
        rig.world.sql("DROP TRIGGER fail ON message")
        rig.world.sql("DROP FUNCTION fail")
        rig.world.sql("DROP SEQUENCE changes")


def terminate(rig: Rig, process_state: str = "%") -> int:
    """Ends the connections of all others that are in this state; how many."""
    statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OTHERS} AND state LIKE :state"
    return len(rig.world.sql(statement, state=process_state))


@pytest.mark.parametrize("how", ["close", "silence"])
def test_18_lost_answer_of_the_record(rig: Rig, proxy: DatabaseProxy, how: str) -> None:
    mailing_id, chunks = rig.dispatched()
    worker = behind(rig, proxy)
    proxy.lose("WITH verdict AS", "answer", "close" if how == "close" else "silence")
    assert rig.send(chunks, worker) == []
    assert proxy.lost == 1
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5}), "written once; the repetition met the fence"


def test_18_lost_question_of_the_record(rig: Rig, proxy: DatabaseProxy) -> None:
    mailing_id, chunks = rig.dispatched()
    worker = behind(rig, proxy)
    proxy.lose("WITH verdict AS", "question")
    assert rig.send(chunks, worker) == []
    assert proxy.lost == 1
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5}), "a record is tried again on another connection"


def test_18_lost_answer_of_the_record_of_a_deferral(rig: Rig, proxy: DatabaseProxy) -> None:
    mailing_id, chunks = rig.dispatched()
    rig.provider.configure(faults=[{"kind": "status", "status": 503, "first_calls": 1}])
    proxy.lose("WITH verdict AS", "answer")
    assert rig.send(chunks, behind(rig, proxy)) == []
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 5})
    assert rig.rows("attempts", mailing_id) == [(2,)] * 5


@pytest.mark.parametrize("what", ["answer", "question"])
def test_18_lost_answer_of_the_claim(rig: Rig, proxy: DatabaseProxy, what: str) -> None:
    mailing_id, chunks = rig.dispatched()
    worker = behind(rig, proxy)
    proxy.lose("claimed AS (", "answer" if what == "answer" else "question")
    assert rig.send(chunks, worker) == ["0"], "SQS will bring it again"
    assert (proxy.lost, rig.ledger()) == (1, [])
    assert rig.send(chunks, worker) == []
    found = rig.settled(mailing_id)
    if what == "question" or rig.honours_key:
        assert (found.calls, statuses(found)) == (5, {"sent": 5})
    else:
        assert (found.calls, found.parked) == (0, 5), "claimed by nobody knows whom: as if its worker had died"


@pytest.mark.parametrize(
    "piece", ["coalesce(started_by", "WITH slice AS", "commit", "CROSS JOIN LATERAL", "run_lease_until = NULL WHERE"]
)
@pytest.mark.parametrize("what", ["answer", "question"])
def test_18_lost_answer_in_a_run(rig: Rig, proxy: DatabaseProxy, piece: str, what: str) -> None:
    rig.world.add_clients(20)
    mailing = rig.world.write()
    runner = behind(rig, proxy)
    if what == "answer":
        proxy.lose(piece, "answer", "close")
    else:
        proxy.lose(piece, "question", "reset")
    assert rig.run(mailing.id, runner) == ["0"]
    assert proxy.lost == 1
    rig.world.clock.advance(seconds=6)
    rig.run(mailing.id, runner)
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (20, {"sent": 20})


def test_18_lost_answer_of_the_last_commit(rig: Rig, proxy: DatabaseProxy) -> None:
    mailing_id, chunks = rig.dispatched()
    rig.send(chunks)
    rig.world.clock.advance(seconds=2)
    proxy.lose("final_counts = CAST", "answer")
    rig.run(mailing_id, behind(rig, proxy))
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})


def test_19_failover_while_idle(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    rig.send(chunks[:1])
    assert terminate(rig, "idle") >= 1
    assert rig.send(chunks[1:]) == []
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


@pytest.mark.parametrize("how", ["close", "reset"])
def test_19_idle_connection_found_dead(rig: Rig, proxy: DatabaseProxy, how: str) -> None:
    mailing_id, chunks = rig.dispatched(10)
    worker = behind(rig, proxy)
    rig.send(chunks[:1], worker)
    proxy.lose("SELECT 1", "question", "reset" if how == "reset" else "close")
    assert rig.send(chunks[1:], worker) == []
    assert proxy.lost == 1
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


@pytest.mark.parametrize("point", ["before record", "after claim", "after call"])
def test_19_connection_ended_under_a_worker(rig: Rig, point: str) -> None:
    mailing_id, chunks = rig.dispatched()
    worker = rig.freezes(rig.sending(chunks, Trap(point, "freeze")))
    terminate(rig)
    worker.thaw()
    failed = worker.result()["batchItemFailures"]
    assert not failed, "from the claim on nothing depends on that connection"
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})


@pytest.mark.parametrize("point", ["after plan", "before commit", "after lease", "after mark", "before settle"])
def test_19_connection_ended_in_mid_transaction_of_a_run(rig: Rig, point: str) -> None:
    rig.world.add_clients(20)
    mailing = rig.world.write()
    runner = rig.freezes(rig.running(mailing.id, Trap(point, "freeze")))
    terminate(rig)
    runner.thaw()
    runner.result()
    rig.world.clock.advance(seconds=6)
    found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (20, {"sent": 20})


@pytest.mark.parametrize("crash", [False, True], ids=["stopped", "crashed"])
def test_19_server_goes_away_and_comes_back(rig: Rig, crash: bool) -> None:
    mailing_id, chunks = rig.dispatched(20)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before record", "freeze")))
    if crash:
        os.kill(rig.server.pid, signal.SIGQUIT)  # no goodbye, no checkpoint: it recovers from its log
        rig.waits(lambda: not rig.server.running)
    rig.server.stop()
    assert rig.send(chunks[1:2]) == ["0"], "the claim reaches no database: the chunk goes back to SQS"
    worker.thaw()
    rig.server.start()
    assert worker.result() == {"batchItemFailures": []}, "the record waits for it"
    assert rig.send(chunks[1:]) == []
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (20, {"sent": 20})


def test_19_server_away_for_longer_than_a_record_waits(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(10)
    worker = rig.freezes(rig.sending(chunks[:1], Trap("before record", "freeze")))
    rig.server.stop()
    worker.thaw()
    assert worker.result() == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    rig.server.start()
    found = rig.settled(mailing_id)
    assert found.deliveries == (10 if rig.honours_key else 5 + 5)
    assert found.delivered_unknown == (0 if rig.honours_key else 5), "left to its lease"


def test_19_deadlock(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched()
    ids = ids_of(chunks)
    worker = rig.freezes(rig.sending(chunks, Trap("before record", "freeze")))
    with rig.world.owner_engine.connect() as rival:
        rival.execute(text("SET LOCAL deadlock_timeout = '10s'"))  # so that it is the worker who is told
        rival.execute(text("SELECT 1 FROM message WHERE id = :id FOR UPDATE"), {"id": ids[2]})
        worker.thaw()
        rig.waits(lambda: rig.world.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != [])
        others = [id_ for id_ in ids if id_ != ids[2]]
        rival.execute(text("SELECT 1 FROM message WHERE id = ANY(:ids) FOR UPDATE"), {"ids": others})
        rival.rollback()
    assert worker.result() == {"batchItemFailures": []}
    [(deadlocks,)] = rig.world.sql("SELECT count(*) FROM message WHERE lease_until IS NOT NULL")
    assert deadlocks == 0
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})


@pytest.mark.parametrize("state", ["40001", "40P01", "57P01", "53300"])
@pytest.mark.parametrize("job", ["claim", "record", "run"])
def test_19_serialization_failure_and_its_like(rig: Rig, job: str, state: str) -> None:
    """PostgreSQL itself raises it, at the first statement that touches the table after the claim, at it, or in a run."""
    rig.world.add_clients(10)
    mailing = rig.world.write()
    if job != "run":
        rig.run(mailing.id)
    with failing(rig, state, passes=1 if job == "record" else 0):
        if job == "run":
            assert rig.run(mailing.id) == ["0"]
            rig.world.clock.advance(seconds=6)
        else:
            chunks = rig.take_chunks()
            assert rig.send(chunks) == ([] if job == "record" else ["0"])
            if job == "claim":
                rig.send(chunks)
        found = rig.settled(mailing.id)
    assert (found.calls, statuses(found)) == (10, {"sent": 10})


def test_19_socket_timeout(rig: Rig) -> None:
    """The database holds the record up for longer than the socket's patience; it may be carried out all the same."""
    mailing_id, chunks = rig.dispatched()
    worker = rig.freezes(rig.sending(chunks, Trap("before record", "freeze")))
    with rig.world.owner_engine.connect() as rival:
        rival.execute(text("SELECT 1 FROM message FOR UPDATE"))
        worker.thaw()
        rig.waits(lambda: len(rig.world.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) > 1)
        rival.rollback()
    assert worker.result() == {"batchItemFailures": []}
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (5, {"sent": 5})


def test_19_cancel_holds_while_the_database_fails_over(rig: Rig) -> None:
    mailing_id, chunks = rig.dispatched(20)
    mailings.cancel(rig.world.engine, rig.world.owner, mailing_id, clock=rig.world.clock)
    canceller = rig.freezes(rig.running(mailing_id, Trap("before commit", "freeze")))
    terminate(rig)
    canceller.thaw()
    canceller.result()
    rig.send(chunks)
    rig.world.clock.advance(seconds=6)
    found = rig.settled(mailing_id)
    assert (found.calls, statuses(found)) == (0, {"cancelled": 20})


def test_an_idle_connection_that_a_network_forgot_costs_seconds_and_no_statement(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What forgets it says nothing: no answer comes to the first question after the pause."""
    monkeypatch.setattr(dialect, "PING_SECONDS", 0.3)
    gateway = DatabaseProxy(rig.server.port)
    url = make_url(rig.environment["DATABASE_URL"]).set(port=gateway.port)
    made = engine.build_engine(read_settings(dict(rig.environment) | {"DATABASE_URL": url.render_as_string(hide_password=False)}))
    try:
        with made.connect() as connection:
            [[first, usual]] = connection.execute(text("SELECT pg_backend_pid(), 1")).all()
        gateway.lose("SELECT 1", "question", "silence")
        begun = monotonic()
        with made.connect() as connection:
            assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != first
            assert connection.connection.dbapi_connection._usock.gettimeout() == 30, "statements have their own time"  # type: ignore[union-attr]  # it is connected
        assert gateway.lost == usual
        assert monotonic() - begun < 15, "and not the 30 s that a statement may take"
    finally:
        made.dispose()
        gateway.close()
