"""The service about itself."""

from http import HTTPStatus
from typing import Literal

from pydantic import Field

from chalicelib.api.errors import ApiError
from chalicelib.api.operations import Call, NoBody, NoQuery, Schema, declared, operation
from chalicelib.api.routes import ROUTES, V1
from chalicelib.services.health import database_answers

_TAG = "service"


class Health(Schema):
    """The service and its database are there."""

    status: Literal["ok"] = "ok"
    database: Literal["ok"] = "ok"


class Link(Schema):
    """One path."""

    href: str = Field(description="Parts in braces stand for an id")
    methods: dict[str, str] = Field(description="What each method does")


class Links(Schema):
    """Every path of the API."""

    documentation: str
    routes: list[Link]


@operation("Is the service alive, and its database?", tag=_TAG, errors=(HTTPStatus.SERVICE_UNAVAILABLE,))
def health(call: Call[NoBody, NoQuery]) -> Health:
    """200 if both are, 503 if the database does not answer."""
    if not database_answers(call.engine):
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer", headers={"Retry-After": "5"})
    return Health()


@operation("List the routes", tag=_TAG)
def routes(call: Call[NoBody, NoQuery]) -> Links:
    """Where to go from here."""
    found = [
        Link(
            href=f"{call.base_url}{route.path}",
            methods={method: declared(place).summary for method, place in route.handlers.items()},
        )
        for route in ROUTES
        if route.path.startswith(f"{V1}/")
    ]
    return Links(documentation=f"{call.base_url}/docs", routes=found)
