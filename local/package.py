"""Packages the functions as they go to AWS, by Chalice: a zip and a SAM template.

    python -m local.package --stage prod --out build/prod [--bare]

It works in a folder of its own, where vendor/ holds what Chalice would not take (migrations), and where requirements.txt is
empty for an endpoint whose interpreter has the dependencies already (`--bare`): a second instead of half a minute.
"""

import argparse
import compileall
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.aws import REGION
from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("local", "dev", "prod")
CODE = ("app.py", "chalicelib")
# Beside the code in the zip, as they are beside it here.
VENDORED = ("migrations",)
# Babel knows the months and plurals of a thousand languages in 30 MB; the admin panel speaks two.
UNUSED = re.compile(r"babel/locale-data/(?!(root|en|en_001|en_US|ru|ru_RU)\.dat$)")


@dataclass(frozen=True, slots=True)
class Package:
    template: dict[str, Any]
    zip_file: Path

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.zip_file.read_bytes()).hexdigest()


def package(stage: str, out: Path, *, bare: bool = False, environment: Mapping[str, str] | None = None) -> Package:
    """Packages the code as it is now; `environment` adds to the stage's environment variables."""
    project = project_folder(stage, bare=bare)
    project.mkdir(parents=True, exist_ok=True)
    with _locked(project.with_suffix(".lock")):
        _refuse_broken_code()
        _lay_out(project, stage, bare=bare, environment=environment or {})
        _run_chalice(project, stage)
        out.mkdir(parents=True, exist_ok=True)
        template = _template(project / "out" / "sam.yaml", stage)
        (out / "template.json").write_text(json.dumps(template, indent=1))
        _add_bytecode(project / "out" / "deployment.zip", out / "deployment.zip")
    return Package(template, out / "deployment.zip")


def project_folder(stage: str, *, bare: bool) -> Path:
    """Where Chalice works for this stage."""
    return ROOT / ".local" / "build" / f"{stage}-{'bare' if bare else 'full'}"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _refuse_broken_code() -> None:
    """Most modules are imported at the first call: Chalice would package one that cannot be."""
    for path in (ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))):
        try:
            compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except SyntaxError as error:
            raise LocalError(f"{path.relative_to(ROOT)}, line {error.lineno}: {error.msg}") from None


def _lay_out(project: Path, stage: str, *, bare: bool, environment: Mapping[str, str]) -> None:
    """The project as Chalice wants it. Its cache of dependencies, .chalice/deployments, stays."""
    for name in (*CODE, "vendor", "out"):
        path = project / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    ignore = shutil.ignore_patterns("__pycache__", ".made-from")
    shutil.copy2(ROOT / "app.py", project)
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=ignore)
    (project / "vendor").mkdir()
    if (ROOT / "vendor").is_dir():  # what a build step fetched
        shutil.copytree(ROOT / "vendor", project / "vendor", dirs_exist_ok=True, ignore=ignore)
    for name in VENDORED:
        shutil.copytree(ROOT / name, project / "vendor" / name, ignore=ignore)
    shutil.copy2(ROOT / "template.yaml", project)
    (project / "requirements.txt").write_text("" if bare else (ROOT / "requirements.txt").read_text())
    (project / ".chalice").mkdir(exist_ok=True)
    for policy in (ROOT / ".chalice").glob("*.json"):
        shutil.copy2(policy, project / ".chalice")
    _configure(project / ".chalice" / "config.json", stage, environment)


def _configure(path: Path, stage: str, environment: Mapping[str, str]) -> None:
    config = json.loads(path.read_text())
    if stage not in config["stages"]:
        raise LocalError(f"There is no stage {stage!r} in .chalice/config.json; there are: {', '.join(config['stages'])}.")
    settings = config["stages"][stage]
    settings.setdefault("environment_variables", {}).update(environment)
    if stage == "local" and platform.machine().lower() in ("arm64", "aarch64"):
        settings["lambda_architecture"] = "arm64"
    path.write_text(json.dumps(config))


def _run_chalice(project: Path, stage: str) -> None:
    command = [
        str(Path(sys.executable).with_name("chalice")),
        *("package", "--stage", stage, "--merge-template", "template.yaml", "--template-format", "yaml", "out"),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_DEFAULT_REGION": REGION, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = (done.stdout + done.stderr).strip()
    # Chalice exits with 0, having only printed, when a wheel is missing.
    if done.returncode or "Could not install dependencies" in said or not (project / "out" / "sam.yaml").exists():
        raise LocalError(f"Chalice could not package stage {stage}:\n{said}")


def _template(path: Path, stage: str) -> dict[str, Any]:
    """The SAM template as JSON can hold it: Chalice leaves YAML aliases in it."""
    template: dict[str, Any] = yaml.safe_load(path.read_text())
    template["Parameters"]["Stage"]["Default"] = stage
    return template


def _add_bytecode(source: Path, target: Path) -> None:
    """Compiles what the zip holds: on AWS nothing keeps bytecode between cold starts, and compiling costs each a second."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(source) as packed:
            packed.extractall(folder)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(folder, quiet=2, stripdir=folder, invalidation_mode=mode)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
            for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
                if UNUSED.match(path.relative_to(folder).as_posix()):
                    continue
                # One date for all: the same code gives the same zip.
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), (1980, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                packed.writestr(entry, path.read_bytes())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.package", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bare", action="store_true", help="without dependencies")
    chosen = parser.parse_args(arguments)
    try:
        made = package(chosen.stage, chosen.out, bare=chosen.bare)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{made.zip_file} ({made.zip_file.stat().st_size / 1e6:.1f} MB) and {chosen.out / 'template.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
