"""Dispatch one request: authenticate, parse, call the handler, serialize. Every answer is JSON, errors included."""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, get_origin

from chalice import Response
from chalice.app import Request
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from chalicelib import caller
from chalicelib.api.errors import ApiError, invalid, of_service, problem_of
from chalicelib.api.old_names import with_hints
from chalicelib.api.operations import Call, FileBody, NoBody, Operation, Reply, Schema, Versioned, as_id, declared, takes_key
from chalicelib.api.reading import MAX_BODY, MAX_PUBLIC_BODY, detailed, read_body, read_file, read_query
from chalicelib.api.routes import Route, has_location
from chalicelib.auth.tokens import Bearer, authenticate
from chalicelib.config import ConfigurationError, Settings, settings
from chalicelib.domain.errors import FieldCode, FieldError, ForbiddenError, InvalidInputError, ServiceError
from chalicelib.events import UnreadableRequestError, body_of, require_readable
from chalicelib.observability import log, log_exception
from chalicelib.services import audit, idempotency
from chalicelib.services.audit import Event
from chalicelib.storage.engine import autocommit, engine
from chalicelib.storage.idempotency import KeyPlace

_CORS_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match"
_CORS_EXPOSED = "Allow, ETag, Idempotent-Replayed, Location, Retry-After"
_MAX_KEY = 200
_MAX_PARAMETERS = 50
_MADE = re.compile(r'{"id":(\d+)[,}]')
_SUBJECTS = {
    "client": "client_id",
    "mailing": "mailing_id",
    "messages-in-mailing": "mailing_id",
    "message": "message_id",
    "user": "about_user_id",  # user_id is whose request it is
}
_JSON_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000"}
"""On every answer. Browsers take the second only over TLS, and ignore it otherwise (RFC 6797, section 8.1)."""


def answer(request: Request, route: Route, path_values: Mapping[str, str]) -> Response:
    """The answer to a request on `route`. Nothing escapes: what Chalice answers to an exception has another form."""
    try:
        return _answer(request, route, path_values)
    except Exception as error:  # noqa: BLE001 - settings that cannot be read, for one
        log_exception("request failed", method=request.method, path=route.path)
        refusal = _refusal(_unforeseen(error))
        return Response(json.dumps(refusal.body), {**_JSON_HEADERS, **refusal.headers, **_ALWAYS}, int(refusal.status))


def _answer(request: Request, route: Route, path_values: Mapping[str, str]) -> Response:
    started = time.perf_counter()
    asker = caller.begin(str(request.context.get("identity", {}).get("sourceIp", "")))
    reply = _guarded(request, route, path_values)
    cors = _cors(request)
    # The route, not the path: that may carry a phone in its query.
    log(
        "request",
        method=request.method,
        route=route.path,
        status=int(reply.status),
        ms=round((time.perf_counter() - started) * 1e3),
        **{**asker.fields, **_subject(route, path_values, reply)},
    )
    body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, separators=(",", ":"))
    made = _location(request, route, reply)
    headers: dict[str, str | list[str]] = {**_JSON_HEADERS, **made, **reply.headers, **_ALWAYS, **cors}
    # Chalice would write `null` for a body of None.
    if request.method != "HEAD":
        return Response(body, headers, int(reply.status))
    return Response("", {**headers, "Content-Length": str(len(body.encode()))}, int(reply.status))


def _location(request: Request, route: Route, reply: Reply) -> dict[str, str]:
    """Where the one thing that was made is read, also when the answer is a repeated one."""
    made = _MADE.match(reply.body) if reply.status == HTTPStatus.CREATED and isinstance(reply.body, str) else None
    if made is None or not has_location(route):
        return {}
    return {"Location": f"{base_url(request, settings())}{route.path}/{made[1]}"}


def _subject(route: Route, path_values: Mapping[str, str], reply: Reply) -> dict[str, Any]:
    """Whom or what the request was about, so that its line is found by that id: the one in the path, or the one that was made.

    Only of what is there: what somebody wrote in the place of an id may be a phone.
    """
    parts = route.path.split("/")
    if "{id}" in parts:
        kind, number = parts[parts.index("{id}") - 1], path_values.get("id", "")
    else:
        made = _MADE.match(reply.body) if isinstance(reply.body, str) else None
        kind, number = parts[-1], made[1] if made else ""
    name, subject = _SUBJECTS.get(kind), as_id(number)
    return {name: subject} if name and subject is not None and reply.status < HTTPStatus.BAD_REQUEST else {}


