"""The containers of docker-compose.localstack.yml, without containers: their own commands, one after the other."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from local import aws
from local.deploy import undeploy
from local.process import free_port
from local.services import clean_environment
from local.settings import ROOT
from local.stack import Stack

DATABASE = "compose"
SECONDS = 200
FETCHING = ("UV_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
"""How the variables begin that tell uv how to reach the package index from this machine; a container has its image's."""


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.localstack.yml").read_text())["services"]
    return found


def test_it_opens_to_this_machine_only_and_names_its_versions(services: dict[str, Any]) -> None:
    assert services.keys() == {"postgres", "localstack", "provider", "deploy", "api", "first-mailing", "e2e"}
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert len(ports) == 4
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert services["localstack"]["image"] == "localstack/localstack:${LOCALSTACK_VERSION:-4.14.0}"
    assert services["postgres"]["image"].startswith("postgres:${POSTGRES_VERSION:-17.")
    assert all("healthcheck" in services[name] for name in ("postgres", "localstack", "provider", "api"))


@pytest.mark.usefixtures("provider")  # its ledger is empty
def test_deploy_front_door_and_first_mailing(stack: Stack, services: dict[str, Any]) -> None:
    """Against the endpoint, the PostgreSQL and the provider of these tests."""
    port = free_port()
    given = {
        aws.ENDPOINT: stack.endpoint,
        "DATABASE_URL": stack.postgres.create_database(DATABASE),
        "SERVICE_DATABASE_URL": stack.postgres.service_url(DATABASE),
        "PROVIDER_URL": stack.provider.url,
        "INBOX_URL": "http://127.0.0.1:8001",
        "API_PORT": str(port),
    }
    assert services["deploy"]["environment"].keys() == given.keys()
    environment = clean_environment() | given
    fetching = {name: value for name, value in os.environ.items() if name.upper().startswith(FETCHING)}
    try:
        said = subprocess.run(
            services["deploy"]["command"], cwd=ROOT, env=environment | fetching, capture_output=True, text=True, timeout=SECONDS
        )
        assert said.returncode == 0, said.stderr
        with _running(services["api"]["command"], environment):
            check = services["api"]["healthcheck"]["test"]
            assert check[0] == "CMD"
            subprocess.run([part.replace("${API_PORT:-8000}", str(port)) for part in check[1:]], cwd=ROOT, check=True, timeout=60)
            shown = subprocess.run(
                services["first-mailing"]["command"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS
            )
            assert shown.returncode == 0, shown.stderr
    finally:
        undeploy(stack.endpoint, "mailing-api-local")
    assert "2,160 calls, 2,160 accepted, 0 twice" in shown.stdout
    assert f"http://127.0.0.1:{port}/admin/" in shown.stdout


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "the API is at" in process.stdout.readline()
            yield
        finally:
            process.terminate()
