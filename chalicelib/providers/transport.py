"""requests with an adapter of our own: kept connections, one deadline for the whole call, bounded answers.

Its own adapter hides three things that must be known here: how many bytes of a request were handed to the socket, whether a connection
is fit for another request, and how much time is left at each step. It also reads what nobody needs: the targets of redirects, cookies.
So the adapter keeps its own sockets, and h11 parses the answers.
"""

import re
import select
import socket
import ssl
import time
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
import h11
import requests
from requests.adapters import BaseAdapter

from chalicelib.domain.outcome import MAX_RETRY_AFTER, Outcome, OutcomeKind
from chalicelib.observability import log_exception
from chalicelib.providers.base import Connections

MAX_BODY: Final = 64 * 1024
_MAX_HEAD: Final = 64 * 1024
_MAX_RECEIVED: Final = MAX_BODY + 2 * _MAX_HEAD
"""With interim answers and the framing of chunks."""
_PIECE: Final = 16 * 1024
_CONNECT_SECONDS: Final = 3.0
_MAX_AGE_SECONDS: Final = 60.0
"""A connection older than this is not used again: the next one resolves the name anew, and finds a provider that has moved."""
_DISTRUST_SECONDS: Final = 60.0
"""How long no connection is kept after a provider wrote bytes that belong to no request."""
_INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1[0-9][0-9][ \r\n]")
_INTERIM_LENGTH: Final = len(b"HTTP/1.1 100 ")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_DECISIVE: Final = re.compile(rb"HTTP/1\.[01] ([345][0-9][0-9])[ \r\n]")
"""The beginning of an answer whose status says enough, whatever its headers and its body hold."""
_ABOUT_THE_CONNECTION: Final = frozenset({408, 421})
"""Statuses after which the connection is of no use."""
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32


class NoAnswerError(requests.RequestException):
    """There is no answer; `outcome` says what that means for the message."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class BrokenAnswerError(Exception):
    """The answer breaks HTTP or exceeds a bound."""


_BROKEN: Final = (OSError, h11.RemoteProtocolError, BrokenAnswerError)


class _Connection:
    """A connected socket that counts what it is given."""

    __slots__ = ("_made", "_rests_since", "_socket", "written")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._made = time.monotonic()
        self._rests_since = (0.0, 0.0)
        self.written = 0
        """Bytes of the current request that the socket took."""

    def write(self, data: bytes, ends: float) -> None:
        """Hand a request, or what is left of it, to the socket."""
        while self.written < len(data):
            self._socket.settimeout(_left(ends))
            self.written += self._socket.send(data[self.written :])

    def read(self, ends: float) -> bytes:
        """Return the next bytes; none at the end of the stream."""
        self._socket.settimeout(_left(ends))
        return self._socket.recv(_PIECE)

    def rest(self) -> None:
        """Note that the connection is idle from now on, and that its next request begins at nought."""
        self.written = 0
        self._rests_since = (time.monotonic(), time.time())

    def worn(self, idle_seconds: float) -> bool:
        """Has it been idle for too long, or become too old? Asked of both clocks: one may have stood still with a frozen function."""
        monotonic, wall = time.monotonic() - self._rests_since[0], time.time() - self._rests_since[1]
        return max(monotonic, wall) > idle_seconds or wall < -1 or time.monotonic() - self._made > _MAX_AGE_SECONDS

    def readable(self) -> bool:
        """Has anything arrived, or has the other side closed?"""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def has_data(self) -> bool:
        """Is there data to read, and not only the end of the stream?"""
        self._socket.settimeout(0)
        try:
            return bool(self._socket.recv(1))
        except OSError:
            return False

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()


class Session(requests.Session):
    """A session for one address, whose redirects are answers and nothing to follow. Threads may share it."""

    def __init__(self, base_url: str, headers: Mapping[str, str], adapter: "SocketAdapter") -> None:
        super().__init__()
        self.trust_env = False  # no proxy and no .netrc of the environment gets between us and the provider
        self.headers.clear()
        self.headers.update({"Accept-Encoding": "identity", **headers})
        self._base = base_url
        self.mount(base_url, adapter)
        # Prepared once: merging headers, cookies and hooks anew for every call costs more than the rest of it.
        self._template = self.prepare_request(requests.Request("POST", base_url))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Leave the Location unread, whatever it holds."""

    def call(self, path: str, body: bytes, headers: Mapping[str, str] | None = None, method: str = "POST") -> requests.Response:
        """Send a body to a path below the address, with these headers besides those of the session.

        Raises NoAnswerError, and nothing else for whatever comes back.
        """
        request = self._template.copy()
        request.method = method
        request.url = self._base + path
        request.body = body
        if headers:
            request.headers.update(headers)
        request.headers["Content-Length"] = str(len(body))
        return self.send(request, allow_redirects=False, stream=True, proxies={})


