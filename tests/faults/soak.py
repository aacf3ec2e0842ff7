"""All faults at random for some minutes, over both kinds of provider, and the balance in the end: `make soak MINUTES=3`.

Ends with 0 only if every message of both sites is accounted for, and the figures are as promised.
"""

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chalicelib.domain.status import MessageStatus
from local.console import guarded, step_printer
from local.postgres import PostgresServer
from local.process import free_port
from tests.faults import figures, rig, storm
from tests.faults.balance import Balance, balance, read_ledger
from tests.faults.database_proxy import DatabaseProxy
from tests.faults.figures import Figures
from tests.faults.mix import Mix, settled
from tests.faults.sites import opened
from tests.faults.storm import Site, Storm

KINDS = {"honoured": "honours the key", "ignored": "does not"}
CLIENTS = 4_000
PATIENCE = 180.0  # seconds for the last messages, when all faults are over


def soak(console: Console) -> int:
    asked = _arguments()
    console.print(f"seed {asked.seed}: what is done to whom; the moments are the machine's")
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(PostgresServer(folder / "postgres", free_port(), durable=False))
        found: Figures | None = None
        if not asked.no_figures:
            console.print("figures, some two minutes")
            site = stack.enter_context(opened(server, folder, "figures", figures.CLIENTS, honours_key=True, settings={}))
            found = figures.measured(site, asked.seed, step_printer(console))
        console.print(f"faults at random, {asked.minutes:g} minutes")
        settings = {**rig.ENVIRONMENT, **storm.ENVIRONMENT}
        sites = [
            stack.enter_context(opened(server, folder, kind, CLIENTS, honours_key=kind == "honoured", settings=settings))
            for kind in KINDS
        ]
        os.environ.update(sites[0].environment)  # what people do to either site is done in this process, and reads its settings
        storms = _mixed(console, server, sites, asked.minutes, asked.seed)
        sheets = [_weighed(site, mixed) for site, mixed in zip(sites, storms, strict=True)]
        faults = sum((mixed.faults for mixed in storms), Counter())
        escaped = [mixed.escaped for mixed in storms]
        for sheet, site in zip(sheets, sites, strict=True):
            sheet.expect("Traceback" not in site.log.read_text(), "a traceback reached the functions' log")
    console.print(_faults_table(faults))
    console.print(_balance_table(sheets, [len(lines) for lines in escaped]))
    if found is not None:
        console.print(_figures_table(found))
    return _verdict(
        console,
        [line for lines in [*escaped, *(sheet.wrong for sheet in sheets)] for line in lines],
        found.wrong if found else [],
    )


def _verdict(console: Console, unbalanced: list[str], broken: list[str]) -> int:
    for line in [*unbalanced[:20], *broken]:
        console.print(line, style="red", markup=False)
    console.print("[red]The balance is not exact.[/]" if unbalanced else "[green]The balance is exact.[/]")
    if broken:
        console.print("[red]The figures are not as promised.[/]")
    return 1 if unbalanced or broken else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--no-figures", action="store_true", help="only faults at random")
    return parser.parse_args()


def _mixed(console: Console, server: PostgresServer, sites: list[Site], minutes: float, seed: int) -> list[Storm]:
    """The storms that the sites went through: what was done, and what escaped a handler meanwhile."""
    with ExitStack() as stack:
        mixes = []
        for number, site in enumerate(sites):
            door = DatabaseProxy(server.port)
            stack.callback(door.close)
            weather = stack.enter_context(Storm(site, seed + number, doors=[door.port]))
            mixes.append(Mix(site, weather, server, door, Random(f"mix {number} {seed}")))
        bar = stack.enter_context(
            Progress(TextColumn("{task.description:<50}"), BarColumn(40), TimeElapsedColumn(), console=console)
        )
        task = bar.add_task("faults at random", total=minutes * 60)
        ends = time.monotonic() + minutes * 60
        chance = Random(f"soak {seed}")

        def pause(seconds: float, description: str) -> None:
            bar.update(task, description=description)
            until = time.monotonic() + seconds
            while (now := time.monotonic()) < until:
                time.sleep(min(0.2, until - now))
                bar.update(task, completed=min(minutes * 60, minutes * 60 - (ends - time.monotonic())))

        for mix in mixes:
            mix.begin()
        while time.monotonic() < ends:
            chance.choice(mixes).step(pause)
            pause(chance.uniform(0.1, 1.2), "faults at random")
        for mix in mixes:
            mix.heal()
        settled(mixes, pause, PATIENCE)
        bar.update(task, description="all mailings are over")
    return [mix.storm for mix in mixes]


def _weighed(site: Site, mixed: Storm) -> Balance:
    mailings = [row.id for row in site.sql("SELECT id FROM mailing ORDER BY id")]
    lost = mixed.faults["provider: killed"] * mixed.most_calls
    return balance(site.engine, read_ledger(site.service.folder), mailings, honours_key=site.honours_key, lost=lost)


def _faults_table(faults: Counter[str]) -> Table:
    table = Table("what was done", title="Faults")
    table.add_column("times", justify="right")
    for name, times in sorted(faults.items()):
        table.add_row(name, f"{times:,}")
    table.add_section()
    table.add_row("all", f"{faults.total():,}")
    return table


def _balance_table(sheets: list[Balance], escaped: list[int]) -> Table:
    table = Table("provider …", title="Balance: the database against the provider's ledger")
    for name in KINDS.values():
        table.add_column(name, justify="right")

    def row(name: str, *values: int) -> None:
        table.add_row(name, *(f"{value:,}" for value in values))

    row("mailings", *(sheet.mailings for sheet in sheets))
    row("messages", *(sheet.statuses.total() for sheet in sheets))
    for status in MessageStatus:
        row(f"  {status.value} {status.key}", *(sheet.statuses[status.key] for sheet in sheets))
    row("  of 4 failed: unknown_outcome", *(sheet.parked for sheet in sheets))
    row("    whose call the provider never saw", *(sheet.unseen for sheet in sheets))
    table.add_section()
    row("calls, by the ledger", *(sheet.calls for sheet in sheets))
    row("  again for the same message", *(sheet.called_again for sheet in sheets))
    row("messages delivered, by the ledger", *(sheet.deliveries for sheet in sheets))
    row("delivered twice", *(sheet.delivered_twice for sheet in sheets))
    table.add_section()
    row("delivered and not 'sent'", *(sheet.deliveries - sheet.statuses["sent"] for sheet in sheets))
    row("  explained by unknown_outcome", *(sheet.delivered_unknown for sheet in sheets))
    row("  not explained", *(sheet.deliveries - sheet.statuses["sent"] - sheet.delivered_unknown for sheet in sheets))
    row("errors that escaped a handler", *escaped)
    row("whatever else is wrong", *(len(sheet.wrong) for sheet in sheets))
    return table


def _figures_table(found: Figures) -> Table:
    table = Table("figure", title="Figures")
    table.add_column("measured", justify="right")
    table.add_column("promised", justify="right")
    table.add_row("messages a second, healthy provider", f"{found.healthy:,.0f}", "")
    table.add_row(
        f"messages a second, {figures.FAILING:.0%} of calls fail",
        f"{found.failing:,.0f} ({-found.lowered:+.0%})",
        f"about {-figures.FAILING:+.0%}",
    )
    table.add_row("calls a minute to a dead provider", f"{found.calls_a_minute:.0f}", "a few")
    table.add_row("seconds from its recovery to the next delivery", f"{found.resumed_after:.1f}", "at most 30")
    return table


if __name__ == "__main__":
    sys.exit(guarded(soak))
