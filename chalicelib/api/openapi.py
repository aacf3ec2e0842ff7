"""The OpenAPI 3.1 document, made of the routes, the handlers' declarations and the schemas: nothing is said a second time.

`python -m chalicelib.api.openapi` writes `openapi.json`.
"""

import json
import re
import sys
from collections.abc import Iterator
from functools import lru_cache, reduce
from http import HTTPStatus
from operator import or_
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from pydantic import TypeAdapter

from chalicelib.api.errors import CODES, Problem
from chalicelib.api.examples import EXAMPLES
from chalicelib.api.operations import FileBody, NoBody, NoQuery, Operation, Reply, Versioned, declared, takes_key
from chalicelib.api.reading import FILES
from chalicelib.api.routes import ROUTES, Route, has_location
from chalicelib.domain.limits import BIGGEST_ID
from chalicelib.domain.phone import MAX_TYPED

_REF = "#/components/schemas/{model}"
_JSON = "application/json"
_TAGS = {
    "logging in": "A token for a name and a password",
    "clients": "People who may be sent messages",
    "mailings": "Texts, their recipients, and when they are sent",
    "messages": "Each is one mailing to one client",
    "statistics": "Messages by status and by mailing",
    "do not contact": "Phones that are sent nothing",
    "persons": "Export and erasure of a person's data",
    "tokens": "API tokens",
    "providers": "SMS providers, for superusers",
    "users": "Accounts and their changes",
    "test clients": "Sample data",
    "service": "Health, documentation, routes",
}
_DESCRIPTION = """SMS mailings: one individual message to each selected client, in the client's own local time.

Log in (`POST /api/v1/auth-rest/login`) and send the token with every request: `Authorization: Token <token>`. You see what is yours; a
superuser sees everything. Lists are paginated: follow `next` and `previous`. Every GET also answers HEAD, every path OPTIONS. A trailing
slash makes no difference. Errors have one form: `code`, `message` and, where fields are wrong, `errors`. What is read with an `ETag` can
be written with `If-Match`, so that no change is lost."""
# pydantic's name for a page of `ClientOut`, and a better one for clients that are generated from the document.
_PAGE_NAME = re.compile(r"Page_(\w+)Out_")
_ERROR_WORDS = {
    HTTPStatus.BAD_REQUEST: "Malformed request: not UTF-8, not JSON, too deep, a duplicate key",
    HTTPStatus.UNAUTHORIZED: "Not authenticated: no valid token, or a wrong name or password",
    HTTPStatus.FORBIDDEN: "Forbidden for this user, or no such path",
    HTTPStatus.NOT_FOUND: "Not found, or another user's",
    HTTPStatus.CONFLICT: "Conflict: not allowed in this state; the message says in which",
    HTTPStatus.PRECONDITION_FAILED: "`If-Match` names another version: somebody has changed it since",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of another type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Validation failed",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests; `Retry-After` says when to try again",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Internal error",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database does not answer",
}
_GOOD_WORDS = {HTTPStatus.OK: "OK", HTTPStatus.CREATED: "Created", HTTPStatus.SEE_OTHER: "See other"}
_PATH_SCHEMAS = {
    "id": {"type": "integer", "format": "int64", "minimum": 1, "maximum": BIGGEST_ID, "examples": [1]},
    "status": {"type": "integer", "minimum": 1, "maximum": 5, "examples": [1]},
    "phone": {"type": "string", "format": "phone", "minLength": 1, "maxLength": MAX_TYPED, "examples": ["+79101234567"]},
}
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body gives the same answer for 24 hours, and does nothing twice",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