def _guarded(request: Request, route: Route, path_values: Mapping[str, str]) -> Reply:
    try:
        require_readable(request.to_original_event())
        return _answered(request, route, path_values)
    except UnreadableRequestError as error:
        return _refusal(ApiError(HTTPStatus.BAD_REQUEST, str(error)))
    except ApiError as error:
        return _refusal(error)
    except ServiceError as error:
        if isinstance(error, ForbiddenError):
            with autocommit(engine()) as connection:
                audit.record(connection, Event.FORBIDDEN, method=request.method, route=route.path)
        return _refusal(of_service(error))
    except Exception as error:  # noqa: BLE001 - the last resort: a person gets a sentence, the log where it came from
        log_exception("request failed", method=request.method, path=route.path, request_id=request.context.get("requestId"))
        return _refusal(_unforeseen(error))


def _refusal(error: ApiError) -> Reply:
    return Reply(error.status, problem_of(error), error.headers)


def _unforeseen(error: Exception) -> ApiError:
    lost = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError | OSError)
    if isinstance(error, ConfigurationError):
        return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the service is not configured; try again", headers={"Retry-After": "5"})
    if lost or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer; try again", headers={"Retry-After": "5"})
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong on our side; it has been written down")


def _answered(request: Request, route: Route, path_values: Mapping[str, str]) -> Reply:
    if request.method == "OPTIONS":
        return Reply(HTTPStatus.NO_CONTENT, "", {"Allow": ", ".join(route.methods)})
    place = route.handler(request.method)
    bearer = None if route.is_public(request.method) else _bearer(request)
    if place is None:
        message = f"method not allowed: {request.method}; allowed: {', '.join(route.methods)}"
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, message, headers={"Allow": ", ".join(route.methods)})
    chosen = declared(place)
    call = _call(request, chosen, bearer, path_values)
    place_of_key = _key(request, route, chosen, bearer)
    if place_of_key is None:
        return _done(chosen, call)
    return _done_once(request, chosen, call, place_of_key)


def _done(chosen: Operation, call: Call[Any, Any]) -> Reply:
    try:
        given = chosen.function(call)
    except InvalidInputError as error:
        errors = detailed(error.errors, chosen.body, call.body) if isinstance(call.body, Schema) else error.errors
        error.errors = tuple(with_hints(errors, call.body))
        raise
    if isinstance(given, Reply):
        return given
    if given is None:
        return Reply(HTTPStatus.NO_CONTENT, "", {})
    body: BaseModel = given
    etag = {"ETag": body.etag} if isinstance(body, Versioned) else {}
    return Reply(chosen.status, body.model_dump_json(), etag)


def _key(request: Request, route: Route, chosen: Operation, bearer: Bearer | None) -> KeyPlace | None:
    """The Idempotency-Key of a call that can be repeated by it."""
    key = request.headers.get(idempotency.HEADER)
    if key is None or bearer is None or not takes_key(route, request.method, chosen):
        return None
    if not (0 < len(key) <= _MAX_KEY and key.isascii() and key.isprintable() and " " not in key):
        raise invalid(FieldError(idempotency.HEADER, f"1 to {_MAX_KEY} visible ASCII characters", FieldCode.WRONG_CHARACTERS))
    if "{id}" in route.path and as_id((request.uri_params or {}).get("id", "")) is None:
        return None  # the handler answers 404
    return KeyPlace(bearer.principal.user_id, request.method, _own_path(request), key)


def _done_once(request: Request, chosen: Operation, call: Call[Any, Any], place: KeyPlace) -> Reply:
    kept = idempotency.begin(call.engine, place, _digest(request, call))
    if kept is not None:
        return Reply(HTTPStatus(kept.status), kept.body, {"Idempotent-Replayed": "true"})
    try:
        reply = _done(chosen, call)
    except (ServiceError, ApiError):
        idempotency.abandon(call.engine, place)
        raise
    body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
    idempotency.finish(call.engine, place, idempotency.KeptAnswer(int(reply.status), body))
    return reply


