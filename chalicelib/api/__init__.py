"""The HTTP API.

This module is loaded by every function, through app.py, and only registers: what answers is imported at the first request, so that
a worker never loads schemas, services or SQLAlchemy through it.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from chalice import Chalice

from chalicelib.api.routes import ROUTES, Route
from chalicelib.observability import log_exception

# Registered for every path, so that a method that a path lacks gets our 405 and not API Gateway's 403.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class GuardedChalice(Chalice):
    """Chalice, with a guard around all of it: its own answers to an error hold a traceback or a form that is not ours."""

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """Answer one request of API Gateway."""
        try:
            asked = event["requestContext"]
            if asked["httpMethod"] not in self.routes[asked["resourcePath"]]:
                refused = _plain(405, "method_not_allowed", f"method not allowed: {asked['httpMethod']}")
                return {**refused, "headers": {**refused["headers"], "Allow": ", ".join(_METHODS)}}
            answer: dict[str, Any] = super().__call__(event, context)
        except Exception:  # noqa: BLE001 - the outermost guard
            log_exception("request failed")
            return _plain(500, "internal", "something went wrong on our side; it has been written down")
        return answer


def _plain(status: int, code: str, message: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    body = json.dumps({"code": code, "message": message})
    return {"statusCode": status, "headers": headers, "multiValueHeaders": {}, "body": body}


def register_routes(app: Chalice, authorizer: Any) -> None:
    """Every path of the table with every method. `authorizer` stands in front of those that need a token.

    API Gateway (and each local endpoint) drops a trailing slash before it looks for the path.
    """
    for route in ROUTES:
        view = _view(app, route)
        for method in _METHODS:
            # A browser asks OPTIONS without a token before it sends one (CORS).
            guard = None if route.is_public(method) or method == "OPTIONS" else authorizer
            app.route(route.path, methods=[method], authorizer=guard, content_types=["*/*"])(view)


def _view(app: Chalice, route: Route) -> Callable[..., Any]:
    def view(**path_values: str) -> Any:
        from chalicelib.api.dispatch import answer

        request = app.current_request
        assert request is not None  # noqa: S101 - Chalice sets it before it calls a view
        return answer(request, route, path_values)

    return view
