"""Use cases around logging in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from chalicelib.auth.passwords import verify_password
from chalicelib.auth.throttle import Limit, admit, succeeded
from chalicelib.auth.tokens import fresh
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ServiceError
from chalicelib.storage import tokens, users
from chalicelib.storage.engine import autocommit


class LoginError(ServiceError):
    """No such user, wrong password or a user that is not active: which of them is not said."""

    def __init__(self) -> None:
        super().__init__("no user has this name and password")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token's text, which is told once, and how long it is good for."""

    token: str
    token_id: int
    expires_at: datetime


def issue(connection: Connection, user_id: int, name: str, lifetime: timedelta) -> IssuedToken:
    """Makes a token for the user."""
    token_id = tokens.next_id(connection)
    made = fresh(token_id)
    new = tokens.NewToken(user_id, name, made.prefix, made.secret_sha256, lifetime)
    return IssuedToken(made.text, token_id, tokens.add(connection, token_id, new))


@dataclass(frozen=True, slots=True)
class LoginRules:
    """How long a token lives, and how often a password may be guessed."""

    token_lifetime: timedelta
    limit: Limit


def login(source: Engine, username: str, password: str, address: str, rules: LoginRules) -> IssuedToken:
    """A new token for the user. Raises LoginError, or TooManyAttemptsError."""
    user_id = checked(source, username, password, address, rules.limit)
    with source.begin() as connection:
        return issue(connection, user_id, "login", rules.token_lifetime)


def checked(source: Engine, username: str, password: str, address: str, limit: Limit) -> int:
    """The id of the active user with this name and password, tried from `address`. Raises LoginError, or TooManyAttemptsError."""
    attempt = admit(source, username, address, limit)
    with autocommit(source) as connection:
        user = users.credentials(connection, username)
    # Without a connection in hand: the hash takes its time, and takes it for unknown users as well.
    if not verify_password(user.password_hash if user else None, password) or user is None or not user.is_active:
        raise LoginError
    succeeded(source, attempt)
    return user.id


def logout(source: Engine, principal: Principal, token_id: int) -> None:
    """Makes the presented token worthless at once."""
    with autocommit(source) as connection:
        tokens.remove(connection, principal.user_id, token_id)
