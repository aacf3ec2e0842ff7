"""What schemathesis has to be told of this API: what our formats look like, and which ids there are."""

import os
import re
from collections.abc import Container
from typing import Any

import schemathesis
from hypothesis import strategies as st

_ZONES = ["UTC", "Europe/Moscow", "Asia/Tokyo", "America/Sao_Paulo", "Pacific/Pago_Pago"]
_KEPT_TOKENS = int(os.environ.get("SCHEMATHESIS_KEPT_TOKENS", "0"))
"""The tokens up to this id: those of both runs, and the logins' that they were made with and would end with."""
_USERS = (1, 2)
_MADE_UP = 2_000
_THERE = 30

schemathesis.openapi.format("phone", st.integers(0, 9_999_999).map(lambda digits: f"+7910{digits:07}"))
schemathesis.openapi.format("country", st.sampled_from(["RU", "GB", "DE"]))
schemathesis.openapi.format("time-zone", st.sampled_from(_ZONES))
schemathesis.openapi.format("wall-time", st.integers(0, 23).map(lambda hour: f"2030-05-01T{hour:02}:00:00"))


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Made-up ids near those that there are; small ones are real."""
    del context
    number = path_parameters.get("id") if path_parameters else None
    if path_parameters and isinstance(number, int) and number > _MADE_UP:
        path_parameters["id"] = number % _THERE + 1
    return path_parameters


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """The tokens that all calls are made with are not revoked, nor their users changed: else the rest would be nothing but 401."""
    del context, kwargs
    kept: Container[int] = ()
    if case.path == "/api/v1/token/{id}":
        kept = range(1, _KEPT_TOKENS + 1)
    elif case.path.startswith("/api/v1/user/{id}") and case.method.upper() != "GET":
        kept = _USERS
    if _number(case.path_parameters.get("id") if case.path_parameters else None) in kept:
        case.path_parameters["id"] = _MADE_UP


def _number(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Well-formed times of a mailing, made to fit each other: else nearly every mailing would be refused for them."""
    del context
    if not isinstance(body, dict):
        return body
    if _is_time(body.get("starts_at")) and _is_time(body.get("ends_at")):
        body["ends_at"] = "2031" + body["ends_at"][4:]
    for one, other in (("send_from", "send_until"), ("send_until", "send_from")):
        if body.get(other, None) is None and _is_hour(body.get(one)):
            body = {name: value for name, value in body.items() if name not in (one, other)}
    return body


def _is_time(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"2030-05-01T[0-9]{2}:00:00", value))


def _is_hour(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", value))
