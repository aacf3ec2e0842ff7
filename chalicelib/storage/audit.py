"""Queries on the audit log, to which rows are only ever added."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

_ADD = text(
    """
    INSERT INTO audit_event (event, user_id, username, token_id, address, details)
    SELECT :event, CAST(:user AS bigint), coalesce((SELECT username FROM "user" WHERE id = :user), ''), CAST(:token AS bigint), :address,
      CAST(:details AS jsonb)
    WHERE NOT :once OR NOT EXISTS (
      SELECT 1 FROM audit_event a WHERE a.address = :address AND a.at > now() - interval '1 minute' AND a.event = :event
        AND a.user_id IS NOT DISTINCT FROM CAST(:user AS bigint)
    )
    """
)
# The owner of the tables defines what it deletes: the functions' own role may only add.
_DROP_OLD = text("SELECT drop_old_audit_events(:before)")


@dataclass(frozen=True, slots=True)
class NewEvent:
    """One event."""

    event: str
    user_id: int | None
    token_id: int | None
    address: str
    details: Mapping[str, Any]
    once: bool = False
    """Not again for the same user and address within a minute: for events that strangers can cause without end."""


def add(connection: Connection, new: NewEvent) -> None:
    """Adds an event."""
    parameters = {
        "event": new.event,
        "user": new.user_id,
        "token": new.token_id,
        "address": new.address,
        "details": json.dumps(dict(new.details), default=str),
        "once": new.once,
    }
    connection.execute(_ADD, parameters)


def drop_old(connection: Connection, before: datetime) -> int:
    """Drops events older than `before`; how many. The database refuses to drop any of the last month."""
    found: int = connection.execute(_DROP_OLD, {"before": before}).scalar_one()
    return found
