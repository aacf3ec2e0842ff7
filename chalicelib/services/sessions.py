"""Use cases around browser sessions. A cookie holds 256 random bits; the database knows their SHA-256."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import NotFoundError
from chalicelib.services.logins import LoginRules, checked
from chalicelib.storage import sessions
from chalicelib.storage.engine import autocommit
from chalicelib.storage.sessions import NewSession, SessionRow

_USER_AGENT = 200
_ADDRESS = 45


def log_in(
    source: Engine,
    username: str,
    password: str,
    address: str,
    rules: LoginRules,
    user_agent: str = "",
    *,
    device: str = "",
    code: str = "",
) -> str:
    """Return the secret of a new session. Raises LoginError, or TooManyAttemptsError."""
    user_id = checked(source, username, password, address, rules.limit, device=device, code=code)
    return begin(source, user_id, address, rules, user_agent)


def begin(source: Engine, user_id: int, address: str, rules: LoginRules, user_agent: str) -> str:
    """Return the secret of a new session of a user whom the caller has authenticated."""
    secret = secrets.token_urlsafe(32)
    browser = "".join(each for each in user_agent if each.isprintable())[:_USER_AGENT]
    new = NewSession(user_id, digest(secret), rules.token_lifetime, address[:_ADDRESS], browser)
    with source.begin() as connection:
        sessions.add(connection, new, idle())
    return secret


def whose(source: Engine, secret: str, *, by_a_person: bool = True) -> Principal | None:
    """Return whose session it is; None once it is over, its user was deactivated or changed the password.

    What a page asks for by itself (`by_a_person` False) does not count as use: a page left open must not keep its session alive.
    """
    with autocommit(source) as connection:
        found = sessions.find(connection, digest(secret), idle())
        if found is not None and found.use_is_news and by_a_person:
            sessions.note_use(connection, found.session_id)
    return Principal(found.user_id, found.username, found.is_superuser) if found else None


def log_out(source: Engine, secret: str) -> None:
    """End the session at once."""
    with autocommit(source) as connection:
        sessions.remove(connection, digest(secret))


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session of somebody who looks at their sessions."""

    row: SessionRow
    is_this: bool


def listed(source: Engine, principal: Principal, secret: str) -> list[ListedSession]:
    """Return the asker's sessions; `secret` tells which of them is looking."""
    with autocommit(source) as connection:
        found = sessions.of_user(connection, principal.user_id, idle())
    return [ListedSession(row, stored == digest(secret)) for row, stored in found]


def end(source: Engine, principal: Principal, session_id: int) -> None:
    """End one of the asker's sessions. Raises NotFoundError, also for another user's."""
    with autocommit(source) as connection:
        if not sessions.remove_one(connection, principal.user_id, session_id):
            raise NotFoundError("session")


def end_others(source: Engine, principal: Principal, secret: str) -> None:
    """End all sessions of the asker but the one with this secret."""
    with autocommit(source) as connection:
        sessions.remove_of_user(connection, principal.user_id, but=digest(secret))


def idle() -> timedelta:
    """How long a session may go unused."""
    return timedelta(minutes=settings().session_idle_minutes)


def digest(secret: str) -> bytes:
    """What is stored of a session's secret."""
    return hashlib.sha256(secret.encode()).digest()
