"""`python -m benchmarks [PART …] [--quick]`: a table in the terminal and, with --json, a file."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import admin, dispatching, imports, planning, requests_to_api, whole, worker
from benchmarks.figures import Figure, show, write
from benchmarks.place import place

Part = Callable[[bool], Iterable[Figure]]


def _plan(quick: bool) -> Iterable[Figure]:
    with place() as found:
        yield from planning.measure(found, 100_000, 1 if quick else 3)
        if not quick:
            yield from planning.measure(found, 1_000_000, 1)


def _dispatch(quick: bool) -> Iterable[Figure]:
    with place() as found:
        yield from dispatching.measure(found, 20_000 if quick else 100_000, 1 if quick else 3)


def _worker(quick: bool) -> Iterable[Figure]:
    with place() as found:
        yield from worker.measure(found, 5_000 if quick else 20_000, 1 if quick else 3)


def _growth(quick: bool) -> Iterable[Figure]:
    with place() as found:
        yield from worker.growth(found, 10_000, 100_000 if quick else 1_000_000, 1)


def _whole(quick: bool) -> Iterable[Figure]:
    return whole.measure(1 if quick else 3, 5_000 if quick else 20_000)


def _api(quick: bool) -> Iterable[Figure]:
    with place() as found:
        yield from requests_to_api.measure(found, 20_000 if quick else 1_000_000, 1 if quick else 3)


def _imports(quick: bool) -> Iterable[Figure]:
    return imports.measure(1 if quick else 5)


def _admin(quick: bool) -> Iterable[Figure]:
    for name, taken in admin.samples(3 if quick else admin.TIMES).items():
        yield Figure("admin panel, 200,000 messages", name, "ms", [1000 * seconds for seconds in taken], 1000 * admin.LIMIT)


PARTS: dict[str, tuple[str, Part]] = {
    "plan": ("planning 100,000 and a million clients", _plan),
    "dispatch": ("dispatch to a queue that takes everything", _dispatch),
    "worker": ("the sending function", _worker),
    "stack": ("the whole local stack", _whole),
    "api": ("requests to the API", _api),
    "admin": ("pages of the admin panel", _admin),
    "imports": ("cold imports", _imports),
    "growth": ("cost a message in small and large mailings", _growth),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What the service costs, measured here.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}; without one, all")
    parser.add_argument("--quick", action="store_true", help="small sizes and single rounds: does it run at all?")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    given = parser.parse_args()
    unknown = sorted(set(given.parts) - set(PARTS))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    console, figures = Console(soft_wrap=True), []
    console.width = max(console.width, 130)
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        for name in given.parts or PARTS:
            task = bar.add_task(PARTS[name][0])
            for figure in PARTS[name][1](given.quick):
                figures.append(figure)
                bar.console.print(f"{figure.part}: {figure.what}: {figure.value:.3g} {figure.unit}", style="dim", highlight=False)
            bar.remove_task(task)
    show(console, figures)
    if given.json:
        write(given.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
