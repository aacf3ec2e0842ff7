"""TypeScript clients generated from the document keep what a client's attributes are. In Python: tests/api/test_openapi.py."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.settings import ROOT

HERE = Path(__file__).parent
INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generators, installed from npm."""
    if shutil.which("npm") is None:
        pytest.skip("no npm: the generators of TypeScript clients cannot be installed")
    made = tmp_path_factory.mktemp("typescript")
    shutil.copy(HERE / "package.json", made)
    done = subprocess.run(INSTALL, cwd=made, capture_output=True, text=True)
    if done.returncode != 0 and any(
        word in done.stderr for word in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN", "E404")
    ):
        pytest.skip("the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr[-2000:]
    return made


def run(folder: Path, *command: str) -> str:
    environment = {**os.environ, "SCARF_ANALYTICS": "false"}
    done = subprocess.run(["npx", "--no-install", *command], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_generated_types_keep_attributes(folder: Path) -> None:
    """openapi-typescript and orval, and the compiler over code that uses what they made."""
    document = str(ROOT / "openapi.json")
    run(folder, "openapi-typescript", document, "-o", "schema.d.ts")
    run(folder, "orval", "--input", document, "--output", "./orval.ts")
    shutil.copy(HERE / "use.ts", folder)
    options = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--target",
        "es2022",
        "--moduleResolution",
        "bundler",
        "--module",
        "esnext",
    ]
    # orval's client imports axios, which is not what is tested: of its file only the types are looked at.
    types = folder / "orval.ts"
    types.write_text("// @ts-nocheck\n" + types.read_text(encoding="utf-8"), encoding="utf-8")
    run(folder, "tsc", *options, "use.ts")
