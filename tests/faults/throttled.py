"""Throughput at a provider that throttles: `make throttle`. Real workers, a real provider, the product's own settings.

Each limit is measured on a database of its own, from the first call on: a provider whose limit nobody knows yet.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chalicelib.services.mailings import NewMailing
from local.console import guarded
from local.postgres import PostgresServer
from local.process import free_port
from local.provider.ledger import Call
from tests.faults.balance import read_ledger
from tests.faults.sites import opened
from tests.faults.storm import Site, Storm

LEARNING = 20.0
"""Seconds after which the limit must be known."""
_MESSAGES = 20_000
_LATENCY_MS = 30


@dataclass(frozen=True, slots=True)
class Phase:
    """A limit for some seconds."""

    rate: float
    seconds: float
    more: dict[str, Any]

    @property
    def name(self) -> str:
        details = "".join(f", {name} {value}" for name, value in self.more.items())
        return f"{self.rate:g} a second{details}"


@dataclass(frozen=True, slots=True)
class Measured:
    """Calls of one phase; `known` are those from LEARNING seconds on."""

    phase: Phase
    allowed: float
    accepted: int
    refused: int
    refused_before: int

    @property
    def used(self) -> float:
        return self.accepted / self.allowed

    @property
    def refused_share(self) -> float:
        return self.refused / max(self.accepted + self.refused, 1)


SCENES: Sequence[Sequence[Phase]] = (
    [Phase(5, 60, {})],
    [Phase(5, 60, {"retry_after": "1"})],
    [Phase(50, 60, {})],
    [Phase(50, 60, {"window_seconds": 1})],
    [Phase(20, 45, {}), Phase(5, 45, {}), Phase(50, 60, {})],
    [Phase(50, 45, {"window_seconds": 1}), Phase(5, 45, {"window_seconds": 1}), Phase(50, 70, {"window_seconds": 1})],
)


def measured(site: Site, phases: Sequence[Phase], seed: int) -> list[Measured]:
    """Measures one phase after the other, without a pause, while two mailings run."""
    found = []
    with Storm(site, seed, workers=3) as storm:
        for number, phase in enumerate(phases):
            fault = {"kind": "throttle", "rate": phase.rate, **phase.more}
            site.provider.configure(latency_ms=_LATENCY_MS, jitter_ms=_LATENCY_MS, faults=[fault])
            if number == 0:
                now = datetime.now(UTC).replace(tzinfo=None)
                for name in ("first", "second"):
                    storm.write(NewMailing(name, "hello", now, now + timedelta(days=1), time_zone="UTC"))
                while not read_ledger(site.service.folder):
                    time.sleep(0.1)
            begun = time.time()
            time.sleep(phase.seconds)
            found.append(_read(phase, read_ledger(site.service.folder), begun, time.time()))
        site.sql("UPDATE mailing SET status = 'cancelled', next_run_at = now()")
        if storm.escaped:
            raise AssertionError(storm.escaped)
    return found


def _read(phase: Phase, calls: Sequence[Call], begun: float, ended: float) -> Measured:
    known = [call for call in calls if begun + LEARNING <= call.at < ended]
    before = [call for call in calls if begun <= call.at < begun + LEARNING]
    accepted = sum(call.delivered for call in known)
    allowed = phase.rate * (ended - begun - LEARNING)
    return Measured(phase, allowed, accepted, len(known) - accepted, sum(not call.delivered for call in before))


def table(found: Sequence[Measured]) -> Table:
    made = Table("limit", title="Throughput at a provider that throttles, from 20 seconds after the limit began")
    for name in ("allowed a second", "accepted a second", "of the allowed", "refused", "refused in the first 20 s"):
        made.add_column(name, justify="right")
    for each in found:
        seconds = each.allowed / each.phase.rate
        good = each.used >= 0.85 and each.refused_share <= 0.05
        made.add_row(
            each.phase.name,
            f"{each.phase.rate:g}",
            f"{each.accepted / seconds:.1f}",
            f"{each.used:.0%}",
            f"{each.refused_share:.1%}",
            f"{each.refused_before:,}",
            style=None if good else "red",
        )
    return made


def main(console: Console) -> int:
    parser = argparse.ArgumentParser(prog="make throttle", description=__doc__)
    parser.add_argument("--scene", type=int, action="append", help="only these, from 0")
    asked = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as name:
        folder = Path(name)
        with PostgresServer(folder / "postgres", free_port(), durable=False) as server:
            for number in asked.scene if asked.scene is not None else range(len(SCENES)):
                console.print(", then ".join(phase.name for phase in SCENES[number]))
                with opened(server, folder, f"scene{number}", _MESSAGES, honours_key=True, settings={}) as site:
                    rows = measured(site, SCENES[number], number)
                for each in rows:
                    console.print(f"  {each.phase.name}: {each.used:.0%} of the allowed, {each.refused_share:.1%} refused")
                found += rows
    console.print(table(found))
    return 0 if all(each.used >= 0.85 and each.refused_share <= 0.05 for each in found) else 1


if __name__ == "__main__":
    sys.exit(guarded(main))
