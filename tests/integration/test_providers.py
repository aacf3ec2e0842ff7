"""The HTTP provider against a real server on loopback, as it answers and as it fails."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from chalicelib.domain.outcome import OutcomeKind
from chalicelib.providers import Outgoing
from chalicelib.providers.base import Account, Connections
from chalicelib.providers.contract import ContractProvider
from chalicelib.providers.transport import retry_after
from tests.integration.raw_server import Server, whole


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def provider(server: Server, deadline: float = 5) -> ContractProvider:
    return ContractProvider(Account(server.url + "/", "jwt"), Connections(2, deadline))


def test_the_contract_on_the_wire(server: Server) -> None:
    sender = provider(server)
    assert sender.send(Outgoing(17, "+79101234567", "Привет, ${name}")).kind is OutcomeKind.ACCEPTED
    assert sender.send(Outgoing(18, "+79101234568", "")).kind is OutcomeKind.ACCEPTED
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/send/17 HTTP/1.1\r\n")
    assert b"Authorization: Bearer jwt" in head
    assert json.loads(body) == {"id": 17, "phone": 79101234567, "text": "Привет, ${name}"}
    assert server.connections == 1, "connections are kept"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (whole("503 Busy", b"", "Retry-After: 7"), OutcomeKind.NOT_DELIVERED),
        (whole("302 Found", b"", "Location: http://127.0.0.1:1/"), OutcomeKind.MISCONFIGURED),
        (whole("200 OK", b"<html>"), OutcomeKind.UNKNOWN),
        (whole("200 OK", b" " * 100_000), OutcomeKind.UNKNOWN),
        (whole("200 OK", b"[" * 60_000), OutcomeKind.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", OutcomeKind.UNKNOWN),
        (b"nonsense\r\n\r\n", OutcomeKind.UNKNOWN),
        (b"", OutcomeKind.UNKNOWN),
    ],
)
def test_answers_good_and_broken(server: Server, raw: bytes, kind: OutcomeKind) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_RDWR)

    server.answer = answer
    outcome = provider(server).send(Outgoing(1, "+79101234567", "hello"))
    assert outcome.kind is kind
    assert outcome.retry_after == (7.0 if b"Retry-After" in raw else None)


def test_nobody_there_is_surely_not_delivered() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound and not listening: refused
        sender = ContractProvider(Account(f"http://127.0.0.1:{free.getsockname()[1]}", "jwt"), Connections(1, 5))
        assert sender.send(Outgoing(1, "+79101234567", "hello")).kind is OutcomeKind.NOT_DELIVERED


def test_a_name_that_does_not_resolve_is_surely_not_delivered() -> None:
    sender = ContractProvider(Account("http://provider.invalid", "jwt"), Connections(1, 5))
    assert sender.send(Outgoing(1, "+79101234567", "hello")).kind is OutcomeKind.NOT_DELIVERED


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_a_drip_is_cut_at_the_deadline_of_the_whole_call(server: Server, head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.1)

    server.answer = drip
    begun = time.monotonic()
    assert provider(server, deadline=0.5).send(Outgoing(1, "+79101234567", "hello")).kind is OutcomeKind.UNKNOWN
    assert time.monotonic() - begun < 3
    server.answer = lambda connection: connection.sendall(whole("200 OK"))
    assert provider(server).send(Outgoing(2, "+79101234567", "hello")).kind is OutcomeKind.ACCEPTED


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, datetime(2026, 6, 1, 12, tzinfo=UTC)) == seconds
