"""Use cases around logging in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from chalicelib.auth.passwords import verify_password
from chalicelib.auth.tokens import fresh
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
    expires_at: datetime


def issue(connection: Connection, user_id: int, name: str, lifetime: timedelta) -> IssuedToken:
    """Makes a token for the user."""
    token_id = tokens.next_id(connection)
    made = fresh(token_id)
    new = tokens.NewToken(user_id, name, made.prefix, made.secret_sha256, lifetime)
    return IssuedToken(made.text, tokens.add(connection, token_id, new))


def login(source: Engine, username: str, password: str, *, token_lifetime: timedelta) -> IssuedToken:
    """A new token for the user. Raises LoginError."""
    with autocommit(source) as connection:
        user = users.credentials(connection, username)
    # Without a connection in hand: the hash takes its time, and takes it for unknown users as well.
    if not verify_password(user.password_hash if user else None, password) or user is None or not user.is_active:
        raise LoginError
    with source.begin() as connection:
        return issue(connection, user.id, "login", token_lifetime)
