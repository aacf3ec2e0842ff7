"""The HTTP API.

This module is loaded by every function, through app.py, and only registers: what answers is imported at the first request, so that
a worker never loads schemas, services or SQLAlchemy through it.
"""

from collections.abc import Callable
from typing import Any

from chalice import Chalice

from chalicelib.api.routes import ROUTES, Route

# Registered for every path, so that a method that a path lacks gets our 405 and not API Gateway's 403.
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


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
