"""Logging in and out."""

from datetime import timedelta
from html import escape
from http import HTTPStatus

from pydantic import Field

from chalicelib.api.errors import ApiError
from chalicelib.api.operations import Call, NoBody, NoQuery, Reply, Schema, operation
from chalicelib.api.schemas.fields import Moment
from chalicelib.auth.throttle import Limit, TooManyAttemptsError
from chalicelib.domain import limits
from chalicelib.services import logins
from chalicelib.services.logins import IssuedToken, LoginRules

_TAG = "logging in"
HTML_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class LoginIn(Schema):
    """Who wants a token."""

    username: str = Field(min_length=1, max_length=limits.USERNAME_LENGTH, examples=["anna"])
    password: str = Field(min_length=1, max_length=1024, examples=["correct horse battery"])


class LoginOut(Schema):
    """A token, told this once: send it as `Authorization: Token <token>`."""

    token: str
    expires_at: Moment


@operation("A login page for people", tag=_TAG, media="text/html")
def login_page(call: Call[NoBody, NoQuery]) -> Reply:
    """A form that answers with a token."""
    del call
    return _page(HTTPStatus.OK, _FORM)


@operation("Log in", tag=_TAG, form=True, secret=True, errors=(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS))
def login(call: Call[LoginIn, NoQuery]) -> LoginOut | Reply:
    """A new token for a name and a password. A wrong name and a wrong password are answered alike. Also takes a form."""
    try:
        issued = _issued(call)
    except ApiError as error:
        if _by_a_person(call):
            return _page(error.status, f"<p role=alert>{escape(error.message)}</p>{_FORM}", error.headers)
        raise
    if _by_a_person(call):
        return _page(HTTPStatus.OK, _DONE.format(token=escape(issued.token), until=f"{issued.expires_at:%Y-%m-%d}"))
    return LoginOut(token=issued.token, expires_at=issued.expires_at)


@operation("Log out", tag=_TAG)
def logout(call: Call[NoBody, NoQuery]) -> None:
    """Revokes the token that this request came with."""
    logins.logout(call.engine, call.principal, call.token_id)


def _issued(call: Call[LoginIn, NoQuery]) -> IssuedToken:
    chosen = call.settings
    limit = Limit(chosen.login_max_failures, chosen.login_window_seconds)
    rules = LoginRules(timedelta(days=chosen.token_days), limit)
    try:
        return logins.login(call.engine, call.body.username, call.body.password, call.source_ip, rules)
    except logins.LoginError as error:
        raise ApiError(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Token"}) from None
    except TooManyAttemptsError as error:
        after = {"Retry-After": str(error.retry_after)}
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, str(error), headers=after) from None


def _by_a_person(call: Call[LoginIn, NoQuery]) -> bool:
    """Did a browser's form send this?"""
    return "text/html" in call.headers.get("accept", "") and not call.headers.get("content-type", "").startswith(
        "application/json"
    )


def _page(status: HTTPStatus, content: str, headers: object = None) -> Reply:
    more = dict(headers) if isinstance(headers, dict) else {}
    return Reply(status, _PAGE.replace("CONTENT", content), {**HTML_HEADERS, **more})


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · mailing-api</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  main { max-width: 24rem; margin: 12vh auto; padding: 0 1rem }
  label { display: block; margin-top: 1rem }
  input, button { font: inherit; padding: .5rem .6rem; width: 100%; box-sizing: border-box }
  button { margin-top: 1.5rem }
  code { overflow-wrap: anywhere; user-select: all }
</style>
<main><h1>mailing-api</h1>CONTENT</main>
</html>
"""
_FORM = """<form method="post">
<label>Name <input name="username" autocomplete="username" required maxlength="150"></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required maxlength="1024"></label>
<button>Log in</button>
</form>"""
_DONE = """<p>Your token, good until {until}. It is shown this once:</p>
<p><code>{token}</code></p>
<p>Send it with every request: <code>Authorization: Token …</code></p>"""
