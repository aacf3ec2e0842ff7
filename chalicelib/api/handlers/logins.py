"""Logging in and out."""

from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from chalicelib.api import html
from chalicelib.api.errors import ApiError
from chalicelib.api.operations import Call, NoBody, NoQuery, Reply, Schema, operation
from chalicelib.api.schemas.fields import Moment
from chalicelib.api.visitors import Visitor, is_https, redirect, visitor_of, wants_page
from chalicelib.auth import browser_session
from chalicelib.auth.throttle import TooManyAttemptsError
from chalicelib.auth.tokens import authenticate, presented_in
from chalicelib.domain import limits
from chalicelib.services import logins, sessions
from chalicelib.services.logins import IssuedToken, LoginRules

_TAG = "logging in"


class LoginIn(Schema):
    """Who wants a token."""

    username: str = Field(min_length=1, max_length=limits.USERNAME_LENGTH, examples=["anna"])
    password: str = Field(min_length=1, max_length=1024, examples=["correct horse battery"])
    code: str = Field(
        default="", max_length=40, description="The one-time code of a user with a second factor, or a recovery code"
    )


class LoginOut(Schema):
    """A token, told this once: send it as `Authorization: Token <token>`."""

    token: str
    expires_at: Moment


class LogoutIn(Schema):
    """What the log-out page's form sends; a program sends nothing, or an empty object."""

    csrf_token: str = Field(default="", max_length=100)


@operation("Redirect to the login page", tag=_TAG, status=HTTPStatus.SEE_OTHER)
def login_page(call: Call[NoBody, NoQuery]) -> Reply:
    """Leads to the admin panel's login page, and from there to the front page. It makes a browser session, and no token."""
    if visitor_of(call).principal is not None:
        return redirect(call, "/")
    return redirect(call, f"/admin/login?{urlencode({'next': f'{html.prefix(call)}/'})}")


@operation(
    "Log in",
    tag=_TAG,
    form=True,
    secret=True,
    errors=(HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS),
)
def login(call: Call[LoginIn, NoQuery]) -> LoginOut:
    """A new token for a name and a password. A wrong name and a wrong password are answered alike. Also takes a form."""
    issued = _issued(call)
    return LoginOut(token=issued.token, expires_at=issued.expires_at)


@operation("Show the logout page", tag=_TAG, media="text/html")
def logout_page(call: Call[NoBody, NoQuery]) -> Reply:
    """A button that ends the browser's session."""
    return _logout_page(call, visitor_of(call))


@operation("Log out", tag=_TAG, form=True, errors=(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN))
def logout(call: Call[LogoutIn | None, NoQuery]) -> Reply | None:
    """Revokes the token that the request came with, and those that were made with it; from a browser, ends its session."""
    header = call.headers.get("authorization")
    if presented_in(header):
        bearer = authenticate(call.engine, header)
        if bearer is None:
            raise _unauthorized()
        logins.logout(call.engine, bearer.principal, bearer.token_id)
        return None
    visitor = visitor_of(call)
    if visitor.principal is None:
        if wants_page(call):  # the button was pressed in another tab already
            return replace(_logout_page(call, visitor), status=HTTPStatus.UNAUTHORIZED)
        raise _unauthorized()
    if not browser_session.is_form_token(visitor.secret, call.body.csrf_token if call.body else ""):
        if wants_page(call):
            return replace(_logout_page(call, visitor, outdated=True), status=HTTPStatus.FORBIDDEN)
        raise ApiError(HTTPStatus.FORBIDDEN, "the form is too old, or not ours: open the log-out page again")
    sessions.log_out(call.engine, visitor.secret)
    return redirect(call, "/", {"Set-Cookie": browser_session.ended_cookie(https=is_https(call))})


def _logout_page(call: Call[Any, Any], visitor: Visitor, *, outdated: bool = False) -> Reply:
    return html.page(call, visitor, "logout.html", "Log out", outdated=outdated)


def _unauthorized() -> ApiError:
    why = "a valid token is needed: Authorization: Token <token>"
    return ApiError(HTTPStatus.UNAUTHORIZED, why, headers={"WWW-Authenticate": "Token"})


def _issued(call: Call[LoginIn, NoQuery]) -> IssuedToken:
    chosen = call.settings
    rules = LoginRules(
        timedelta(days=chosen.token_days), logins.limit_of(chosen), chosen.tokens_per_user, chosen.second_factor_for_superusers
    )
    try:
        return logins.login(call.engine, call.body.username, call.body.password, call.source_ip, rules, call.body.code)
    except logins.LoginError as error:
        raise ApiError(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Token"}) from None
    except TooManyAttemptsError as error:
        after = {"Retry-After": str(error.retry_after)}
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers=after) from None
