"""Planning a mailing: how long, at what cost for PostgreSQL, and whether the function's memory stays flat."""

from collections.abc import Iterator, Sequence

from benchmarks.figures import Figure
from benchmarks.memory import peak_megabytes
from benchmarks.meter import Meter, Spent
from benchmarks.place import ANALYSED, STATES, Place, apart, settings_for
from chalicelib.domain.status import StartSource
from chalicelib.scheduling.run import RunTools, advance_mailing
from chalicelib.storage.engine import build_engine

_LAST_HOP = 10**9  # a run that late in its chain asks for no further one
PART = "plan"


def plan(server_pid: int, url: str, mailing_id: int) -> tuple[Spent, float]:
    """Plans a whole mailing, dispatching no more than one message; what it took, and the peak of this process's memory in MB."""
    chosen = settings_for(url, MAX_DISPATCHED="1")
    engine = build_engine(chosen)
    tools = RunTools(engine, chosen, send_many=_sent)
    with Meter(server_pid, engine) as meter:
        figures = advance_mailing(tools, mailing_id, StartSource.SCHEDULE, hop=_LAST_HOP)
    engine.dispose()
    assert figures is not None
    return meter.spent, peak_megabytes()


def _sent(_queue_url: str, _bodies: Sequence[dict[str, object]], _group: str) -> list[int]:
    return []


def measure(place: Place, clients: int, rounds: int) -> Iterator[Figure]:
    """Plans a mailing to `clients` clients `rounds` times; the last one's messages stay."""
    place.have_clients(clients)
    for state in STATES:
        yield from _measure(place, clients, rounds, state)


def _measure(place: Place, clients: int, rounds: int, state: str) -> Iterator[Figure]:
    spent, memory = [], 0.0
    for _ in range(rounds):
        place.forget_mailings()
        if state == ANALYSED:
            place.analyze()
        each, memory = apart(plan, place.server_pid, place.url, place.write_mailing())
        spent.append(each)
    many = f"{clients:,} clients, {state}"
    goal = clients / 1_000_000 * 20
    yield Figure(PART, f"{many}: whole", "s", [each.wall for each in spent], goal if clients >= 1_000_000 else None)
    yield Figure(PART, f"{many}: PostgreSQL CPU a message", "ms", [each.server * 1000 / clients for each in spent])
    yield Figure(PART, f"{many}: function CPU a message", "ms", [each.own * 1000 / clients for each in spent])
    yield Figure(PART, f"{many}: PostgreSQL's log a message", "bytes", [each.log_bytes / clients for each in spent])
    yield Figure(PART, f"{many}: memory of the function", "MB", [memory], 150)
