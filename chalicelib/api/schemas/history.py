"""History."""

from typing import Any

from pydantic import Field

from chalicelib.api.operations import Schema
from chalicelib.api.schemas.fields import Id, Moment
from chalicelib.storage.history import HistoryRow


class HistoryOut(Schema):
    """One change."""

    id: Id
    at: Moment
    user: Id | None = Field(description="Who did it; null once that user was deleted")
    username: str
    action: str = Field(examples=["update"])
    changes: dict[str, list[Any]] = Field(description="Each field with its old and its new value")


def show(row: HistoryRow) -> HistoryOut:
    """A change as the API shows it."""
    return HistoryOut(id=row.id, at=row.at, user=row.user, username=row.username, action=row.action, changes=row.changes)
