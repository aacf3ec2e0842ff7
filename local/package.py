"""Packages the functions as they go to AWS, by Chalice: a zip and a SAM template.

    python -m local.package --stage prod [--out build/prod] [--architecture x86_64] [--bare]

Chalice makes the template and packs the code, in a folder of its own where vendor/ holds what it would not take (migrations). The
dependencies are fetched by uv for the stage's Python and processor, whatever this runs on, and go by the hashes of requirements.txt
and local/requirements-package.txt; `--bare` leaves them out, for an endpoint whose interpreter has them already.
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from chalicelib.domain.words import counted
from local import sbom
from local.aws import REGION
from local.errors import LocalError
from local.pythons import interpreters
from local.template import complaints

ROOT = Path(__file__).resolve().parent.parent
_ENCRYPTED = {
    "AllowedPattern": r"|https://.+|http://(127\.0\.0\.1|localhost)([:/].*)?",
    "ConstraintDescription": "must begin with https://",
}
"""What ProviderUrl must be outside the stage local; the functions refuse anything else, too."""
STAGES = ("local", "dev", "prod")
CODE = ("app.py", "chalicelib")
# Beside the code in the zip, as they are beside it here.
VENDORED = ("migrations",)
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "local" / "requirements-package.txt")
SERVICES = ("sqs", "scheduler", "secretsmanager", "pinpoint-sms-voice-v2")
"""Of AWS, whose calls botocore has a model of in the package; all others are left out, some 300 in 28 MB."""
ARCHITECTURES = ("arm64", "x86_64")
PYTHONS = {"dev": "3.13", "prod": "3.13"}
"""The version of Python that a stage's functions run on. At the stage local it is the one that runs here."""
_DEPENDENCIES = ROOT / ".local" / "dependencies"
_PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
"""For uv. Amazon Linux 2023, under all versions of Python from 3.12 on, has glibc 2.34."""
# What no function of ours ever opens. Tests of the package hold it to that: each function must work from what is left.
UNUSED = re.compile(
    rf"""
    botocore/data/(?!({"|".join(SERVICES)})/)[^/]+/ | boto3/(data|dynamodb|ec2|examples|s3)/  # hundreds of services of AWS
    | botocore/cacert\.pem                                            # where certifi is, botocore goes by that
    | babel/locale-data/(?!(root|en|en_001|en_US|ru|ru_RU)\.dat$)        # a thousand languages in 30 MB, of which the panel speaks two
    | (sqlalchemy|alembic|mako)/testing/ | [^/]+/tests/               # tests
    | sqlalchemy/dialects/(mysql|oracle|mssql|sqlite)/                # other databases
    | sqlalchemy/ext/(associationproxy|automap|baked|horizontal_shard|indexable|mutable|orderinglist|serializer)\.  # nor those models
    | babel/messages/(checkers|extract|frontend|jslexer|setuptools_frontend)\.  # for who writes catalogs
    | charset_normalizer/.*\.so$                                      # compiled twins of modules that nothing asks
    | urllib3/contrib/(emscripten/|pyopenssl) | starlette/testclient\. | pydantic/(color|experimental)\b
    | sqlalchemy/ext/mypy/ | pydantic/mypy\.py | .*\.pyi$              # for type checkers
    | pydantic/v1/                                                    # the version before
    | starlette_admin/contrib/(?!sqla/|__init__)                      # other ways to the database
    | starlette_admin/static/webfonts/(?!fa-solid-900)                # icons.css holds the one font that is used
    | starlette_admin/translations/(?!(en|ru|__init__)\b)              # other languages than the panel's two
    | starlette_admin/static/(js|css)/(vendor/)?jsoneditor             # of a field that no form has
    | starlette_admin/static/js/vendor/apexcharts                     # of charts that no page has
    | phonenumbers/shortdata/region_                                  # numbers for emergencies and the like
    | authlib/(jose/|integrations/(?!base_client/|requests_client/|__init__))  # what joserfc does now, and other frameworks
    | anyio/(_backends/_trio|pytest_plugin|to_process|to_interpreter)  # another event loop, and other processes
    | s3transfer/(crt|processpool)\.                                  # for files in S3
    | cffi/ | pycparser/                                              # build bindings; those of argon2 are built
    | .*\.(c|h|cpp|hpp|pyx|pxd|po|pot)$                               # sources
    | dateutil/zoneinfo/.*\.gz$                                       # time zones a second time: tzdata has them
    | [^/]+\.dist-info/((RECORD|WHEEL|INSTALLER|REQUESTED|top_level\.txt)$|sboms/)
    | \.[^/]+(/|$) | (bin|include)/                                   # for other programs, compilers and shells
    """,
    re.VERBOSE,
)


