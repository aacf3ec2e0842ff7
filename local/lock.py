"""Writes requirements*.txt from requirements*.in: the same pins, each with the hashes of its files on PyPI.

    python -m local.lock

People edit the .in files, which say why each package is there; what is installed and packaged goes by the .txt files, whose hashes pip
and uv compare with every file that they fetch.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "requirements.in",
    "requirements-dev.in",
    "local/requirements-aws.in",
    "local/requirements-package.in",
    "local/requirements-vendor.in",
)
OLDEST = "3.11"


def lock(source: Path) -> None:
    target = source.with_suffix(".txt")
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", source.name, "--output-file", target.name),
        # Every package is named in the .in file: nothing is resolved here, and nothing comes in unseen.
        *("--no-deps", "--universal", "--python-version", OLDEST, "--generate-hashes", "--no-header", "--no-annotate"),
    ]
    target.unlink(missing_ok=True)  # uv reads it first, which fails on marks of a merge
    subprocess.run(command, check=True, cwd=source.parent)
    header = f"# Written by `make lock` from {source.name}: edit that.\n"
    target.write_text(header + target.read_text(encoding="utf-8"), encoding="utf-8")


def main() -> int:
    for name in SOURCES:
        lock(ROOT / name)
        print(f"{name} → {Path(name).with_suffix('.txt')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
