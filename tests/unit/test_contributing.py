"""What a contributor's machine runs before a commit is what `make check` runs."""

import re

import pytest
import yaml

from local.settings import ROOT

HOOKS = [hook for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"] for hook in repo["hooks"]]


def test_no_hook_fetches_a_tool_of_its_own() -> None:
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert {repo["repo"] for repo in repos} == {"local"}
    assert {hook["language"] for hook in HOOKS} == {"system"}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_every_hook_is_a_step_of_make_check_with_its_pin(hook: dict[str, str]) -> None:
    program, *arguments = hook["entry"].removeprefix(".venv/bin/").split()
    called = ", ".join(f'"{word}"' for word in [program, *(word for word in arguments if word != "--force-exclude")])
    assert f"_run({called}" in (ROOT / "local" / "check.py").read_text()
    package = {"lint-imports": "import-linter"}.get(program, program)
    assert re.search(rf"^{package}==\S+", (ROOT / "requirements-dev.in").read_text(), re.MULTILINE)
