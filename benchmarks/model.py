"""How long N messages take and what they cost, on paper: `python -m benchmarks.model`.

Fed with the service times that `make bench` measured (benchmarks/measured.json, or a newer build/bench.json) and AWS's quotas. A mailing
is a pipe: planning, dispatch, workers, database, provider; the narrowest part decides, and before it stands the time in which
Lambda scales. Printed for the local stack, too, where it can be compared with what was measured.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import prices
from benchmarks.figures import number

HERE = Path(__file__).parent
CHUNK = 25
CHUNKS_AN_INVOCATION = 10
STARTING_WORKERS = 5
"""SQS polls for Lambda with five batches at first …"""
WORKERS_A_SECOND = 300 / 60
"""… and adds up to 300 a minute (AWS Lambda Developer Guide, "Using Lambda with Amazon SQS")."""
COLD_START = 1.5
"""Seconds: import of the function on its share of a processor, sandbox, connection."""
DATABASE_USE = 0.7
"""More than this of the database's processors is not counted on."""


@dataclass(frozen=True, slots=True)
class Service:
    """Measured, in seconds of CPU a message unless said otherwise."""

    worker: float
    record: float
    plan: float
    dispatch: float
    plan_rate: float
    """Clients a second that one function plans."""
    dispatch_rate: float
    """Messages a second that one function hands to SQS."""
    log_bytes: float
    """Bytes of PostgreSQL's log a message."""
    local_overhead: float
    """CPU of the local endpoint and provider, which on AWS is not ours."""

    @property
    def database(self) -> float:
        return self.record + self.plan + self.dispatch


@dataclass(frozen=True, slots=True)
class Place:
    """Where it runs."""

    name: str
    workers: int
    worker_mb: int
    database_vcpus: float
    provider_rate: float = float("inf")
    """Calls a second that the provider takes."""
    most_dispatched: int = 10_000
    """Messages of one mailing that may be in the queue; a run refills it every second."""
    mailings: int = 1
    """Over how many mailings the messages are spread: each has its own planner and dispatcher."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What comes out."""

    seconds: float
    rate: float
    workers: int
    bottleneck: str
    dollars: float