_KEEPS_SOURCES = {*CODE, *VENDORED}
"""Whose sources stay beside their bytecode: our own."""
_READ_AS_SOURCE = {"anyio/__init__.py", "anyio/abc/__init__.py"}
"""Modules of libraries that read their own source when they are imported; it stays instead of their bytecode."""


@dataclass(frozen=True, slots=True)
class Package:
    template: dict[str, Any]
    zip_file: Path

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.zip_file.read_bytes()).hexdigest()


def package(
    stage: str,
    out: Path,
    *,
    bare: bool = False,
    architecture: str | None = None,
    python: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Package:
    """Package the code as it is now. Raises LocalError.

    Without `architecture` and `python` the functions are for the stage's own kind of processor and version. `environment` adds to the
    stage's environment variables.
    """
    config = _configuration(stage, architecture, environment or {})
    python = python or PYTHONS.get(stage, this_python())
    compiler = _interpreter(python, needed=not bare)
    project = project_folder(stage)
    project.mkdir(parents=True, exist_ok=True)
    with _locked(project.with_suffix(".lock")):
        _refuse_broken_code()
        _lay_out(project, config)
        _run_chalice(project, stage)
        out.mkdir(parents=True, exist_ok=True)
        template = _template(project / "out" / "sam.yaml", stage, python)
        (out / "template.json").write_text(json.dumps(template, indent=1))
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(project / "out" / "deployment.zip") as packed:
                packed.extractall(folder)
            if compiler is not None:
                _add_bytecode(Path(folder), compiler)
            target = out / "deployment.zip"
            target.unlink(missing_ok=True)
            if not bare and compiler is not None:
                _copy_dependencies(config["stages"][stage]["lambda_architecture"], python, compiler, target)
            _pack(Path(folder), target)
    return Package(template, target)


def project_folder(stage: str) -> Path:
    """Where Chalice works."""
    return ROOT / ".local" / "build" / stage


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


def _lay_out(project: Path, config: Mapping[str, Any]) -> None:
    """The project as Chalice wants it, without dependencies."""
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
    (project / "requirements.txt").write_text("")
    (project / ".chalice").mkdir(exist_ok=True)
    for policy in (ROOT / ".chalice").glob("policy-*.json"):
        shutil.copy2(policy, project / ".chalice")
    (project / ".chalice" / "config.json").write_text(json.dumps(config))


def _configuration(stage: str, architecture: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
    if stage not in config["stages"]:
        raise LocalError(f"There is no stage {stage!r} in .chalice/config.json; there are: {', '.join(config['stages'])}.")
    settings = config["stages"][stage]
    settings.setdefault("environment_variables", {}).update(environment)
    settings["lambda_architecture"] = architecture or settings.get("lambda_architecture") or this_machines()
    return config


def this_machines() -> str:
    """This machine's kind of processor, in Lambda's words."""
    return "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def _run_chalice(project: Path, stage: str) -> None:
    command = [
        str(Path(sys.executable).with_name("chalice")),
        *("package", "--stage", stage, "--merge-template", "template.yaml", "--template-format", "yaml", "out"),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_DEFAULT_REGION": REGION, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"}
    environment |= {
        "PYTHONDONTWRITEBYTECODE": "1"
    }  # it imports the code, and would pack the bytecode of the Python that runs here
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = (done.stdout + done.stderr).strip()
    if done.returncode or not (project / "out" / "sam.yaml").exists():
        raise LocalError(f"Chalice could not package stage {stage}:\n{said}")


def this_python() -> str:
    """The version of Python that runs here."""
    return ".".join(map(str, sys.version_info[:2]))


def _interpreter(python: str, *, needed: bool) -> Path | None:
    """An interpreter of that version, to compile with: bytecode is of one version."""
    if python == this_python():
        return Path(sys.executable)
    found = dict(interpreters()).get(python)
    if found is None and needed:
        raise LocalError(
            f"The functions run on Python {python}, and none is here to compile them with: install Python {python}. This is Python "
            f"{this_python()}."
        )
    return found


def _template(path: Path, stage: str, python: str) -> dict[str, Any]:
    """The SAM template as JSON can hold it: Chalice leaves YAML aliases in it, and the version of Python that it runs on."""
    template: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)  # a tenth of the time of safe_load
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Runtime"] = f"python{python}"
            resource["Properties"].pop("Tracing", None)  # Globals have it
    template["Parameters"]["Stage"]["Default"] = stage
    if stage != "local":
        template["Parameters"]["ProviderUrl"] |= _ENCRYPTED
    return template


def _copy_dependencies(architecture: str, python: str, compiler: Path, target: Path) -> None:
    """Copy a zip of the dependencies, which is kept until the requirements or this module change: making one takes most of the time."""
    _DEPENDENCIES.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in (*REQUIREMENTS, Path(__file__)))).hexdigest()
    kept = _DEPENDENCIES / f"{architecture}-{python}-{digest[:16]}.zip"
    with _locked(_DEPENDENCIES / "lock"):
        if not kept.exists():
            with tempfile.TemporaryDirectory(dir=_DEPENDENCIES) as scratch:
                folder = Path(scratch) / "folder"
                _add_dependencies(folder, architecture, python)
                for path in _unused(folder):  # it need not be compiled
                    path.unlink()
                _add_bytecode(folder, compiler)
                _pack(folder, Path(scratch) / "packed.zip")
                for outdated in _DEPENDENCIES.glob(f"{architecture}-{python}-*.zip"):
                    outdated.unlink()
                (Path(scratch) / "packed.zip").rename(kept)
        shutil.copy(kept, target)


