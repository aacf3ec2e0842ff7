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
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from local.provider.faults import Fault, Settings, SettingsError
from local.provider.http import CutRequest, Reply, Request
from local.provider.ledger import Call, Ledger

OK = json.dumps({"code": 0, "message": "OK"}).encode()
JSON = "application/json"
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

    def handle(self, request: Request, reply: Reply) -> None:
        if sent := _SEND.fullmatch(request.path):
            if request.method == "POST":
                self._send(sent[1], request, reply)
            else:
                reply.send_json(405, {"code": 405, "message": "POST only"}, {"Allow": "POST"})
            return
        try:
            self._control(request, reply)
        except (SettingsError, ValueError) as error:
            reply.send_json(400, {"code": "invalid", "message": str(error)})

    def forgets(self, idle_seconds: float, data: bytes) -> bool:
        """Is a connection that brings this after so long an idle time reset? Only calls meet that, not the control routes."""
        most = self.settings.idle_seconds
        return most is not None and idle_seconds > most and _BEGUN.match(data) is not None

    def cut(self, request: CutRequest) -> None:
        """Record a request to send that did not arrive whole, or over a connection that was forgotten."""
        if sent := _BEGUN.match(request.received):
            call = self._call(int(sent[1]), request.connection, len(request.received), request.why)
            self.ledger.record(call)

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

    def _control(self, request: Request, reply: Reply) -> None:
        route = request.method, request.path.rstrip("/") or "/"
        if history := _HISTORY.fullmatch(request.path):
            reply.send_json(
                200, {"id": int(history[1]), "calls": [asdict(call) for call in self.ledger.history(int(history[1]))]}
            )
        elif route == ("GET", "/ledger"):
            reply.send_json(200, self.ledger.summary())
        elif route == ("DELETE", "/ledger"):
            self.ledger.reset()
            reply.send_json(200, self.ledger.summary())
        elif route == ("GET", "/deliveries"):
            reply.send_json(200, self.ledger.deliveries())
        elif route == ("GET", "/inbox"):
            reply.send_json(200, self._inbox(request.query))
        elif route == ("GET", "/settings"):
            reply.send_json(200, self.settings.to_json())
        elif route in (("PUT", "/settings"), ("PATCH", "/settings")):
            self._change(Settings() if request.method == "PUT" else self.settings, request.json())
            reply.send_json(200, self.settings.to_json())
        elif route == ("GET", "/health"):
            reply.send_json(200, {"status": "ok"})
        elif route == ("GET", "/"):
            reply.send(200, PAGE.read_bytes(), "text/html; charset=utf-8", {"Cache-Control": "no-store"})
        else:
            reply.send_json(404, {"code": 404, "message": "no such path"})

    def _inbox(self, query: dict[str, str]) -> dict[str, object]:
        calls = self.ledger.recent(int(query.get("after", 0)), query.get("search", ""), min(int(query.get("limit", 100)), 1000))
        return {"messages": [asdict(call) for call in calls], "summary": self.ledger.summary()}

    def _change(self, start: Settings, given: object) -> None:
        self.settings = start.changed(given)
        new = self._kept.with_suffix(".new")
        new.write_text(json.dumps(self.settings.to_json()))
        new.replace(self._kept)

    def _send(self, given_id: str, request: Request, reply: Reply) -> None:
        if not self._may(request):
            reply.send_json(401, {"code": 401, "message": "who are you"})
            return
        try:
            message_id = int(given_id)
            body = request.json()
            phone, text = body["phone"], body["text"]
            if body["id"] != message_id or type(phone) is not int or type(text) is not str:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            reply.send_json(400, {"code": 2, "message": 'expected {"id": the one in the path, "phone": int, "text": str}'})
            return
        self._decide(message_id, phone, text, request, reply)

    def _may(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return False
        return self.settings.token is None or hmac.compare_digest(token.encode(), self.settings.token.encode())

    def _decide(self, message_id: int, phone: int, text: str, request: Request, reply: Reply) -> None:
        """Accepts first and answers later: what the caller then misses has been delivered all the same, as in life."""
        fault = self.settings.fault_for(message_id, self.ledger.calls_of(message_id))
        known = self.settings.honours_key and self.ledger.deliveries_of(message_id) > 0
        delivered = (fault is None or fault.accepted) and not known
        answer = fault.name if fault else "known" if known else "accepted"
        self.ledger.record(
            self._call(message_id, request.connection, request.received, answer, (phone, text), delivered=delivered)
        )
        delay = self.settings.delay()
        if delay:
            asyncio.get_running_loop().call_later(delay, _answer, fault, reply)
        else:
            _answer(fault, reply)


def _answer(fault: Fault | None, reply: Reply) -> None:
    if reply.gone:
        return
    if fault is None:
        reply.send(200, OK, JSON)
    else:
        _FAULTS[fault.kind](fault, reply)


def _status(fault: Fault, reply: Reply) -> None:
    named = {"Retry-After": fault.retry_after, "Location": fault.location}
    headers = {name: value for name, value in named.items() if value is not None} | fault.headers
    reply.send_json(fault.status, {"code": fault.code, "message": "as asked for"}, headers)


def _half(_fault: Fault, reply: Reply) -> None:
    whole = reply.encode(200, OK, JSON)
    reply.send_raw(whole[: -len(OK) // 2])
    reply.close()


def _interim(fault: Fault, reply: Reply) -> None:
    for status in fault.interim:
        reply.send_raw(b"HTTP/1.1 %d Interim\r\nLink: </style.css>\r\n\r\n" % status)
    reply.send_raw(_final(fault, reply))
    reply.done()


def _leftover(fault: Fault, reply: Reply) -> None:
    second = reply.encode(200, OK, JSON)
    if fault.seconds:
        asyncio.get_running_loop().call_later(fault.seconds, reply.send_raw, second)
        reply.send_raw(_final(fault, reply))
    else:
        reply.send_raw(_final(fault, reply) + second)
    reply.done()


def _final(fault: Fault, reply: Reply) -> bytes:
    if fault.accepted:
        return reply.encode(200, OK, JSON)
    return reply.encode(fault.status, json.dumps({"code": fault.code, "message": "as asked for"}).encode(), JSON)


def _send_bomb(fault: Fault, reply: Reply) -> None:
    headers = {"Content-Encoding": "gzip"} | ({"Location": fault.location} if fault.location else {})
    reply.send(fault.status, _bomb(), JSON, headers | fault.headers)


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(bytes(16 * 2**20))


def _raw(fault: Fault, reply: Reply) -> None:
    reply.send_raw(fault.raw.encode("latin-1"))
    reply.close()


def _hang(fault: Fault, reply: Reply) -> None:
    asyncio.get_running_loop().call_later(fault.seconds, reply.close)


def _drip(reply: Reply, left: bytes, seconds: float) -> None:
    if reply.gone or not left:
        reply.close()
        return
    reply.send_raw(left[:1])
    asyncio.get_running_loop().call_later(seconds, _drip, reply, left[1:], seconds)


_FAULTS: dict[str, Callable[[Fault, Reply], None]] = {
    "status": _status,
    "throttle": _status,
    "hang": _hang,
    "drip": lambda fault, reply: _drip(reply, reply.encode(200, OK, JSON), fault.seconds),
    "half": _half,
    "nonsense": lambda _fault, reply: reply.send(200, b"<html>Welcome!</html>", "text/html"),
    "reset": lambda _fault, reply: reply.reset(),
    "interim": _interim,
    "leftover": _leftover,
    "bomb": _send_bomb,
    "raw": _raw,
}
