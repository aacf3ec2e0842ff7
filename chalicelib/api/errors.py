"""Errors as the API answers them: `{"code", "message", "errors"?}` and a status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    ServiceError,
    TooManyRequestsError,
)


class FieldProblem(BaseModel):
    """One field that is wrong."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(
        description="Its dotted path in the body (`clients.3.phone`), or the name of the query parameter or header"
    )
    message: str


class Problem(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="A word for programs, one for each status", examples=["not_found"])
    message: str = Field(description="A sentence for people")
    errors: list[FieldProblem] = Field(default=[], description="The fields that are wrong, where it is about fields")


@dataclass
class ApiError(Exception):
    """A refusal by the HTTP layer itself."""

    status: HTTPStatus
    message: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


CODES = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.UNAUTHORIZED: "not_authenticated",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}

_OF_SERVICES: Mapping[type[ServiceError], HTTPStatus] = {
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
}


def of_service(error: ServiceError) -> ApiError:
    """The answer to a use case that could not do what was asked."""
    status = next((status for kind, status in _OF_SERVICES.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)
    if isinstance(error, InvalidInputError):
        return invalid(*error.errors)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequestsError) else {}
    return ApiError(status, str(error), headers=headers)


def invalid(*errors: FieldError) -> ApiError:
    """A 422 that names each field."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "some fields cannot be taken as they are", errors)


def problem_of(error: ApiError) -> dict[str, Any]:
    """The JSON of an error; `errors` only where there are some."""
    found: dict[str, Any] = {"code": CODES[error.status], "message": error.message}
    if error.errors:
        found["errors"] = [{"field": each.field, "message": each.message} for each in error.errors]
    return found
