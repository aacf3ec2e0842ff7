"""Private idioms that have a standard term: none comes back."""

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
    "became of": "outcome, change history",
    "left alone": "is sent nothing, is not changed",
    "write anew": "replace",
    "writes anew": "replace",
    "written anew": "replace",
    "is not answered here": "method not allowed",
    "cannot be taken as": "validation failed",
    "look before sending": "preview",
}
"""What is not written, and what is instead."""


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