class SocketAdapter(BaseAdapter):
    """Carries requests to one address over sockets of its own. Threads may share it."""

    def __init__(self, base_url: str, connections: Connections) -> None:
        super().__init__()
        parts = urlsplit(base_url)
        self._authority = parts.netloc
        self._host = parts.hostname or ""
        self._tls = (connections.tls or _trusting_public_roots()) if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._deadline = connections.deadline
        self._idle_seconds = connections.idle_seconds
        self._idle: deque[_Connection] = deque()
        self._most_idle = connections.threads
        self._distrusted_until = 0.0

    def send(self, request: requests.PreparedRequest, *_: Any, **_options: Any) -> requests.Response:
        """Return the final answer; raise NoAnswerError if there is none. What a session may ask for besides is fixed here.

        The content is empty if it was not read, is not whole, is too long or cannot be decoded. Of an answer from 300 on, nothing but
        the status needs to be well-formed; its headers are empty if they are not.
        """
        ends = time.monotonic() + self._deadline
        connection = None
        try:
            encoded, parser = self._encoded(request)
            connection = self._kept_and_begun(encoded, ends) or self._connected(ends)
            connection.write(encoded, ends)
            answer, reusable = self._received(connection, parser, ends)
        except Exception as error:  # whatever foreign bytes bring about ends this call, and no more
            outcome = _outcome_without_answer(error, 0 if connection is None else connection.written)
            if connection is not None:
                connection.close()
            raise NoAnswerError(outcome) from error
        if reusable:
            self._keep(connection)
        else:
            connection.close()
        answer.request, answer.url = request, str(request.url)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        with suppress(IndexError):
            while True:
                self._idle.popleft().close()

    def __del__(self) -> None:
        self.close()  # a provider is given up when its configuration is read again

    def _encoded(self, request: requests.PreparedRequest) -> tuple[bytes, h11.Connection]:
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        headers = [("Host", self._authority), *request.headers.items()]
        target = "/" + str(request.url).split("/", 3)[3]
        encoded = parser.send(h11.Request(method=str(request.method), target=target, headers=headers)) or b""
        encoded += parser.send(h11.Data(data=request.body)) or b""  # type: ignore[arg-type]  # call() gives bytes
        parser.send(h11.EndOfMessage())
        return encoded, parser

    def _kept_and_begun(self, request: bytes, ends: float) -> _Connection | None:
        """Return a kept connection that took the request or a part of it; None if no kept one takes a byte."""
        while True:
            try:
                connection = self._idle.popleft()
            except IndexError:
                return None
            if self._fit(connection):
                with suppress(OSError):
                    connection.write(request, ends)
                if connection.written:
                    return connection
            connection.close()

    def _fit(self, connection: _Connection) -> bool:
        if connection.worn(self._idle_seconds):
            return False
        if not connection.readable():
            return True
        if connection.has_data():
            self._distrust()
        return False

    def _distrust(self) -> None:
        """Keep no connection for a while: this provider writes what nobody asked for, and it may be read as the next answer."""
        self._distrusted_until = time.monotonic() + _DISTRUST_SECONDS
        self.close()

    def _keep(self, connection: _Connection) -> None:
        if not self._idle_seconds or time.monotonic() < self._distrusted_until or len(self._idle) >= self._most_idle:
            connection.close()
            return
        connection.rest()
        self._idle.append(connection)

    def _connected(self, ends: float) -> _Connection:
        """Return a new connection to the first address that answers. TLS trouble ends the search: it is not the address's."""
        failed: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM):
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(min(_CONNECT_SECONDS, _left(ends)))
                made.connect(address)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                made.close()
                failed = error
                continue
            return _Connection(self._secured(made, ends))
        raise failed

    def _secured(self, connected: socket.socket, ends: float) -> socket.socket:
        if self._tls is None:
            return connected
        try:
            connected.settimeout(_left(ends))
            return self._tls.wrap_socket(connected, server_hostname=self._host)
        except BaseException:
            connected.close()
            raise

    def _received(self, connection: _Connection, parser: h11.Connection, ends: float) -> tuple[requests.Response, bool]:
        """Return the final answer, and whether its connection may carry another request.

        It may not if anything about the answer is in doubt: interim answers before it, bytes after it, an unclear or unread body.
        """
        reading = _Reading(connection, ends)
        received, interim = _skip_interim(reading)
        parser.receive_data(received)
        try:
            head = _next_event(parser, reading)
            if not isinstance(head, h11.Response):
                raise BrokenAnswerError("no answer")
        except _BROKEN:
            if line := _DECISIVE.match(received):
                return _response(int(line[1])), False
            raise
        headers = _readable_headers(head)
        body = None if _unread(head) else _body(parser, reading)
        if body is None:
            return _response(head.status_code, headers), False
        left_over = bool(parser.trailing_data[0])
        if left_over:
            self._distrust()
        done = parser.our_state is h11.DONE and parser.their_state is h11.DONE
        reusable = done and not interim and not left_over and head.status_code not in _ABOUT_THE_CONNECTION
        return _response(head.status_code, headers, _decoded(body, headers)), reusable


