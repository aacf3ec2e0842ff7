"""The OpenAPI document: what it promises, and whether it says what is."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from sqlalchemy import Engine

from chalicelib.api.openapi import document, text
from chalicelib.api.routes import ROUTES
from tests.api.conftest import PASSWORD, Api, make_user
from tests.api.lambda_event import call

ROOT = Path(__file__).parents[2]
HIDDEN = {"/openapi.json", "/docs", "/docs/token", "/docs/{file}"}


def test_the_committed_document_is_the_code_s() -> None:
    committed = (ROOT / "openapi.json").read_text(encoding="utf-8")
    assert committed == text(), "openapi.json has drifted from the code: run `make openapi`"


def test_it_is_openapi_3_1() -> None:
    validate(document())
    assert document()["openapi"].startswith("3.1")


def test_it_has_every_path_and_method() -> None:
    told = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}
    assert told == {(route.path, method) for route in ROUTES for method in route.handlers if route.path not in HIDDEN}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_operation_is_described() -> None:
    tags = {tag["name"] for tag in document()["tags"]}
    for name, operation in operations():
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        assert "422" in operation["responses"], name


def test_schemas_are_closed() -> None:
    for name, schema in document()["components"]["schemas"].items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
            Draft202012Validator.check_schema(schema)


def test_examples_are_valid() -> None:
    for name, schema in document()["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            whole = {**part, "$defs": {}, "components": document()["components"]}
            for example in part.get("examples", []):
                assert Draft202012Validator(whole).is_valid(example), (name, field)


def test_the_served_document_names_the_server_that_was_asked(api: Api) -> None:
    del api
    served = call("GET", "/openapi.json", stage="/dev").json
    assert served["servers"] == [{"url": "https://api.test/dev"}]
    assert {**served, "servers": [{"url": "/"}]} == document()


def test_swagger_ui_loads_nothing_from_elsewhere(api: Api) -> None:
    del api
    page = call("GET", "/docs", stage="/dev")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.body
    for name, kind in (
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("start.js", "text/javascript"),
    ):
        assert f"/dev/docs/{name}" in page.body
        part = call("GET", f"/docs/{name}", stage="/dev")
        assert (part.status, part.headers["content-type"]) == (200, f"{kind}; charset=utf-8")
        assert len(part.body) > 300
    assert '"/dev"' in call("GET", "/docs/start.js", stage="/dev").body
    assert call("GET", "/docs/..%2f..%2fapp.py").status == 404
    assert call("HEAD", "/docs/swagger-ui.css").body == ""


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A client library, generated from the document as a user of the API would."""
    folder = tmp_path_factory.mktemp("generated")
    config = folder / "config.json"
    config.write_text(json.dumps({"post_hooks": []}))
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(ROOT / "openapi.json"), "--meta", "none"]
    command += ["--config", str(config), "--output-path", str(folder / "mailing_api_client"), "--fail-on-warning"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


def transport(request: httpx.Request) -> httpx.Response:
    """The API's function in place of a network."""
    target = request.url.raw_path.decode()
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    answer = call(request.method, target, body=request.content.decode() or None, headers=headers)
    return httpx.Response(answer.status, headers=dict(answer.headers), text=answer.body)


@pytest.mark.usefixtures("generated")
def test_a_generated_client_logs_in_adds_a_client_and_reads_statistics(api: Api, engine: Engine) -> None:
    del api
    make_user(engine, "anna")
    library = import_module("mailing_api_client")
    models = import_module("mailing_api_client.models")
    clients_create = import_module("mailing_api_client.api.clients.clients_create")
    logins_login = import_module("mailing_api_client.api.logging_in.logins_login")
    statistics_all_statuses = import_module("mailing_api_client.api.statistics.statistics_all_statuses")

    network = {"transport": httpx.MockTransport(transport)}
    anonymous = library.Client(base_url="http://api.test", httpx_args=network)
    login = logins_login.sync(client=anonymous, body=models.LoginIn(username="anna", password=PASSWORD))
    anna = library.AuthenticatedClient(base_url="http://api.test", token=login.token, prefix="Token", httpx_args=network)
    attributes = models.ClientInAttributes.from_dict({"name": "Анна", "visits": 3})
    new = models.ClientIn(phone="+79101234567", time_zone="Europe/Moscow", tags=["vip"], attributes=attributes)
    made = clients_create.sync(client=anna, body=new)
    assert (made.operator_code, made.tags) == ("910", ["vip"])
    assert made.attributes.to_dict() == {"name": "Анна", "visits": 3}
    statistics = statistics_all_statuses.sync(client=anna)
    assert (statistics.total, len(statistics.statuses)) == (0, 5)
    refused = clients_create.sync_detailed(client=anna, body=models.ClientIn(phone="+79101234567", time_zone="Europe/Moscow"))
    assert (refused.status_code, refused.parsed.code) == (409, "conflict")
