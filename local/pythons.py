"""The quick tests on each Python that is promised and installed, besides the one that everything else runs on."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from local.settings import ROOT

PROMISED = ((3, 11), (3, 12), (3, 13))
QUICK = ("unit", "api")


def interpreters() -> Iterator[tuple[str, Path]]:
    """Every other promised version that is here, with an interpreter of it that runs: a shim may exist for one that does not."""
    for version in PROMISED:
        if version == sys.version_info[:2]:
            continue
        name = ".".join(map(str, version))
        managed = sorted(Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob(f"versions/{name}.*/bin/python"))
        on_path = shutil.which(f"python{name}")
        found = next((path for path in ([Path(on_path)] if on_path else []) + managed if _runs(path, name)), None)
        if found is not None:
            yield name, found


def _runs(path: Path, version: str) -> bool:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([path, "-c", code], capture_output=True, text=True)
    return done.returncode == 0 and done.stdout.strip() == version


def run(more: list[str], *, most: int | None = None) -> int:
    """Run the quick layers, or `more`, on each of them (on the `most` newest); the first failure's exit code, or 0."""
    code = 0
    for version, python in sorted(interpreters(), reverse=True)[:most]:
        print(f"── Python {version} ({python})", flush=True)
        made = subprocess.run([python, str(ROOT / "local" / "bootstrap.py"), "here"], cwd=ROOT, stdin=subprocess.DEVNULL)
        command = [str(ROOT / ".local" / f"venv-{version}" / "bin" / "python"), "-m", "pytest", "-q"]
        tests = more or [f"tests/{layer}" for layer in QUICK]
        failed = made.returncode or subprocess.run([*command, *tests], cwd=ROOT, stdin=subprocess.DEVNULL).returncode
        code = code or failed  # one that fails does not keep the next from being tried
    return code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
