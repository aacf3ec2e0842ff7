"""Every count that people read has the form of its noun that goes with it: `1 client`, `2 clients`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.domain.words import counted
from local.settings import ROOT

NOT_PLURAL = frozenset(
    [
        "AS",
        "allows",
        "answers",
        "delivers",
        "does",
        "goes",
        "has",
        "is",
        "loads",
        "needs",
        "runs",
        "sends",
        "stands",
        "starts",
        "this",
        "was",
        "Reasons",
    ]
)
"""Words in -s that are no plural nouns."""


def sentences() -> Iterator[tuple[Path, ast.JoinedStr]]:
    """Every f-string of the service and of the local stack."""
    for path in (ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py")), *sorted((ROOT / "local").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield path, node


def uncounted(node: ast.JoinedStr) -> list[str]:
    """Values with a plural after them, which would be wrong after a 1: neither a constant in capital letters, nor made by `counted`."""
    found = []
    for value, after in zip(node.values, node.values[1:], strict=False):
        if not isinstance(value, ast.FormattedValue) or not isinstance(after, ast.Constant):
            continue
        names = {each.id for each in ast.walk(value.value) if isinstance(each, ast.Name)}
        names |= {each.attr for each in ast.walk(value.value) if isinstance(each, ast.Attribute)} - {"limits"}
        noun = re.match(r" ((?:[a-z]+ )?[A-Za-z]+s)\b(?!/)", str(after.value))
        if noun is None or noun[1].split()[-1] in NOT_PLURAL or noun[1].split()[0] in NOT_PLURAL:
            continue
        if names - {"limits"} and all(name.isupper() for name in names - {"limits"}):
            continue
        found.append(f"{{{ast.unparse(value.value)}}}{noun[0]}")
    return found


def test_no_count_has_a_plural_for_all_numbers() -> None:
    (example,) = (node for node in ast.walk(ast.parse("f'{len(rows)} more clients are left'")) if isinstance(node, ast.JoinedStr))
    assert uncounted(example) == ["{len(rows)} more clients"]  # what this test finds
    found = [f"{path.relative_to(ROOT)}:{node.lineno}: {each}" for path, node in sentences() for each in uncounted(node)]
    assert found == []


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 clients"), (1, "1 client"), (2, "2 clients"), (1.5, "1.5 clients"), (21, "21 clients"), (1_000, "1,000 clients")],
)
def test_counted(number: float, said: str) -> None:
    assert counted(number, "client") == said


def test_a_noun_may_name_its_plural() -> None:
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]
