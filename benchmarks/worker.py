"""The sending function, called with full events as Lambda calls it, on a real PostgreSQL and a provider that answers at once or late."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.figures import Figure
from benchmarks.memory import peak_megabytes
from benchmarks.meter import Meter, Spent
from benchmarks.place import ANALYSED, FRESH, STATES, Place, apart, set_environment
from benchmarks.planning import plan
from benchmarks.stub import stub

PART = "worker"
_CHUNK, _CHUNKS_AN_EVENT = 25, 10


class _Context:
    """As much of Lambda's context as the function looks at."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 90_000


def events(mailing_id: int, ids: Sequence[int]) -> list[dict[str, Any]]:
    """SQS events of ten chunks each."""
    chunks = [ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK)]
    records = [
        {"messageId": str(number), "body": json.dumps({"v": 1, "mailing_id": mailing_id, "message_ids": list(chunk)})}
        for number, chunk in enumerate(chunks)
    ]
    return [{"Records": records[start : start + _CHUNKS_AN_EVENT]} for start in range(0, len(records), _CHUNKS_AN_EVENT)]


def send(server_pid: int, url: str, provider: str, mailing_id: int, ids: Sequence[int]) -> tuple[Spent, float]:
    """Sends these messages; what it took, and the peak of this process's memory in MB."""
    set_environment({"DATABASE_URL": url, "PROVIDER_URL": provider, "PROVIDER_TOKEN": "bench"})
    from chalicelib.sending import handler
    from chalicelib.storage.engine import engine

    batches = events(mailing_id, ids)
    handler.send(batches[0], _Context)  # the first call opens connections and threads
    with Meter(server_pid, engine()) as meter:
        for batch in batches[1:]:
            answer = handler.send(batch, _Context)
            assert answer == {"batchItemFailures": []}, answer
    engine().dispose()
    return meter.spent, peak_megabytes()


def _prepared(place: Place, clients: int, state: str) -> tuple[int, list[int]]:
    """A mailing whose messages are all planned: its id and theirs."""
    place.have_clients(clients)
    place.forget_mailings()
    mailing = place.write_mailing()
    apart(plan, place.server_pid, place.url, mailing)
    if state == ANALYSED:
        place.analyze()
    return mailing, [row[0] for row in place.sql("SELECT id FROM message ORDER BY id")]


def measure(place: Place, messages: int, rounds: int) -> Iterator[Figure]:
    """Sends `messages` at once and then, a tenth as many, at 50 ms a call."""
    for state in STATES:
        yield from _measure(place, messages, rounds, state)


def _measure(place: Place, messages: int, rounds: int, state: str) -> Iterator[Figure]:
    own, backend, server, rates, slow, log_bytes = [], [], [], [], [], []
    memory = 0.0
    with stub() as instant, stub(0.05) as late:
        for _ in range(rounds):
            mailing, ids = _prepared(place, messages + 5_000, state)
            dispatched(place, ids)
            spent, memory = apart(send, place.server_pid, place.url, instant, mailing, ids[:messages])
            done = messages - _CHUNK * _CHUNKS_AN_EVENT
            own.append(spent.own * 1000 / done)
            backend.append(spent.backend * 1000 / done)
            server.append(spent.server * 1000 / done)
            log_bytes.append(spent.log_bytes / done)
            rates.append(done / spent.wall)
            spent, _ = apart(send, place.server_pid, place.url, late, mailing, ids[messages:])
            slow.append((len(ids) - messages - _CHUNK * _CHUNKS_AN_EVENT) / spent.wall)
            assert place.sql("SELECT count(*) FROM message WHERE status = 2")[0][0] == len(ids)
    yield Figure(PART, f"CPU a message, all of Python, {state}", "ms", own, 1.0)
    yield Figure(PART, f"CPU a message of its PostgreSQL backend (claim and record), {state}", "ms", backend, 0.12)
    yield Figure(PART, f"CPU a message of all of PostgreSQL, {state}", "ms", server)
    yield Figure(PART, f"PostgreSQL's log a message (claim and record), {state}", "bytes", log_bytes)
    yield Figure(PART, f"messages of one function, instant provider, {state}", "1/s", rates)
    yield Figure(PART, f"messages of one function, 50 ms a call, {state}", "1/s", slow, 350, at_least=True)
    yield Figure(PART, f"memory of the function, {state}", "MB", [memory])


def dispatched(place: Place, ids: Sequence[int]) -> None:
    """Marks messages as a run does that hands them to SQS."""
    place.sql("UPDATE message SET dispatched_at = now() WHERE id = ANY(CAST(:ids AS bigint[]))", ids=list(ids))


def growth(place: Place, small: int, large: int, rounds: int) -> Iterator[Figure]:
    """CPU a message in a mailing of `large`, as a multiple of that in one of `small`: the same number sent in both."""
    ratios_own, ratios_server = [], []
    with stub() as provider:
        for _ in range(rounds):
            spent = {}
            for clients in (small, large):
                place.sql("DELETE FROM mailing")
                place.sql("DELETE FROM client WHERE id > (SELECT min(id) + :clients - 1 FROM client)", clients=clients)
                mailing, ids = _prepared(place, clients, FRESH)
                # Evenly from all of it, in chunks as a run makes them.
                step = max(len(ids) // small, 1) * _CHUNK
                chosen = [id_ for start in range(0, len(ids), step) for id_ in ids[start : start + _CHUNK]][:small]
                dispatched(place, chosen)
                spent[clients], _ = apart(send, place.server_pid, place.url, provider, mailing, chosen)
            ratios_own.append(spent[large].own / spent[small].own)
            ratios_server.append(spent[large].backend / spent[small].backend)
    named = f"sending in a mailing of {large:,} ÷ of {small:,}"
    yield Figure("growth", f"{named}: CPU of the function", "×", ratios_own, 1.15)
    yield Figure("growth", f"{named}: CPU of its backend", "×", ratios_server, 1.15)
