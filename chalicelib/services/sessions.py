"""Use cases around browser sessions. A cookie holds 256 random bits; the database knows their SHA-256."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, ForbiddenError, NotFoundError
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.services.logins import Checked, LoginError, LoginRules, checked
from chalicelib.storage import sessions, users
from chalicelib.storage.engine import autocommit
from chalicelib.storage.sessions import NewSession, SessionRow

_USER_AGENT = 200
_ADDRESS = 45
_RECENT = timedelta(minutes=15)


class LoginAgainError(ConflictError):
    """The session began too long ago for what is asked: whoever found it open may not be its user."""

    def __init__(self) -> None:
        super().__init__("log in again first: this is only done within 15 minutes of logging in")


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
    found = checked(source, username, password, address, rules.limit, device=device, code=code)
    return begin(source, found.user_id, address, rules, user_agent, found)


def begin(source: Engine, user_id: int, address: str, rules: LoginRules, user_agent: str, found: Checked | None = None) -> str:
    """Return the secret of a new session of a user whom the caller has authenticated, with a password that was `found` right.

    Raises LoginError if that, or the user's access, was changed meanwhile.
    """
    secret = secrets.token_urlsafe(32)
    browser = "".join(each for each in user_agent if each.isprintable())[:_USER_AGENT]
    new = NewSession(user_id, digest(secret), rules.token_lifetime, address[:_ADDRESS], browser)
    with source.begin() as connection:
        if not (found.still_holds(connection) if found else users.lock(connection, user_id)):
            raise LoginError
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


def is_recent(source: Engine, secret: str) -> bool:
    """Did the session with this secret begin a short time ago?"""
    with autocommit(source) as connection:
        return sessions.began_within(connection, digest(secret), _RECENT)


def require_recent(source: Engine, secret: str) -> None:
    """Raise LoginAgainError unless the session with this secret began a short time ago."""
    if not is_recent(source, secret):
        raise LoginAgainError


def end(source: Engine, principal: Principal, session_id: int, secret: str) -> None:
    """End one of the asker's sessions. Raises NotFoundError, also for another user's, and LoginAgainError."""
    require_recent(source, secret)
    with autocommit(source) as connection:
        if not sessions.remove_one(connection, principal.user_id, session_id):
            raise NotFoundError("session")


def end_others(source: Engine, principal: Principal, secret: str) -> None:
    """End all sessions of the asker but the one with this secret. Raises LoginAgainError."""
    require_recent(source, secret)
    with autocommit(source) as connection:
        sessions.remove_of_user(connection, principal.user_id, but=digest(secret))


def end_of_user(source: Engine, principal: Principal, user_id: int) -> None:
    """End all sessions of a user, for superusers. Raises ForbiddenError, NotFoundError."""
    if not principal.is_superuser:
        raise ForbiddenError("only a superuser may do this")
    with source.begin() as connection:
        if not users.there(connection, user_id):
            raise NotFoundError("user")
        sessions.remove_of_user(connection, user_id)
        history.note(connection, principal, Change(Kind.USER, user_id, user_id, "end_sessions"))


def idle() -> timedelta:
    """How long a session may go unused."""
    return timedelta(minutes=settings().session_idle_minutes)


def digest(secret: str) -> bytes:
    """What is stored of a session's secret."""
    return hashlib.sha256(secret.encode()).digest()
