"""The whole local stack: API, run, SQS, workers, provider; what the service that this one replaces took on the same two cores.

The original (Django, Celery, Redis) sent 2,160 messages in 10.1 s with a provider that answers at once and in 146 s with one that takes
50 ms: 214 and 14.8 messages a second.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from benchmarks.figures import Figure
from benchmarks.meter import server_cpu
from local.api import Api
from local.ledger import ProviderClient
from local.settings import Ports
from local.stack import PASSWORD, SUPERUSER, Stack

PART = "whole stack"
ORIGINAL_INSTANT, ORIGINAL_SLOW = 214.0, 14.8
_PATIENCE = 300.0


@dataclass(frozen=True, slots=True)
class Result:
    """One mailing: messages a second from the start of its run to its last status, and CPU in ms a message."""

    rate: float
    first: float
    """Seconds from the start of the run to the provider's first call."""
    functions: float
    postgres: float
    endpoint: float
    provider: float


def measure(rounds: int, large: int) -> Iterator[Figure]:
    """Mailings to 2,160 clients, at once and at 50 ms a call, and to `large` clients."""
    with tempfile.TemporaryDirectory(prefix="mailing-api-bench-") as folder, Stack(Path(folder), Ports.free()) as stack:
        api = Api(stack.url)
        api.login(SUPERUSER, PASSWORD)
        provider = ProviderClient(stack.provider.url)
        api.post("/add-users")
        send(stack, api, provider, 2160, 0)  # functions get warm
        instant = [send(stack, api, provider, 2160, 0) for _ in range(rounds)]
        slow = [send(stack, api, provider, 2160, 50) for _ in range(rounds)]
        _add_clients(api, large - 2160)
        many = [send(stack, api, provider, large, 0) for _ in range(rounds)]
        api.close()
        provider.close()
    yield from _figures("2,160, instant", instant, ORIGINAL_INSTANT, 5)
    yield from _figures("2,160 at 50 ms", slow, ORIGINAL_SLOW, 40)
    yield from _figures(f"{large:,}, instant", many, ORIGINAL_INSTANT, 7)
    for name, what in (
        ("functions", "functions"),
        ("postgres", "PostgreSQL"),
        ("endpoint", "AWS endpoint"),
        ("provider", "provider"),
    ):
        yield Figure(PART, f"{large:,}, instant: CPU a message of {what}", "ms", [getattr(each, name) for each in many])


def _figures(what: str, results: list[Result], original: float, times: float) -> Iterator[Figure]:
    yield Figure(PART, f"{what}: messages", "1/s", [each.rate for each in results])
    yield Figure(PART, f"{what}: ÷ the original's", "×", [each.rate / original for each in results], times, at_least=True)
    yield Figure(PART, f"{what}: run start to first call", "s", [each.first for each in results], 2)


def _add_clients(api: Api, number: int) -> None:
    for start in range(0, number, 1000):
        rows = [{"phone": f"+4915{start + n:09d}", "time_zone": "UTC"} for n in range(min(1000, number - start))]
        api.post("/api/v1/client", {"clients": rows})


def send(stack: Stack, api: Api, provider: ProviderClient, clients: int, latency: float) -> Result:
    """One mailing to everybody, started at once."""
    provider.reset()
    provider.configure(latency_ms=latency)
    before = _cpu(stack)
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(seconds=1)
    mailing = api.create_mailing("bench", "Hello from a benchmark", start, start + timedelta(hours=2), time_zone="UTC")
    deadline = time.monotonic() + _PATIENCE
    while mailing["status"] != "finished":
        if time.monotonic() > deadline:
            raise RuntimeError(f"not finished: {mailing}")
        time.sleep(0.5)
        mailing = api.mailing(mailing["id"])
    spent = [(now - then) * 1000 / clients for then, now in zip(before, _cpu(stack), strict=True)]
    ledger = provider.summary()
    if not ledger["calls"] == ledger["accepted"] == mailing["counts"]["sent"] == clients:
        raise RuntimeError(f"not what was to be measured: {mailing['counts']}, {ledger}")
    began = _moment(mailing["started_at"])
    last = api.get(f"/api/v1/message?mailing={mailing['id']}&ordering=-id", page_size=500)["results"]
    ended = max(_moment(message["sent_at"]) for message in last)
    return Result(clients / (ended - began), ledger["first_call"] - began, *spent)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _cpu(stack: Stack) -> tuple[float, float, float, float]:
    """CPU seconds until now of functions, PostgreSQL, endpoint, provider."""
    if stack.ministack is None:
        raise RuntimeError("measured on our own endpoint only")
    endpoint = psutil.Process(stack.ministack.pid).cpu_times()
    own = endpoint.user + endpoint.system
    provider = psutil.Process(stack.provider.pid).cpu_times()
    functions = server_cpu(stack.ministack.pid) - own
    return functions, server_cpu(stack.postgres.pid), own, provider.user + provider.system
