"""How mailings and the whole service are getting on: what the dashboard and a mailing's page show."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, text

from chalicelib.domain.pace import Pace
from chalicelib.storage.paging import AnyRow


@dataclass(frozen=True, slots=True)
class WaitingZone:
    """One time zone of a mailing in which something is still to come. `waiting` counts rows."""

    time_zone: str
    opens_at: datetime
    closes_at: datetime
    expires_at: datetime
    planned: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """The breaker: since when the provider is not called, when it is tried again, and why; the pace of one that throttles."""

    failures: int
    opened_at: datetime | None
    probe_at: datetime | None
    reason: str | None
    held_until: datetime | None = None
    held_reason: str | None = None
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class DayCount:
    """Messages of one status on one day."""

    day: date
    status: int
    number: int


_ERRORS = text(
    """
    SELECT coalesce(error_code, ''), coalesce(error_detail, ''), count(*) FROM message
    WHERE mailing_id = :mailing AND status = 4 AND deleted_at IS NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 12
    """
)
_ZONES = text(
    """
    SELECT z.time_zone, z.opens_at, z.closes_at, z.expires_at, z.planned_at IS NOT NULL, coalesce(w.waiting, 0)
    FROM mailing_zone z
    LEFT JOIN (SELECT time_zone, count(*) AS waiting FROM message
               WHERE mailing_id = :mailing AND status = 1 AND deleted_at IS NULL GROUP BY time_zone) w
      ON w.time_zone = z.time_zone
    WHERE z.mailing_id = :mailing AND (z.planned_at IS NULL OR w.waiting > 0)
    ORDER BY z.opens_at, z.time_zone
    """
)
# What was over before the first day has nothing to tell: only the messages of mailings that are not are looked at. Of deleted mailings,
# the messages that are still there, and the counts of those that are not (quarters of an hour begin at whole ones in every zone).
_DAYS = text(
    """
    SELECT CAST(at AT TIME ZONE :zone AS date) AS day, status, CAST(sum(number) AS bigint) FROM (
      SELECT coalesce(sent_at, created_at) AS at, status, 1 AS number FROM message
      WHERE mailing_id IN (SELECT id FROM mailing WHERE (CAST(:owner AS bigint) IS NULL OR owner_id = :owner)
                           AND (finished_at IS NULL OR finished_at >= :since))
        AND coalesce(sent_at, created_at) >= :since AND deleted_at IS NULL
        AND NOT (status = 1 AND mailing_id IN (SELECT id FROM mailing WHERE deleting_since IS NOT NULL))
      UNION ALL
      SELECT begins_at, status, messages FROM deleted_period
      WHERE begins_at >= :since AND (CAST(:owner AS bigint) IS NULL OR owner_id = :owner)
    ) counted GROUP BY day, status
    """
)
_TOTALS = text(
    """
    SELECT (SELECT count(*) FROM client WHERE CAST(:owner AS bigint) IS NULL OR owner_id = :owner),
           (SELECT count(*) FROM mailing WHERE deleting_since IS NULL AND (CAST(:owner AS bigint) IS NULL OR owner_id = :owner))
    """
)
_PROVIDERS = text(
    """
    SELECT a.name, coalesce(s.failures, 0) AS failures, s.opened_at, s.probe_at, s.reason, s.held_until, s.held_reason,
      s.pace, s.pace_at, s.pace_steady, s.pace_ceiling
    FROM (
      SELECT name, position, id FROM provider WHERE enabled
      UNION ALL SELECT CAST(:environment AS text), 0, 0 WHERE NOT EXISTS (SELECT 1 FROM provider WHERE name = :environment)
    ) a LEFT JOIN provider_state s ON s.name = a.name
    ORDER BY a.position, a.id
    """
)


def errors(connection: Connection, mailing_id: int) -> list[tuple[str, str, int]]:
    """Code, detail and number of a mailing's failures, the most frequent first."""
    return [(row[0], row[1], row[2]) for row in connection.execute(_ERRORS, {"mailing": mailing_id})]


def waiting_zones(connection: Connection, mailing_id: int) -> list[WaitingZone]:
    """The zones of a mailing in which something is still to come, in the order in which they open."""
    return [WaitingZone(*row) for row in connection.execute(_ZONES, {"mailing": mailing_id})]


def days(connection: Connection, owner_id: int | None, since: datetime, zone: str) -> list[DayCount]:
    """Messages since a moment by day (in `zone`) and status: sent ones on the day they were sent, others on the day they were planned."""
    return [DayCount(*row) for row in connection.execute(_DAYS, {"owner": owner_id, "since": since, "zone": zone})]


def totals(connection: Connection, owner_id: int | None) -> tuple[int, int]:
    """How many clients and how many mailings there are."""
    row = connection.execute(_TOTALS, {"owner": owner_id}).one()
    return int(row[0]), int(row[1])


def providers(connection: Connection, environment: str) -> list[tuple[str, ProviderHealth]]:
    """Names and health of the enabled providers, as workers know them, in the default order; always of the environment's."""
    return [(row.name, _health(row)) for row in connection.execute(_PROVIDERS, {"environment": environment})]


def _health(row: AnyRow) -> ProviderHealth:
    pace = None if row.pace is None else Pace(row.pace, row.pace_at, row.pace_steady, row.pace_ceiling)
    return ProviderHealth(row.failures, row.opened_at, row.probe_at, row.reason, row.held_until, row.held_reason, pace)
