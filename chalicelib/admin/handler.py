"""What the Lambda calls: an event of API Gateway becomes a request to the site."""

import asyncio
from functools import lru_cache
from typing import Any

from mangum import Mangum

from chalicelib.admin.edge import Edge
from chalicelib.admin.site import build_site
from chalicelib.observability import log

# All that is sent is text (icon fonts are inside the style sheet), so that no endpoint has to know what is binary.
_TEXT = ["text/", "application/json", "application/javascript", "image/svg+xml"]


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


@lru_cache(maxsize=1)
def _adapter() -> Mangum:
    return Mangum(Edge(build_site()), lifespan="off", text_mime_types=_TEXT)


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer to one request."""
    asyncio.set_event_loop(_loop())  # Mangum works on the thread's loop
    answer = dict(_adapter()(event, context))
    log("admin", method=event.get("httpMethod"), status=answer.get("statusCode"))
    return answer


def forget() -> None:
    """Ends what `handle` keeps between calls; for tests, which change the settings that it was built from."""
    if _loop.cache_info().currsize:
        _loop().close()
    asyncio.set_event_loop(None)
    _loop.cache_clear()
    _adapter.cache_clear()
