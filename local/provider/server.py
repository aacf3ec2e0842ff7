"""The provider's HTTP server: uvicorn, with its parser, and a connection that the application can misuse on purpose.

A route may write any bytes to the connection, reset it, or answer late; the ledger learns how many bytes of each request arrived.
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

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

JSON = "application/json"
KEEP_ALIVE_SECONDS = 3600
_BEGINNING = 1024


@dataclass(frozen=True, slots=True)
class CutRequest:
    """A request that did not arrive whole, or over a connection that was forgotten: its first bytes, how many came, and why."""

    connection: int
    beginning: bytes
    received: int
    why: str


Cut = Callable[[CutRequest], None]
Forgets = Callable[[float, bytes], bool]
_numbers = itertools.count(1)


class Connection(HttpToolsProtocol):
    """One connection; routes find it in the scope's state, as `connection`."""

    number = 0
    received = 0
    """Bytes of the request that was read last."""

    def __init__(self, *arguments: Any, cut: Cut, forgets: Forgets, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.number = next(_numbers)
        self._cut = cut
        self._forgets = forgets
        self._idle_since = time.monotonic()
        self._beginning = b""
        self._count = 0

    @property
    def gone(self) -> bool:
        return self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        idle = self._count == 0 and (self.cycle is None or self.cycle.response_complete)
        self._count += len(data)
        if len(self._beginning) < _BEGINNING:
            self._beginning += data[:_BEGINNING]
        if idle and self._forgets(time.monotonic() - self._idle_since, data):
            self._report_cut("reset when used again")
            self.reset()
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["connection"] = self

    def on_message_complete(self) -> None:
        self.received, self._count, self._beginning = self._count, 0, b""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._idle_since = time.monotonic()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._report_cut("cut")
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        del msg
        self._report_cut("not understood")
        self.reset()

    def _report_cut(self, why: str) -> None:
        count, self._count = self._count, 0
        if count:
            self._cut(CutRequest(self.number, self._beginning, count, why))

    def write(self, data: bytes) -> None:
        """Send bytes as they are; a connection that is gone swallows them."""
        if not self.gone:
            self.transport.write(data)

    def finish(self) -> None:
        """Count the bytes that were written as the answer, and make way for the next request if the connection is kept."""
        cycle = self.cycle
        cycle.response_started = cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def close(self) -> None:
        self.cycle.response_started = self.cycle.response_complete = True
        self.transport.close()

    def reset(self) -> None:
        """End the connection by RST, as a crashed host does."""
        if self.cycle is not None:
            self.cycle.response_started = self.cycle.response_complete = True
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def encode(self, status: int, body: bytes, content_type: str = JSON, headers: Mapping[str, str] | None = None) -> bytes:
        """Return an answer's bytes, whatever its status and headers are worth."""
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Unknown"
        extra = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        connection = "" if self.cycle.keep_alive else "Connection: close\r\n"
        head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{connection}{extra}\r\n"
        return head.encode("latin-1") + body

    def answer(self, status: int, body: bytes, content_type: str = JSON, headers: Mapping[str, str] | None = None) -> None:
        self.write(self.encode(status, body, content_type, headers))
        self.finish()

    def answer_json(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        self.answer(status, json.dumps(value, ensure_ascii=False).encode(), JSON, headers)


def server(application: Any, host: str, port: int, *, cut: Cut, forgets: Forgets) -> uvicorn.Server:
    """Return a server of this ASGI application.

    `cut` is told of requests that no route sees; `forgets` decides by idle seconds and first bytes whether a connection is reset.
    """

    def connection(*arguments: Any, **named: Any) -> Connection:
        return Connection(*arguments, cut=cut, forgets=forgets, **named)

    config = uvicorn.Config(
        application,
        host,
        port,
        http=connection,  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        backlog=1024,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)
