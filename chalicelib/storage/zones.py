"""Queries on mailing_zone: which zones a mailing has, and when each is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from chalicelib.domain.next_run import ZoneState
from chalicelib.domain.window import SendingTimes

FALLBACK_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Zone:
    """A row of mailing_zone."""

    time_zone: str
    opens_at: datetime
    closes_at: datetime
    expires_at: datetime
    cursor: int
    planned_at: datetime | None


# The zones of an owner's clients that the mailing has not got. A loose index scan: one probe of (owner_id, time_zone, id) a zone,
# where DISTINCT would read every client.
_OWNERS_ZONES = """
    WITH RECURSIVE owners_zone AS (
      (SELECT time_zone FROM client WHERE owner_id = :owner ORDER BY time_zone LIMIT 1)
      UNION ALL
      SELECT (SELECT c.time_zone FROM client c WHERE c.owner_id = :owner AND c.time_zone > z.time_zone ORDER BY c.time_zone LIMIT 1)
      FROM owners_zone z WHERE z.time_zone IS NOT NULL
    )
    SELECT time_zone FROM owners_zone WHERE time_zone IS NOT NULL
"""
_OF_OWNER = text(_OWNERS_ZONES)
_MISSING = text(_OWNERS_ZONES + "EXCEPT SELECT time_zone FROM mailing_zone WHERE mailing_id = :mailing")  # noqa: S608 - constants only

_INSERT = text(
    """
    INSERT INTO mailing_zone (mailing_id, time_zone, opens_at, closes_at, expires_at)
    SELECT :mailing, * FROM unnest(CAST(:zones AS text[]), CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[]),
                                   CAST(:expires AS timestamptz[]))
    ON CONFLICT DO NOTHING
    """
)

# A zone whose end was past and is not any more is planned anew: its rows that expired without a call begin again.
# Rows that wait for nothing but their zone's opening go with it: single ones, added or tried again by hand. What is written in bulk never
# waits for it by its own moment, so that an edit has few rows to rewrite.
_REOPENED = "(z.expires_at <= :now AND d.expires_at > :now)"
_REWRITE = text(
    f"""
    WITH d AS (
      SELECT * FROM unnest(CAST(:zones AS text[]), CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[]),
                           CAST(:expires AS timestamptz[])) AS d (time_zone, opens_at, closes_at, expires_at)
    ), moved AS (
      UPDATE message m SET not_before = greatest(d.opens_at, :now)
      FROM mailing_zone z JOIN d ON d.time_zone = z.time_zone
      WHERE z.mailing_id = :mailing AND m.mailing_id = z.mailing_id AND m.time_zone = z.time_zone
        AND m.status = 1 AND m.dispatched_at IS NULL AND m.not_before = z.opens_at AND m.not_before > :now
    )
    UPDATE mailing_zone z SET opens_at = d.opens_at, closes_at = d.closes_at, expires_at = d.expires_at,
      cursor = CASE WHEN {_REOPENED} THEN 0 ELSE z.cursor END,
      planned_at = CASE WHEN {_REOPENED} THEN NULL ELSE z.planned_at END
    FROM d WHERE z.mailing_id = :mailing AND z.time_zone = d.time_zone
    """  # noqa: S608 - constants only
)

_ALL = text(
    "SELECT time_zone, opens_at, closes_at, expires_at, cursor, planned_at FROM mailing_zone"
    " WHERE mailing_id = :mailing ORDER BY opens_at, time_zone"
)

# One statement, because it sees one moment: a row that leaves the queue between two of them would be in neither, and its mailing
# would be finished without it.
_STATES = text(
    """
    SELECT z.opens_at, z.closes_at, z.expires_at, z.planned_at IS NOT NULL AS planned, first.not_before AS earliest,
      (SELECT id FROM message WHERE mailing_id = :mailing AND status = 1 AND dispatched_at IS NOT NULL
       ORDER BY dispatched_at LIMIT 1) IS NOT NULL AS dispatched
    FROM (VALUES (1)) always
    LEFT JOIN mailing_zone z ON z.mailing_id = :mailing
    LEFT JOIN LATERAL (
      SELECT m.not_before FROM message m
      WHERE m.mailing_id = z.mailing_id AND m.time_zone = z.time_zone AND m.status = 1 AND m.dispatched_at IS NULL
      ORDER BY m.not_before LIMIT 1) first ON true
    """
)


def of_owner(connection: Connection, owner_id: int) -> list[str]:
    """The zones in which the owner has clients."""
    return list(connection.execute(_OF_OWNER, {"owner": owner_id}).scalars())


def add_missing(connection: Connection, mailing_id: int, owner_id: int, times: SendingTimes, now: datetime) -> list[str]:
    """Gives the mailing a row for each zone of its owner's clients that it lacks, and returns those zones.

    A mailing whose owner has no clients gets the fallback zone, so that it starts and ends all the same.
    """
    parameters = {"mailing": mailing_id, "owner": owner_id}
    missing = [row.time_zone for row in connection.execute(_MISSING, parameters)]
    if not missing and not read(connection, mailing_id):
        missing = [times.time_zone or FALLBACK_ZONE]
    if missing:
        connection.execute(_INSERT, _windows(mailing_id, missing, times, now))
    return missing


def rewrite(connection: Connection, mailing_id: int, zones: Sequence[str], times: SendingTimes, now: datetime) -> None:
    """Sets the windows of these zones to what `times` says of them from `now` on."""
    if zones:
        connection.execute(_REWRITE, _windows(mailing_id, zones, times, now) | {"now": now})


def _windows(mailing_id: int, zones: Sequence[str], times: SendingTimes, now: datetime) -> dict[str, Any]:
    windows = [times.window(zone, now) for zone in zones]
    return {
        "mailing": mailing_id,
        "zones": list(zones),
        "opens": [window.opens_at for window in windows],
        "closes": [window.closes_at for window in windows],
        "expires": [window.expires_at for window in windows],
    }


def read(connection: Connection, mailing_id: int) -> list[Zone]:
    """The zones of a mailing, in the order in which they open."""
    return [Zone(*row) for row in connection.execute(_ALL, {"mailing": mailing_id})]


def unknown(connection: Connection, mailing_id: int, times: SendingTimes) -> list[str]:
    """The zones of a mailing whose local times cannot be computed."""
    return [zone.time_zone for zone in read(connection, mailing_id) if not times.computable(zone.time_zone)]


def states(connection: Connection, mailing_id: int) -> tuple[list[ZoneState], bool]:
    """Return what the rule for the next run needs to know: the state of each zone, and whether SQS or a worker holds any row."""
    rows = connection.execute(_STATES, {"mailing": mailing_id}).all()
    return [ZoneState(*row[:-1]) for row in rows if row.opens_at is not None], rows[0].dispatched
