"""Queries on mailings: leases of runs, locks, what is overdue."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MailingStatus, StartSource
from chalicelib.domain.window import SendingTimes


@dataclass(frozen=True, slots=True)
class RunMailing:
    """What a run has to know of its mailing."""

    id: int
    owner_id: int
    status: MailingStatus
    times: SendingTimes
    selection: Selection
    rate_limit: int | None
    retry: "Retry | None" = None
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Failed messages that are being queued again, slice by slice: those that had failed at `since`, beyond the message `cursor`."""

    since: datetime
    cursor: int


_COLUMNS = (
    "id, owner_id, status, starts_at, ends_at, time_zone, send_from, send_until, start_now_at,"
    " filter_operator_codes, filter_tags, rate_limit, retrying_since, retry_cursor, deleting_since"
)

# next_run_at <= now makes a second chain of runs die out: whoever comes after the moment was moved finds nothing due.
_TAKE_LEASE = text(
    f"""
    UPDATE mailing SET run_lease_until = :until,
      status = CASE status WHEN 'scheduled' THEN 'running' ELSE status END,
      started_by = coalesce(started_by, CASE status WHEN 'scheduled' THEN :source END),
      started_at = coalesce(started_at, CASE status WHEN 'scheduled' THEN CAST(:now AS timestamptz) END)
    WHERE id = :mailing AND next_run_at <= :now AND (run_lease_until IS NULL OR run_lease_until <= :now)
      AND status IN ('scheduled', 'running', 'paused', 'cancelled')
    RETURNING {_COLUMNS}
    """  # noqa: S608 - column names of our own
)
# FOR UPDATE would make every insert of a message (a foreign key) wait.
_LOCK = text(f"SELECT {_COLUMNS} FROM mailing WHERE id = :mailing FOR NO KEY UPDATE")  # noqa: S608 - constants only

_SETTLE = text("UPDATE mailing SET next_run_at = :next_run_at, run_lease_until = NULL WHERE id = :mailing RETURNING schedule_at")
_FINISH = text(
    """
    UPDATE mailing SET next_run_at = NULL, run_lease_until = NULL, finished_at = :now, phones_cleared_at = NULL,
      final_counts = CAST(:counts AS jsonb), status = CASE status WHEN 'cancelled' THEN status ELSE 'finished' END
    WHERE id = :mailing RETURNING schedule_at
    """
)


@dataclass(frozen=True, slots=True)
class RunTimes:
    """What a mailing wants next, and which schedule was confirmed to exist for it."""

    next_run_at: datetime | None
    schedule_at: datetime | None


_RUN_TIMES = text("SELECT next_run_at, schedule_at FROM mailing WHERE id = :mailing")
_CONFIRM = text(
    "UPDATE mailing SET schedule_at = :confirmed WHERE id = :mailing AND schedule_at IS NOT DISTINCT FROM CAST(:known AS timestamptz)"
)

