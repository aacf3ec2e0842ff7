"""Private idioms that have a standard term: none comes back, and those that are still there become fewer."""

import subprocess

import pytest

from local.settings import ROOT

GONE = {
    "in earnest": "apply, in production",
    "rehears": "dry run",
    "whom it is for": "recipient",
    "who it is for": "selected clients",
    "who may what": "authorization",
    "who asks": "the principal, authenticate",
    "the way of": "dispatch, path",
    "in whose hands": "lease, claim",
    "in nobody's": "without a live lease",
    "what users did": "audit log",
}
"""What is not written, and what is instead."""
LEFT = {
    "became of": 14,
    "left alone": 16,
    "write anew": 0,
    "written anew": 1,
    "is not answered here": 3,
    "cannot be taken as": 5,
}
"""How many of these are still there: the numbers may go down, not up."""


@pytest.fixture(scope="module")
def tree() -> str:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    endings = (".py", ".md", ".html", ".js", ".yaml", ".toml", ".in", ".sh", "Makefile")
    names = [name for name in listed.split("\0") if name.endswith(endings) and name != "tests/unit/test_style.py"]
    texts = (" ".join((ROOT / name).read_text(encoding="utf-8").split()) for name in names if (ROOT / name).exists())
    return "\n".join(texts).lower()


@pytest.mark.parametrize("phrase", GONE)
def test_a_standard_term_stands_instead(tree: str, phrase: str) -> None:
    place = tree.find(phrase)
    assert place < 0, f"write {GONE[phrase]!r}, not {phrase!r}: …{tree[max(place - 100, 0) : place + 100]}…"


@pytest.mark.parametrize("phrase", LEFT)
def test_what_is_left_becomes_fewer(tree: str, phrase: str) -> None:
    number = tree.count(phrase)
    assert number <= LEFT[phrase], f"{number} times {phrase!r}, {LEFT[phrase]} before"
