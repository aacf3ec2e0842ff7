"""Queries on API tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, text, update

from chalicelib.domain.paging import Slice
from chalicelib.storage.models import ApiToken
from chalicelib.storage.paging import rows_of
from chalicelib.storage.prepared import prepared_text


@dataclass(frozen=True, slots=True)
class TokenOfUser:
    """A token and its user as they stand now."""

    token_id: int
    secret_sha256: bytes
    user_id: int
    username: str
    is_superuser: bool
    usable: bool
    """Not expired, and the user is active."""
    use_is_news: bool
    """Its last noted use is so long ago that this one is worth a write."""


# Every request to the API begins with it.
_WITH_USER = prepared_text(
    """
    SELECT t.id, t.secret_sha256, u.id, u.username, u.is_superuser, t.expires_at > now() AND u.is_active,
      t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute'
    FROM api_token t JOIN "user" u ON u.id = t.user_id WHERE t.id = :token
    """
)


def with_user(connection: Connection, token_id: int) -> TokenOfUser | None:
    """The token and its user: one statement, two primary keys."""
    row = connection.execute(_WITH_USER, {"token": token_id}).one_or_none()
    return TokenOfUser(*row) if row is not None else None


def note_use(connection: Connection, token_id: int) -> None:
    """Writes down that the token was used now."""
    connection.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=func.now()))


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What can be shown of a token: not its text, which is not known here."""

    id: int
    user: int
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


_SHOWN = (
    ApiToken.id,
    ApiToken.user_id,
    ApiToken.name,
    ApiToken.prefix,
    ApiToken.created_at,
    ApiToken.expires_at,
    ApiToken.last_used_at,
)


def find(connection: Connection, token_id: int) -> TokenRow:
    """A token that is known to be there."""
    return TokenRow(*connection.execute(select(*_SHOWN).where(ApiToken.id == token_id)).one())


def page(connection: Connection, user_id: int | None, part: Slice) -> list[TokenRow]:
    """A slice of a user's tokens (None: of everyone's), expired ones too; those of the documentation page end by themselves."""
    wanted = select(*_SHOWN).where(ApiToken.session_id.is_(None))
    wanted = wanted if user_id is None else wanted.where(ApiToken.user_id == user_id)
    return [TokenRow(*row) for row in rows_of(connection, wanted, ApiToken.id, part)]


@dataclass(frozen=True, slots=True)
class RemovedToken:
    """A token that was revoked."""

    user_id: int
    name: str


def remove(connection: Connection, user_id: int | None, token_id: int) -> RemovedToken | None:
    """Delete a token of this user (None: of anyone), and those made with it; None if there is no such token."""
    gone = delete(ApiToken).where(ApiToken.id == token_id)
    gone = gone if user_id is None else gone.where(ApiToken.user_id == user_id)
    row = connection.execute(gone.returning(ApiToken.user_id, ApiToken.name)).one_or_none()
    return RemovedToken(*row) if row is not None else None


def remove_of_user(connection: Connection, user_id: int, *, but: int | None = None) -> int:
    """Delete all tokens of a user, `but` perhaps this one; returns how many."""
    if but is not None:  # or it would go with the one that it was made with
        connection.execute(update(ApiToken).where(ApiToken.id == but).values(parent_id=None))
    gone = delete(ApiToken).where(ApiToken.user_id == user_id)
    gone = gone if but is None else gone.where(ApiToken.id != but)
    return len(connection.execute(gone.returning(ApiToken.id)).all())


def expiry(connection: Connection, token_id: int) -> tuple[datetime, datetime] | None:
    """When the token ends, and what time it is now, by the database; None if the token is gone."""
    row = connection.execute(select(ApiToken.expires_at, func.now()).where(ApiToken.id == token_id)).one_or_none()
    return (row[0], row[1]) if row is not None else None


def live(connection: Connection, user_id: int) -> int:
    """How many tokens a user has that are neither expired nor a session's."""
    wanted = select(func.count()).where(*_live(user_id))
    return connection.execute(wanted).scalar_one()


def remove_unused(connection: Connection, user_id: int, name: str, number: int) -> int:
    """Delete `number` tokens of this name that nothing was made with, those that were used longest ago; returns how many there were."""
    made_with = select(ApiToken.parent_id).where(ApiToken.parent_id.is_not(None), ApiToken.user_id == user_id)
    oldest = (
        select(ApiToken.id)
        .where(*_live(user_id), ApiToken.name == name, ApiToken.id.not_in(made_with))
        .order_by(func.coalesce(ApiToken.last_used_at, ApiToken.created_at), ApiToken.id)
        .limit(number)
    )
    return len(connection.execute(delete(ApiToken).where(ApiToken.id.in_(oldest)).returning(ApiToken.id)).all())


def _live(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return ApiToken.user_id == user_id, ApiToken.session_id.is_(None), ApiToken.expires_at > func.now()


def trim_of_session(connection: Connection, session_id: int, most: int) -> None:
    """Keep the newest `most` tokens of a session."""
    newest = select(ApiToken.id).where(ApiToken.session_id == session_id).order_by(ApiToken.id.desc()).limit(most)
    connection.execute(delete(ApiToken).where(ApiToken.session_id == session_id, ApiToken.id.not_in(newest)))


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be stored; its text is known to its bearer alone."""

    user_id: int
    name: str
    prefix: str
    secret_sha256: bytes
    lifetime: timedelta
    parent_id: int | None = None
    session_id: int | None = None


_NEXT_ID = text("SELECT nextval(pg_get_serial_sequence('api_token', 'id'))")


def next_id(connection: Connection) -> int:
    """An id for a token that is about to be made: the token's text contains it."""
    found: int = connection.execute(_NEXT_ID).scalar_one()
    return found


def add(connection: Connection, token_id: int, new: NewToken) -> datetime:
    """Stores a token and returns when it expires."""
    values = {
        "id": token_id,
        "user_id": new.user_id,
        "name": new.name,
        "prefix": new.prefix,
        "secret_sha256": new.secret_sha256,
        "expires_at": func.now() + new.lifetime,
        "parent_id": new.parent_id,
        "session_id": new.session_id,
    }
    return connection.execute(insert(ApiToken).values(values).returning(ApiToken.expires_at)).scalar_one()
