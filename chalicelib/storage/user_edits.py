"""What superusers do to users."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, or_, select, update

from chalicelib.domain.paging import Slice
from chalicelib.storage.models import Client, DoNotContact, Mailing, User
from chalicelib.storage.paging import rows_of


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as people see it."""

    id: int
    username: str
    is_superuser: bool
    is_active: bool
    created_at: datetime


_COLUMNS = (User.id, User.username, User.is_superuser, User.is_active, User.created_at)


def find(connection: Connection, user_id: int) -> UserRow | None:
    """The user."""
    row = connection.execute(select(*_COLUMNS).where(User.id == user_id)).one_or_none()
    return UserRow(*row) if row is not None else None


def page(connection: Connection, part: Slice, username: str | None) -> list[UserRow]:
    """Return a slice of the users, or the one of this name."""
    wanted = select(*_COLUMNS)
    wanted = wanted if username is None else wanted.where(func.lower(User.username) == func.lower(username))
    return [UserRow(*row) for row in rows_of(connection, wanted, User.id, part)]


def password_hash(connection: Connection, user_id: int) -> str | None:
    """What the user's password is checked against."""
    return connection.execute(select(User.password_hash).where(User.id == user_id)).scalar_one_or_none()


def default_country(connection: Connection, user_id: int) -> str | None:
    """The country of phones that the user types without +."""
    return connection.execute(select(User.default_country).where(User.id == user_id)).scalar_one_or_none()


def import_columns(connection: Connection, user_id: int) -> dict[str, str]:
    """What columns of imported files are, by their names, as the user chose."""
    found: dict[str, str] = connection.execute(select(User.import_columns).where(User.id == user_id)).scalar_one()
    return found


def lock_all_superusers(connection: Connection) -> list[int]:
    """Ids of the active superusers, locked: so that two of them cannot take each other's rights at once and leave none."""
    wanted = select(User.id).where(User.is_superuser, User.is_active).order_by(User.id).with_for_update()
    return list(connection.execute(wanted).scalars())


def add(connection: Connection, values: Mapping[str, Any]) -> UserRow:
    """Inserts a user."""
    return UserRow(*connection.execute(insert(User).values(values).returning(*_COLUMNS)).one())


def change(connection: Connection, user_id: int, values: Mapping[str, Any]) -> UserRow:
    """Writes columns of a user."""
    return UserRow(*connection.execute(update(User).where(User.id == user_id).values(values).returning(*_COLUMNS)).one())


def has_data(connection: Connection, user_id: int) -> bool:
    """Does anything belong to this user?"""
    owned = (exists().where(model.owner_id == user_id) for model in (Client, Mailing, DoNotContact))
    return bool(connection.execute(select(or_(*owned))).scalar_one())


def remove(connection: Connection, user_id: int) -> None:
    """Deletes a user, with sessions and tokens."""
    connection.execute(delete(User).where(User.id == user_id))
