"""What is fetched from elsewhere is named exactly, and compared with what was meant."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from local import bootstrap, sbom
from local.lock import SOURCES
from local.package import ROOT

HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def pins(text: str) -> dict[str, str]:
    """Names and versions; the names as PyPI folds them."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def source_pins(path: Path) -> dict[str, str]:
    """With those of the files that it includes."""
    text = path.read_text()
    included = re.findall(r"^-r (\S+)", text, re.MULTILINE)
    return {key: value for name in included for key, value in source_pins(path.parent / name).items()} | pins(text)


@pytest.mark.parametrize("name", SOURCES)
def test_every_pin_has_its_hashes_and_comes_from_the_file_that_people_edit(name: str) -> None:
    """If this fails: `make lock`."""
    source = ROOT / name
    text = source.with_suffix(".txt").read_text()
    assert pins(text) == source_pins(source)
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert len(blocks) == len(pins(text))
    assert [block.split()[0] for block in blocks if not HASH.search(block)] == []


def test_what_only_the_package_has_is_what_is_tested_with() -> None:
    """No version of boto3 goes to AWS that the tests did not run with."""
    package, tests = (source_pins(ROOT / name) for name in ("local/requirements-package.in", "requirements-dev.in"))
    assert package.keys() == {"boto3", "botocore", "jmespath", "s3transfer"}
    assert {name: tests[name] for name in package} == package


def test_there_are_no_other_requirements() -> None:
    known = {ROOT / name for source in SOURCES for name in (source, str(Path(source).with_suffix(".txt")))}
    assert {path for folder in (ROOT, ROOT / "local") for path in folder.glob("*requirements*")} == known


def test_uv_itself_is_fetched_by_its_hash() -> None:
    assert re.match(r"uv==\S+ \\\n", bootstrap.pinned_uv())
    assert HASH.search(bootstrap.pinned_uv())


def test_a_file_with_another_hash_is_refused(tmp_path: Path) -> None:
    """By uv, which installs, and by pip, which Chalice packages with."""
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("thing.py", "")
        packed.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        packed.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("thing-1.0.dist-info/RECORD", "thing.py,,\n")
    right, wrong = hashlib.sha256(wheel.read_bytes()).hexdigest(), "0" * 64
    uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--require-hashes"]
    pip = [sys.executable, "-m", "pip", "install", "--require-hashes"]
    # As Chalice asks for some wheels: by name and version, with the hashes as a constraint.
    constrained = [sys.executable, "-m", "pip", "install", "--constraint"]
    for number, (digest, expected) in enumerate(((right, 0), (wrong, 1))):
        asked = tmp_path / f"{number}.txt"
        asked.write_text(f"thing==1.0 --hash=sha256:{digest}\n")
        commands = [[*uv, "-r", str(asked)], [*pip, "-r", str(asked)], [*constrained, str(asked), "thing==1.0"]]
        for place, command in enumerate(commands if expected else commands[2:]):
            where = ["--no-index", "--find-links", str(tmp_path), "--target", str(tmp_path / f"{number}-{place}")]
            done = subprocess.run([*command, *where], capture_output=True, text=True)
            assert bool(done.returncode) == bool(expected), done.stderr


def test_actions_are_pinned_by_commit() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses:\s*(\S+)", path.read_text())
        assert used
        assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []
        assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


def test_the_bill_of_materials_lists_what_the_zip_holds(tmp_path: Path) -> None:
    zip_file = tmp_path / "deployment.zip"
    with zipfile.ZipFile(zip_file, "w") as packed:
        packed.writestr("six-1.17.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: six\nVersion: 1.17.0\n\ntext\n")
        packed.writestr("app.py", "")
    assert sbom.write(zip_file, tmp_path / sbom.NAME) == 1
    written = yaml.safe_load((tmp_path / sbom.NAME).read_text())
    assert (written["bomFormat"], written["specVersion"]) == ("CycloneDX", "1.6")
    assert [each["purl"] for each in written["components"]] == ["pkg:pypi/six@1.17.0"]
