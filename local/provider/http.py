"""HTTP/1.1 as far as a provider needs it, on asyncio's protocols: some ten thousand small calls a second on one core.

A handler gets the request and a `Reply`, which it answers now or later, well or badly: half an answer, a byte a second, a reset.
"""

import asyncio
import json
import socket
import struct
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

    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)


class Reply:
    """The answer to one request, over the connection that it came on."""

    __slots__ = ("_done", "_keep", "_transport")

    def __init__(self, transport: asyncio.Transport, keep: bool, done: Callable[[], None]) -> None:
        self._transport = transport
        self._keep = keep
        self._done = done

    def send(self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._transport.write(self.encode(status, body, content_type, headers))
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
        self._transport.write(data)

    def close(self) -> None:
        self._transport.close()

    def reset(self) -> None:
        """Ends the connection by RST, as a crashed host does."""
        connection = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


Handler = Callable[[Request, Reply], None]


class Connection(asyncio.Protocol):
    """Reads requests one after the other; the next is looked at when the last was answered."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server hands over
        self._transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            if len(self._received) > MAX_HEAD:
                transport.abort()
            return
        try:
            method, target, headers = _parse_head(bytes(self._received[:head_end]))
            length = int(headers.get("content-length", "0"))
        except ValueError:
            transport.abort()
            return
        if length > MAX_BODY or "transfer-encoding" in headers:
            transport.abort()
            return
        end = head_end + 4 + length
        if len(self._received) < end:
            return
        body = bytes(self._received[head_end + 4 : end])
        del self._received[:end]
        self._busy = True
        parts = urlsplit(target)
        request = Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)
        keep = headers.get("connection", "").lower() != "close"
        self._handler(request, Reply(transport, keep, self._answered))

    def _answered(self) -> None:
        self._busy = False
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


async def serve(handler: Handler, host: str, port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Connection(handler), host, port, backlog=1024)
