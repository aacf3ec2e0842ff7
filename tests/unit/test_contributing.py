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
    command = hook["entry"].replace(" --force-exclude", "").replace(".venv/bin/", "$(BIN)/")
    program = command.removeprefix("$(BIN)/").split()[0]
    recipes = [line.removeprefix("\t").removesuffix(" .") for line in (ROOT / "Makefile").read_text().splitlines()]
    assert command in recipes
    package = {"lint-imports": "import-linter"}.get(program, program)
    assert re.search(rf"^{package}==\S+", (ROOT / "requirements-dev.in").read_text(), re.MULTILINE)
