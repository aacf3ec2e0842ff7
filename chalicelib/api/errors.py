"""Errors as the API answers them: `{"code", "message", "errors"?}` and a status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.errors import (
    ConfirmationRequiredError,
    ConflictError,
    FieldCode,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    ServiceError,
    TooManyRequestsError,
    VersionError,
)


class FieldProblem(BaseModel):
    """One field that is wrong."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(
        description="Its dotted path in the body (`clients.3.phone`), or the name of the query parameter or header"
    )
    code: FieldCode = Field(description="What is wrong, for programs")
    message: str = Field(description="A sentence for people: what is allowed")


class ProblemCode(StrEnum):
    """Why a request was refused, for programs: one word for each status."""

    MALFORMED = "malformed"
    NOT_AUTHENTICATED = "not_authenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    CONFLICT = "conflict"
    PRECONDITION_FAILED = "precondition_failed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID = "invalid"
    TOO_MANY_REQUESTS = "too_many_requests"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


class Problem(BaseModel):
    """Why a request was not done."""

    model_config = ConfigDict(extra="forbid")

    code: ProblemCode = Field(description="A word for programs, one for each status", examples=["not_found"])
    message: str = Field(description="A sentence for people")
    errors: list[FieldProblem] = Field(default=[], description="The fields that are wrong, where it is about fields")


@dataclass
class ApiError(Exception):
    """A refusal by the HTTP layer itself."""

    status: HTTPStatus
    message: str
    errors: Sequence[FieldError] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


CODES: Mapping[HTTPStatus, ProblemCode] = {
    HTTPStatus.BAD_REQUEST: ProblemCode.MALFORMED,
    HTTPStatus.UNAUTHORIZED: ProblemCode.NOT_AUTHENTICATED,
    HTTPStatus.FORBIDDEN: ProblemCode.FORBIDDEN,
    HTTPStatus.NOT_FOUND: ProblemCode.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: ProblemCode.METHOD_NOT_ALLOWED,
    HTTPStatus.CONFLICT: ProblemCode.CONFLICT,
    HTTPStatus.PRECONDITION_FAILED: ProblemCode.PRECONDITION_FAILED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ProblemCode.TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY: ProblemCode.INVALID,
    HTTPStatus.TOO_MANY_REQUESTS: ProblemCode.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR: ProblemCode.INTERNAL,
    HTTPStatus.SERVICE_UNAVAILABLE: ProblemCode.UNAVAILABLE,
}

_OF_SERVICES: Mapping[type[ServiceError], HTTPStatus] = {
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    VersionError: HTTPStatus.PRECONDITION_FAILED,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
}


def of_service(error: ServiceError) -> ApiError:
    """The answer to a use case that could not do what was asked."""
    status = next((status for kind, status in _OF_SERVICES.items() if isinstance(error, kind)), HTTPStatus.CONFLICT)
    if isinstance(error, InvalidInputError):
        return invalid(*error.errors)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequestsError) else {}
    errors = error.errors if isinstance(error, ConfirmationRequiredError) else ()
    return ApiError(status, str(error), errors, headers)


def invalid(*errors: FieldError) -> ApiError:
    """A 422 that names each field."""
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "validation failed", errors)


def problem_of(error: ApiError) -> dict[str, Any]:
    """The JSON of an error; `errors` only where there are some."""
    found: dict[str, Any] = {"code": str(CODES[error.status]), "message": error.message}
    if error.errors:
        found["errors"] = [{"field": each.field, "code": str(each.code), "message": each.message} for each in error.errors]
    return found
