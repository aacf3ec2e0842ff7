"""What a handler declares about itself, and what it is handed.

A handler is `def create(call: Call[ClientIn, NoQuery]) -> ClientOut`, under `@operation(...)`: the body's and the query's schema
and the answer's are read from its annotations, and the OpenAPI document is made of the same declaration.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, Self, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, PrivateAttr
from pydantic_core import PydanticUndefined
from sqlalchemy import Engine

from chalicelib.api.errors import ApiError
from chalicelib.api.routes import Route
from chalicelib.auth.tokens import Bearer
from chalicelib.config import Settings
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError, NotFoundError
from chalicelib.domain.limits import BIGGEST_ID

_VERSION = re.compile(r'"([0-9a-f]{16})"')
_VERSIONS = re.compile(r'"[0-9a-f]{16}"(?:\s*,\s*"[0-9a-f]{16}")*')


TYPES_ALONE: Final = "types alone"
"""Context of a validation that leaves rules to the service.

Clients and mailings may hold values that are older than a rule, or were imported. Sent as they are stored they are accepted, and which
are stored only the service knows. So a body that breaks rules, but has the right types, is handed to the service, which has all rules.
"""


class Schema(BaseModel):
    """What all schemas share: unknown fields are refused, and a number is not taken for a text or the other way round."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @property
    def named(self) -> dict[str, Any]:
        """The fields that the request named, with their values."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class Versioned(Schema):
    """What is guarded against lost updates: its `ETag` changes with each field that can be written."""

    _etag: str = PrivateAttr(default="")

    def versioned(self, version: str) -> Self:
        """The same, with its version."""
        self._etag = f'"{version}"'
        return self

    @property
    def etag(self) -> str:
        """The value of the header, also that of `If-Match`."""
        return self._etag


_Partial = TypeVar("_Partial", bound=Schema)


def partial(schema: type[_Partial]) -> type[_Partial]:
    """Of a schema: nothing need be named, and `named` tells what was. So PATCH has PUT's rules without repeating them."""
    for field in schema.model_fields.values():
        field.default, field.default_factory = PydanticUndefined, _unnamed
    schema.model_rebuild(force=True)
    return schema


def _unnamed() -> None:
    return None


class NoBody(Schema):
    """The operation takes no body."""


@dataclass(frozen=True, slots=True)
class FileBody:
    """The operation takes a file as it is."""

    raw: bytes


class QuerySchema(BaseModel):
    """The same for query parameters, which are texts: numbers and truth values are read from them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NoQuery(QuerySchema):
    """The operation takes no query parameters."""


Body = TypeVar("Body", covariant=True)
Query = TypeVar("Query", covariant=True)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is not just a schema with the operation's status."""

    status: HTTPStatus
    body: str | Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Call(Generic[Body, Query]):
    """One request, read and checked."""

    body: Body
    query: Query
    path_values: Mapping[str, str]
    bearer: Bearer | None
    base_url: str
    path: str
    query_values: Mapping[str, str | list[str]]
    headers: Mapping[str, str]
    source_ip: str
    engine: Engine
    settings: Settings

    @property
    def principal(self) -> Principal:
        """The authenticated user."""
        return self._bearer.principal

    @property
    def token_id(self) -> int:
        """The token that was presented."""
        return self._bearer.token_id

    @property
    def _bearer(self) -> Bearer:
        if self.bearer is None:
            raise ApiError(HTTPStatus.UNAUTHORIZED, "a token is needed: Authorization: Token <token>")
        return self.bearer

    @property
    def expected(self) -> frozenset[str] | None:
        """The versions that `If-Match` names; None: whatever it is. Raises InvalidInputError for what names none."""
        header = self.headers.get("if-match")
        if header is None or header.strip() == "*":
            return None
        if not _VERSIONS.fullmatch(header.strip()):
            raise InvalidInputError(FieldError("If-Match", "an ETag that was read, or *", FieldCode.WRONG_FORMAT))
        return frozenset(_VERSION.findall(header))

    def id_of(self, kind: str) -> int:
        """The id in the path; what cannot be one is a NotFoundError like an id that never was."""
        number = as_id(self.path_values["id"])
        if number is None:
            raise NotFoundError(kind)
        return number


def as_id(text: str) -> int | None:
    """The id that `text` is; None if it cannot be one."""
    if text.isascii() and text.isdecimal() and not text.startswith("0") and len(text) <= 19 and int(text) <= BIGGEST_ID:
        return int(text)
    return None


@dataclass(frozen=True, slots=True)
class Operation:
    """One handler with all that is said about it."""

    function: Callable[[Call[Any, Any]], Any]
    summary: str
    tag: str
    status: HTTPStatus
    errors: tuple[HTTPStatus, ...]
    body: Any
    query: type[BaseModel]
    answer: Any
    form: bool
    """Is a body also taken as an HTML form?"""
    secret: bool
    """Does the answer hold a secret? Then it is never stored, and an Idempotency-Key has no effect."""
    media: str
    """What the answer is, if not JSON."""
    hidden: bool
    """Is it left out of the OpenAPI document?"""
    description: str


_Handler = TypeVar("_Handler", bound=Callable[[Call[Any, Any]], Any])
_DECLARED: dict[str, Operation] = {}


def operation(
    summary: str,
    *,
    tag: str,
    status: HTTPStatus = HTTPStatus.OK,
    errors: tuple[HTTPStatus, ...] = (),
    form: bool = False,
    secret: bool = False,
    media: str = "application/json",
    hidden: bool = False,
) -> Callable[[_Handler], _Handler]:
    """Declares a handler. `errors` are those that this operation has beyond the ones that follow from its path and schemas."""

    def declare(function: _Handler) -> _Handler:
        hints = get_type_hints(function, include_extras=True)
        body, query = get_args(hints["call"])
        place = f"{function.__module__.rpartition('.')[2]}:{function.__name__}"
        description = inspect.getdoc(function) or ""  # Python 3.13 takes the indentation away by itself
        _DECLARED[place] = Operation(
            function, summary, tag, status, errors, body, query, hints["return"], form, secret, media, hidden, description
        )
        return function

    return declare


def declared(place: str) -> Operation:
    """The operation whose handler stands at `module:function`; imports the module when needed."""
    if place not in _DECLARED:
        from importlib import import_module

        import_module(f"chalicelib.api.handlers.{place.partition(':')[0]}")
    return _DECLARED[place]


def takes_key(route: Route, method: str, chosen: Operation) -> bool:
    """Does an Idempotency-Key make this operation's retry safe? Answers that hold a secret are not kept."""
    return method == "POST" and not chosen.secret and not route.is_public(method)