class _Reading:
    """Reads an answer piece by piece, up to a bound."""

    __slots__ = ("_connection", "_ends", "_received")

    def __init__(self, connection: _Connection, ends: float) -> None:
        self._connection = connection
        self._ends = ends
        self._received = 0

    def next(self) -> bytes:
        piece = self._connection.read(self._ends)
        self._received += len(piece)
        if self._received > _MAX_RECEIVED:
            raise BrokenAnswerError("the answer is too long")
        return piece


def _skip_interim(reading: _Reading) -> tuple[bytes, bool]:
    """Return the first bytes of the final answer, and whether interim answers (1xx) preceded it.

    101 is skipped like the others: nobody asked for another protocol, so none can follow.
    """
    received, skipped = reading.next(), False
    while received:
        if _INTERIM.match(received):
            if end := _END_OF_HEAD.search(received):
                received, skipped = received[end.end() :], True
                if received:
                    continue
        elif len(received) >= _INTERIM_LENGTH:
            break
        piece = reading.next()
        if not piece:
            break
        received += piece
    return received, skipped


def _response(status: int, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.headers.update(headers or {})
    made._content = body or b""
    return made


def _next_event(parser: h11.Connection, reading: _Reading) -> object:
    while (event := parser.next_event()) is h11.NEED_DATA:
        parser.receive_data(reading.next())
    return event


def _body(parser: h11.Connection, reading: _Reading) -> bytes | None:
    """Return the body; None if it is not whole or too long."""
    body = bytearray()
    try:
        while isinstance(event := _next_event(parser, reading), h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                return None
    except _BROKEN:
        return None
    return bytes(body) if isinstance(event, h11.EndOfMessage) else None


def _unread(head: h11.Response) -> bool:
    """Is the body of this answer not read? A redirect's may hold anything; two framings at once are a smuggled answer."""
    if 300 <= head.status_code < 400:
        return True
    names = {name for name, _ in head.headers}
    return b"content-length" in names and b"transfer-encoding" in names


def _readable_headers(head: h11.Response) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(list(head.headers))}


def _decoded(body: bytes, headers: Mapping[str, str]) -> bytes | None:
    """Return the body without its content encoding; None if it is too long, or encoded in a way that nobody asked for."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        plain = inflate.decompress(body, MAX_BODY + 1)
    except zlib.error:
        return None
    return plain if inflate.eof and not inflate.unused_data and len(plain) <= MAX_BODY else None


def _outcome_without_answer(error: Exception, written: int) -> Outcome:
    """Return the outcome of a call that ended in this error after `written` bytes of its request were handed to the socket."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Outcome(OutcomeKind.MISCONFIGURED, f"TLS certificate: {error.verify_message}")
    if not isinstance(error, _BROKEN):
        log_exception("provider_call_failed")
    if not written:
        return Outcome(OutcomeKind.NOT_DELIVERED, f"nothing was sent: {_reason(error)}")
    return Outcome(OutcomeKind.UNKNOWN, f"no whole answer: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return what went wrong, in words that hold nothing of the request or the answer."""
    if isinstance(error, TimeoutError):
        return "time-out"
    if isinstance(error, socket.gaierror):
        return "the provider's name does not resolve"
    if isinstance(error, ssl.SSLError):
        return f"TLS {error.reason or type(error).__name__}"
    return type(error).__name__


def _left(ends: float) -> float:
    """Return the seconds until `ends`; raises TimeoutError if it is past."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@lru_cache(maxsize=1)
def _trusting_public_roots() -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date), six hours at most.

    None without the header, or if it holds neither.
    """
    value = headers.get("Retry-After", "").strip()
    if not value or len(value) > 100:
        return None
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(value)
        return min(max((moment - now).total_seconds(), 0.0), MAX_RETRY_AFTER) if moment.tzinfo else None
    except Exception:  # noqa: BLE001 - the parser raises more than it says for dates out of range
        return None
