"""Queries on browser sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from chalicelib.storage.models import Session, User

_NEWS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SessionUser:
    """A session and its user as they stand now."""

    session_id: int
    user_id: int
    username: str
    is_superuser: bool
    expires_at: datetime
    use_is_news: bool
    """Its last noted use is so long ago that this one is worth a write."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be stored; its secret is known to the browser alone."""

    user_id: int
    secret_sha256: bytes
    lifetime: timedelta
    address: str
    user_agent: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as its user sees it."""

    id: int
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    address: str
    user_agent: str


def add(connection: Connection, new: NewSession, idle: timedelta) -> None:
    """Store a session, and drop those that are over."""
    connection.execute(delete(Session).where(or_(Session.expires_at <= func.now(), Session.last_used_at <= func.now() - idle)))
    values = {
        "user_id": new.user_id,
        "secret_sha256": new.secret_sha256,
        "expires_at": func.now() + new.lifetime,
        "address": new.address,
        "user_agent": new.user_agent,
    }
    connection.execute(insert(Session).values(values))


def _live(idle: timedelta) -> tuple[ColumnElement[bool], ...]:
    return Session.expires_at > func.now(), Session.last_used_at > func.now() - idle


def find(connection: Connection, secret_sha256: bytes, idle: timedelta) -> SessionUser | None:
    """Return the session with this secret, unless it is over, was not used for `idle`, or its user is inactive."""
    news = Session.last_used_at < func.now() - _NEWS
    wanted = (
        select(Session.id, User.id, User.username, User.is_superuser, Session.expires_at, news)
        .join(Session, Session.user_id == User.id)
        .where(Session.secret_sha256 == secret_sha256, User.is_active, *_live(idle))
    )
    row = connection.execute(wanted).one_or_none()
    return SessionUser(*row) if row is not None else None


def began_within(connection: Connection, secret_sha256: bytes, span: timedelta) -> bool:
    """Did the session with this secret begin within this span?"""
    wanted = select(Session.id).where(Session.secret_sha256 == secret_sha256, Session.created_at > func.now() - span)
    return connection.execute(wanted).one_or_none() is not None


def note_use(connection: Connection, session_id: int) -> None:
    """Write down that the session was used now."""
    connection.execute(update(Session).where(Session.id == session_id).values(last_used_at=func.now()))


_SHOWN = (Session.id, Session.created_at, Session.last_used_at, Session.expires_at, Session.address, Session.user_agent)


def of_user(connection: Connection, user_id: int, idle: timedelta) -> list[tuple[SessionRow, bytes]]:
    """Return a user's sessions with the digests of their secrets, the one used last first."""
    wanted = select(*_SHOWN, Session.secret_sha256).where(Session.user_id == user_id, *_live(idle))
    found = connection.execute(wanted.order_by(Session.last_used_at.desc(), Session.id.desc()).limit(200))
    return [(SessionRow(*row[:-1]), row[-1]) for row in found]


def remove(connection: Connection, secret_sha256: bytes) -> None:
    """End a session."""
    connection.execute(delete(Session).where(Session.secret_sha256 == secret_sha256))


def remove_one(connection: Connection, user_id: int, session_id: int) -> bool:
    """End one session of a user; False if the user has no such session."""
    gone = delete(Session).where(Session.id == session_id, Session.user_id == user_id).returning(Session.id)
    return connection.execute(gone).one_or_none() is not None


def remove_of_user(connection: Connection, user_id: int, *, but: bytes | None = None) -> None:
    """End all sessions of a user, `but` perhaps the one with this secret."""
    ended = delete(Session).where(Session.user_id == user_id)
    connection.execute(ended if but is None else ended.where(Session.secret_sha256 != but))
