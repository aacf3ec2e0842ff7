"""Run checkov over the resolved template of prod and compare what it finds with the findings that were accepted: `make audit`.

It has a venv of its own, made at the first call, because it brings a hundred packages. A finding that is not in triage.toml fails, and so
does an accepted one that is no longer found.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from local.package import package
from local.settings import ROOT
from tests.packaging.resolved import resources_of
from tests.packaging.test_service_rules import CHOICES

CHECKOV = "checkov==3.3.30"
VENV = ROOT / ".local" / "venv-checkov"
TRIAGE = Path(__file__).with_name("triage.toml")

Findings = dict[str, set[str]]
"""Resources by the check that they fail."""


def differences(found: Findings, accepted: dict[str, dict[str, Any]]) -> list[str]:
    """What was found and not accepted, and what was accepted and is not found."""
    said = []
    for check in sorted(found.keys() | accepted.keys()):
        resources, allowed = found.get(check, set()), set(accepted.get(check, {}).get("resources", ()))
        said += [f"{check}: {name} is not accepted in {TRIAGE.name}" for name in sorted(resources - allowed)]
        said += [f"{check}: {name} is accepted in {TRIAGE.name} and no longer found" for name in sorted(allowed - resources)]
    return said


def accepted() -> dict[str, dict[str, Any]]:
    """Each accepted check, with its reason and the resources that it is accepted for."""
    return tomllib.loads(TRIAGE.read_text(encoding="utf-8"))


def _install() -> Path:
    uv = Path(sys.executable).with_name("uv")
    if not (VENV / "made-from").exists() or (VENV / "made-from").read_text() != CHECKOV:
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", VENV / "bin" / "python", CHECKOV], check=True)
        (VENV / "made-from").write_text(CHECKOV)
    return VENV / "bin" / "checkov"


def _run(checkov: Path, folder: Path) -> Findings:
    made = package("prod", folder, bare=True)
    resources = resources_of(made.template, "prod", CHOICES["everything"])
    path = folder / "resolved.json"
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, default=str))
    command = [str(checkov), "-f", str(path), "--framework", "cloudformation", "--output", "json", "--quiet", "--skip-download"]
    done = subprocess.run(command, capture_output=True, text=True)
    found: Findings = {}
    for one in json.loads(done.stdout)["results"]["failed_checks"]:
        found.setdefault(one["check_id"], set()).add(one["resource"].rpartition(".")[2])
    return found


def main() -> int:
    checkov = _install()
    with tempfile.TemporaryDirectory() as folder:
        found = _run(checkov, Path(folder))
    said = differences(found, accepted())
    print(
        "\n".join(said) or f"{CHECKOV}: {sum(map(len, found.values()))} findings, each accepted with its reason in {TRIAGE.name}"
    )
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
