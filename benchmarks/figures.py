"""A figure with its goal, tables of them, and the machine they were taken on."""

import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

_LIBRARIES = ("sqlalchemy", "pg8000", "pydantic", "chalice", "requests", "botocore")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value: the median of `samples`. With a `goal` it is met at most (or, with `at_least`, at least) there."""

    part: str
    what: str
    unit: str
    samples: Sequence[float]
    goal: float | None = None
    at_least: bool = False

    @property
    def value(self) -> float:
        return statistics.median(self.samples)

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal


def number(value: float) -> str:
    """Three figures are enough, and thousands are grouped."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(figures: Sequence[Figure]) -> Table:
    made = Table("part", "what", "median", "spread", "unit", "goal", "", title="Benchmarks")
    for column in (2, 3, 5):
        made.columns[column].justify = "right"
    before = None
    for figure in figures:
        if before is not None and figure.part != before:
            made.add_section()
        goal = "" if figure.goal is None else f"{'≥' if figure.at_least else '≤'} {number(figure.goal)}"
        spread = f"{number(min(figure.samples))}–{number(max(figure.samples))}" if len(figure.samples) > 1 else ""
        verdict = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.met]
        part = "" if figure.part == before else figure.part
        made.add_row(part, figure.what, number(figure.value), spread, figure.unit, goal, verdict)
        before = figure.part
    return made


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "processors": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load": psutil.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def show(console: Console, figures: Sequence[Figure]) -> None:
    console.print(table(figures))
    found = machine()
    console.print(
        f"{found['processors']} processors, {found['memory_gb']} GB, Python {found['python']}; the load was {found['load']:.1f} at the end",
        style="dim",
        highlight=False,
    )


def write(path: Path, figures: Sequence[Figure]) -> None:
    """The same as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [{**asdict(figure), "median": figure.value, "met": figure.met} for figure in figures]
    path.write_text(json.dumps({"machine": machine(), "figures": lines}, indent=1) + "\n")
