"""Logging in and out."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from chalicelib.api.errors import ApiError
from chalicelib.api.operations import Call, NoQuery, Schema, operation
from chalicelib.api.schemas.fields import Moment
from chalicelib.services import logins

_TAG = "logging in"


class LoginIn(Schema):
    """Who wants a token."""

    username: Annotated[str, Field(min_length=1, max_length=150, examples=["anna"])]
    password: Annotated[str, Field(min_length=1, max_length=1024, examples=["correct horse battery"])]


class LoginOut(Schema):
    """A token, told this once: send it as `Authorization: Token <token>`."""

    token: str
    expires_at: Moment


@operation("Log in", tag=_TAG, form=True, errors=(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS))
def login(call: Call[LoginIn, NoQuery]) -> LoginOut:
    """A new token for a name and a password. A wrong name and a wrong password are answered alike."""
    lifetime = timedelta(days=call.settings.token_days)
    try:
        issued = logins.login(call.engine, call.body.username, call.body.password, token_lifetime=lifetime)
    except logins.LoginError as error:
        raise ApiError(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Token"}) from None
    return LoginOut(token=issued.token, expires_at=issued.expires_at)