_ACTIVE = text(
    f"SELECT {_COLUMNS} FROM mailing WHERE status IN ('scheduled', 'running', 'paused') AND next_run_at IS NOT NULL"  # noqa: S608 - constants only
)
_LOWER = text(
    """
    UPDATE mailing SET next_run_at = :moment
    WHERE id = :mailing AND status NOT IN ('draft', 'finished') AND (next_run_at IS NULL OR next_run_at > :moment)
    RETURNING id
    """
)
# One that is locked is being worked on: the next pass looks again.
_STRANDED = text(
    """
    UPDATE mailing SET next_run_at = :now
    WHERE id = ANY(ARRAY(
      SELECT g.id FROM mailing g
      WHERE g.next_run_at IS NULL AND (g.status IN ('scheduled', 'running')
        OR (g.status IN ('paused', 'cancelled') AND (
          SELECT m.id FROM message m WHERE m.mailing_id = g.id AND m.status BETWEEN 1 AND 1 AND m.deleted_at IS NULL
          ORDER BY m.status, m.id LIMIT 1) IS NOT NULL))
      FOR NO KEY UPDATE OF g SKIP LOCKED
    ))
    RETURNING id
    """
)
_COUNT_RUNNING = text("SELECT count(*) FROM mailing WHERE next_run_at IS NOT NULL AND status = 'running'")
_OVERDUE = text(
    """
    SELECT id FROM mailing
    WHERE next_run_at <= :due AND (run_lease_until IS NULL OR run_lease_until <= :now) ORDER BY next_run_at
    """
)
_LAG = text(
    """
    SELECT CAST(:now AS timestamptz) - min(next_run_at) FROM mailing
    WHERE next_run_at <= :now AND isfinite(next_run_at) AND (run_lease_until IS NULL OR run_lease_until <= :now)
    """
)
_UNSCHEDULED = text(
    """
    SELECT id FROM mailing
    WHERE (next_run_at > :soon AND schedule_at IS DISTINCT FROM next_run_at) OR (next_run_at IS NULL AND schedule_at IS NOT NULL)
    """
)
_SCHEDULES = text("SELECT id, next_run_at, schedule_at FROM mailing WHERE coalesce(next_run_at, schedule_at) IS NOT NULL")
_SCHEDULES_OF = text("SELECT id, next_run_at, schedule_at FROM mailing WHERE id = ANY(:ids)")
_NEXT_SCHEDULED = text(
    "SELECT id, next_run_at, schedule_at FROM mailing WHERE schedule_at IS NOT NULL AND id > :after ORDER BY id LIMIT :size"
)


def run_mailing(row: Row[Any]) -> RunMailing:
    """The mailing in a row. Raises AssertionError or ValueError for stored values that no mailing can have."""
    starts_at, ends_at, send_from, send_until = row.starts_at, row.ends_at, row.send_from, row.send_until
    assert isinstance(starts_at, datetime)  # noqa: S101 - the driver's promise, said to the type checker
    assert send_from is None or isinstance(send_from, time)  # noqa: S101 - the same
    return RunMailing(
        id=row.id,
        owner_id=row.owner_id,
        status=MailingStatus(row.status),
        times=SendingTimes(starts_at, ends_at, row.time_zone, send_from, send_until, row.start_now_at),
        selection=Selection(tuple(row.filter_operator_codes), tuple(row.filter_tags)),
        rate_limit=row.rate_limit,
        retry=Retry(row.retrying_since, row.retry_cursor or 0) if row.retrying_since is not None else None,
        deleting=row.deleting_since is not None,
    )


def take_lease(connection: Connection, mailing_id: int, source: StartSource, now: datetime, until: datetime) -> RunMailing | None:
    """The right to run this mailing until `until`; None if another has it, nothing is due, or there is no such mailing."""
    row = connection.execute(
        _TAKE_LEASE, {"mailing": mailing_id, "source": str(source), "now": now, "until": until}
    ).one_or_none()
    return None if row is None else run_mailing(row)


def lock(connection: Connection, mailing_id: int) -> RunMailing | None:
    """The mailing as it stands, its row locked (FOR NO KEY UPDATE) until the transaction ends."""
    row = connection.execute(_LOCK, {"mailing": mailing_id}).one_or_none()
    return None if row is None else run_mailing(row)


def settle(connection: Connection, mailing_id: int, next_run_at: datetime) -> RunTimes:
    """Ends a run: gives the lease back and writes when the next is wanted."""
    known = connection.execute(_SETTLE, {"mailing": mailing_id, "next_run_at": next_run_at}).scalar_one()
    return RunTimes(next_run_at, known)


def finish(connection: Connection, mailing_id: int, counts: Mapping[str, int], now: datetime) -> RunTimes:
    """Ends a mailing's last run and keeps its final counts."""
    known = connection.execute(_FINISH, {"mailing": mailing_id, "counts": json.dumps(dict(counts)), "now": now}).scalar_one()
    return RunTimes(None, known)


