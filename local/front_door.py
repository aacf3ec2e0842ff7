"""The one host that people and clients see: a reverse proxy to the API at the AWS endpoint, as a domain stands before it on AWS.

uvicorn reads the requests, with llhttp as its parser: what is no HTTP, or could be read in two ways, never gets further than here.
"""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import Callable
from urllib.parse import quote

import httpcore
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.errors import LocalError
from local.process import BIND, LOOPBACK, port_is_free, who_listens

TIMEOUT = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 60.0)}
SIDE_BY_SIDE = 64
IDLE_SECONDS = 75
MAX_BODY = 10 * 2**20  # API Gateway's
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
HOP_BY_HOP = {
    *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer", b"transfer-encoding"),
    *(b"upgrade", b"content-length"),
}
_LINE = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_LETTERS_IN_ADDRESS = re.compile(rb"[A-Z]{3,10} /[^\r\n]*[\x80-\xff][^\r\n]*")
STATIC_FILES = ("/admin/static/", "/docs/")


class FrontDoor:
    """`api_url` is asked at each request, for a deployment may change it; None while nothing is deployed."""

    def __init__(self, port: int, api_url: Callable[[], str | None]) -> None:
        if not port_is_free(port):
            raise LocalError(
                f"Port {port}, wanted for the API, is taken{who_listens(port)}: stop what has it, or choose another with API_PORT."
            )
        # Here and not in the thread: who connects from now on waits until it serves.
        self._socket = socket.create_server((BIND, port), backlog=128)
        # asyncio sets it only where a socket names its protocol, and without it each answer's body waits 40 ms for the ACK of its headers.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(
            _Proxy(api_url),
            http=_Protocol,
            ws="none",
            proxy_headers=False,  # it would believe what a client on this machine says of its own address
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


class _Proxy:
    def __init__(self, api_url: Callable[[], str | None]) -> None:
        self._api_url = api_url
        # A connection for each request: the endpoint is restarted under the feet of this.
        self._pool = httpcore.AsyncConnectionPool(max_connections=SIDE_BY_SIDE, max_keepalive_connections=0)
        # A page asks for its twenty files side by side, and the endpoint would start a process for each: six cold starts on two cores.
        self._static_files = asyncio.Semaphore(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if request.method not in METHODS:
            message = f"method not allowed: {request.method}"
            return _error(405, "method_not_allowed", message, {"Allow": ", ".join(METHODS)})
        hosts = request.headers.getlist("host")
        if len(hosts) > 1 or (not hosts and request.scope["http_version"] == "1.1"):
            return _error(400, "malformed", "a request has one Host header")
        body = await _body(request)
        if body is None:
            return _error(413, "too_large", f"at most {MAX_BODY:,} bytes")
        upstream = self._api_url()
        if upstream is None:
            return _error(503, "unavailable", "The API is not deployed yet; try again in a moment.")
        try:
            async with self._static_files if request.url.path.startswith(STATIC_FILES) else contextlib.nullcontext():
                return await self._forward(upstream, request, body)
        except httpcore.LocalProtocolError:  # what this parser lets through and the client's refuses to write
            return _error(400, "malformed", "the request is not well-formed HTTP")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            message = f"The API does not answer ({type(error).__name__}); is the local stack still running?"
            return _error(502, "bad_gateway", message)

    async def _forward(self, upstream: str, request: Request, body: bytes) -> Response:
        base, query = httpcore.URL(upstream), request.scope["query_string"]
        target = base.target + request.scope["raw_path"] + (b"?" + query if query else b"")
        url = httpcore.URL(scheme=base.scheme, host=base.host, port=base.port, target=target)
        headers = [
            (name.title(), value)
            for name, value in request.headers.raw
            if name not in HOP_BY_HOP and not name.startswith(b"x-forwarded-")
        ]
        if body or "content-length" in request.headers or "transfer-encoding" in request.headers:
            headers.append((b"Content-Length", b"%d" % len(body)))
        headers.append((b"X-Forwarded-For", (request.client.host if request.client else "").encode()))
        headers.append((b"X-Forwarded-Host", request.headers.get("host", "").encode("latin-1")))
        headers.append((b"X-Forwarded-Proto", b"http"))
        found = await self._pool.request(request.method, url, headers=headers, content=body, extensions=TIMEOUT)
        return _passed_back(found, head=request.method == "HEAD")


def _passed_back(found: httpcore.Response, *, head: bool) -> Response:
    """The endpoint's answer; of the body that HEAD leaves out, the length is kept."""
    response = Response(found.content, found.status)
    for name, value in found.headers:
        if name.lower() not in HOP_BY_HOP:
            response.headers.append(name.decode("latin-1"), value.decode("latin-1"))
        elif head and name.lower() == b"content-length":
            response.headers["content-length"] = value.decode("latin-1")
    return response


async def _body(request: Request) -> bytes | None:
    """The whole body; None if it is larger than what is passed on."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_BODY:
            parts.append(part)
    return b"".join(parts) if size <= MAX_BODY else None


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"code": code, "message": message}, status, headers)
