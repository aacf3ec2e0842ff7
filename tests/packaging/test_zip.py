"""The zip by itself, as Lambda has it: nothing else is there but Python."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from local import package as packaging
from local import sbom
from local.bootstrap import VENVS
from local.errors import LocalError
from local.functions import DRIVER, FIRST_IMPORTS, HEAVY, LOADS
from local.package import ARCHITECTURES, PYTHONS, Package, package, sizes, this_machines, this_python
from local.postgres import PostgresServer
from local.process import free_port
from local.pythons import PROMISED, interpreters
from local.services import Ministack
from local.settings import ROOT
from local.stack import ENCRYPTION_KEY

MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}  # e_machine of an ELF header
AS_ON_LAMBDA = "import sys, json; sys.path.insert(0, sys.argv[1])\n"
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Package]:
    """prod, for each kind of processor, and for the Python that runs here and is to run it."""
    return {
        architecture: package("prod", tmp_path_factory.mktemp(architecture), architecture=architecture, python=this_python())
        for architecture in ARCHITECTURES
    }


@pytest.fixture(scope="module")
def run(packages: dict[str, Package], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs code on a Python that has the unpacked zip and nothing else; gives what it printed, as JSON."""
    unpacked, clean = tmp_path_factory.mktemp("task"), tmp_path_factory.mktemp("clean") / "venv"
    with zipfile.ZipFile(packages[this_machines()].zip_file) as packed:
        packed.extractall(unpacked)
    uv = [VENVS["dev"][0] / "bin" / "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, clean], check=True)

    def run(code: str, *arguments: str, **environment: str) -> Any:
        done = subprocess.run(
            [clean / "bin" / "python", "-I", "-c", AS_ON_LAMBDA + code, unpacked, *arguments],
            env={"AWS_DEFAULT_REGION": "us-east-1", **environment},
            cwd=clean,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_the_imports_of_first_calls_are_those_of_app_py() -> None:
    functions = [node for node in ast.parse((ROOT / "app.py").read_text()).body if isinstance(node, ast.FunctionDef)]
    named = {
        function.name: tuple(node.module for node in ast.walk(function) if isinstance(node, ast.ImportFrom))
        for function in functions
    }
    assert named == {name: modules for name, modules in FIRST_IMPORTS.items() if name != "api_handler"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_is_small_and_for_its_processor(packages: dict[str, Package], architecture: str) -> None:
    made = packages[architecture]
    assert made.zip_file.stat().st_size < 20_000_000
    with zipfile.ZipFile(made.zip_file) as packed:
        assert sum(each.file_size for each in packed.infolist()) < 100_000_000, "Lambda takes 250 MB"
        libraries = [name for name in packed.namelist() if ".so" in Path(name).suffixes]
        machines = {int.from_bytes(packed.read(name)[0x12:0x14], "little") for name in libraries}
    assert len(libraries) > 5
    assert machines == {MACHINES[architecture]}


def test_both_processors_get_the_same_python(packages: dict[str, Package]) -> None:
    python = []
    for made in packages.values():
        with zipfile.ZipFile(made.zip_file) as packed:
            names = [name for name in packed.namelist() if name.endswith((".py", ".pyc")) and "_sysconfigdata" not in name]
            python.append(set(names))
    assert python[0] == python[1]


def test_what_is_in_it_and_what_is_not(packages: dict[str, Package]) -> None:
    with zipfile.ZipFile(packages["arm64"].zip_file) as packed:
        names = packed.namelist()
    packages_in_it = {name for name, _, _ in sizes(packages["arm64"].zip_file)}
    assert not packages_in_it & {"pip", "setuptools", "pytest", "tests", "local"}
    assert not [name for name in names if "/tests/" in name or "/testing/" in name]
    assert "migrations/env.py" in names
    assert "chalicelib/storage/rds-ca.pem" in names
    modules = [name for name in names if name.startswith("chalicelib/") and name.endswith(".py")]
    for module in modules:
        folder, _, name = module.rpartition("/")
        assert f"{folder}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc" in names
    # Dependencies are there once: as bytecode.
    assert not [name for name in names if name.startswith(("sqlalchemy/", "pydantic/", "cryptography/")) and name.endswith(".py")]
    assert "sqlalchemy/__init__.pyc" in names


def test_the_package_holds_the_aws_client_that_the_tests_run_with(packages: dict[str, Package]) -> None:
    """What Lambda's runtime brings is newer every few weeks, and was tested by nobody here."""
    held = dict(sbom.packages(packages["arm64"].zip_file))
    for name in ("boto3", "botocore", "s3transfer", "jmespath"):
        assert held[name] == version(name)


def test_of_the_services_of_aws_it_knows_those_that_the_code_calls(packages: dict[str, Package]) -> None:
    with zipfile.ZipFile(packages["arm64"].zip_file) as packed:
        known = {name.split("/")[2] for name in packed.namelist() if re.match("botocore/data/[^/]+/", name)}
    called = set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "client":
                called |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    assert known == called == set(packaging.SERVICES)


_CALL_AWS = """
import boto3
from datetime import UTC, datetime
from chalicelib import aws, config
queue = boto3.client("sqs").create_queue(QueueName="mailings")["QueueUrl"]
boto3.client("scheduler").create_schedule_group(Name="mailings")
boto3.client("secretsmanager").create_secret(Name="ours", SecretString='{"database_url": "postgresql+pg8000://nobody@127.0.0.1/none"}')
aws.send_text(queue, "a chunk")
target = aws.ScheduleTarget("mailings", "arn:aws:sqs:us-east-1:123456789012:mailings", "arn:aws:iam::123456789012:role/schedules")
made = aws.create_schedule(target, 7, datetime(2030, 5, 1, tzinfo=UTC), {"mailing_id": 7})
names, _ = aws.schedule_names(target, 1, None)
body = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
print(json.dumps([body, made, len(list(names)), config.settings().database_url.get_secret_value().partition(":")[0], boto3.__file__]))
"""


def test_it_calls_the_services_of_aws_by_itself(run: Run, tmp_path: Path) -> None:
    """SQS, Scheduler and Secrets Manager; the client of SMS is made where it is the provider (tests/integration/test_provider_kinds.py)."""
    endpoint = Ministack(tmp_path, free_port())
    endpoint.start()
    try:
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        found = run(_CALL_AWS, AWS_ENDPOINT_URL=endpoint.url, SECRET_ID="ours", **credentials)
    finally:
        endpoint.stop()
    assert found[:4] == ["a chunk", True, 1, "postgresql+pg8000"]
    assert "site-packages" not in found[4]


_IMPORT_ALL = """
import importlib, pkgutil, chalicelib
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    importlib.import_module(module.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_all_that_any_function_may_import_later_is_in_it(run: Run) -> None:
    """Also what is imported within functions of ours when a page is asked for."""
    assert {"authlib", "joserfc", "cryptography", "openpyxl", "anyio"} <= set(run(_IMPORT_ALL))
    # A library may look for its own sources: what it shows of itself must be the same without them.
    assert run("import anyio; print(json.dumps(hasattr(anyio, 'to_thread') and hasattr(anyio.abc, 'TaskGroup')))")


_MODULES = """
import app, importlib
for name in sys.argv[2:]:
    importlib.import_module(name)
first = {name.partition(".")[0] for name in sys.modules}
print(json.dumps([sorted(first), sorted(name for name in sys.modules if name.startswith("chalicelib."))]))
"""


@pytest.mark.parametrize("function", LOADS)
def test_a_function_loads_what_it_uses(run: Run, function: str) -> None:
    packages_loaded, _ = run(_MODULES, *FIRST_IMPORTS[function], DRIVER)
    # date arithmetic comes with the database's driver, too
    assert set(packages_loaded) & HEAVY - {"dateutil"} == LOADS[function] - {"dateutil"}


def test_the_parts_do_not_load_each_other(run: Run) -> None:
    def parts(function: str) -> set[str]:
        _, ours = run(_MODULES, *FIRST_IMPORTS[function])
        return {name.split(".")[1] for name in ours} & {"api", "admin", "scheduling", "sending", "manage"} - {"api"}

    found = {function: parts(function) for function in FIRST_IMPORTS}
    assert found == {
        "api_handler": set(),
        "authorize": set(),
        "advance_mailing": {"scheduling"},
        "send_messages": {"sending"},
        "reconcile": {"scheduling"},
        "admin": {"admin"},
        "manage": {"manage"},
    }


_SERVE = """
from chalicelib import manage
class Context:
    aws_request_id = function_name = "x"
    def get_remaining_time_in_millis(self):
        return 60_000
import app
def get(resource, path=None):
    return {
        "path": resource, "headers": {"host": "api.test", "x-forwarded-proto": "https"}, "multiValueQueryStringParameters": None,
        "multiValueHeaders": {"host": ["api.test"]}, "httpMethod": "GET", "resource": path or resource, "queryStringParameters": None,
        "pathParameters": {"proxy": resource.removeprefix("/admin/")} if path else None,
        "requestContext": {"httpMethod": "GET", "resourcePath": path or resource, "path": resource, "requestId": "x",
                           "stage": "prod", "identity": {"sourceIp": "192.0.2.1"}},
        "body": None, "isBase64Encoded": False, "stageVariables": None,
    }
answers = {"migrate": app.manage({"command": "migrate"}, Context())}
answers["superuser"] = app.manage({"command": "createsuperuser", "username": "anna", "password": "a long enough one"}, Context())
answers["health"] = app.app(get("/health"), Context())
answers["docs"] = app.app(get("/docs"), Context())["statusCode"]
answers["admin"] = app.admin(get("/admin/login", "/admin/{proxy+}"), Context())["statusCode"]
from chalicelib.auth.keyring import keyring
answers["sealed"] = keyring().open("test", 7, keyring().seal("test", 7, "secret"))
token = {"type": "TOKEN", "authorizationToken": "Token none", "methodArn": "arn:aws:execute-api:us-east-1:1:api/prod/GET/api/v1"}
answers["authorize"] = app.authorize(token, Context())["policyDocument"]["Statement"][0]["Effect"]
answers["send"] = app.send_messages({"Records": []}, Context())
answers["advance"] = app.advance_mailing({"Records": []}, Context())
print(json.dumps(answers))
"""


def test_every_function_answers_from_it(run: Run, tmp_path: Path) -> None:
    """Each is called once, against an empty PostgreSQL."""
    with PostgresServer(tmp_path, durable=False) as server:
        url = server.create_database("zip")
        answers = run(_SERVE, DATABASE_URL=url, PROVIDER_URL="https://provider.test", ENCRYPTION_KEYS=ENCRYPTION_KEY)
    assert answers["migrate"]["revision"]
    assert answers["superuser"] == {"created": True}
    assert answers["sealed"] == "secret"
    assert (answers["health"]["statusCode"], json.loads(answers["health"]["body"])["database"]) == (200, "ok")
    assert (answers["docs"], answers["admin"], answers["authorize"]) == (200, 200, "Deny")
    assert answers["send"] == answers["advance"] == {"batchItemFailures": []}


def test_a_missing_wheel_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = tmp_path / "requirements.txt"
    # Only a source, and one that has to be compiled.
    requirements.write_text(f"python-prctl==1.8.1 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(packaging, "REQUIREMENTS", (requirements,))
    with pytest.raises(LocalError, match="prctl"):
        package("prod", tmp_path / "out", architecture="arm64", python=this_python())


@pytest.mark.parametrize("stage", PYTHONS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_stage_is_packaged_for_its_own_python_whatever_runs(
    stage: str, architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wheels, bytecode and runtime are of one version."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # else nothing that is run on the way would leave bytecode
    python = PYTHONS[stage]
    if python != this_python() and python not in dict(interpreters()):
        pytest.skip(f"Python {python} is not here")
    made = package(stage, tmp_path, architecture=architecture)
    functions = [
        item["Properties"] for item in made.template["Resources"].values() if item["Type"] == "AWS::Serverless::Function"
    ]
    assert {item["Runtime"] for item in functions} == {f"python{python}"}
    tag = f"cpython-{python.replace('.', '')}"
    with zipfile.ZipFile(made.zip_file) as packed:
        names = packed.namelist()
        magic = {packed.read(name)[:4] for name in names if name.endswith(".pyc")}
    bound = {found[0] for name in names if (found := re.search(r"cpython-\d+", name)) and name.endswith((".so", ".pyc"))}
    assert bound == {tag}
    assert len(magic) == 1, "bytecode whose name says no version is of the same one"
    assert f"chalicelib/__pycache__/config.{tag}.pyc" in names


def test_a_stage_whose_python_is_not_here_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its bytecode each cold start would compile everything."""
    monkeypatch.setattr(packaging, "interpreters", lambda: iter(()))
    monkeypatch.setattr(packaging, "PYTHONS", {"prod": "3.99"})
    with pytest.raises(LocalError, match=r"Python 3\.99"):
        package("prod", tmp_path)


def test_the_pinned_python_is_one_that_is_tested() -> None:
    assert set(PYTHONS.values()) <= {".".join(map(str, version)) for version in PROMISED}
    assert PYTHONS.keys() == {*packaging.STAGES} - {"local"}
