"""vulture finds dead code in `make check`; its allow-list holds nothing that is not needed."""

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase

import pytest

from local.settings import ROOT


@pytest.fixture(scope="module")
def unused() -> set[str]:
    """Names that vulture reports without its allow-list."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["vulture"]
    options = [
        "--min-confidence",
        str(settings["min_confidence"]),
        "--ignore-decorators",
        ",".join(settings["ignore_decorators"]),
    ]
    command = [sys.executable, "-m", "vulture", "--config", "/dev/null", *options, *settings["paths"]]
    return set(re.findall(r"unused \w+ '(\w+)'", subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout))


def test_nothing_is_dead_and_every_allowed_name_is_needed(unused: set[str]) -> None:
    """If a name is missing: delete the dead code, or allow it with its reason. If one is left over: it is no longer needed."""
    allowed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["vulture"]["ignore_names"]
    assert {name for name in unused if not any(fnmatchcase(name, pattern) for pattern in allowed)} == set()
    assert {pattern for pattern in allowed if not any(fnmatchcase(name, pattern) for name in unused)} == set()
    assert len(allowed) == len(set(allowed))


def test_every_group_of_allowed_names_has_a_reason() -> None:
    [names] = re.findall(r"^ignore_names = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    assert names.startswith("  # ")
    assert not re.search(r"^  #.{0,10}$", names, re.MULTILINE)