def run_times(connection: Connection, mailing_id: int) -> RunTimes | None:
    """When the next run is wanted, and which schedule is known to exist."""
    row = connection.execute(_RUN_TIMES, {"mailing": mailing_id}).one_or_none()
    return None if row is None else RunTimes(row.next_run_at, row.schedule_at)


def confirm_schedule(connection: Connection, mailing_id: int, known: datetime | None, confirmed: datetime | None) -> bool:
    """Writes which schedule exists now; False if somebody else changed it meanwhile."""
    done = connection.execute(_CONFIRM, {"mailing": mailing_id, "known": known, "confirmed": confirmed})
    return done.rowcount == 1


def lower_next_run(connection: Connection, mailing_id: int, moment: datetime) -> bool:
    """Wants a run at `moment` unless one is wanted earlier; True if that changed anything."""
    return connection.execute(_LOWER, {"mailing": mailing_id, "moment": moment}).one_or_none() is not None


def active(connection: Connection) -> Sequence[Row[Any]]:
    """Rows, for `run_mailing`, of the mailings that may still plan clients."""
    return connection.execute(_ACTIVE).all()


def rescue_stranded(connection: Connection, now: datetime) -> list[int]:
    """Mailings that have work and want no run: makes them want one now."""
    return [row.id for row in connection.execute(_STRANDED, {"now": now})]


def count_running(connection: Connection) -> int:
    """How many mailings are in the middle of being sent."""
    return int(connection.execute(_COUNT_RUNNING).scalar_one())


def overdue(connection: Connection, now: datetime, due: datetime) -> list[int]:
    """Mailings that wanted a run at or before `due` and have no live lease at `now`."""
    return [row.id for row in connection.execute(_OVERDUE, {"now": now, "due": due})]


def lag(connection: Connection, now: datetime) -> timedelta:
    """How long ago the run was wanted that is missing longest; zero if none is."""
    found: timedelta | None = connection.execute(_LAG, {"now": now}).scalar_one()
    return found or timedelta(0)


_PAUSE_OF_OWNER = text(
    """
    UPDATE mailing SET status = 'paused', next_run_at = :now
    WHERE id = ANY(ARRAY(
      SELECT id FROM mailing WHERE owner_id = :owner AND status IN ('scheduled', 'running') AND deleting_since IS NULL
      ORDER BY owner_id, id FOR NO KEY UPDATE))
    RETURNING id
    """
)


def pause_of_owner(connection: Connection, owner_id: int, now: datetime) -> list[int]:
    """Pause whatever of an owner's mailings is scheduled or running; their ids."""
    return sorted(row.id for row in connection.execute(_PAUSE_OF_OWNER, {"owner": owner_id, "now": now}))


def wait_for_locks(connection: Connection, seconds: float) -> None:
    """For the rest of the transaction, wait no longer than this for a lock that another holds."""
    connection.execute(
        text("SELECT set_config('lock_timeout', :milliseconds, true)"), {"milliseconds": str(round(seconds * 1000))}
    )


def unscheduled(connection: Connection, soon: datetime) -> list[int]:
    """Mailings whose schedule is not where it should be; moments before `soon` are reached without one."""
    return [row.id for row in connection.execute(_UNSCHEDULED, {"soon": soon})]


def all_run_times(connection: Connection) -> dict[int, RunTimes]:
    """What every mailing that wants a run, or believes to have a schedule, says of both."""
    return _run_times(connection.execute(_SCHEDULES))


def run_times_of(connection: Connection, ids: list[int]) -> dict[int, RunTimes]:
    """The same of these mailings, as far as they exist."""
    return _run_times(connection.execute(_SCHEDULES_OF, {"ids": ids}))


def next_scheduled(connection: Connection, after: int, size: int) -> dict[int, RunTimes]:
    """The same of the next mailings by id that believe to have a schedule."""
    return _run_times(connection.execute(_NEXT_SCHEDULED, {"after": after, "size": size}))


def _run_times(rows: Iterable[Row[Any]]) -> dict[int, RunTimes]:
    return {row.id: RunTimes(row.next_run_at, row.schedule_at) for row in rows}
