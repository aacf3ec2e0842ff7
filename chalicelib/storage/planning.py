"""Planning: messages for selected clients, by one statement a slice and never by client."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MessageStatus
from chalicelib.storage.selections import LISTED, SELECTED, selected

# One slice of one zone: rows, and the cursor behind them, in one statement. FOR KEY SHARE keeps a client from being deleted between
# being read and being written as a foreign key; the unique keys make a repeated slice harmless. To look into both of them before
# every insert costs a sixth more, for what hardly ever happens: so that is done only in slices where it has.
_PLAN = """
WITH slice AS (
  SELECT c.id, c.phone, {listed} AS barred
  FROM client c
  WHERE c.owner_id = :owner AND c.time_zone = :zone AND c.id > :cursor AND {selected}
  ORDER BY c.id LIMIT :size FOR KEY SHARE
), planned AS (
  INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, error_code)
  SELECT :mailing, :owner, id, phone, :zone, :not_before,
    CASE WHEN barred AND :status = 1 THEN 4 ELSE :status END, CASE WHEN barred AND :status = 1 THEN 'do_not_contact' END
  FROM slice
  {on_conflict} RETURNING 1
), seen AS (
  SELECT count(*) AS clients, max(id) AS last FROM slice
), moved AS (
  UPDATE mailing_zone z SET cursor = coalesce(seen.last, z.cursor),
    planned_at = CASE WHEN seen.clients < :size THEN CAST(:now AS timestamptz) END
  FROM seen WHERE z.mailing_id = :mailing AND z.time_zone = :zone
)
SELECT (SELECT clients FROM seen), (SELECT count(*) FROM planned)
"""
_PLAN_NEW = text(_PLAN.format(selected=SELECTED, listed=LISTED, on_conflict=""))
_PLAN_MISSING = text(_PLAN.format(selected=SELECTED, listed=LISTED, on_conflict="ON CONFLICT DO NOTHING"))

# All zones at once and no cursor: whoever came into the selection, or moved to a zone that was already planned, and has no row. Each
# client is looked up in both unique keys: as a join, planned without statistics of the new rows, it would read all rows a client.
_CATCH_UP = text(
    f"""
    WITH missing AS MATERIALIZED (
      SELECT c.id, c.owner_id, c.phone, c.time_zone,
        {LISTED} AS barred
      FROM client c
      WHERE c.owner_id = :owner AND {SELECTED}
        AND (SELECT m.id FROM message m WHERE m.mailing_id = :mailing AND m.client_id = c.id) IS NULL
        AND (SELECT m.id FROM message m WHERE m.mailing_id = :mailing AND m.phone = c.phone COLLATE "default") IS NULL
      ORDER BY c.id FOR KEY SHARE OF c
    )
    INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, error_code)
    SELECT z.mailing_id, c.owner_id, c.id, c.phone, c.time_zone, greatest(z.opens_at, :now),
      CASE WHEN z.expires_at <= :now THEN 3 WHEN c.barred THEN 4 ELSE 1 END,
      CASE WHEN z.expires_at > :now AND c.barred THEN 'do_not_contact' END
    FROM missing c JOIN mailing_zone z ON z.mailing_id = :mailing AND z.time_zone = c.time_zone
    ORDER BY c.id
    ON CONFLICT DO NOTHING
    """  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class Planned:
    """What one slice of planning did: clients looked at, rows made."""

    clients: int
    rows: int


@dataclass(frozen=True, slots=True)
class ZoneSlice:
    """Where the planning of one zone of a mailing stands, and what its rows begin with."""

    mailing_id: int
    owner_id: int
    time_zone: str
    cursor: int
    status: MessageStatus
    not_before: datetime


def plan_slice(
    connection: Connection, place: ZoneSlice, selection: Selection, size: int, now: datetime, *, some_planned: bool = False
) -> Planned:
    """Plans up to `size` selected clients of one zone beyond its cursor; the zone is planned when fewer than that were left.

    A client or phone that has a message in this mailing already is a unique violation, or with `some_planned` passed over.
    """
    parameters = selected(selection) | {
        "mailing": place.mailing_id,
        "owner": place.owner_id,
        "zone": place.time_zone,
        "cursor": place.cursor,
        "status": int(place.status),
        "not_before": place.not_before,
        "size": size,
        "now": now,
    }
    return Planned(*connection.execute(_PLAN_MISSING if some_planned else _PLAN_NEW, parameters).one())


def catch_up(connection: Connection, mailing_id: int, owner_id: int, selection: Selection, now: datetime) -> int:
    """Rows for selected clients that have none, over all zones of the mailing; how many were made."""
    parameters = selected(selection) | {"mailing": mailing_id, "owner": owner_id, "now": now}
    return connection.execute(_CATCH_UP, parameters).rowcount
