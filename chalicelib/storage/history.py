"""Queries on history."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, text

from chalicelib.domain.paging import Slice
from chalicelib.storage.models import History
from chalicelib.storage.paging import rows_of


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One change."""

    id: int
    user: int | None
    username: str
    at: datetime
    action: str
    changes: dict[str, Any]


_COLUMNS = (History.id, History.user_id, History.username, History.at, History.action, History.changes)

_ADD = text(
    """
    INSERT INTO history (kind, object_id, owner_id, user_id, username, action, changes)
    SELECT kind, object_id, owner_id, CAST(:user AS bigint), :username, action, changes
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (kind text, object_id bigint, owner_id bigint, action text, changes jsonb)
    """
)


def add(connection: Connection, user_id: int | None, username: str, changes: Sequence[Mapping[str, Any]]) -> None:
    """Writes down changes (`kind`, `object_id`, `owner_id`, `action`, `changes`) that one user made, in one statement."""
    connection.execute(_ADD, {"user": user_id, "username": username, "rows": json.dumps(list(changes), default=str)})


@dataclass(frozen=True, slots=True)
class Recent:
    """What a user did of one kind lately: how often, and in how many seconds the oldest is no longer lately."""

    number: int
    seconds_left: float


_LOCK_USER = text("SELECT pg_advisory_xact_lock(hashtextextended(:action, :user))")
_RECENT = text(
    """
    SELECT count(*), coalesce(extract(epoch FROM min(at) + CAST(:span AS interval) - clock_timestamp()), 0)
    FROM history WHERE user_id = :user AND action = :action AND at > clock_timestamp() - CAST(:span AS interval)
    """
)


def recent(connection: Connection, user_id: int, action: str, span: timedelta) -> Recent:
    """How often a user did this within `span`; until the end of the transaction nobody else asks that of the user."""
    connection.execute(_LOCK_USER, {"user": user_id, "action": action})
    number, seconds = connection.execute(_RECENT, {"user": user_id, "action": action, "span": span}).one()
    return Recent(int(number), float(seconds))


def page(connection: Connection, owner_id: int | None, kind: str, object_id: int, part: Slice) -> list[HistoryRow]:
    """A slice of one thing's change history while it was the owner's (None: anyone's)."""
    wanted = select(*_COLUMNS).where(History.kind == kind, History.object_id == object_id)
    if owner_id is not None:
        wanted = wanted.where(History.owner_id == owner_id)
    return [HistoryRow(*row) for row in rows_of(connection, wanted, History.id, part)]
