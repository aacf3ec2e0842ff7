"""Calls of the API's function with the events that API Gateway makes: no authorizer stands before it, as on some endpoints."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app import app


@dataclass(frozen=True)
class Answer:
    """What the function gave to API Gateway."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    resource: str | None = None,
    stage: str = "",
    base64_body: bool = False,
) -> Answer:
    """One request. `resource` is the route's path (`/api/v1/client/{id}`), found by its shape if it is not said."""
    event = event_of(method, path, token=token, body=body, headers=headers, resource=resource, stage=stage)
    answer = app({**event, "isBase64Encoded": base64_body}, None)
    return Answer(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, answer["body"])


def event_of(
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
    resource: str | None = None,
    stage: str = "",
) -> dict[str, Any]:
    """The event of a request."""
    parts = urlsplit(path)
    resource = resource or _resource(parts.path.rstrip("/") or "/")
    raw = body if isinstance(body, str) else None if body is None else json.dumps(body)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return {
        "path": parts.path,
        "headers": {
            "host": "api.test",
            "x-forwarded-proto": "https",
            **({"authorization": f"Token {token}"} if token else {}),
            **({"content-type": "application/json"} if raw else {}),
            **{name.lower(): value for name, value in (headers or {}).items()},
        },
        "multiValueQueryStringParameters": query or None,
        "pathParameters": _values(resource, parts.path.rstrip("/") or "/"),
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": f"{stage}{parts.path}",
            "identity": {"sourceIp": "192.0.2.1"},
            "requestId": "test",
        },
        "body": raw,
        "isBase64Encoded": False,
        "stageVariables": None,
    }


def _resource(path: str) -> str:
    wanted = path.split("/")
    fits = [
        route
        for route in app.routes
        if len(route.split("/")) == len(wanted)
        and all(part.startswith("{") or part == given for part, given in zip(route.split("/"), wanted, strict=True))
    ]
    return min(fits, key=lambda route: route.count("{"))


def _values(resource: str, path: str) -> dict[str, str] | None:
    pairs = zip(resource.split("/"), path.split("/"), strict=True)
    return {name[1:-1]: value for name, value in pairs if name.startswith("{")} or None
