"""Queries on users."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session

from chalicelib.storage.models import User


def by_username(session: Session, username: str) -> User | None:
    """The user of this name, whatever its case."""
    return session.scalar(select(User).where(func.lower(User.username) == func.lower(username)))


def exists(connection: Connection, user_id: int) -> bool:
    """Is there such a user, and active?"""
    return connection.execute(select(User.id).where(User.id == user_id, User.is_active)).one_or_none() is not None


def there(connection: Connection, user_id: int) -> bool:
    """Is there such a user, active or not?"""
    return connection.execute(select(User.id).where(User.id == user_id)).one_or_none() is not None


def lock(connection: Connection, user_id: int) -> bool:
    """Lock the user, so that what makes tokens and what revokes them wait for each other; False for who is not there or not active."""
    wanted = select(User.is_active).where(User.id == user_id).with_for_update(key_share=True)
    return bool(connection.execute(wanted).scalar_one_or_none())


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a login is checked against."""

    id: int
    password_hash: str
    is_active: bool


def credentials(connection: Connection, username: str) -> Credentials | None:
    """The password hash of the user of this name, whatever its case."""
    wanted = select(User.id, User.password_hash, User.is_active).where(func.lower(User.username) == func.lower(username))
    row = connection.execute(wanted).one_or_none()
    return Credentials(*row) if row is not None else None
