"""Makes the venvs of the project, and vendor/; runs on the bare interpreter, before anything is installed.

    python bootstrap.py dev|aws|vendor|here...

A marker holds what the venv was made from, so that nothing happens, and no network is asked, while that stays the same.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENVS = {
    "dev": (ROOT / ".venv", ROOT / "requirements-dev.txt"),
    # For the tests on another interpreter than the one that is worked with: `make test LAYERS=pythons`.
    "here": (ROOT / ".local" / f"venv-{sys.version_info[0]}.{sys.version_info[1]}", ROOT / "requirements-dev.txt"),
    "aws": (ROOT / ".local" / "venv-aws", ROOT / "local" / "requirements-aws.txt"),
}
VENDOR = ROOT / "vendor"
VENDORED = ROOT / "local" / "requirements-vendor.txt"
# The one vendored package is 2.5 MB, of which a page needs these.
VENDORED_FILES = {"__init__.py", "LICENSE", "swagger-ui.css", "swagger-ui-bundle.js"}
COMMON = ROOT / "requirements.txt"


def main(names: list[str]) -> int:
    lock = ROOT / ".local" / "setup.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two makes at once must not build one venv
        for name in names:
            try:
                if name == "vendor":
                    ensure_vendor()
                else:
                    ensure(*VENVS[name])
            except subprocess.CalledProcessError as error:
                print(f"Could not install {name}: {' '.join(map(str, error.cmd))} failed, as it says above.", file=sys.stderr)
                return 1
    return 0


def ensure(folder: Path, requirements: Path) -> None:
    marker = folder / ".made-from"
    wanted = fingerprint(folder, requirements)
    if marker.exists() and marker.read_text() == wanted and (folder / "bin" / "python").exists():
        return
    started = time.monotonic()
    print(f"Installing {requirements.relative_to(ROOT)} into {folder.relative_to(ROOT)} …", flush=True)
    marker.unlink(missing_ok=True)
    if not same_interpreter(folder):
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True, symlinks=True)
    install(folder, requirements)
    marker.write_text(wanted)
    print(f"Installed in {time.monotonic() - started:.1f} s")


def ensure_vendor() -> None:
    marker = VENDOR / ".made-from"
    wanted = hashlib.sha256(VENDORED.read_bytes()).hexdigest()
    if marker.exists() and marker.read_text() == wanted:
        return
    shutil.rmtree(VENDOR, ignore_errors=True)
    VENDOR.mkdir()
    uv(
        VENVS["dev"][0],
        "install",
        "--python",
        sys.executable,
        "--no-deps",
        "--require-hashes",
        "--target",
        str(VENDOR),
        "-r",
        str(VENDORED),
    )
    for path in sorted(VENDOR.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name not in VENDORED_FILES:
            path.unlink()
    marker.write_text(wanted)


def fingerprint(folder: Path, requirements: Path) -> str:
    """The folder counts, too: a venv that was moved or copied does not work."""
    parts = [str(folder), sys.version, requirements.read_text(), COMMON.read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def same_interpreter(folder: Path) -> bool:
    config = folder / "pyvenv.cfg"
    return config.exists() and str(Path(sys.base_prefix) / "bin") in config.read_text() and runs(folder / "bin" / "python")


def runs(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def install(folder: Path, requirements: Path) -> None:
    """pip brings uv, and uv the rest, exactly as pinned: whatever else was there goes."""
    if not works(VENVS["dev"][0] / "bin" / "uv"):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
            pinned.write(pinned_uv())
            pinned.flush()
            pip = [str(folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
            subprocess.run([*pip, "--require-hashes", "--requirement", pinned.name], check=True)
    uv(folder, "sync", "--require-hashes", "--compile-bytecode", "--python", str(folder / "bin" / "python"), str(requirements))


def uv(folder: Path, *arguments: str) -> None:
    """Runs uv pip; the dev venv has it, or else the one that is being made."""
    program = next(path for path in (VENVS["dev"][0] / "bin" / "uv", folder / "bin" / "uv") if works(path))
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    subprocess.run([str(program), "pip", arguments[0], "--quiet", *arguments[1:]], check=True, env=environment)


def works(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def pinned_uv() -> str:
    """The line of uv, with its hashes."""
    (pin,) = re.findall(r"^uv==\S+(?: \\\n +--hash=\S+)+", VENVS["dev"][1].read_text(), re.MULTILINE)
    return f"{pin}\n"


if __name__ == "__main__":
    if sys.prefix != sys.base_prefix:  # started by the venv that it may have to replace
        os.execv(sys._base_executable, [sys._base_executable, *sys.argv])  # type: ignore[attr-defined]  # no public name  # noqa: S606 - restarts itself
    sys.exit(main(sys.argv[1:]))
