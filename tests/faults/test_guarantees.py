"""docs/guarantees.md speaks of all twenty cases, and of tests that there are."""

import re

from local.settings import ROOT
from tests.faults.cases import CASES

_ROW = re.compile(r"^\| (\d+) \| (.*?) \| .* \| `(test_(\d\d)_\w+)` \|$", re.MULTILINE)


def test_each_case_has_its_line_and_its_test() -> None:
    document = (ROOT / "docs" / "guarantees.md").read_text()
    written = "".join(path.read_text() for path in (ROOT / "tests").glob("*/**/test_*.py"))
    rows = _ROW.findall(document)
    assert [(int(number), name) for number, name, *_ in rows] == list(enumerate(CASES, 1))
    assert [int(of) for *_, of in rows] == list(range(1, len(CASES) + 1))
    named = set(re.findall(r"`(test_\w+)`", document))
    assert {name for name in named if f"def {name}(" not in written} == set()
