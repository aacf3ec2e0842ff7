"""What the Lambda calls: an event of API Gateway becomes a request to the site."""

import asyncio
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from mangum import Mangum

from chalicelib import caller
from chalicelib.admin.edge import Edge, plain_answer
from chalicelib.admin.site import build_site
from chalicelib.domain.languages import preferred_language
from chalicelib.events import UnreadableRequestError, require_given_once, require_readable, require_readable_form
from chalicelib.observability import log, log_exception
from chalicelib.services import audit
from chalicelib.services.audit import Event
from chalicelib.storage.engine import autocommit, engine

# All that is sent is text (icon fonts are inside the style sheet), so that no endpoint has to know what is binary.
_TEXT = ["text/", "application/json", "application/javascript", "image/svg+xml"]
_SEVERAL = ("fields", "pks", "sort")
"""Fields and query parameters of the library's that hold several values."""
_CALLBACK = "/single-sign-on/callback"
"""It refuses a repeated parameter itself, and records the failed login."""

_MOST_OF_LOGIN = 2**14
_MOST = 6 * 2**20  # as much as Lambda takes
_PATH = 100  # characters of a refused path that are kept


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@lru_cache(maxsize=1)
def _adapter() -> Mangum:
    return Mangum(Edge(build_site()), lifespan="off", text_mime_types=_TEXT)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer to one request, whatever it holds and whatever goes wrong."""
    asker = caller.begin(str(event.get("requestContext", {}).get("identity", {}).get("sourceIp", "")))
    try:
        answer = _answer(event, context)
        if answer.get("statusCode") == HTTPStatus.FORBIDDEN:
            _note_refusal(event, asker)
    except Exception:  # noqa: BLE001 - the outermost guard: settings that cannot be read, too
        log_exception("admin request failed", method=event.get("httpMethod"))
        answer = plain_answer(500, _language(event))
    log("admin", method=event.get("httpMethod"), status=answer.get("statusCode"), **asker.fields)
    return answer


def _answer(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        require_readable(event)
        require_readable_form(event, _MOST_OF_LOGIN if str(event.get("path", "")).rstrip("/").endswith("/login") else _MOST)
        if not str(event.get("path", "")).endswith(_CALLBACK):
            require_given_once(event, _SEVERAL)
    except UnreadableRequestError as error:
        return plain_answer(400, _language(event), str(error))
    asyncio.set_event_loop(_loop())  # Mangum works on the thread's loop
    return dict(_adapter()(event, context))


def _note_refusal(event: dict[str, Any], asker: caller.Caller) -> None:
    # A stranger's path may hold anything.
    path: dict[str, Any] = {} if asker.user_id is None else {"path": str(event.get("path", ""))[:_PATH]}
    with autocommit(engine()) as connection:
        audit.record(connection, Event.FORBIDDEN, method=str(event.get("httpMethod", "")), **path)


def _language(event: dict[str, Any]) -> str:
    headers = {str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()}
    return preferred_language(headers.get("accept-language", ""))


def forget() -> None:
    """Ends what `handle` keeps between calls; for tests, which change the settings that it was built from."""
    if _loop.cache_info().currsize:
        _loop().close()
    asyncio.set_event_loop(None)
    _loop.cache_clear()
    _adapter.cache_clear()
