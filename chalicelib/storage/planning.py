"""Planning: messages for selected clients, by one statement a slice and never by client."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from chalicelib.domain.selection import Selection
from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.storage.selections import LISTED, SELECTED, selected

NEVER_CALLED = "m.claim_no = 0 AND m.attempts = 0 AND NOT m.unknown"
"""No worker ever held the row: whatever is said of it, nothing was done. (`claim_no` only grows; a requeue keeps it.)"""

# One slice of one zone: rows, and the cursor behind them, in one statement. FOR KEY SHARE keeps a client from being deleted between
# being read and being written as a foreign key; the unique keys make a repeated slice harmless. To look into both of them before
# every insert costs a sixth more, for what hardly ever happens: so that is done only in slices where it has.
_SLICE = """
WITH slice AS (
  SELECT c.id, c.phone, {listed} AS barred
  FROM client c
  WHERE c.owner_id = :owner AND c.time_zone = :zone AND c.id > :cursor AND {selected}
  ORDER BY c.id LIMIT :size FOR KEY SHARE
)"""
_STATUS = "CASE WHEN s.barred AND :status = 1 THEN 4 ELSE :status END"
_CODE = "CASE WHEN s.barred AND :status = 1 THEN 'do_not_contact' ELSE CAST(:code AS text) END"
# Rows of the mailing that belong to a client of the slice: left behind by a deleted client of the same phone, or expired before the end
# was moved. What was never called for begins anew; of what was called for, only the link to the client is made again.
_ADOPT_IN_SLICE = f""", found AS (
  SELECT m.id, s.id AS client, {_STATUS} AS status, {_CODE} AS error_code,
    {NEVER_CALLED} AND m.deleted_at IS NULL AND m.error_code = 'client_deleted' AS revived
  FROM slice s JOIN message m ON m.mailing_id = :mailing AND m.phone = s.phone COLLATE "default" AND m.client_id IS NULL
  WHERE (SELECT own.id FROM message own WHERE own.mailing_id = :mailing AND own.client_id = s.id) IS NULL
  UNION ALL
  SELECT m.id, s.id, {_STATUS}, {_CODE}, true
  FROM slice s JOIN message m ON m.mailing_id = :mailing AND m.client_id = s.id
  WHERE m.status = 3 AND :status <> 3 AND {NEVER_CALLED} AND m.deleted_at IS NULL
), adopted AS (
  UPDATE message m SET client_id = f.client,
    time_zone = CASE WHEN f.revived OR m.status = 1 THEN :zone ELSE m.time_zone END,
    status = CASE WHEN f.revived THEN f.status ELSE m.status END,
    error_code = CASE WHEN f.revived THEN f.error_code ELSE m.error_code END,
    not_before = CASE WHEN f.revived THEN :not_before ELSE m.not_before END,
    dispatched_at = CASE WHEN f.revived THEN NULL ELSE m.dispatched_at END
  FROM found f WHERE m.id = f.id AND (m.client_id IS NULL OR m.client_id = f.client)
  RETURNING f.client, f.revived
)"""  # noqa: S608 - constants only
_PLAN = """, planned AS (
  INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, error_code)
  SELECT :mailing, :owner, s.id, s.phone, :zone, :not_before, {status}, {code} FROM slice s
  {rest} RETURNING 1
), seen AS (
  SELECT count(*) AS clients, max(id) AS last FROM slice
), moved AS (
  UPDATE mailing_zone z SET cursor = coalesce(seen.last, z.cursor),
    planned_at = CASE WHEN seen.clients < :size THEN CAST(:now AS timestamptz) END
  FROM seen WHERE z.mailing_id = :mailing AND z.time_zone = :zone
)
SELECT (SELECT clients FROM seen), (SELECT count(*) FROM planned) {revived}
"""
_PLAN_NEW = text(_SLICE.format(selected=SELECTED, listed=LISTED) + _PLAN.format(status=_STATUS, code=_CODE, rest="", revived=""))
_PLAN_MISSING = text(
    _SLICE.format(selected=SELECTED, listed=LISTED)
    + _ADOPT_IN_SLICE
    + _PLAN.format(
        status=_STATUS,
        code=_CODE,
        rest="WHERE NOT EXISTS (SELECT FROM adopted a WHERE a.client = s.id) ON CONFLICT DO NOTHING",
        revived="+ (SELECT count(*) FROM adopted WHERE revived)",
    )
)

_BEGINS_AS = """
    CASE WHEN c.time_zone = ANY(CAST(:unknown AS text[])) THEN 4 WHEN c.expires_at <= :now THEN 3 WHEN c.barred THEN 4 ELSE 1 END"""
_BEGINS_WITH = """
    CASE WHEN c.time_zone = ANY(CAST(:unknown AS text[])) THEN 'unknown_time_zone'
      WHEN c.expires_at > :now AND c.barred THEN 'do_not_contact' END"""
# Over all zones, what a slice does with rows that deleted clients left behind. The heir of each row is looked up in the unique key of
# phones: as a join, planned without statistics of the new rows, all clients would be read first.
_ADOPT = text(
    f"""
    WITH left_behind AS MATERIALIZED (
      SELECT m.id, {NEVER_CALLED} AND m.deleted_at IS NULL AND m.error_code = 'client_deleted' AS revived,
        (SELECT c.id FROM client c WHERE c.owner_id = :owner AND c.phone = m.phone COLLATE "C") AS client
      FROM message m WHERE m.mailing_id = :mailing AND m.client_id IS NULL AND m.phone IS NOT NULL
    ), heir AS MATERIALIZED (
      SELECT l.id AS message, l.revived, c.id, c.time_zone, z.expires_at, {LISTED} AS barred
      FROM left_behind l JOIN client c ON c.id = l.client
      JOIN mailing_zone z ON z.mailing_id = :mailing AND z.time_zone = c.time_zone
      WHERE {SELECTED} AND (SELECT m.id FROM message m WHERE m.mailing_id = :mailing AND m.client_id = c.id) IS NULL
      ORDER BY c.id LIMIT :size FOR KEY SHARE OF c
    ), found AS MATERIALIZED (
      SELECT c.message, c.revived, c.id, c.time_zone, {_BEGINS_AS} AS status, {_BEGINS_WITH} AS error_code FROM heir c
    )
    UPDATE message m SET client_id = f.id,
      time_zone = CASE WHEN f.revived OR m.status = 1 THEN f.time_zone ELSE m.time_zone END,
      status = CASE WHEN f.revived THEN f.status ELSE m.status END,
      error_code = CASE WHEN f.revived THEN f.error_code ELSE m.error_code END,
      not_before = CASE WHEN f.revived THEN :now ELSE m.not_before END,
      dispatched_at = CASE WHEN f.revived THEN NULL ELSE m.dispatched_at END
    FROM found f WHERE m.id = f.message AND m.client_id IS NULL
    """  # noqa: S608 - constants only
)

# All zones at once and no cursor: whoever came into the selection, or moved to a zone that was already planned, and has no row. Each
# client is looked up in both unique keys: as a join, planned without statistics of the new rows, it would read all rows a client. A phone
# is called for once a mailing: a client who has it now, while the message is another client's, gets a row that says so, without the phone.
_TAKEN = """
        (SELECT m.client_id IS NOT NULL FROM message m WHERE m.mailing_id = :mailing AND m.phone = c.phone COLLATE "default")"""
_CATCH_UP = text(
    f"""
    WITH missing AS MATERIALIZED (
      SELECT c.id, c.owner_id, c.phone, c.time_zone, z.expires_at, {LISTED} AS barred, {_TAKEN} AS taken
      FROM client c JOIN mailing_zone z ON z.mailing_id = :mailing AND z.time_zone = c.time_zone
      WHERE c.owner_id = :owner AND {SELECTED}
        AND (SELECT m.id FROM message m WHERE m.mailing_id = :mailing AND m.client_id = c.id) IS NULL
        AND {_TAKEN} IS NOT FALSE
      ORDER BY c.id LIMIT :size FOR KEY SHARE OF c
    )
    INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, error_code)
    SELECT :mailing, c.owner_id, c.id, CASE WHEN c.taken THEN NULL ELSE c.phone END, c.time_zone, :now,
      CASE WHEN c.taken THEN 4 ELSE {_BEGINS_AS} END, CASE WHEN c.taken THEN 'duplicate_phone' ELSE {_BEGINS_WITH} END
    FROM missing c
    ORDER BY c.id
    ON CONFLICT DO NOTHING
    """  # noqa: S608 - constants only
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
    error_code: ErrorCode | None = None


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
        "code": place.error_code,
        "size": size,
        "now": now,
    }
    return Planned(*connection.execute(_PLAN_MISSING if some_planned else _PLAN_NEW, parameters).one())


def catch_up(
    connection: Connection,
    mailing_id: int,
    owner_id: int,
    selection: Selection,
    now: datetime,
    unknown: Sequence[str] = (),
    *,
    size: int,
) -> int:
    """Make or adopt rows for selected clients that have none, over all zones of the mailing; how many.

    There may be more unless it is less than `size`. Those of clients in `unknown` zones are 4 `unknown_time_zone`.
    """
    parameters = selected(selection) | {
        "mailing": mailing_id,
        "owner": owner_id,
        "now": now,
        "unknown": list(unknown),
        "size": size,
    }
    return sum(connection.execute(statement, parameters).rowcount for statement in (_ADOPT, _CATCH_UP))
