"""Handing messages to SQS: rows a second of one function, against a queue that takes everything at once."""

from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.meter import Meter, Spent
from benchmarks.place import ANALYSED, STATES, Place, apart, set_environment, settings_for
from benchmarks.planning import plan
from benchmarks.stub import stub
from chalicelib.domain.status import StartSource
from chalicelib.scheduling.run import RunTools, advance_mailing
from chalicelib.storage.engine import build_engine

_LAST_HOP = 10**9
_WANTED = 5_000
PART = "dispatch"


def dispatch(server_pid: int, url: str, mailing_id: int, queue: str) -> tuple[Spent, int]:
    """Dispatches all planned messages of a mailing; what it took, and how many they were."""
    set_environment({"AWS_ENDPOINT_URL": queue, "DATABASE_URL": url})
    chosen = settings_for(url, MAX_DISPATCHED="1000000000", MESSAGES_QUEUE_URL=f"{queue}/messages")
    engine = build_engine(chosen)
    with Meter(server_pid, engine) as meter:
        figures = advance_mailing(RunTools(engine, chosen), mailing_id, StartSource.SCHEDULE, hop=_LAST_HOP)
    engine.dispose()
    assert figures is not None
    return meter.spent, figures.dispatched


def measure(place: Place, clients: int, rounds: int) -> Iterator[Figure]:
    """Dispatches a planned mailing to `clients` clients."""
    place.have_clients(clients)
    for state in STATES:
        yield from _measure(place, rounds, state)


def _measure(place: Place, rounds: int, state: str) -> Iterator[Figure]:
    rates, shares, backend, own = [], [], [], []
    with stub() as queue:
        for _ in range(rounds):
            place.forget_mailings()
            mailing = place.write_mailing()
            apart(plan, place.server_pid, place.url, mailing)
            if state == ANALYSED:
                place.analyze()
            place.sql("UPDATE mailing SET next_run_at = now()")
            spent, rows = apart(dispatch, place.server_pid, place.url, mailing, queue)
            rates.append(rows / spent.wall)
            shares.append(spent.database / rows * _WANTED * 100)
            backend.append(spent.backend * 1000 / rows)
            own.append(spent.own * 1000 / rows)
    yield Figure(PART, f"rows of one function, {state}", "1/s", rates, _WANTED, at_least=True)
    yield Figure(PART, f"time in the database, of a second with {_WANTED:,} rows, {state}", "%", shares, 20)
    yield Figure(PART, f"PostgreSQL CPU a message, {state}", "ms", backend)
    yield Figure(PART, f"function CPU a message, {state}", "ms", own)
