"""LocalStack in place of our own AWS endpoint: which one is taken, and what happens when it was restarted."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local import aws, compose
from local.deploy import Deployment
from local.errors import LocalError
from local.ledger import ProviderClient
from local.process import free_port
from local.run import other_endpoint
from local.settings import Ports
from local.stack import FORGOTTEN, Stack


class _Answers(BaseHTTPRequestHandler):
    body: dict[str, Any]

    def do_GET(self) -> None:
        content = json.dumps(self.body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[Any]:
    """Starts servers that answer everything with one JSON object; gives their ports."""
    servers: list[ThreadingHTTPServer] = []

    def start(body: dict[str, Any]) -> int:
        handler = type("Answers", (_Answers,), {"body": body})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server.server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(aws.ENDPOINT, raising=False)


@pytest.mark.parametrize(("edition", "taken"), [("community", True), ("pro", True), ("unknown", True), (aws.OWN_EDITION, False)])
def test_a_localstack_on_our_port_is_taken_and_our_own_endpoint_is_not(answering: Any, edition: str, taken: bool) -> None:
    port = answering({"edition": edition, "version": "4.14.0"})
    assert aws.chosen_endpoint(port) == (f"http://127.0.0.1:{port}" if taken else None)


def test_the_named_endpoint_goes_before_one_that_is_found(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found, named = answering({"edition": "community"}), answering({"edition": "community"})
    monkeypatch.setenv(aws.ENDPOINT, f"http://127.0.0.1:{named}/")
    assert aws.chosen_endpoint(found) == f"http://127.0.0.1:{named}"


def test_a_named_endpoint_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(aws.ENDPOINT, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(LocalError, match="Nothing that looks like LocalStack"):
        aws.chosen_endpoint(0)


def test_without_either_our_own_is_started() -> None:
    assert aws.chosen_endpoint(free_port()) is None
    assert aws.chosen_endpoint(0) is None


def test_which_endpoint_is_taken_and_why_is_said(answering: Any) -> None:
    console = Console(file=io.StringIO(), record=True, width=200)
    port = answering({"edition": "community", "version": "4.14.0"})
    assert other_endpoint(console, port) == f"http://127.0.0.1:{port}"
    assert f"LocalStack 4.14.0 at http://127.0.0.1:{port} is the AWS endpoint (found there" in console.export_text()


def test_a_restart_of_localstack_is_noticed(answering: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = answering({"edition": "community"})
    stack = Stack(tmp_path, Ports.free(), endpoint=f"http://127.0.0.1:{port}")
    gone = [True]
    deployments: list[str] = []
    monkeypatch.setattr("local.stack.forgotten", lambda _endpoint, _name: gone[0])
    monkeypatch.setattr(Stack, "deploy", lambda self: deployments.append(self.endpoint))
    assert FORGOTTEN in stack.dead()
    stack.revive(FORGOTTEN)
    assert deployments == [stack.endpoint]
    assert FORGOTTEN not in stack.dead()  # it is not asked each second
    stack._asked_at = 0
    gone[0] = False
    assert FORGOTTEN not in stack.dead()
    stack._asked_at = 0
    gone[0], stack.endpoint = True, f"http://127.0.0.1:{free_port()}"
    assert FORGOTTEN not in stack.dead(), "it does not answer: there is nothing to deploy to"


def test_the_front_door_of_compose_follows_a_restart(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = f"http://127.0.0.1:{answering({})}"
    old, new = Deployment(endpoint, {"RestAPIId": "old"}), Deployment(endpoint, {"RestAPIId": "new"})
    gone = [True, False]
    deployments: list[int] = []
    monkeypatch.setattr(compose, "forgotten", lambda _endpoint, _name: gone.pop(0))
    monkeypatch.setattr(compose, "deployed", lambda _endpoint, _name: new)
    monkeypatch.setattr(compose, "deploy_all", lambda _console: deployments.append(1))
    console = Console(file=io.StringIO())
    assert compose.look_after(console, endpoint, old) is new
    assert deployments == [1]
    assert compose.look_after(console, f"http://127.0.0.1:{free_port()}", old) is old


@pytest.mark.parametrize(("body", "own"), [({"calls": 0, "deliveries": 0}, True), ({"detail": "not found"}, False)])
def test_somebody_elses_provider_is_not_asked_for_a_ledger(answering: Any, body: dict[str, Any], own: bool) -> None:
    provider = ProviderClient(f"http://127.0.0.1:{answering(body)}")
    assert provider.is_our_own() is own
    provider.close()
