"""The one host that people and clients see: a reverse proxy to the API at the AWS endpoint, as a domain stands before it on AWS.

uvicorn reads the requests, with llhttp as its parser: what is no HTTP, or could be read in two ways, never gets further than here.
"""

import asyncio
import contextlib
import http.client
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.errors import LocalError
from local.process import BIND, LOOPBACK, port_is_free, who_listens

UPSTREAM_SECONDS = 60
IDLE_SECONDS = 75
MAX_BODY = 10 * 2**20  # API Gateway's
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_LINE = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_LETTERS_IN_ADDRESS = re.compile(rb"[A-Z]{3,10} /[^\r\n]*[\x80-\xff][^\r\n]*")
STATIC_FILES = ("/admin/static/", "/docs/")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[str, str]]


class FrontDoor:
    """`api_url` is asked at each request, for a deployment may change it; None while nothing is deployed."""

    def __init__(self, port: int, api_url: Callable[[], str | None]) -> None:
        if not port_is_free(port):
            raise LocalError(
                f"Port {port}, wanted for the API, is taken{who_listens(port)}: stop what has it, or choose another with API_PORT."
            )
        # Here and not in the thread: who connects from now on waits until it serves.
        self._socket = socket.create_server((BIND, port), backlog=128)
        config = uvicorn.Config(
            _Proxy(api_url),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,  # the functions log what they do; a second line for each request helps nobody
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="front door", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()


class _Protocol(HttpToolsProtocol):
    def data_received(self, data: bytes) -> None:
        """Letters in an address that a client sent as they are, Russian ones for example, are read as what they should have been."""
        idle = self.cycle is None or self.cycle.response_complete
        if idle and (line := _LETTERS_IN_ADDRESS.match(data)):
            data = quote(line[0], safe=_LINE).encode() + data[line.end() :]
        super().data_received(data)


@dataclass(frozen=True)
class _Request:
    method: str
    target: str
    headers: Headers
    body: bytes
    client: str

    def header(self, name: str) -> str:
        return next((value for given, value in self.headers if given == name), "")


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Headers
    body: bytes


class _Proxy:
    def __init__(self, api_url: Callable[[], str | None]) -> None:
        self._api_url = api_url
        self._pool = ThreadPoolExecutor(64, thread_name_prefix="front door")
        # A page asks for its twenty files side by side, and the endpoint would start a process for each: six cold starts on two cores.
        self._static_files = threading.Semaphore(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        answer = await self._answer(scope, receive)
        length = next((value for name, value in answer.headers if name.lower() == "content-length"), str(len(answer.body)))
        kept = [(name, value) for name, value in answer.headers if name.lower() not in HOP_BY_HOP | {"content-length"}]
        if answer.status not in (204, 304):
            kept.append(("Content-Length", length if scope["method"] == "HEAD" else str(len(answer.body))))
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    async def _answer(self, scope: Message, receive: Receive) -> _Answer:
        if scope["method"] not in METHODS:
            return _excuse(405, "method_not_allowed", f"{scope['method']} is not answered here", ("Allow", ", ".join(METHODS)))
        body = await _body(receive)
        if body is None:
            return _excuse(413, "too_large", f"at most {MAX_BODY:,} bytes")
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        request = _Request(
            scope["method"],
            (scope["raw_path"] + query).decode("latin-1"),
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            body,
            (scope.get("client") or ("",))[0],
        )
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._pass_on, request)

    def _pass_on(self, request: _Request) -> _Answer:
        upstream = self._api_url()
        if upstream is None:
            return _excuse(503, "unavailable", "The API is not deployed yet; try again in a moment.")
        try:
            with self._static_files if request.target.startswith(STATIC_FILES) else contextlib.nullcontext():
                return _ask(upstream, request)
        except (OSError, http.client.HTTPException) as error:
            message = f"The API does not answer ({type(error).__name__}); is the local stack still running?"
            return _excuse(502, "bad_gateway", message)


def _ask(upstream: str, request: _Request) -> _Answer:
    parts = urlsplit(upstream)
    connection = http.client.HTTPConnection(parts.netloc, timeout=UPSTREAM_SECONDS)
    try:
        connection.putrequest(request.method, parts.path + request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            if name not in HOP_BY_HOP | {"content-length"} and not name.startswith("x-forwarded-"):
                connection.putheader(name.title(), value)
        if request.body or request.header("content-length") or request.header("transfer-encoding"):
            connection.putheader("Content-Length", str(len(request.body)))
        connection.putheader("X-Forwarded-For", request.client)
        connection.putheader("X-Forwarded-Host", request.header("host"))
        connection.putheader("X-Forwarded-Proto", "http")
        connection.endheaders(request.body)
        response = connection.getresponse()
        return _Answer(response.status, response.getheaders(), response.read())
    finally:
        connection.close()


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if it is larger than what is passed on."""
    parts, size = [], 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= MAX_BODY:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if size <= MAX_BODY else None


def _excuse(status: int, code: str, message: str, *headers: tuple[str, str]) -> _Answer:
    body = json.dumps({"code": code, "message": message}).encode()
    return _Answer(status, [("Content-Type", "application/json"), *headers], body)
