"""What the Lambda calls: an event of API Gateway becomes a request to the site."""

import asyncio
from functools import lru_cache
from typing import Any

from mangum import Mangum

from chalicelib.admin.edge import Edge, plain_answer
from chalicelib.admin.site import build_site
from chalicelib.domain.languages import preferred_language
from chalicelib.events import UnreadableRequestError, require_readable, require_readable_form
from chalicelib.observability import log, log_exception

# All that is sent is text (icon fonts are inside the style sheet), so that no endpoint has to know what is binary.
_TEXT = ["text/", "application/json", "application/javascript", "image/svg+xml"]


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@lru_cache(maxsize=1)
def _adapter() -> Mangum:
    return Mangum(Edge(build_site()), lifespan="off", text_mime_types=_TEXT)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer to one request, whatever it holds and whatever goes wrong."""
    try:
        answer = _answer(event, context)
    except Exception:  # noqa: BLE001 - the outermost guard: settings that cannot be read, too
        log_exception("admin request failed", method=event.get("httpMethod"))
        answer = plain_answer(500, _language(event))
    log("admin", method=event.get("httpMethod"), status=answer.get("statusCode"))
    return answer


def _answer(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        require_readable(event)
        require_readable_form(event)
    except UnreadableRequestError:
        return plain_answer(400, _language(event))
    asyncio.set_event_loop(_loop())  # Mangum works on the thread's loop
    return dict(_adapter()(event, context))


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
