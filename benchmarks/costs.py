"""What running the service costs on AWS, on paper: `python -m benchmarks.costs`.

Three tables: a month in which nothing is sent, a million messages, and a month of so many messages a day. Durations are those that
`make bench` measured here (as in benchmarks.model, which this builds on), prices those of benchmarks.prices.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import prices
from benchmarks.model import CHUNK, HERE, LARGE, SMALL, WIDE, Place, Service, forecast, read
from local.package import ROOT

LATENCY = 0.05
"""Seconds: what the provider of these tables takes."""
LOG_BYTES_A_CHUNK = 900
"""Of a chunk's one line, metrics and Lambda's own REPORT line with it."""
LOG_BYTES_A_RUN = 700
MESSAGE_BYTES = 650
"""Of a row and its entries in six indexes."""
RECONCILE_SECONDS = 0.15
"""Warm, with nothing to repair."""
DAYS = 30.4


@dataclass(frozen=True, slots=True)
class Size:
    """An idle deployment."""

    name: str
    acus: float
    """Kept at rest, over all instances."""
    nats: int
    storage_gb: float


IDLE = (
    Size("small: one zone", acus=0.5, nats=1, storage_gb=5),
    Size("large: two zones, standby", acus=2 * 4, nats=2, storage_gb=200),
)
DAILY = (
    (1_000, SMALL, IDLE[0]),
    (100_000, SMALL, IDLE[0]),
    (1_000_000, SMALL, IDLE[0]),
    (10_000_000, LARGE, IDLE[1]),
    (100_000_000, WIDE, IDLE[1]),
)


def idle_month(size: Size) -> dict[str, float]:
    """Dollars a month by item, when nothing is sent."""
    minutes = DAYS * 24 * 60
    return {
        "Aurora, capacity at rest": size.acus * prices.ACU_HOUR * DAYS * 24,
        "Aurora, storage": size.storage_gb * prices.AURORA_GB_MONTH,
        "NAT gateway": size.nats * prices.NAT_HOUR * DAYS * 24,
        "public addresses": size.nats * prices.PUBLIC_ADDRESS_HOUR * DAYS * 24,
        "secrets": 5 * prices.SECRET_MONTH,
        "alarms": alarm_metrics() * prices.ALARM_METRIC_MONTH,
        "metrics of our own": own_metrics() * prices.METRIC_MONTH,
        "reconcile": minutes * (prices.LAMBDA_REQUEST + RECONCILE_SECONDS * 0.5 * prices.LAMBDA_GB_SECOND),
        # Each event source asks its queue with five pollers that wait up to 20 s.
        "empty queues": 2 * 5 * 3 * minutes * prices.SQS_REQUEST,
        "logs": minutes * LOG_BYTES_A_RUN / 1e9 * prices.LOG_GB,
    }


def alarm_metrics() -> int:
    """How many metrics the template's alarms watch: that is what CloudWatch counts."""
    found = 0
    for line in (ROOT / "template.yaml").read_text().splitlines():
        found += line.strip().startswith(("MetricName:", "Metric: {"))
    return found


def own_metrics() -> int:
    from chalicelib.observability import UNITS

    return len(UNITS)


def million(service: Service, place: Place) -> dict[str, float]:
    """Dollars for a million messages."""
    chunks = 1_000_000 / CHUNK
    return {
        "Lambda, SQS, Scheduler, database": forecast(service, place, 1_000_000, LATENCY).dollars,
        "logs": (chunks * LOG_BYTES_A_CHUNK + 1000 * LOG_BYTES_A_RUN) / 1e9 * prices.LOG_GB,
        "NAT, what goes through": 1_000_000 * prices.BYTES_A_CALL / 1e9 * prices.NAT_GB,
        "storage, kept a month": 1_000_000 * MESSAGE_BYTES / 1e9 * prices.AURORA_GB_MONTH,
    }


def _sum(items: Mapping[str, float]) -> float:
    return sum(items.values())


def _itemised(title: str, columns: Mapping[str, Mapping[str, float]], digits: int) -> Table:
    table = Table("item", *columns, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for item in next(iter(columns.values())):
        table.add_row(item, *(f"{values[item]:,.{digits}f}" for values in columns.values()))
    table.add_section()
    table.add_row("together", *(f"{_sum(values):,.{digits}f}" for values in columns.values()))
    return table


def _months(service: Service) -> Table:
    table = Table("messages a day", "place", "a day's mailing takes", "messages", "at rest", "$ a month", title="A month")
    for column in (0, 2, 3, 4, 5):
        table.columns[column].justify = "right"
    for daily, place, size in DAILY:
        sending = _sum(million(service, place)) * daily * DAYS / 1e6
        rest = _sum(idle_month(size))
        seconds = forecast(service, place, daily, LATENCY).seconds
        duration = f"{seconds / 60:,.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
        table.add_row(f"{daily:,}", place.name, duration, f"{sending:,.2f}", f"{rest:,.2f}", f"{sending + rest:,.2f}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=HERE / "measured.json", help="what make bench wrote")
    chosen = parser.parse_args().file
    service, _ = read(chosen)
    machine = json.loads(chosen.read_text())["machine"]
    console = Console(soft_wrap=True)
    console.width = max(console.width, 130)
    console.print(f"US dollars, list prices of us-east-1; a provider that answers in {LATENCY * 1000:.0f} ms", highlight=False)
    console.print(f"durations measured on {machine['processors']} processors, Python {machine['python']}", highlight=False)
    console.print(_itemised("A month in which nothing is sent", {size.name: idle_month(size) for size in IDLE}, 2))
    console.print(_itemised("A million messages", {place.name: million(service, place) for place in (SMALL, LARGE)}, 3))
    console.print(_months(service))


if __name__ == "__main__":
    main()