def _add_dependencies(folder: Path, architecture: str, python: str) -> None:
    """Installs them as wheels: what has none for that processor and version would have to be compiled there."""
    command = [
        *(str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--target", str(folder)),
        *("--python-platform", _PLATFORMS[architecture], "--python-version", python),
        *("--only-binary", ":all:", "--require-hashes", "--no-deps"),
        *(word for path in REQUIREMENTS for word in ("-r", str(path))),
    ]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": ""}, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LocalError(f"The dependencies for Python {python} on {architecture} could not be fetched:\n{done.stderr.strip()}")


def _add_bytecode(folder: Path, interpreter: Path) -> None:
    """Compile what the zip holds: on AWS nothing keeps bytecode between cold starts, and compiling costs each a second.

    The dependencies' sources go: they are a fifth of the zip, and only a debugger would read them.
    """
    paths = sorted(folder.iterdir())
    command = [str(interpreter), *("-m", "compileall", "-qq", "-s", str(folder), "--invalidation-mode", "unchecked-hash")]
    for keeps in (True, False):
        chosen = [path for path in paths if (path.name in _KEEPS_SOURCES) is keeps]
        if not chosen:  # compileall without a path compiles the interpreter's own modules
            continue
        # Some packages hold files for other versions of Python, which cannot be compiled and are not imported.
        subprocess.run([*command, *(() if keeps else ("-b",)), *map(str, chosen)], capture_output=True, stdin=subprocess.DEVNULL)
        if not keeps:
            for path in chosen:
                _remove_sources(folder, path)


def _remove_sources(folder: Path, path: Path) -> None:
    for source in [path] if path.suffix == ".py" else path.rglob("*.py"):
        bytecode = source.with_suffix(".pyc")  # beside the source, where Python imports it without one
        if bytecode.exists():
            (bytecode if source.relative_to(folder).as_posix() in _READ_AS_SOURCE else source).unlink()


def _unused(folder: Path) -> set[Path]:
    """The files in it that no function opens."""
    return {path for path in folder.rglob("*") if path.is_file() and UNUSED.match(path.relative_to(folder).as_posix())}


def _pack(folder: Path, target: Path) -> None:
    """Add the folder to the zip."""
    unused = _unused(folder)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path not in unused):
            # One date for all: the same code gives the same zip.
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, _packed_content(path))


