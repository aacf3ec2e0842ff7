"""Use cases around sessions of the admin panel. A cookie holds 256 random bits; the database knows their SHA-256."""

import hashlib
import secrets

from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.services.logins import LoginRules, checked
from chalicelib.storage import sessions
from chalicelib.storage.engine import autocommit


def log_in(source: Engine, username: str, password: str, address: str, rules: LoginRules) -> str:
    """The secret of a new session. Raises LoginError, or TooManyAttemptsError."""
    user_id = checked(source, username, password, address, rules.limit)
    secret = secrets.token_urlsafe(32)
    with source.begin() as connection:
        sessions.add(connection, user_id, digest(secret), rules.token_lifetime)
    return secret


def whose(source: Engine, secret: str) -> Principal | None:
    """Who has the session; None once it is over, its user was deactivated or changed the password."""
    with autocommit(source) as connection:
        found = sessions.find(connection, digest(secret))
    return Principal(found.user_id, found.username, found.is_superuser) if found else None


def log_out(source: Engine, secret: str) -> None:
    """Ends the session at once."""
    with autocommit(source) as connection:
        sessions.remove(connection, digest(secret))


def digest(secret: str) -> bytes:
    """What is stored of a session's secret."""
    return hashlib.sha256(secret.encode()).digest()
