"""The one host that people and clients see: a reverse proxy to the API at the AWS endpoint, as a domain stands before it on AWS."""

import contextlib
import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import quote, urlsplit

from local.errors import LocalError
from local.process import BIND, LOOPBACK, port_is_free, who_listens

UPSTREAM_SECONDS = 60
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
_TARGET = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
STATIC_FILES = ("/admin/static/", "/docs/")


class FrontDoor:
    """`api_url` is asked at each request, for a deployment may change it; None while nothing is deployed."""

    def __init__(self, port: int, api_url: Callable[[], str | None]) -> None:
        if not port_is_free(port):
            raise LocalError(
                f"Port {port}, wanted for the API, is taken{who_listens(port)}: stop what has it, or choose another with API_PORT."
            )
        handler = type("Handler", (_Handler,), {"api_url": staticmethod(api_url), "static_files": threading.Semaphore(1)})
        self._server = _Server((BIND, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="front door", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Somebody hung up before the answer: nothing that anybody wants to read a traceback of."""


class _Handler(BaseHTTPRequestHandler):
    api_url: ClassVar[Callable[[], str | None]]
    # A page asks for its twenty files side by side, and the endpoint would start a process for each: six cold starts on two cores.
    static_files: ClassVar[threading.Semaphore]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 75  # a connection that nobody uses

    def _pass_on(self) -> None:
        upstream = type(self).api_url()
        if upstream is None:
            self._excuse(503, "unavailable", "The API is not deployed yet; try again in a moment.")
            return
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.close_connection = True
            self._excuse(411, "length_required", "Send the body with a Content-Length.")
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            with self.static_files if self.path.startswith(STATIC_FILES) else contextlib.nullcontext():
                status, headers, answer = self._ask(upstream, body)
        except (OSError, http.client.HTTPException) as error:
            self._excuse(
                502, "bad_gateway", f"The API does not answer ({type(error).__name__}); is the local stack still running?"
            )
            return
        self._answer(status, headers, answer)

    def _refuse(self) -> None:
        self.close_connection = True
        body = json.dumps({"code": "method_not_allowed", "message": f"{self.command} is not answered here"}).encode()
        self._answer(405, [("Content-Type", "application/json"), ("Allow", ", ".join(METHODS))], body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """http.server looks for a function of each method's name; for one that nobody knows there is still an answer in our form."""
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _pass_on  # noqa: N815 - what http.server calls

    def _ask(self, upstream: str, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        parts = urlsplit(upstream)
        connection = http.client.HTTPConnection(parts.netloc, timeout=UPSTREAM_SECONDS)
        try:
            # What a client sent as it is, Russian letters for one, came as latin-1; http.client sends nothing but ASCII.
            target = parts.path + quote(self.path, safe=_TARGET, encoding="latin-1")
            connection.putrequest(self.command, target, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP and not name.lower().startswith("x-forwarded-"):
                    connection.putheader(name, value)
            connection.putheader("X-Forwarded-For", self.client_address[0])
            connection.putheader("X-Forwarded-Host", self.headers.get("Host", ""))
            connection.putheader("X-Forwarded-Proto", "http")
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                self.send_header(name, value)
        length = next((value for name, value in headers if name.lower() == "content-length"), None)
        if self.command == "HEAD" and length is not None:
            self.send_header("Content-Length", length)
        elif status >= 200 and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _excuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, [("Content-Type", "application/json")], json.dumps({"code": code, "message": message}).encode())

    def log_message(self, *_: object) -> None:
        """The functions log what they do; a second line for each request helps nobody."""