def _digest(request: Request, call: Call[Any, Any]) -> bytes:
    """Of the body, and of the query where there is one: both say what is done."""
    query = json.dumps(sorted(call.query_values.items())).encode() if call.query_values else b""
    return hashlib.sha256(_raw(request) + query).digest()


def _bearer(request: Request) -> Bearer:
    """Whose request this is. The authorizer's word is not taken: some endpoints never call it, and its answers are a minute old."""
    found = authenticate(engine(), request.headers.get("authorization"))
    if found is None:
        why = "a valid token is needed: Authorization: Token <token>"
        raise ApiError(HTTPStatus.UNAUTHORIZED, why, headers={"WWW-Authenticate": "Token"})
    return found


def _call(request: Request, chosen: Operation, bearer: Bearer | None, path_values: Mapping[str, str]) -> Call[Any, Any]:
    query_values = _query_values(request, chosen.query)
    current = settings()
    return Call(
        body=_body(request, chosen, public=bearer is None),
        query=read_query(query_values, chosen.query),
        path_values=path_values,
        bearer=bearer,
        base_url=base_url(request, current),
        path=_own_path(request),
        query_values=query_values,
        headers=request.headers,
        source_ip=str(request.context.get("identity", {}).get("sourceIp", "")),
        engine=engine(),
        settings=current,
    )


def _body(request: Request, chosen: Operation, *, public: bool) -> Any:
    if chosen.body is NoBody:
        return NoBody()
    if chosen.body is FileBody:
        return FileBody(read_file(_raw(request), request.headers.get("content-type", "")))
    most = MAX_PUBLIC_BODY if public else MAX_BODY
    return read_body(_raw(request), request.headers.get("content-type", ""), chosen.body, form=chosen.form, most=most)


def _raw(request: Request) -> bytes:
    return body_of(request.to_original_event())


def _query_values(request: Request, schema: type[BaseModel]) -> dict[str, str | list[str]]:
    """Each parameter with its value; with a list where the schema takes several."""
    found = request.query_params
    if found and len(found) > _MAX_PARAMETERS:
        raise ApiError(HTTPStatus.BAD_REQUEST, f"a query string has at most {_MAX_PARAMETERS} parameters")
    values: dict[str, list[str]] = {name: found.getlist(name) for name in found} if found else {}
    lists = {name for name, field in schema.model_fields.items() if get_origin(field.annotation) is list}
    twice = [
        FieldError(name, "given more than once", FieldCode.GIVEN_TWICE)
        for name, given in values.items()
        if len(given) > 1 and name not in lists
    ]
    if twice:
        raise invalid(*twice)
    return {name: given if name in lists else given[0] for name, given in values.items()}


def _own_path(request: Request) -> str:
    """The path as this service knows it, without a stage in front and without a trailing slash."""
    path = str(request.to_original_event().get("path") or request.path)
    return path.rstrip("/") or "/"


def base_url(request: Request, current: Settings) -> str:
    """What stands before our paths in links: the configured address, or the one that the request came to."""
    if current.public_url:
        return current.public_url.rstrip("/")
    # Behind a stage's address `requestContext.path` begins with the stage, behind a custom domain with its base path, if any.
    whole = str(request.context.get("path", "")).rstrip("/")
    prefix = whole.removesuffix(_own_path(request).rstrip("/")) if whole else ""
    scheme = "https" if request.headers.get("x-forwarded-proto", "").strip().lower() == "https" else "http"
    return f"{scheme}://{request.headers.get('host', 'localhost')}{prefix.rstrip('/')}"


def _cors(request: Request) -> dict[str, str]:
    allowed = {origin.strip() for origin in settings().cors_origins.split(",") if origin.strip()}
    origin = request.headers.get("origin", "")
    if not origin or not allowed & {origin, "*"}:
        return {"Vary": "Origin"} if allowed else {}
    found = {
        "Access-Control-Allow-Origin": origin,
        "Vary": "Origin",
        "Access-Control-Expose-Headers": _CORS_EXPOSED,
    }
    if request.method == "OPTIONS":
        found |= {
            "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
            "Access-Control-Allow-Headers": _CORS_HEADERS,
        }
        found |= {"Access-Control-Max-Age": "600"}
    return found
