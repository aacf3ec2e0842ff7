"""The provider's routes.

POST   /v1/send/{id}      the contract: Authorization: Bearer …, {"id", "phone", "text"} → 200 {"code": 0, "message": "OK"}
POST   …                  and the APIs of other providers, each as its face has it (local/provider/faces)
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
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from local.provider.faces import FACES
from local.provider.faces.face import Face, Incoming, Message, RefusedError, Reply
from local.provider.faults import Fault, Settings, SettingsError
from local.provider.ledger import Call, Ledger
from local.provider.server import JSON, Connection, CutRequest

PAGE = Path(__file__).with_name("inbox.html")


@dataclass(frozen=True, slots=True)
class Turn:
    """A call that a fault spoils, and what its face answers if it accepts or refuses."""

    fault: Fault
    connection: Connection
    accepted: Reply
    refused: Reply

    @property
    def final(self) -> Reply:
        return self.accepted if self.fault.accepted else self.refused


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
        face = _face(scope["path"])
        if face is None or (scope["method"] != "POST" and scope["path"] == "/"):
            await self._control(scope, receive, send)
            return
        connection: Connection = scope["state"]["connection"]
        try:
            body = await Request(scope, receive).body()
        except ClientDisconnect:
            return  # the connection has reported it
        if scope["method"] == "POST":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            await self._send(face, Incoming(scope["path"], headers, body), connection)
        else:
            connection.answer_json(405, {"code": 405, "message": "POST only"}, {"Allow": "POST"})

    def forgets(self, idle_seconds: float, data: bytes) -> bool:
        """Is a connection that brings this after so long an idle time reset? Only calls meet that, not the control routes."""
        most = self.settings.idle_seconds
        return most is not None and idle_seconds > most and _begun(data) is not None

    def cut(self, request: CutRequest) -> None:
        """Record a request to send that did not arrive whole, or over a connection that was forgotten."""
        if begun := _begun(request.beginning):
            face, message_id = begun
            self.ledger.record(self._call(face, message_id, request.connection, request.received, request.why))

    def _call(
        self,
        face: Face,
        message_id: int,
        connection: int,
        received: int,
        answer: str,
        message: Message | None = None,
        *,
        delivered: bool = False,
    ) -> Call:
        phone, text = (None, None) if message is None else (message.phone, message.text)
        number = self.ledger.next_number()
        return Call(number, time.time(), message_id, phone, text, answer, delivered, connection, received, face.name)

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

    async def _send(self, face: Face, request: Incoming, connection: Connection) -> None:
        if not self._may(face.credential(request)):
            _say(connection, face.unauthorized())
            return
        try:
            message = face.read(request)
        except RefusedError as refused:
            _say(connection, refused.reply)
            return
        await self._decide(face, message, connection)

    def _may(self, credential: str | None) -> bool:
        if credential is None:
            return False
        return self.settings.token is None or hmac.compare_digest(credential.encode(), self.settings.token.encode())

    async def _decide(self, face: Face, message: Message, connection: Connection) -> None:
        """Accept first and answer later: what the caller then misses has been delivered all the same, as in life."""
        fault = self.settings.fault_for(face.name, message.id, self.ledger.calls_of(message.id))
        honours_key = self.settings.honours_key and face.deduplicates
        known = honours_key and self.ledger.deliveries_of(message.id) > 0
        delivered = (fault is None or fault.accepted) and not known
        answer = fault.name if fault else "known" if known else "accepted"
        self.ledger.record(
            self._call(face, message.id, connection.number, connection.received, answer, message, delivered=delivered)
        )
        if delay := self.settings.delay():
            await asyncio.sleep(delay)
        if connection.gone:
            return
        accepted = face.known(message) if known else face.accepted(message)
        if fault is None:
            _say(connection, accepted)
        else:
            await _FAULTS[fault.kind](Turn(fault, connection, accepted, face.failure(fault)))


def _face(path: str) -> Face | None:
    return next((face for face in FACES if face.path.fullmatch(path)), None)


def _begun(data: bytes) -> tuple[Face, int] | None:
    """Return the face to which a request to send begins, and the message's id: 0 where the id is not in the path."""
    method, _, rest = data.partition(b" ")
    path = rest.partition(b" ")[0].decode("latin-1")
    for face in FACES:
        if method == b"POST" and (found := face.path.fullmatch(path)):
            given = found.groupdict().get("id", "0")
            return (face, int(given)) if given.isdigit() else None
    return None


def _say(connection: Connection, reply: Reply) -> None:
    connection.answer(reply.status, reply.body)


def _invalid(_request: Request, error: Exception) -> Response:
    return JSONResponse({"code": "invalid", "message": str(error)}, 400)


def _no_such_path(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"code": 404, "message": "no such path"}, 404)


async def _status(turn: Turn) -> None:
    fault = turn.fault
    named = {"Retry-After": fault.retry_after, "Location": fault.location}
    headers = {name: value for name, value in named.items() if value is not None} | fault.headers
    turn.connection.answer_json(turn.refused.status, turn.refused.content, headers)


async def _half(turn: Turn) -> None:
    body = turn.accepted.body
    turn.connection.write(turn.connection.encode(turn.accepted.status, body)[: -len(body) // 2])
    turn.connection.close()


async def _interim(turn: Turn) -> None:
    for status in turn.fault.interim:
        turn.connection.write(b"HTTP/1.1 %d Interim\r\nLink: </style.css>\r\n\r\n" % status)
    turn.connection.write(_encoded(turn, turn.final))
    turn.connection.finish()


async def _leftover(turn: Turn) -> None:
    final, second = _encoded(turn, turn.final), _encoded(turn, turn.accepted)
    turn.connection.write(final if turn.fault.seconds else final + second)
    turn.connection.finish()
    if turn.fault.seconds:
        await asyncio.sleep(turn.fault.seconds)
        turn.connection.write(second)


def _encoded(turn: Turn, reply: Reply) -> bytes:
    return turn.connection.encode(reply.status, reply.body)


async def _send_bomb(turn: Turn) -> None:
    fault = turn.fault
    headers = {"Content-Encoding": "gzip"} | ({"Location": fault.location} if fault.location else {})
    turn.connection.answer(fault.status, _bomb(), JSON, headers | fault.headers)


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(bytes(16 * 2**20))


async def _raw(turn: Turn) -> None:
    turn.connection.write(turn.fault.raw.encode("latin-1"))
    turn.connection.close()


async def _hang(turn: Turn) -> None:
    await asyncio.sleep(turn.fault.seconds)
    turn.connection.close()


async def _drip(turn: Turn) -> None:
    for byte in _encoded(turn, turn.accepted):
        if turn.connection.gone:
            return
        turn.connection.write(bytes([byte]))
        await asyncio.sleep(turn.fault.seconds)
    turn.connection.close()


async def _nonsense(turn: Turn) -> None:
    turn.connection.answer(200, b"<html>Welcome!</html>", "text/html")


async def _reset(turn: Turn) -> None:
    turn.connection.reset()


_FAULTS: dict[str, Callable[[Turn], Awaitable[None]]] = {
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
