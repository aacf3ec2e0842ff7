"""The main job before your eyes: clients, a mailing that its schedule starts, progress, and what came of it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.domain.words import counted
from local.api import Api
from local.errors import LocalError
from local.ledger import ProviderClient
from local.stack import PASSWORD, SUPERUSER

CLIENTS = 2160
AHEAD = timedelta(seconds=15)
PATIENCE = 180.0
NAMES = {1: "waiting", 2: "sent", 3: "expired", 4: "failed", 5: "cancelled"}
SENT, OTHERS = 2, (3, 4, 5)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished mailing and its figures."""

    mailing: dict[str, Any]
    late: float
    """Seconds from starts_at to the start of its run."""
    seconds: float
    """From the start of the run to the last message."""

    @property
    def counts(self) -> dict[str, int]:
        counts: dict[str, int] = self.mailing["counts"]
        return counts

    @property
    def rate(self) -> float:
        return self.counts["sent"] / self.seconds if self.seconds else 0.0


def addresses(url: str, inbox: str, started: float) -> Panel:
    """Where a person may look now; `started` is a monotonic moment."""
    table = Table.grid(padding=(0, 2))
    table.add_row("API", f"{url}/api/v1/")
    table.add_row("its documentation", f"{url}/docs")
    table.add_row("admin panel", f"{url}/admin/")
    table.add_row("provider's inbox", inbox)
    table.add_row("log in as", f"{SUPERUSER} / {PASSWORD}")
    return Panel(table, title=f"up after {time.monotonic() - started:.1f} s", expand=False)


def first(console: Console, api: Api, provider: ProviderClient) -> None:
    """The main job as a new stack shows it."""
    provider.configure(latency_ms=50)
    clients = ensure_clients(api)
    mailing = write_mailing(api)
    console.print(f"{counted(clients, 'test client')} in 24 time zones; the first mailing starts at {mailing['starts_at']} UTC")
    show(console, watch(console, api, mailing, clients), provider.summary())


def ensure_clients(api: Api) -> int:
    """The test clients, made unless they are there; returns how many clients there are to send to."""
    api.post("/add-users")
    return CLIENTS


def write_mailing(api: Api) -> dict[str, Any]:
    start = (datetime.now(UTC) + AHEAD).replace(microsecond=0, tzinfo=None)
    return api.create_mailing("The main job", "Hello from mailing-api!", start, start + timedelta(hours=1), time_zone="UTC")


def watch(console: Console, api: Api, mailing: dict[str, Any], expected: int) -> Outcome:
    """A progress bar of the statistics until the mailing is finished."""
    before = api.statistics()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )
    deadline = time.monotonic() + PATIENCE
    with bar:
        task = bar.add_task("waiting for its schedule", total=expected)
        while mailing["status"] != "finished":
            if time.monotonic() > deadline:
                raise LocalError(f"The mailing is still {mailing['status']} after {PATIENCE:.0f} s: {mailing['counts']}.")
            time.sleep(0.3)
            mailing = api.mailing(mailing["id"])
            _advance(bar, task, api, before, "sending" if mailing["started_at"] else "waiting for its schedule")
        _advance(bar, task, api, before, "finished")
    return _figures(api, mailing)


def _advance(bar: Progress, task: TaskID, api: Api, before: dict[int, int], state: str) -> None:
    """Only what was sent fills the bar; what ended otherwise stands beside it."""
    since = {status: number - before.get(status, 0) for status, number in api.statistics().items()}
    others = sum(since.get(status, 0) for status in OTHERS)
    bar.update(task, completed=since.get(SENT, 0), description=f"{state}, {others:,} not sent" if others else state)


def _figures(api: Api, mailing: dict[str, Any]) -> Outcome:
    started = _moment(mailing["started_at"])
    due = datetime.fromisoformat(mailing["starts_at"]).replace(tzinfo=UTC)
    last = max((_moment(message["sent_at"]) for message in api.messages(mailing["id"]) if message["sent_at"]), default=started)
    return Outcome(mailing, (started - due).total_seconds(), (last - started).total_seconds())


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def show(console: Console, outcome: Outcome, ledger: dict[str, Any]) -> None:
    statuses = Table("status", "messages", title=f"Mailing {outcome.mailing['id']}")
    statuses.columns[1].justify = "right"
    for number, name in NAMES.items():
        statuses.add_row(f"{number} {name}", f"{outcome.counts[name]:,}")
    console.print(statuses)
    figures = Table("figure", "value", title="How it went")
    figures.columns[1].justify = "right"
    figures.add_row("started by", f"{outcome.mailing['started_by']}, {outcome.late:.1f} s after its moment")
    first = ledger["first_call"] - _moment(outcome.mailing["started_at"]).timestamp()
    figures.add_row("run start to first call", f"{first:.1f} s")
    figures.add_row("run start to last status", f"{outcome.seconds:.1f} s")
    figures.add_row("messages a second", f"{outcome.rate:,.0f}")
    figures.add_row(
        "the provider's ledger",
        f"{counted(ledger['calls'], 'call')}, {ledger['accepted']:,} accepted, {ledger['duplicates']} twice",
    )
    console.print(figures)


def shortcomings(outcome: Outcome, ledger: dict[str, Any], expected: int, *, schedules_fire: bool = True) -> list[str]:
    """What is not as it must be; empty when all is well. Where schedules do not fire, reconcile may start the mailing."""
    found = []
    if outcome.counts["sent"] != expected or outcome.counts["total"] != expected:
        found.append(f"{outcome.counts['sent']} of {counted(outcome.counts['total'], 'message')} are sent, not all {expected}")
    if schedules_fire and outcome.mailing["started_by"] != "schedule":
        found.append(f"{outcome.mailing['started_by']} started the mailing, not its schedule")
    if not ledger["calls"] == ledger["accepted"] == ledger["deliveries"] == expected:
        found.append(
            f"the ledger shows {counted(ledger['calls'], 'call')} and {ledger['accepted']} accepted, not {expected} of each"
        )
    return found