_VERSION_PARAMETER = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` that you read: if somebody has changed it since, nothing is written and the answer is 412",
    "schema": {"type": "string", "pattern": r'^(\*|"[0-9a-f]{16}"( *, *"[0-9a-f]{16}")*)$'},
}


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """The whole document."""
    found: dict[str, Any] = json.loads(_PAGE_NAME.sub(r"\1Page", json.dumps(_document(), ensure_ascii=False)))
    return found


def _document() -> dict[str, Any]:
    shown = [
        (route, method, operation)
        for route in ROUTES
        for method, place in route.handlers.items()
        if not (operation := declared(place)).hidden
    ]
    schemas = _Schemas([operation for _, _, operation in shown])
    paths: dict[str, dict[str, Any]] = {}
    for route, method, operation in shown:
        paths.setdefault(route.path, {})[method.lower()] = _operation(route, method, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mailing-api",
            "version": "1.0.0",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "responses": {_response_name(status): _error_response(status) for status in _ERROR_WORDS},
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token <token>`, from `POST /api/v1/auth-rest/login`",
                }
            },
        },
    }


class _Schemas:
    """The JSON schemas of all bodies, queries and answers, with their shared definitions."""

    def __init__(self, operations: list[Operation]) -> None:
        wanted: dict[tuple[Any, Any], TypeAdapter[Any]] = {}
        for each in operations:
            wanted[(each.body, "validation")] = TypeAdapter(each.body)
            wanted[(each.query, "validation")] = TypeAdapter(each.query)
            if (answer := _answer(each)) is not None:
                wanted[(answer, "serialization")] = TypeAdapter(answer)
        wanted[(Problem, "validation")] = TypeAdapter(Problem)
        inputs = [(key, mode, adapter) for (key, mode), adapter in wanted.items()]
        self._found, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self.definitions: dict[str, Any] = _tidy(definitions["$defs"])
        for unused in ("NoBody", "NoQuery", "FileBody", *(each.query.__name__ for each in operations)):
            self.definitions.pop(unused, None)
        self._all = _tidy(definitions["$defs"])

    def of(self, kind: Any, mode: Any) -> dict[str, Any]:
        """The schema, by reference where it has a name."""
        return dict(_tidy(self._found[(kind, mode)]))

    def properties(self, query: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each query parameter with its schema."""
        found = self.of(query, "validation")
        whole = self._all[found["$ref"].rpartition("/")[2]] if "$ref" in found else found
        yield from whole.get("properties", {}).items()


def _answer(operation: Operation) -> Any:
    """The schema of what is answered in JSON; None if nothing is."""
    given = operation.answer
    kinds = get_args(given) if isinstance(given, UnionType) else (given,)
    schemas = [kind for kind in kinds if kind not in (Reply, type(None))]
    return reduce(or_, schemas) if schemas else None


def _operation(route: Route, method: str, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    module, _, name = route.handlers[method].partition(":")
    found: dict[str, Any] = {
        "operationId": f"{module}_{name}",
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(operation, schemas)],
        "responses": _responses(route, method, operation, schemas),
    }
    if route.is_public(method):
        found["security"] = []
    if takes_key(route, method, operation):
        found["parameters"].append(_KEY_PARAMETER)
    if operation.body is FileBody:
        # One kind, though text/csv is taken, too: generators of clients know this one.
        example = {"default": {"value": EXAMPLES[route.handlers[method]]}}
        content = {FILES[0]: {"schema": {"type": "string", "format": "binary"}, "examples": example}}
        found["requestBody"] = {"required": True, "content": content}
    elif operation.body is not NoBody:
        body = schemas.of(operation.body, "validation")
        # A form is taken where a browser may send one. It is not told of: generators of clients stumble over a second kind of body.
        needed = type(None) not in get_args(operation.body)
        content = {"schema": body, "examples": {"default": {"value": EXAMPLES[route.handlers[method]]}}}
        found["requestBody"] = {"required": needed, "content": {_JSON: content}}
    if takes_version(route, method, operation):
        found["parameters"].append(_VERSION_PARAMETER)
    return found


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", route.path)
    return [{"name": name, "in": "path", "required": True, "schema": _PATH_SCHEMAS[name]} for name in names]


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    found = []
    for name, schema in schemas.properties(operation.query) if operation.query is not NoQuery else ():
        choices = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
        schema |= choices[0] if choices else {}
        if schema.get("default", "") is None:
            del schema["default"]
        parameter = {"name": name, "in": "query", "required": False}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        found.append({**parameter, "schema": schema})
    return found


def _responses(route: Route, method: str, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    good: dict[str, Any] = {"description": _GOOD_WORDS[operation.status]}
    status = operation.status
    if operation.answer is type(None) or type(None) in get_args(operation.answer):
        status, good = HTTPStatus.NO_CONTENT, {"description": "Done"}
    elif (answer := _answer(operation)) is not None:
        good["content"] = {_JSON: {"schema": schemas.of(answer, "serialization")}}
    elif status is HTTPStatus.SEE_OTHER:
        good["headers"] = {"Location": {"schema": {"type": "string"}}}
    else:
        good["content"] = {operation.media: {"schema": {"type": "string"}}}
    headers = _good_headers(route, method, operation)
    if headers:
        good["headers"] = {**good.get("headers", {}), **headers}
    errors = {error: {"$ref": f"#/components/responses/{_response_name(error)}"} for error in errors_of(route, method, operation)}
    return {str(int(key)): value for key, value in sorted({status: good, **errors}.items())}


def _good_headers(route: Route, method: str, operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if operation.status is HTTPStatus.CREATED and has_location(route):
        found["Location"] = {"schema": {"type": "string", "format": "uri"}, "description": "Where the one that was made is read"}
    if takes_key(route, method, operation):
        replayed = "`true` on an answer that was kept from the first call with this Idempotency-Key"
        found["Idempotent-Replayed"] = {"schema": {"type": "string", "const": "true"}, "description": replayed}
    if _is_versioned(operation):
        found["ETag"] = {"schema": {"type": "string"}, "description": "The version of what can be written of it, for `If-Match`"}
    return found


def _is_versioned(operation: Operation) -> bool:
    kinds = get_args(operation.answer) if isinstance(operation.answer, UnionType) else (operation.answer,)
    return any(isinstance(kind, type) and issubclass(kind, Versioned) for kind in kinds)


def takes_version(route: Route, method: str, operation: Operation) -> bool:
    """Is `If-Match` compared with the version of what is written? Not where the thing may not be there yet."""
    return method in ("PUT", "PATCH") and route.path.endswith("/{id}") and _is_versioned(operation)


def errors_of(route: Route, method: str, operation: Operation) -> set[HTTPStatus]:
    """Every status with which an operation may refuse."""
    found = {
        *operation.errors,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
    if not route.is_public(method):
        # The gateway's own authorization refuses some paths that cannot be, one with a line break in it for example.
        found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if "{" in route.path:
        found.add(HTTPStatus.NOT_FOUND)
    if operation.body is not NoBody:
        found |= {HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE}
    if takes_key(route, method, operation):
        found.add(HTTPStatus.CONFLICT)
    if takes_version(route, method, operation):
        found.add(HTTPStatus.PRECONDITION_FAILED)
    return found


def _response_name(status: HTTPStatus) -> str:
    # Not the phrase of http.HTTPStatus: Python 3.13 has other ones for some.
    return "".join(word.capitalize() for word in CODES[status].split("_"))


def _error_response(status: HTTPStatus) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": _ERROR_WORDS[status],
        "content": {_JSON: {"schema": {"$ref": _REF.format(model="Problem")}}},
    }
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        found["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds"}}
    return found


def _tidy(value: Any) -> Any:
    """Without the titles that pydantic makes of field names: they say nothing that the names do not."""
    if isinstance(value, dict):
        return {
            key: _tidy(inner)
            for key, inner in value.items()
            if not (key == "title" and isinstance(inner, str)) and key != "discriminator"
        }
    return [_tidy(each) for each in value] if isinstance(value, list) else value


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """Writes `openapi.json` beside app.py, or to the path that is given."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "openapi.json"
    path.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
