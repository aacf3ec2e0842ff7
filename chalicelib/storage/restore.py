"""Queries for a database that was restored to an earlier moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from chalicelib.storage import mailings
from chalicelib.storage.mailings import RunMailing
from chalicelib.storage.selections import SELECTED, selected

DETAIL = "the database was restored to an earlier moment"
_IDS_END = 2**53

_PAUSE = text("UPDATE mailing SET status = 'paused', next_run_at = :now WHERE status IN ('scheduled', 'running') RETURNING id")
_UNFINISHED = text("SELECT id FROM mailing WHERE status = 'paused' ORDER BY id")
_REACHED = text("SELECT time_zone FROM mailing_zone WHERE mailing_id = :mailing AND (:everything OR opens_at <= :now)")
# Under a key that the provider honours it is safe to call for these again; otherwise they are parked.
_DOUBT_WAITING = text(
    """
    UPDATE message SET status = CASE WHEN :honours_key THEN 1 ELSE 4 END, unknown = true, lease_until = NULL, dispatched_at = NULL,
      error_code = 'unknown_outcome', error_detail = :detail
    WHERE mailing_id = :mailing AND status = 1 AND time_zone = ANY(CAST(:zones AS text[]))
    """
)
# Their rows, and the ids these had, are lost: no key would keep a new row from being a second message.
_PARK_CLIENTS = text(
    f"""
    INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, unknown, error_code, error_detail)
    SELECT :mailing, c.owner_id, c.id, c.phone, c.time_zone, :now, 4, true, 'unknown_outcome', :detail
    FROM client c
    WHERE c.owner_id = :owner AND c.time_zone = ANY(CAST(:zones AS text[])) AND {SELECTED}
      AND (SELECT m.id FROM message m WHERE m.mailing_id = :mailing AND m.client_id = c.id) IS NULL
      AND (SELECT m.id FROM message m WHERE m.mailing_id = :mailing AND m.phone = c.phone COLLATE "default") IS NULL
    ORDER BY c.id FOR KEY SHARE OF c
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - constants only
)
_PLANNED = text(
    """
    UPDATE mailing_zone z SET planned_at = :now,
      cursor = greatest(z.cursor, coalesce((SELECT max(c.id) FROM client c WHERE c.owner_id = :owner AND c.time_zone = z.time_zone), 0))
    WHERE z.mailing_id = :mailing AND z.time_zone = ANY(CAST(:zones AS text[])) AND z.planned_at IS NULL
    """
)
# A failed message may have been tried again in the lost time, while its zone's end was ahead.
_DOUBT_FAILED = text(
    """
    UPDATE message m SET unknown = true, error_code = 'unknown_outcome', error_detail = :detail
    FROM mailing g JOIN mailing_zone z ON z.mailing_id = g.id
    WHERE m.mailing_id = g.id AND m.time_zone = z.time_zone AND z.expires_at > :restored_to
      AND g.status IN ('paused', 'finished') AND m.status = 4 AND NOT m.unknown
      AND m.error_code NOT IN ('client_deleted', 'do_not_contact', 'unknown_outcome')
    """
)
_NEXT_ID = text("SELECT nextval(pg_get_serial_sequence('message', 'id'))")
_MOVE = text("SELECT setval(pg_get_serial_sequence('message', 'id'), :first, false)")


def pause(connection: Connection, now: datetime) -> list[int]:
    """Pauses every mailing that would send by itself; which."""
    return sorted(row.id for row in connection.execute(_PAUSE, {"now": now}))


def unfinished(connection: Connection) -> list[RunMailing]:
    """Mailings that could send again once they are resumed, their rows locked."""
    found = [mailings.lock(connection, row.id) for row in connection.execute(_UNFINISHED).all()]
    return [mailing for mailing in found if mailing is not None]


def reached_zones(connection: Connection, mailing_id: int, now: datetime, *, everything: bool) -> list[str]:
    """Zones of a mailing in which something may have been sent by now."""
    parameters = {"mailing": mailing_id, "now": now, "everything": everything}
    return [row.time_zone for row in connection.execute(_REACHED, parameters)]


def doubt_waiting(connection: Connection, mailing_id: int, zones: Sequence[str], *, honours_key: bool) -> int:
    """Says of waiting messages that their fate is unknown; how many."""
    parameters = {"mailing": mailing_id, "zones": list(zones), "honours_key": honours_key, "detail": DETAIL}
    return connection.execute(_DOUBT_WAITING, parameters).rowcount


def park_clients(connection: Connection, mailing: RunMailing, zones: Sequence[str], now: datetime) -> int:
    """Gives selected clients of these zones who have no message a row that says that nobody knows; how many."""
    parameters: dict[str, Any] = {"mailing": mailing.id, "owner": mailing.owner_id, "zones": list(zones), "now": now}
    parked = connection.execute(_PARK_CLIENTS, parameters | selected(mailing.selection) | {"detail": DETAIL}).rowcount
    connection.execute(_PLANNED, parameters)
    return parked


def doubt_failed(connection: Connection, restored_to: datetime) -> int:
    """Says of failed messages that could be tried again since `restored_to` that their fate is unknown; how many."""
    return connection.execute(_DOUBT_FAILED, {"restored_to": restored_to, "detail": DETAIL}).rowcount


def move_ids_on(connection: Connection, jump: int) -> int:
    """Moves the message ids on by `jump`; the first of the new ones. Raises ValueError where they would leave what JSON readers keep."""
    first = int(connection.execute(_NEXT_ID).scalar_one()) + jump
    if first >= _IDS_END:  # before it is set: no rollback takes that back
        raise ValueError(f"message ids would pass 2^53: {first}")
    connection.execute(_MOVE, {"first": first})
    return first
