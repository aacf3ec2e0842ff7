"""Queries on API tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select, text, update

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
    name: str
    prefix: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


_SHOWN = (ApiToken.id, ApiToken.name, ApiToken.prefix, ApiToken.created_at, ApiToken.expires_at, ApiToken.last_used_at)


def find(connection: Connection, token_id: int) -> TokenRow:
    """A token that is known to be there."""
    return TokenRow(*connection.execute(select(*_SHOWN).where(ApiToken.id == token_id)).one())


def page(connection: Connection, user_id: int, part: Slice) -> list[TokenRow]:
    """A slice of a user's tokens, expired ones too."""
    return [TokenRow(*row) for row in rows_of(connection, select(*_SHOWN).where(ApiToken.user_id == user_id), ApiToken.id, part)]


def remove(connection: Connection, user_id: int, token_id: int) -> str | None:
    """Deletes a user's token and returns its name; None if the user has no such token."""
    gone = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user_id).returning(ApiToken.name)
    return connection.execute(gone).scalar_one_or_none()


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to be stored; its text is known to its bearer alone."""

    user_id: int
    name: str
    prefix: str
    secret_sha256: bytes
    lifetime: timedelta


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
    }
    return connection.execute(insert(ApiToken).values(values).returning(ApiToken.expires_at)).scalar_one()
