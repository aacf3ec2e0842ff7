"""Queries on sessions of the admin panel."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, delete, func, insert, select, text

from chalicelib.storage.models import Session, User

_SWEEP = text("DELETE FROM session WHERE expires_at <= now()")


@dataclass(frozen=True, slots=True)
class SessionUser:
    """A session and its user as they stand now."""

    user_id: int
    username: str
    is_superuser: bool


def add(connection: Connection, user_id: int, secret_sha256: bytes, lifetime: timedelta) -> None:
    """Stores a session, and drops those that are over."""
    connection.execute(_SWEEP)
    values = {"user_id": user_id, "secret_sha256": secret_sha256, "expires_at": func.now() + lifetime}
    connection.execute(insert(Session).values(values))


def find(connection: Connection, secret_sha256: bytes) -> SessionUser | None:
    """The session with this secret, unless it is over or its user inactive: one statement, two unique keys."""
    wanted = (
        select(User.id, User.username, User.is_superuser)
        .join(Session, Session.user_id == User.id)
        .where(Session.secret_sha256 == secret_sha256, Session.expires_at > func.now(), User.is_active)
    )
    row = connection.execute(wanted).one_or_none()
    return SessionUser(*row) if row is not None else None


def remove(connection: Connection, secret_sha256: bytes) -> None:
    """Ends a session."""
    connection.execute(delete(Session).where(Session.secret_sha256 == secret_sha256))


def remove_of_user(connection: Connection, user_id: int, *, but: bytes | None = None) -> None:
    """Ends all sessions of a user, `but` perhaps the one with this secret."""
    ended = delete(Session).where(Session.user_id == user_id)
    connection.execute(ended if but is None else ended.where(Session.secret_sha256 != but))
