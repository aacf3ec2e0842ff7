"""The front door passes on what it gets, and says clearly when nothing is behind it."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from local.front_door import FrontDoor
from local.process import free_port
from local.stack import PASSWORD, SUPERUSER, Stack


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, in two cookies and JSON."""

    protocol_version = "HTTP/1.1"

    def _echo(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        seen = {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body.decode("latin-1")}
        answer = json.dumps(seen).encode()
        self.send_response(201)
        self.send_header("Set-Cookie", "a=1")
        self.send_header("Set-Cookie", "b=2")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _echo  # noqa: N815 - what http.server calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def upstream() -> Iterator[list[str | None]]:
    """A holder of the address behind the front door; tests may change it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield [f"http://127.0.0.1:{server.server_address[1]}/restapis/x/local/_user_request_"]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connection(upstream: list[str | None]) -> Iterator[http.client.HTTPConnection]:
    door = FrontDoor(free_port(), lambda: upstream[0])
    door.start()
    connection = http.client.HTTPConnection(urlsplit(door.url).netloc, timeout=10)
    yield connection
    connection.close()
    door.stop()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_method_path_body_and_headers_arrive_as_they_are(connection: http.client.HTTPConnection, method: str) -> None:
    body = bytes(range(256))
    headers = {"Host": "mailings.example", "Authorization": "Token x", "X-Own": "ä", "X-Forwarded-Host": "liar"}
    headers |= {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
    connection.request(method, "/api/v1/client/?q=%D0%B0&q=2", body, headers)
    answer = connection.getresponse()
    seen = json.loads(answer.read())

    assert answer.status == 201
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert (seen["method"], seen["path"]) == (method, "/restapis/x/local/_user_request_/api/v1/client/?q=%D0%B0&q=2")
    assert seen["body"].encode("latin-1") == body
    assert seen["headers"]["Host"] == "mailings.example"
    assert seen["headers"]["X-Forwarded-Host"] == "mailings.example"
    assert seen["headers"]["X-Forwarded-Proto"] == "http"
    assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1", "limits go by the address, which a client does not choose"
    assert seen["headers"]["Authorization"] == "Token x"


def test_letters_in_an_address_may_be_sent_as_they_are(connection: http.client.HTTPConnection) -> None:
    connection.connect()
    assert isinstance(connection.sock, socket.socket)
    connection.sock.sendall("GET /api/v1/client?tag=друзья%20a HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = http.client.HTTPResponse(connection.sock)
    answer.begin()
    assert json.loads(answer.read())["path"].endswith("/client?tag=%D0%B4%D1%80%D1%83%D0%B7%D1%8C%D1%8F%20a")


def test_head_keeps_the_length_and_the_connection(connection: http.client.HTTPConnection) -> None:
    for _ in range(2):
        connection.request("HEAD", "/health")
        answer = connection.getresponse()
        assert answer.status == 201
        assert int(answer.headers["Content-Length"]) > 0
        assert answer.read() == b""


def test_nothing_deployed_yet_is_a_503(connection: http.client.HTTPConnection, upstream: list[str | None]) -> None:
    upstream[0] = None
    connection.request("GET", "/health")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (503, "unavailable")


def test_an_endpoint_that_is_gone_is_a_502(connection: http.client.HTTPConnection, upstream: list[str | None]) -> None:
    upstream[0] = f"http://127.0.0.1:{free_port()}"
    connection.request("POST", "/api/v1/client", b"{}")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (502, "bad_gateway")


def exchange(connection: http.client.HTTPConnection, raw: bytes) -> list[tuple[int, bytes]]:
    """Every answer to these bytes, until the front door hangs up or says no more."""
    with socket.create_connection((connection.host, connection.port), timeout=5) as peer:
        peer.sendall(raw)
        peer.settimeout(1)
        stream, found = peer.makefile("rb"), []
        with contextlib.suppress(TimeoutError):
            while line := stream.readline():
                status, length = int(line.split()[1]), 0
                while header := stream.readline().strip().lower():
                    if header.startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                found.append((status, stream.read(length)))
        return found


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: abc",
        b"Content-Length: -1",
        b"Content-Length: +3",
        b"Content-Length: 3, 3",
        b"Content-Length: 3\r\nContent-Length: 40",
        b"Content-Length: 40\r\nTransfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Content-Length: 99999999999999999999999",
    ],
)
def test_a_body_that_could_be_read_in_two_ways_is_refused(connection: http.client.HTTPConnection, framing: bytes) -> None:
    """And what may hide behind it is no request of its own."""
    hidden = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = exchange(connection, b"POST /api/v1/client HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\nabc" + hidden)
    assert [status for status, _ in answers] in ([400], []), answers
    assert not any(b"hidden" in body for _, body in answers)


@pytest.mark.parametrize("headers", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhost: a\r\n", b"Host: x\r\nX: a\x00b\r\n"])
def test_a_request_that_no_server_takes_is_refused_here(connection: http.client.HTTPConnection, headers: bytes) -> None:
    """As API Gateway refuses it, and not passed on to be misread."""
    ((status, _),) = exchange(connection, b"GET /api/v1/client HTTP/1.1\r\n" + headers + b"\r\n")
    assert status == 400


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"CHUNKED"])
def test_a_chunked_body_arrives_whole_however_it_is_spelt(connection: http.client.HTTPConnection, coding: bytes) -> None:
    head = b"POST /api/v1/client HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
    (answer,) = exchange(connection, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    seen = json.loads(answer[1])
    assert (answer[0], seen["body"], seen["headers"]["Content-Length"]) == (201, "abcde", "5")
    assert "Transfer-Encoding" not in seen["headers"]


def test_an_unknown_method_and_a_body_without_end_are_refused(connection: http.client.HTTPConnection) -> None:
    ((status, body),) = exchange(connection, b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, json.loads(body)["code"]) == (405, "method_not_allowed")
    connection.request("POST", "/api/v1/client", b"x" * (11 * 2**20))
    assert connection.getresponse().status == 413


@pytest.mark.parametrize("header", ["Token x", "Token mlg_1_" + "a" * 43, "Bearer mlg_1_" + "a" * 43, ""])
def test_a_wrong_token_is_a_401_wherever_it_is_refused(stack: Stack, header: str) -> None:
    """By the gateway's expression, by the authorizer that denies, or by the API itself where an endpoint calls no authorizer."""
    answer = requests.get(f"{stack.url}/api/v1/client", headers={"Authorization": header} if header else {}, timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_letters_and_broken_bytes_go_through_the_whole_stack(stack: Stack) -> None:
    """A query string in raw UTF-8 is read; what is not UTF-8 is refused, in an address and in a file, and nothing of it is kept."""
    api = f"{stack.url}/api/v1"
    login = {"username": SUPERUSER, "password": PASSWORD}
    token = f"Token {requests.post(f'{api}/auth-rest/login', json=login, timeout=60).json()['token']}"
    headers = {"Authorization": token}
    client = {"phone": "+79160009911", "time_zone": "UTC", "tags": ["Друзья"]}
    made = requests.post(f"{api}/client", json=client, headers=headers, timeout=60)
    assert made.status_code == 201, made.text

    def raw(address: bytes) -> tuple[int, Any]:
        with contextlib.closing(http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=60)) as connection:
            connection.connect()
            connection.sock.sendall(b"GET " + address + f" HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
            answer = http.client.HTTPResponse(connection.sock)
            answer.begin()
            return answer.status, json.loads(answer.read())

    for tag in ("друзья", "ДРУЗЬЯ"):
        status, found = raw(f"/api/v1/client?tag={tag}".encode())
        assert (status, [each["phone"] for each in found["results"]]) == (200, [client["phone"]])
    for broken in ("друзья".encode("cp1251"), b"%E4%F0", b"%C0%AF", "\ufffd".encode()):
        assert raw(b"/api/v1/client?tag=" + broken)[0] == 400

    text_csv = {**headers, "Content-Type": "text/csv"}
    file = "phone,time_zone,tags\n+79160009912,UTC,друг\n"
    for encoding, status in (("cp1251", 422), ("utf-16", 422), ("utf-8-sig", 200)):
        sent = requests.post(f"{api}/client/import", data=file.encode(encoding), headers=text_csv, timeout=60)
        assert sent.status_code == status, sent.text
    assert requests.get(f"{api}/client?tag=друг", headers=headers, timeout=60).json()["results"] == []  # they were dry runs
    requests.delete(f"{api}/client/{made.json()['id']}", headers=headers, timeout=60).raise_for_status()


def test_answers_are_not_held_back_by_nagle(upstream: list[str | None]) -> None:
    door = FrontDoor(free_port(), lambda: upstream[0])
    door.start()
    try:
        with requests.Session() as session:
            assert session.get(f"{door.url}/", timeout=10).status_code == 201
            (served,) = door._server.server_state.connections
            connection = served.transport.get_extra_info("socket")
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        door.stop()