def forecast(service: Service, place: Place, messages: int, latency: float) -> Forecast:
    """Time from the run's start to the last status, and dollars, for `messages` with a provider that answers in `latency` seconds."""
    share = min(place.worker_mb / prices.LAMBDA_MB_OF_A_VCPU, 1.0)
    chunk_seconds = latency + CHUNK * service.worker / share
    one = CHUNK / chunk_seconds
    limits = {
        "workers": one * place.workers,
        "database": place.database_vcpus * DATABASE_USE / service.database,
        "provider": place.provider_rate,
        "planning": service.plan_rate * place.mailings,
        "dispatch": min(service.dispatch_rate, place.most_dispatched) * place.mailings,
    }
    bottleneck = min(limits, key=lambda name: limits[name])
    most = limits[bottleneck]
    seconds = COLD_START + _ramp(messages, one, most)
    workers = min(place.workers, max(round(most / one), 1), -(-messages // CHUNK))
    return Forecast(seconds, messages / seconds, workers, bottleneck, _dollars(service, place, messages, chunk_seconds, workers))


def _ramp(messages: int, one: float, most: float) -> float:
    """Seconds for `messages` while workers grow from a few to as many as `most` messages a second need."""
    seconds, sent, step = 0.0, 0.0, 0.05
    while True:
        rate = min((STARTING_WORKERS + WORKERS_A_SECOND * seconds) * one, most)
        if rate >= most or sent >= messages:
            return seconds + max(messages - sent, 0) / most
        sent += rate * step
        seconds += step


def _dollars(service: Service, place: Place, messages: int, chunk_seconds: float, workers: int) -> float:
    """Lambda, SQS, Scheduler and what of the database the messages use: without provider, logs and what costs when nothing is sent."""
    chunks = messages / CHUNK
    # Dispatch sends ten chunks a request; a worker's batch is one request to receive and one to delete.
    sqs = chunks / 10 + 2 * chunks / CHUNKS_AN_INVOCATION
    gigabytes = place.worker_mb / 1024
    runs = messages * (1 / service.plan_rate + 1 / service.dispatch_rate) * 0.5  # 512 MB
    lambda_seconds = chunks * chunk_seconds * gigabytes + workers * COLD_START * gigabytes + runs
    acu_hours = messages * service.database / DATABASE_USE / prices.VCPU_OF_AN_ACU / 3600
    return (
        lambda_seconds * prices.LAMBDA_GB_SECOND
        + chunks / CHUNKS_AN_INVOCATION * prices.LAMBDA_REQUEST
        + sqs * prices.SQS_REQUEST
        + place.mailings * prices.SCHEDULER_INVOCATION
        + acu_hours * prices.ACU_HOUR
        + messages * service.log_bytes / prices.AURORA_WRITE_BYTES * prices.AURORA_IO
    )


def local_seconds(service: Service, messages: int, latency: float, *, cores: int, senders: int, first_call: float) -> float:
    """The same for the local stack, whose functions, database, endpoint and provider share the cores."""
    by_workers = senders * CHUNK / (latency + CHUNK * service.worker)
    by_cores = cores / (service.worker + service.database + service.local_overhead)
    return first_call + messages / min(by_workers, by_cores)


def read(path: Path) -> tuple[Service, Mapping[str, float]]:
    """Service times from a file of `make bench`, and all its medians by "part: what"."""
    found = json.loads(path.read_text())
    medians = {f"{line['part']}: {line['what']}": float(line["median"]) for line in found["figures"]}
    planned = "plan: 1,000,000 clients"
    million = 1_000_000
    service = Service(
        worker=medians["worker: CPU a message, all of Python"] / 1000,
        record=medians["worker: CPU a message of all of PostgreSQL"] / 1000,
        plan=medians[f"{planned}: PostgreSQL CPU a message"] / 1000,
        dispatch=medians["dispatch: PostgreSQL CPU a message"] / 1000,
        plan_rate=million / medians[f"{planned}: whole"],
        dispatch_rate=medians["dispatch: rows of one function"],
        log_bytes=medians[f"{planned}: PostgreSQL's log a message"]
        + medians["worker: PostgreSQL's log a message (claim and record)"],
        local_overhead=(
            medians["whole stack: 20,000, instant: CPU a message of AWS endpoint"]
            + medians["whole stack: 20,000, instant: CPU a message of provider"]
        )
        / 1000,
    )
    return service, medians


SMALL = Place("10 workers of 1,024 MB, 4 ACU", workers=10, worker_mb=1024, database_vcpus=1)
LARGE = Place("1,000 workers of 1,024 MB, 128 ACU", workers=1000, worker_mb=1024, database_vcpus=32)
WIDE = replace(LARGE, name="the same, over ten mailings, 256 ACU", database_vcpus=64, mailings=10)


def compared(service: Service, medians: Mapping[str, float]) -> Table:
    """The local stack: forecast beside what was measured."""
    table = Table("local stack, 2 cores", "measured s", "model s", "model ÷ measured", title="Where both exist")
    for messages, latency, what in (
        (2160, 0.0, "2,160, instant"),
        (2160, 0.05, "2,160 at 50 ms"),
        (20_000, 0.0, "20,000, instant"),
    ):
        measured = messages / medians[f"whole stack: {what}: messages"]
        first = medians[f"whole stack: {what}: run start to first call"]
        model = local_seconds(service, messages, latency, cores=2, senders=3, first_call=first)
        table.add_row(what, f"{measured:.1f}", f"{model:.1f}", f"{model / measured:.2f}")
    return table


def forecasts(service: Service) -> Table:
    table = Table(
        "messages",
        "provider answers in",
        "place",
        "time",
        "messages/s",
        "workers",
        "connections",
        "narrowest",
        "$",
        title="On AWS",
    )
    for column in (0, 3, 4, 5, 6, 8):
        table.columns[column].justify = "right"
    for place in (SMALL, LARGE, WIDE):
        for messages in (1_000_000, 10_000_000, 100_000_000):
            for latency in (0.05, 0.3):
                found = forecast(service, place, messages, latency)
                table.add_row(
                    f"{messages:,}",
                    f"{latency * 1000:.0f} ms",
                    place.name,
                    _duration(found.seconds),
                    number(found.rate),
                    f"{found.workers:,}",
                    f"{found.workers + 2 * place.mailings:,}",
                    found.bottleneck,
                    f"{found.dollars:,.2f}",
                )
        table.add_section()
    return table


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model", description="Time and dollars for N messages, on paper.")
    newer = HERE.parent / "build" / "bench.json"
    parser.add_argument("file", nargs="?", type=Path, default=HERE / "measured.json", help=f"what make bench wrote ({newer})")
    service, medians = read(parser.parse_args().file)
    console = Console(soft_wrap=True)
    console.width = max(console.width, 150)
    console.print(compared(service, medians))
    console.print(forecasts(service))
    for place in (SMALL, LARGE):
        million = forecast(service, place, 1_000_000, 0.05).dollars
        console.print(f"{place.name}: ${million:.2f} per million messages, without provider and logs", highlight=False)


if __name__ == "__main__":
    main()