def _packed_content(path: Path) -> bytes:
    """What the zip holds of a file: no debug information of a library, and no description of a package beside its fields."""
    content = path.read_bytes()
    if path.suffix == ".so":
        return stripped(content)
    return content.partition(b"\n\n")[0] + b"\n" if path.name == "METADATA" else content


def stripped(library: bytes) -> bytes:
    """A shared library (64-bit ELF, as both of Lambda's processors have) without what only debuggers read: half of its size.

    The loader goes by the program headers. What lies behind the last byte that they name (debug information, symbols, the section
    table) goes, for any kind of processor, where `strip` knows only its own.
    """
    if library[:6] != b"\x7fELF\x02\x01":
        return library
    offset, size, count = *struct.unpack_from("<Q", library, 0x20), *struct.unpack_from("<HH", library, 0x36)
    headers = [struct.unpack_from("<IIQQQQQQ", library, offset + number * size) for number in range(count)]
    end = max(offset + size * count, *(header[2] + header[5] for header in headers))  # p_offset + p_filesz
    header = bytearray(library[:0x40])
    struct.pack_into("<Q", header, 0x28, 0)  # e_shoff
    struct.pack_into("<HH", header, 0x3C, 0, 0)  # e_shnum, e_shstrndx
    return bytes(header) + library[0x40:end]


def sizes(zip_file: Path) -> list[tuple[str, int, int]]:
    """What the zip holds by package, the largest first: name, bytes zipped, bytes unpacked."""
    zipped, unpacked = Counter[str](), Counter[str]()
    with zipfile.ZipFile(zip_file) as packed:
        for entry in packed.infolist():
            name = re.split(r"[/.]|-\d", entry.filename, maxsplit=1)[0]
            zipped[name] += entry.compress_size
            unpacked[name] += entry.file_size
    return [(name, count, unpacked[name]) for name, count in zipped.most_common()]


def _show_sizes(console: Console, made: Package, shown: int = 15) -> None:
    found = sizes(made.zip_file)
    table = Table("package", "zipped", "unpacked", title=f"{made.zip_file.name} by package, in MB")
    for column in table.columns[1:]:
        column.justify = "right"
    rows = found[:shown]
    rest = found[shown:]
    rows.append((f"{len(rest)} more", sum(row[1] for row in rest), sum(row[2] for row in rest)))
    for name, zipped, unpacked in rows:
        table.add_row(name, f"{zipped / 1e6:.2f}", f"{unpacked / 1e6:.2f}")
    table.add_section()
    table.add_row("the zip", f"{made.zip_file.stat().st_size / 1e6:.2f}", f"{sum(row[2] for row in found) / 1e6:.2f}")
    console.print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.package", description=__doc__)
    parser.add_argument("--stage", required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--architecture", choices=ARCHITECTURES, help="another kind of processor than the stage's own")
    parser.add_argument("--bare", action="store_true", help="without dependencies")
    chosen = parser.parse_args(arguments)
    out = chosen.out or ROOT / "build" / chosen.stage
    try:
        made = package(chosen.stage, out, bare=chosen.bare, architecture=chosen.architecture)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    console = Console()
    complaint = complaints(out / "template.json")
    if complaint:
        print(complaint, file=sys.stderr)
        return 1
    console.print(f"cfn-lint and the SAM transform take the template: {counted(len(made.template['Resources']), 'resource')}")
    if chosen.bare:
        return 0
    _show_sizes(console, made)
    listed = sbom.write(made.zip_file, out / sbom.NAME)
    console.print(f"{out / sbom.NAME}: {counted(listed, 'Python package')}", soft_wrap=True)
    console.print(f"{made.zip_file} and {out / 'template.json'}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
