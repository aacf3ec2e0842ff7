"""What a request to the API costs: CPU of the function, and of PostgreSQL, on tables of a million rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from benchmarks.figures import Figure
from benchmarks.memory import peak_megabytes
from benchmarks.meter import Meter
from benchmarks.place import Place, apart, set_environment
from benchmarks.planning import plan
from chalicelib.services.logins import issue

PART = "API"


@dataclass(frozen=True, slots=True)
class Request:
    """One kind of request, and its goals in ms: CPU of the function, CPU of PostgreSQL, time spent waiting for PostgreSQL."""

    what: str
    path: str
    body: Any = None
    own: float | None = None
    server: float | None = None
    waiting: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds a request."""

    own: float
    server: float
    waiting: float


class _Context:
    function_name = "api"
    function_version = "1"
    invoked_function_arn = "arn"
    memory_limit_in_mb = 512
    aws_request_id = "bench"
    log_group_name = "bench"
    log_stream_name = "bench"


def ask(server_pid: int, url: str, token: str, asked: list[Request], times: int) -> tuple[dict[str, Cost], float]:
    """What each kind of request costs, and the peak of the process's memory in MB."""
    set_environment({"DATABASE_URL": url, "PUBLIC_URL": "http://localhost:8000"})
    from chalice.local import LambdaEventConverter, RouteMatcher

    from app import app
    from chalicelib.storage.engine import engine

    converter = LambdaEventConverter(RouteMatcher(list(app.routes)))
    headers = {"authorization": f"Token {token}", "content-type": "application/json"}
    costs = {}
    for request in asked:
        made = [json.dumps(request.body(number)).encode() if request.body else b"" for number in range(times + 1)]
        method = "POST" if request.body else "GET"
        sent = [converter.create_lambda_event(method, request.path, headers, body) for body in made]
        _call(app, sent[0])
        with Meter(server_pid, engine()) as meter:
            for event in sent[1:]:
                _call(app, event)
        spent = meter.spent
        costs[request.what] = Cost(spent.own * 1000 / times, spent.server * 1000 / times, spent.database * 1000 / times)
    engine().dispose()
    return costs, peak_megabytes()


def _call(app: Any, event: dict[str, Any]) -> None:
    answer = app(event, _Context)
    assert answer["statusCode"] < 300, answer


def new_client(number: int) -> dict[str, str]:
    """A client that is not there yet."""
    return {"phone": f"+4915{number:09d}", "time_zone": "UTC"}


def measure(place: Place, size: int, rounds: int) -> Iterator[Figure]:
    """Requests about `size` clients and two mailings of `size` messages, one running and one finished."""
    running, finished = fill(place, size)
    with place.engine.begin() as connection:
        token = issue(connection, place.owner, "bench", timedelta(days=1)).token
    deep = place.sql(
        "SELECT id FROM message WHERE mailing_id = :id ORDER BY id OFFSET :skip LIMIT 1", id=running, skip=size * 9 // 10
    )
    client = place.sql("SELECT max(id) FROM client")[0][0]
    cursor = f"cursor=after:{deep[0][0]}"
    asked = [
        Request("one client", f"/api/v1/client/{client}", own=2, server=1),
        Request("list of 100 clients", "/api/v1/client?page_size=100", own=6, server=2),
        Request("100 clients, nine tenths down", f"/api/v1/client?page_size=100&cursor=after:{client - size // 10}", server=5),
        Request("100 clients of a rare tag", "/api/v1/client?page_size=100&tag=rare", server=5),
        Request("100 clients of a common tag", "/api/v1/client?page_size=100&tag=tag7", server=5),
        Request("100 clients of a rare operator code", "/api/v1/client?page_size=100&operator_code=77", server=5),
        Request("100 clients of a phone prefix", "/api/v1/client?page_size=100&phone_prefix=%2B799", server=5),
        Request("create a client", "/api/v1/client", new_client),
        Request("100 messages, nine tenths down", f"/api/v1/message?mailing={running}&page_size=100&{cursor}", server=5),
        Request("100 failed messages of all", "/api/v1/message?status=4&page_size=100", server=5),
        Request("100 failed messages of a mailing", f"/api/v1/message?status=4&mailing={finished}&page_size=100", server=5),
        Request("messages-in-mailing, finished", f"/api/v1/messages-in-mailing/{finished}?page_size=100", server=5),
        Request("statistics of a finished mailing", f"/api/v1/mailing/{finished}", server=2),
    ]
    slow = [
        Request("statistics of a running mailing", f"/api/v1/mailing/{running}", waiting=80),
        Request("statistic-messages", "/api/v1/statistic-messages"),
    ]
    found: dict[str, list[Cost]] = {}
    memory = 0.0
    for _ in range(rounds):
        place.sql("DELETE FROM client WHERE phone LIKE '+4915%'")
        for requests, times in ((asked, 100), (slow, 5)):
            costs, memory = apart(ask, place.server_pid, place.url, token, requests, times)
            for what, cost in costs.items():
                found.setdefault(what, []).append(cost)
    for request in asked + slow:
        costs_of_it = found[request.what]
        yield Figure(PART, f"{request.what}: CPU of the function", "ms", [cost.own for cost in costs_of_it], request.own)
        yield Figure(PART, f"{request.what}: CPU of PostgreSQL", "ms", [cost.server for cost in costs_of_it], request.server)
        if request.waiting is not None:
            yield Figure(PART, f"{request.what}: in PostgreSQL", "ms", [cost.waiting for cost in costs_of_it], request.waiting)
    yield Figure(PART, "memory of the function", "MB", [memory])


def fill(place: Place, size: int) -> tuple[int, int]:
    """Two mailings to `size` clients: one in the middle of its run, one finished."""
    place.have_clients(size)
    place.sql("UPDATE client SET tags = CASE WHEN mod(id, 200000) = 0 THEN '{rare}' ELSE ARRAY['tag' || mod(id, 50)] END")
    running, finished = place.write_mailing(), place.write_mailing()
    for mailing in (running, finished):
        apart(plan, place.server_pid, place.url, mailing)
    place.sql(
        "UPDATE message SET status = CASE WHEN mod(id, 1000) = 0 THEN 4 ELSE 2 END, sent_at = now() WHERE mailing_id = :id",
        id=finished,
    )
    place.sql(
        "UPDATE message SET status = CASE WHEN mod(id, 1000) = 0 THEN 4 ELSE 2 END, sent_at = now()"
        " WHERE mailing_id = :id AND mod(id, 3) < 2",
        id=running,
    )
    counts = dict(place.sql("SELECT status, count(*) FROM message WHERE mailing_id = :id GROUP BY status", id=finished))
    kept = {"waiting": 0, "sent": counts[2], "expired": 0, "failed": counts[4], "cancelled": 0, "total": size}
    place.sql(
        "UPDATE mailing SET status = 'finished', finished_at = now(), next_run_at = NULL, final_counts = CAST(:kept AS jsonb)"
        " WHERE id = :id",
        kept=json.dumps(kept),
        id=finished,
    )
    place.analyze()
    assert sum(counts.values()) == size
    return running, finished
