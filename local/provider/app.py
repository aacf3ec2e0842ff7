"""The provider's routes.

POST   /v1/send/{id}      the contract: Authorization: Bearer …, {"id", "phone", "text"} → 200 {"code": 0, "message": "OK"}
GET    /ledger            calls, accepted, deliveries, duplicates, answers by kind
GET    /ledger/{id}       every call of one message
GET    /deliveries        how often each message was delivered: {"12": 1, …}
GET    /inbox             the newest deliveries; ?search=&after=&limit=
DELETE /ledger            forget everything
GET    /settings          latency, faults, …; PATCH changes what it names, PUT starts from the defaults
GET    /health, /         is it there · the page for people
"""

import asyncio
import gzip
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.provider.faults import Fault, Settings, SettingsError
from local.provider.ledger import Call, Ledger
from local.provider.server import JSON, Connection, CutRequest

OK = json.dumps({"code": 0, "message": "OK"}).encode()
PAGE = Path(__file__).with_name("inbox.html")
_SEND = re.compile(r"/v1/send/([^/]+)/?")
_BEGUN = re.compile(rb"POST /v1/send/(\d+)/? ")
_HISTORY = re.compile(r"/ledger/(\d+)/?")


class Provider:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._kept = folder / "settings.json"
        self.settings = Settings()
        if self._kept.exists():
            self.settings = self.settings.changed(json.loads(self._kept.read_text()))
        self.ledger = Ledger(folder / "ledger.jsonl")
        self._control = Starlette(
            routes=[
                Route("/", lambda _request: FileResponse(PAGE, headers={"Cache-Control": "no-store"})),
                Route("/health", lambda _request: JSONResponse({"status": "ok"})),
                Route("/inbox", self._inbox),
                Route("/deliveries", lambda _request: JSONResponse(self.ledger.deliveries())),
                Route("/ledger", self._summary, methods=["GET", "DELETE"]),
                Route("/ledger/{id:int}", self._history),
                Route("/settings", self._settings, methods=["GET", "PATCH", "PUT"]),
            ],
            exception_handlers={SettingsError: _invalid, ValueError: _invalid, 404: _no_such_path, 405: _no_such_path},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI); those to send pass by Starlette, whose answers are too well-behaved."""
        if sent := _SEND.fullmatch(scope["path"]):
            connection: Connection = scope["state"]["connection"]
            try:
                body = await Request(scope, receive).body()
            except ClientDisconnect:
                return  # the connection has reported it
            if scope["method"] == "POST":
                await self._send(sent[1], dict(scope["headers"]), body, connection)
            else:
                connection.answer_json(405, {"code": 405, "message": "POST only"}, {"Allow": "POST"})
        else:
            await self._control(scope, receive, send)

    def forgets(self, idle_seconds: float, data: bytes) -> bool:
        """Is a connection that brings this after so long an idle time reset? Only calls meet that, not the control routes."""
        most = self.settings.idle_seconds
        return most is not None and idle_seconds > most and _BEGUN.match(data) is not None

    def cut(self, request: CutRequest) -> None:
        """Record a request to send that did not arrive whole, or over a connection that was forgotten."""
        if sent := _BEGUN.match(request.beginning):
            self.ledger.record(self._call(int(sent[1]), request.connection, request.received, request.why))

    def _call(
        self,
        message_id: int,
        connection: int,
        received: int,
        answer: str,
        message: tuple[int, str] | None = None,
        *,
        delivered: bool = False,
    ) -> Call:
        phone, text = message or (None, None)
        return Call(self.ledger.next_number(), time.time(), message_id, phone, text, answer, delivered, connection, received)

    async def _summary(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.ledger.reset()
        return JSONResponse(self.ledger.summary())

    async def _history(self, request: Request) -> Response:
        message_id = request.path_params["id"]
        return JSONResponse({"id": message_id, "calls": [asdict(call) for call in self.ledger.history(message_id)]})

    async def _inbox(self, request: Request) -> Response:
        query = request.query_params
        calls = self.ledger.recent(int(query.get("after", 0)), query.get("search", ""), min(int(query.get("limit", 100)), 1000))
        return JSONResponse({"messages": [asdict(call) for call in calls], "summary": self.ledger.summary()})

    async def _settings(self, request: Request) -> Response:
        if request.method in ("PUT", "PATCH"):
            start = Settings() if request.method == "PUT" else self.settings
            self.settings = start.changed(await request.json())
            new = self._kept.with_suffix(".new")
            new.write_text(json.dumps(self.settings.to_json()))
            new.replace(self._kept)
        return JSONResponse(self.settings.to_json())

    async def _send(self, given_id: str, headers: dict[bytes, bytes], body: bytes, connection: Connection) -> None:
        if not self._may(headers):
            connection.answer_json(401, {"code": 401, "message": "who are you"})
            return
        try:
            message_id = int(given_id)
            given = json.loads(body)
            phone, text = given["phone"], given["text"]
            if given["id"] != message_id or type(phone) is not int or type(text) is not str:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            connection.answer_json(400, {"code": 2, "message": 'expected {"id": the one in the path, "phone": int, "text": str}'})
            return
        await self._decide(message_id, phone, text, connection)

    def _may(self, headers: dict[bytes, bytes]) -> bool:
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme != b"Bearer" or not token:
            return False
        return self.settings.token is None or hmac.compare_digest(token, self.settings.token.encode())

    async def _decide(self, message_id: int, phone: int, text: str, connection: Connection) -> None:
        """Accept first and answer later: what the caller then misses has been delivered all the same, as in life."""
        fault = self.settings.fault_for(message_id, self.ledger.calls_of(message_id))
        known = self.settings.honours_key and self.ledger.deliveries_of(message_id) > 0
        delivered = (fault is None or fault.accepted) and not known
        answer = fault.name if fault else "known" if known else "accepted"
        self.ledger.record(
            self._call(message_id, connection.number, connection.received, answer, (phone, text), delivered=delivered)
        )
        if delay := self.settings.delay():
            await asyncio.sleep(delay)
        if connection.gone:
            return
        if fault is None:
            connection.answer(200, OK)
        else:
            await _FAULTS[fault.kind](fault, connection)


def _invalid(_request: Request, error: Exception) -> Response:
    return JSONResponse({"code": "invalid", "message": str(error)}, 400)


def _no_such_path(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"code": 404, "message": "no such path"}, 404)


async def _status(fault: Fault, connection: Connection) -> None:
    named = {"Retry-After": fault.retry_after, "Location": fault.location}
    headers = {name: value for name, value in named.items() if value is not None} | fault.headers
    connection.answer_json(fault.status, {"code": fault.code, "message": "as asked for"}, headers)


async def _half(_fault: Fault, connection: Connection) -> None:
    connection.write(connection.encode(200, OK)[: -len(OK) // 2])
    connection.close()


async def _interim(fault: Fault, connection: Connection) -> None:
    for status in fault.interim:
        connection.write(b"HTTP/1.1 %d Interim\r\nLink: </style.css>\r\n\r\n" % status)
    connection.write(_final(fault, connection))
    connection.finish()


async def _leftover(fault: Fault, connection: Connection) -> None:
    final, second = _final(fault, connection), connection.encode(200, OK)
    connection.write(final if fault.seconds else final + second)
    connection.finish()
    if fault.seconds:
        await asyncio.sleep(fault.seconds)
        connection.write(second)


def _final(fault: Fault, connection: Connection) -> bytes:
    if fault.accepted:
        return connection.encode(200, OK)
    return connection.encode(fault.status, json.dumps({"code": fault.code, "message": "as asked for"}).encode())


async def _send_bomb(fault: Fault, connection: Connection) -> None:
    headers = {"Content-Encoding": "gzip"} | ({"Location": fault.location} if fault.location else {})
    connection.answer(fault.status, _bomb(), JSON, headers | fault.headers)


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(bytes(16 * 2**20))


async def _raw(fault: Fault, connection: Connection) -> None:
    connection.write(fault.raw.encode("latin-1"))
    connection.close()


async def _hang(fault: Fault, connection: Connection) -> None:
    await asyncio.sleep(fault.seconds)
    connection.close()


async def _drip(fault: Fault, connection: Connection) -> None:
    for byte in connection.encode(200, OK):
        if connection.gone:
            return
        connection.write(bytes([byte]))
        await asyncio.sleep(fault.seconds)
    connection.close()


async def _nonsense(_fault: Fault, connection: Connection) -> None:
    connection.answer(200, b"<html>Welcome!</html>", "text/html")


async def _reset(_fault: Fault, connection: Connection) -> None:
    connection.reset()


_FAULTS: dict[str, Callable[[Fault, Connection], Awaitable[None]]] = {
    "status": _status,
    "throttle": _status,
    "hang": _hang,
    "drip": _drip,
    "half": _half,
    "nonsense": _nonsense,
    "reset": _reset,
    "interim": _interim,
    "leftover": _leftover,
    "bomb": _send_bomb,
    "raw": _raw,
}
