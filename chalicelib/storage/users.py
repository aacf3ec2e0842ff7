"""Queries on users."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chalicelib.storage.models import User


def by_username(session: Session, username: str) -> User | None:
    """The user of this name, whatever its case."""
    return session.scalar(select(User).where(func.lower(User.username) == func.lower(username)))
