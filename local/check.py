"""Everything that can be said about the code without running it: `make check`."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from local import cold_imports
from local.errors import LocalError
from local.package import STAGES, package, project_folder
from local.settings import ROOT
from local.template import complaints

BIN = Path(sys.executable).parent


def main() -> int:
    steps: dict[str, Callable[[], str]] = {
        "ruff check": lambda: _run("ruff", "check", "."),
        "ruff format": lambda: _run("ruff", "format", "--check", "."),
        "mypy --strict": lambda: _run("mypy"),
        "import-linter": lambda: _run("lint-imports"),
        "vulture (dead code)": lambda: _run("vulture"),
        "cold imports": cold_imports.complaints,
        "compose file": lambda: _run(
            "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.localstack.yml"
        ),
        "workflow": lambda: _run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml"),
        **{f"template of {stage}": lambda stage=stage: _template(stage) for stage in STAGES},  # type: ignore[misc]  # a lambda's default has no type
    }
    failed = []
    for name, step in steps.items():
        started = time.monotonic()
        complaint = step()
        print(f"{'FAIL' if complaint else 'ok':5}{name:<22}{time.monotonic() - started:5.1f} s", flush=True)
        if complaint:
            failed.append(name)
            print(complaint.rstrip(), flush=True)
    print(f"failed: {', '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


def _run(program: str, *arguments: str, cwd: Path = ROOT) -> str:
    """What the program complained of; nothing if it was content."""
    environment = os.environ | {"PYTHONPATH": "", "AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run([BIN / program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    return (done.stdout + done.stderr or f"exit code {done.returncode}") if done.returncode else ""


def _template(stage: str) -> str:
    """Chalice packages without looking; what it and CloudFormation would refuse later is asked for here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            package(stage, Path(folder), bare=True)
        except LocalError as error:
            return str(error)
        return complaints(Path(folder) / "template.json") or _run("python", "-c", _VALIDATE, stage, cwd=project_folder(stage))


_VALIDATE = """
import sys
from chalice.cli.factory import CLIFactory
from chalice.deploy.validate import validate_configuration
validate_configuration(CLIFactory(".").create_config_obj(chalice_stage_name=sys.argv[1]))
"""


if __name__ == "__main__":
    sys.exit(main())
