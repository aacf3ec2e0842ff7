"""The audit log: who logged in, who was refused, who made keys, took data out or erased it, and from where."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from chalicelib import caller
from chalicelib.observability import log
from chalicelib.storage import audit
from chalicelib.storage.audit import NewEvent


class Event(StrEnum):
    """What is written down."""

    LOGIN_OK = "login_ok"
    LOGIN_FAILED = "login_failed"
    THROTTLED = "throttled"
    FORBIDDEN = "forbidden"
    TOKEN_MADE = "token_made"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - the name of an event
    EXPORTED = "exported"
    ERASED = "erased"


_ONCE_A_MINUTE = {Event.THROTTLED, Event.FORBIDDEN}


def record(connection: Connection, event: Event, *, user_id: int | None = None, **details: Any) -> None:
    """Writes an event down, in the transaction of what it tells of, and in the log. No phone, name or text belongs into `details`.

    The user is the caller unless `user_id` says otherwise.
    """
    asker = caller.current()
    user_id = asker.user_id if user_id is None else user_id
    audit.add(connection, NewEvent(event, user_id, asker.token_id, asker.address, details, once=event in _ONCE_A_MINUTE))
    log("audit", audit=str(event), **{**asker.fields, **({} if user_id is None else {"user_id": user_id})}, **details)
