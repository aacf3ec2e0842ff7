"""The service about itself."""

from http import HTTPStatus
from typing import Literal

from chalicelib.api.errors import ApiError
from chalicelib.api.operations import Call, NoBody, NoQuery, Schema, operation
from chalicelib.services.health import database_answers

_TAG = "service"


class Health(Schema):
    """The service and its database are there."""

    status: Literal["ok"] = "ok"
    database: Literal["ok"] = "ok"


@operation("Is the service alive, and its database?", tag=_TAG, errors=(HTTPStatus.SERVICE_UNAVAILABLE,))
def health(call: Call[NoBody, NoQuery]) -> Health:
    """200 if both are, 503 if the database does not answer."""
    if not database_answers(call.engine):
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer", headers={"Retry-After": "5"})
    return Health()
