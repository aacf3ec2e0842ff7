"""HTTP/1.1 as far as a provider needs it, on asyncio's protocols: some ten thousand small calls a second on one core.

A handler gets the request and a `Reply`, which it answers now or later, well or badly: half an answer, a byte a second, a reset.
"""

import asyncio
import itertools
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_HEAD = 32 * 1024
MAX_BODY = 1024 * 1024


@dataclass(slots=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    connection: int = 0
    received: int = 0

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class CutRequest:
    """A request that never reached the handler: what of it arrived, and why."""

    connection: int
    received: bytes
    why: str


class Reply:
    """The answer to one request, over the connection that it came on."""

    __slots__ = ("_done", "_keep", "_transport")

    def __init__(self, transport: asyncio.Transport, keep: bool, done: Callable[[], None]) -> None:
        self._transport = transport
        self._keep = keep
        self._done = done

    def send(self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._transport.write(self.encode(status, body, content_type, headers))
        self.done()

    def done(self) -> None:
        """Make way for the connection's next request, if it is kept."""
        if self._keep:
            self._done()
        else:
            self._transport.close()

    def send_json(self, status: int, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self.send(status, json.dumps(value, ensure_ascii=False).encode(), "application/json", headers)

    def encode(self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> bytes:
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Unknown"
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        connection = "" if self._keep else "Connection: close\r\n"
        head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{connection}{extra}\r\n"
        return head.encode("latin-1") + body

    @property
    def gone(self) -> bool:
        return self._transport.is_closing()

    def send_raw(self, data: bytes) -> None:
        if not self.gone:
            self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def reset(self) -> None:
        """Ends the connection by RST, as a crashed host does."""
        _reset(self._transport)


def _reset(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


Handler = Callable[[Request, Reply], None]
Cut = Callable[[CutRequest], None]
Forgets = Callable[[float, bytes], bool]
_numbers = itertools.count(1)


class Connection(asyncio.Protocol):
    """Reads requests one after the other; the next is looked at when the last was answered."""

    def __init__(self, handler: Handler, cut: Cut, forgets: Forgets) -> None:
        self._handler = handler
        self._cut = cut
        self._forgets = forgets
        self._number = next(_numbers)
        self._idle_since = time.monotonic()
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server hands over
        self._transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        idle = not self._busy and not self._received
        forgotten = idle and self._forgets(time.monotonic() - self._idle_since, data)
        self._received += data
        if forgotten:
            self._give_up("reset when used again")
        elif not self._busy:
            self._next()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self._busy:
            self._tell_cut("cut")

    def _give_up(self, why: str) -> None:
        self._tell_cut(why)
        if self._transport is not None:
            _reset(self._transport)

    def _tell_cut(self, why: str) -> None:
        received, self._received = bytes(self._received), bytearray()
        if received:
            self._cut(CutRequest(self._number, received, why))

    def _next(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self._received) > MAX_HEAD:
                self._give_up("not understood")
            return
        try:
            method, target, headers = _parse_head(bytes(self._received[:head_end]))
            length = int(headers.get("content-length", "0"))
        except ValueError:
            self._give_up("not understood")
            return
        if length > MAX_BODY or "transfer-encoding" in headers:
            self._give_up("not understood")
            return
        end = head_end + 4 + length
        if len(self._received) < end:
            return
        body = bytes(self._received[head_end + 4 : end])
        del self._received[:end]
        self._busy = True
        parts = urlsplit(target)
        request = Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body, self._number, end)
        keep = headers.get("connection", "").lower() != "close"
        self._handler(request, Reply(transport, keep, self._answered))

    def _answered(self) -> None:
        self._busy = False
        self._idle_since = time.monotonic()
        if self._received:
            self._next()


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return method, target, headers


async def serve(
    handler: Handler,
    host: str,
    port: int,
    *,
    cut: Cut = lambda _request: None,
    forgets: Forgets = lambda _idle_seconds, _data: False,
) -> asyncio.Server:
    """Listen. `cut` is told of requests that do not reach the handler; `forgets`: is a connection reset after this idle time?"""
    return await asyncio.get_running_loop().create_server(lambda: Connection(handler, cut, forgets), host, port, backlog=1024)
