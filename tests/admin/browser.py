"""A browser without a screen: events of API Gateway in, answers out, cookies kept."""

import json
import logging
import re
import traceback
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from chalicelib.admin import handler

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    cookies: list[str]
    text: str
    logged: tuple[str, ...] = ()
    """Tracebacks of the errors that were logged meanwhile."""

    @property
    def explained(self) -> str:
        """Why a test did not get the answer it expected: what was logged, what the page says, no markup."""
        said = [f"{name}: {message}" for name, message in self.errors.items()] + self.alerts
        words = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", self.text, flags=re.DOTALL)
        return "\n".join([f"status {self.status}", *self.logged, *(said or [" ".join(unescape(words).split())[:500]])])

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def location(self) -> str:
        return self.headers["location"]

    @property
    def errors(self) -> dict[str, str]:
        """What stands next to the fields of a form."""
        found = re.findall(r'class="invalid-feedback[^"]*" id="([\w-]+)-error">(.*?)</div>', self.text, re.DOTALL)
        return {name: unescape(message.strip()) for name, message in found}

    @property
    def alerts(self) -> list[str]:
        return [unescape(each.strip()) for each in re.findall(r'class="alert-description">(.*?)</div>', self.text, re.DOTALL)]


class _LoggedErrors(logging.Handler):
    """Keeps the tracebacks of what the panel logs as failed, while it answers one request."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.tracebacks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        self.tracebacks.append("".join(traceback.format_exception(error)[-12:]) if error else record.getMessage())

    def __enter__(self) -> "_LoggedErrors":
        EVENTS.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        EVENTS.removeHandler(self)


EVENTS = logging.getLogger("mailing-api.events")


@dataclass
class Browser:
    """Somebody at the panel: keeps cookies and sends the CSRF token with what is posted."""

    host: str = "localhost"
    language: str = "en-US,en;q=0.9"
    cookies: dict[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    forwarded: str = "http"
    _csrf: str = ""

    def ask_bytes(self, method: str, address: str, body: bytes, content_type: str) -> Answer:
        """A body that is no text, as the gateway hands it over."""
        return self.ask(method, address, b64encode(body).decode(), {"Content-Type": content_type}, encoded=True)

    def ask(
        self, method: str, address: str, body: str = "", headers: Mapping[str, str] | None = None, *, encoded: bool = False
    ) -> Answer:
        parts = urlsplit(address)
        query = parse_qs(parts.query, keep_blank_values=True)
        sent = {
            "Host": self.host,
            "X-Forwarded-Proto": self.forwarded,
            "Accept-Language": self.language,
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            **(headers or {}),
        }
        event = {
            "resource": "/admin/{proxy+}",
            "path": parts.path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "requestContext": {"identity": {"sourceIp": "203.0.113.7"}, "path": parts.path, **self.context},
            "body": body,
            "isBase64Encoded": encoded,
        }
        with _LoggedErrors() as logged:
            raw = handler.handle(event, None)
        answer = replace(_answer(raw), logged=tuple(logged.tracebacks))
        for cookie in answer.cookies:
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        if found := re.search(r'name="csrf-token" content="([^"]*)"', answer.text):
            self._csrf = found[1]
        if answer.cookies and any("mailing_session" in cookie for cookie in answer.cookies):
            self._csrf = ""  # of the session before
        return answer

    def get(self, path: str, expect: int = 200) -> Answer:
        answer = self.ask("GET", f"/admin{path}")
        assert answer.status == expect, answer.explained
        return answer

    def post(self, path: str, fields: Mapping[str, Any] | None = None, expect: int = 303) -> Answer:
        body = urlencode({"csrftoken": self.csrf, **(fields or {})}, doseq=True)
        answer = self.ask("POST", f"/admin{path}", body, {"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status == expect, answer.explained
        return answer

    def act(self, key: str, action: str, pk: int, fields: Mapping[str, Any] | None = None, expect: int = 200) -> Answer:
        return self.post(f"/_api/{key}/row-action?name={action}&pk={pk}", fields, expect)

    def send(self, path: str, value: object, expect: int = 200) -> Any:
        headers = {"Content-Type": "application/json", "X-CSRFToken": self.csrf}
        answer = self.ask("POST", f"/admin{path}", json.dumps(value), headers)
        assert answer.status == expect, answer.explained
        return answer.json

    @property
    def csrf(self) -> str:
        """The token in the page that was shown last, or in one that is asked for now."""
        if not self._csrf:
            self.get("/tokens" if any("mailing_session" in name for name in self.cookies) else "/login")
        return self._csrf

    def login(self, username: str, password: str = PASSWORD, expect: int = 303) -> "Browser":
        self.get("/login")
        self.post("/login", {"username": username, "password": password}, expect)
        return self


def _answer(raw: Mapping[str, Any]) -> Answer:
    multi = raw.get("multiValueHeaders") or {}
    headers = {**{name: values[-1] for name, values in multi.items()}, **raw["headers"]}
    cookies = [*multi.get("set-cookie", []), *([raw["headers"]["set-cookie"]] if "set-cookie" in raw["headers"] else [])]
    body = raw["body"]
    return Answer(raw["statusCode"], headers, cookies, b64decode(body).decode("latin-1") if raw.get("isBase64Encoded") else body)
