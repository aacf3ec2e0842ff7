"""Every minute: find what got lost between the database and AWS, and wake it.

Each repair is logged and counted. What is found here is the exception: queue and schedule do the work, this makes it certain.
Steps and the items of their loops are isolated (`Isolation`): one that fails is logged and counted, and the others go on.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chalicelib import aws
from chalicelib.domain import pace
from chalicelib.domain.status import StartSource
from chalicelib.observability import log
from chalicelib.scheduling.isolation import Isolation
from chalicelib.scheduling.run import RunTools
from chalicelib.services import demo_clients, schedules
from chalicelib.services.idempotency import KEPT_HOURS
from chalicelib.storage import (
    audit,
    gates,
    idempotency,
    login_attempts,
    mailings,
    message_calls,
    message_edits,
    messages,
    retention,
    uploads,
    zones,
)
from chalicelib.storage.engine import autocommit

_LOCK_SECONDS = 1
"""How long one item may wait for another's lock: what is locked is being worked on, and the next pass comes in a minute."""
_AWS_FAILURES = 3
"""Failed calls in a row after which AWS is not called until the next pass: each costs seconds of a function that has 55."""
_PAGES_OF_SCHEDULES = 20
"""How many pages of 100 schedules one pass lists: some two seconds. Where there are more, the next pass goes on."""
_SCHEDULES_TRIED = 50
"""How many schedules one pass makes sure of by making them, where it does not list all."""
_RETENTION_CANDIDATES = 10
_DELETION_SECONDS = 20.0
"""How long one pass deletes clients, of the function's 55 s."""


@dataclass(slots=True)
class Repairs:
    """What one pass repaired, by kind."""

    zones_added: int = 0
    messages_rescued: int = 0
    mailings_stranded: int = 0
    schedules_moved: int = 0
    schedules_orphaned: int = 0
    schedules_remade: int = 0
    runs_woken: int = 0
    phones_cleared: int = 0
    """Not lost, but overdue: see `clear_phones`."""


@dataclass(slots=True)
class Progress:
    """How far a comparison of schedules has come that takes several passes.

    Kept by the function's process, which lives for hours when it is called every minute; a new process begins anew. What is not
    compared in time costs little: an overdue mailing is woken, whatever schedule it has.
    """

    token: str | None = None
    """Of AWS, for the schedules that are not listed yet."""
    mailing_id: int = 0
    """The last one whose schedule was made sure of."""


_PROGRESS = Progress()


def reconcile(tools: RunTools, progress: Progress = _PROGRESS) -> Repairs:
    """One pass over everything; returns what it repaired. Raises DBAPIError if the database is away: the next minute tries again."""
    with autocommit(tools.engine) as connection:
        now = tools.clock(connection)
    reconciler = _Pass(tools, now, progress)
    reconciler.work()
    return reconciler.repairs


class _Pass:
    """One pass, and what it has repaired so far."""

    def __init__(self, tools: RunTools, now: datetime, progress: Progress) -> None:
        self._tools = tools
        self._now = now
        self._progress = progress
        self._isolation = Isolation()
        self._rescued: set[int] = set()
        self._aws_failures = 0
        self.repairs = Repairs()

    def work(self) -> None:
        """All steps, the most urgent first: a mailing that nobody wakes waits for ever, a schedule is only a hint."""
        steps = (
            self.add_zones,
            self.rescue_messages,
            self.wake_overdue,
            self.move_schedules,
            self.compare_schedules,
        )
        metrics = self._health()
        for step in steps:
            self._aws_failures = 0
            with self._isolation.item(step.__name__):
                step()
        metrics["Repaired"] = sum(asdict(self.repairs).values())
        for cleaning in (self.delete_clients, self.clear_phones, self.drop_old):
            with self._isolation.item(cleaning.__name__):
                cleaning()
        metrics["ItemsFailed"] = self._isolation.failures
        log("reconcile", **asdict(self.repairs), failures=self._isolation.failures, metrics=metrics)

    def _health(self) -> dict[str, float]:
        metrics: dict[str, float] = {}
        with self._isolation.item("health"), autocommit(self._tools.engine) as connection:
            provider = gates.outlook(connection, self._tools.settings.provider_name)
            metrics["BreakerOpen"] = int(provider.probe_at is not None)
            if provider.pace is not None:
                metrics["ProviderPace"] = round(pace.rate_at(provider.pace, self._now), 2)
            metrics["ScheduleLag"] = mailings.lag(connection, self._now).total_seconds()
        return metrics

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._tools.engine.begin() as connection:
            mailings.wait_for_locks(connection, _LOCK_SECONDS)
            yield connection

    def add_zones(self) -> None:
        """A client in a zone that none had before brings its zone into every mailing of its owner that is not over."""
        with autocommit(self._tools.engine) as connection:
            active = mailings.active(connection)
        for row in active:
            with self._isolation.item("add_zones", mailing_id=row.id):
                self._add_zones_of(mailings.run_mailing(row))

    def _add_zones_of(self, mailing: mailings.RunMailing) -> None:
        with self._transaction() as connection:
            added = zones.add_missing(connection, mailing.id, mailing.owner_id, mailing.times, self._now)
            if not added:
                return
            opens = [zone.opens_at for zone in zones.read(connection, mailing.id) if zone.time_zone in added]
            mailings.lower_next_run(connection, mailing.id, max(min(opens), self._now))
        self.repairs.zones_added += len(added)
        log("repaired", kind="zones_added", mailing_id=mailing.id, zones=added)

    def rescue_messages(self) -> None:
        """Rows that were dispatched so long ago that their chunk got lost, or whose worker died, are dispatched again."""
        lost_before = self._now - timedelta(seconds=self._tools.settings.visibility_seconds)
        with autocommit(self._tools.engine) as connection:
            found = messages.mailings_with_lost(connection, now=self._now, lost_before=lost_before)
        for mailing_id in found:
            with self._isolation.item("rescue_messages", mailing_id=mailing_id):
                while self._rescue_slice(mailing_id, lost_before):
                    pass

    def _rescue_slice(self, mailing_id: int, lost_before: datetime) -> bool:
        size = self._tools.settings.plan_slice
        with self._transaction() as connection:
            mailings.lower_next_run(connection, mailing_id, self._now)  # the mailing's lock first, as everywhere
            rows = messages.rescue_lost(connection, mailing_id, now=self._now, lost_before=lost_before, size=size)
        if rows:
            self._rescued.add(mailing_id)
            self.repairs.messages_rescued += rows
            log("repaired", kind="messages_rescued", mailing_id=mailing_id, messages=rows)
        return rows == size

    def wake_overdue(self) -> None:
        """Mailings whose run is overdue, or that want none though they have work, are woken through the queue."""
        grace = timedelta(seconds=self._tools.settings.reconcile_grace_seconds)
        stranded: list[int] = []
        with autocommit(self._tools.engine) as connection:
            with self._isolation.item("rescue_stranded"):
                stranded = mailings.rescue_stranded(connection, self._now)
            overdue = mailings.overdue(connection, self._now, self._now - grace)
        self.repairs.mailings_stranded = len(stranded)
        for mailing_id in sorted({*overdue, *stranded, *self._rescued}):
            with self._isolation.item("wake_overdue", mailing_id=mailing_id):
                if self._reached_aws(schedules.wake(mailing_id, StartSource.RECONCILE)):
                    self.repairs.runs_woken += 1
                    log("repaired", kind="run_woken", mailing_id=mailing_id)
            if self._aws_is_away():
                return

    def move_schedules(self) -> None:
        """Mailings whose schedule is not where their next run is wanted."""
        soon = self._now + timedelta(seconds=self._tools.settings.soon_seconds)
        with autocommit(self._tools.engine) as connection:
            wrong = mailings.unscheduled(connection, soon)
        for mailing_id in wrong:
            with self._isolation.item("move_schedules", mailing_id=mailing_id):
                if self._reached_aws(
                    schedules.arrange(self._tools.engine, mailing_id, woken_by=StartSource.RECONCILE, clock=self._tools.clock)
                ):
                    self.repairs.schedules_moved += 1
                    log("repaired", kind="schedule_moved", mailing_id=mailing_id)
            if self._aws_is_away():
                return

    def compare_schedules(self) -> None:
        """Remove schedules of no mailing (it was deleted, or left that moment), and make those again that are gone.

        Up to 2,000 are all compared in one pass. Beyond, each pass takes the next 2,000 for the first, and the next 50 mailings for the
        second.
        """
        where = schedules.target(self._tools.settings)
        # Listed before the database is asked, and what a mailing wants counts as known beside what it has confirmed: a schedule made
        # while this looks is never taken for an orphan.
        begun, self._progress.token = self._progress.token, None  # a token that AWS refuses is not tried again
        listed, self._progress.token = aws.schedule_names(where, _PAGES_OF_SCHEDULES, begun)
        names = set(listed)
        complete = begun is None and self._progress.token is None
        with autocommit(self._tools.engine) as connection:
            if complete:
                known = wanted = mailings.all_run_times(connection)
            else:
                known = mailings.run_times_of(connection, sorted(_mailings_of(names)))
                wanted = mailings.next_scheduled(connection, self._progress.mailing_id, _SCHEDULES_TRIED)
                self._progress.mailing_id = max(wanted, default=0)  # after the last mailing the first follows
        self._remove_orphans(where, names, known)
        if not self._aws_is_away():
            self._remake_missing(where, wanted, names if complete else set())

    def _remove_orphans(self, where: aws.ScheduleTarget, names: set[str], mailings_known: dict[int, mailings.RunTimes]) -> None:
        known: set[str] = set()
        for mailing_id, times in mailings_known.items():
            with self._isolation.item("known_schedules", mailing_id=mailing_id):
                known |= schedules_of(mailing_id, times)
                continue
            # Its moments cannot be read: nothing is known of its schedules, so none is taken for an orphan.
            known |= {name for name in names if name.startswith(f"mailing-{mailing_id}-")}
        for name in sorted(names - known):
            with self._isolation.item("orphaned_schedule", schedule=name), self._aws_call():
                aws.delete_schedule_named(where, name)
                self.repairs.schedules_orphaned += 1
                log("repaired", kind="schedule_orphaned", schedule=name)
            if self._aws_is_away():
                return

    def _remake_missing(self, where: aws.ScheduleTarget, wanted: dict[int, mailings.RunTimes], names: set[str]) -> None:
        soon = self._now + timedelta(seconds=self._tools.settings.soon_seconds)
        for mailing_id, times in wanted.items():
            with self._isolation.item("missing_schedule", mailing_id=mailing_id):
                if _is_gone(mailing_id, times, names, soon):
                    assert times.schedule_at is not None  # noqa: S101 - for the type checker: _is_gone() looked
                    with self._aws_call():
                        made = aws.create_schedule(
                            where, mailing_id, times.schedule_at, schedules.run_request(mailing_id, StartSource.SCHEDULE)
                        )
                    if made:
                        self.repairs.schedules_remade += 1
                        log("repaired", kind="schedule_remade", mailing_id=mailing_id)
            if self._aws_is_away():
                return

    def delete_clients(self) -> None:
        """Goes on with a deletion of all clients that somebody asked for."""
        deleted = demo_clients.go_on_removing(self._tools.engine, _DELETION_SECONDS, self._tools.monotonic)
        if deleted:
            log("clients_deleted", clients=deleted)

    def clear_phones(self) -> None:
        """Messages of mailings finished long ago lose their phones and the calls kept of them: a slice a minute.

        The oldest mailing is first; one that fails does not keep the phones of the next.
        """
        if not self._tools.settings.phone_days:
            return
        before = self._now - timedelta(days=self._tools.settings.phone_days)
        with autocommit(self._tools.engine) as connection:
            candidates = retention.next_kept(connection, before, _RETENTION_CANDIDATES)
        for mailing_id in candidates:
            with self._isolation.item("clear_phones", mailing_id=mailing_id):
                self._clear_phones_of(mailing_id, before)
                return

    def _clear_phones_of(self, mailing_id: int, before: datetime) -> None:
        size = self._tools.settings.plan_slice
        with self._transaction() as connection:
            cleared = retention.clear_phones(connection, mailing_id, size)
            calls = message_calls.clear(connection, mailing_id, size)
            if cleared < size and calls < size:
                retention.mark_cleared(connection, mailing_id, before, self._now)
        self.repairs.phones_cleared = cleared
        log("phones_cleared", mailing_id=mailing_id, messages=cleared, calls=calls)

    def drop_old(self) -> None:
        """What nobody needs any more goes, also where nobody calls what would drop it by the way."""
        settings, answers, attempts, places, events, files = self._tools.settings, 0, 0, 0, 0, 0
        with autocommit(self._tools.engine) as connection:
            with self._isolation.item("drop_old_answers"):
                answers = idempotency.forget_old(connection, KEPT_HOURS)
            with self._isolation.item("drop_old_places"):
                places = login_attempts.sweep_places(connection, self._now - timedelta(days=settings.known_place_days))
            with self._isolation.item("drop_old_events"):
                events = audit.drop_old(connection, self._now - timedelta(days=settings.audit_days))
            with self._isolation.item("drop_old_attempts"):
                window = max(timedelta(hours=1), timedelta(seconds=settings.login_window_seconds))
                attempts = login_attempts.sweep(connection, self._now - window)
            with self._isolation.item("drop_old_files"):
                files = uploads.sweep(connection)
            with self._isolation.item("drop_old_periods"):
                message_edits.forget_old_periods(connection, self._now)
        if answers or attempts or places or events or files:
            log("old_data_dropped", answers=answers, attempts=attempts, places=places, events=events, files=files)

    @contextmanager
    def _aws_call(self) -> Iterator[None]:
        try:
            yield
        except aws.AwsError:
            self._aws_failures += 1
            raise
        self._aws_failures = 0

    def _reached_aws(self, reached: bool) -> bool:
        if reached:
            self._aws_failures = 0
        else:
            self._aws_failures += 1
            self._isolation.failures += 1
        return reached

    def _aws_is_away(self) -> bool:
        return self._aws_failures >= _AWS_FAILURES


def schedules_of(mailing_id: int, times: mailings.RunTimes) -> set[str]:
    """Names of the schedules that the mailing wants or has."""
    moments = (times.next_run_at, times.schedule_at)
    return {aws.schedule_name(mailing_id, moment) for moment in moments if moment is not None}


def _mailings_of(names: set[str]) -> set[int]:
    """Ids of the mailings to which schedules of these names belong; 18 digits fit into PostgreSQL's bigint."""
    return {int(found[1]) for name in names if (found := re.fullmatch(r"mailing-([1-9][0-9]{0,17})-[0-9]+", name, re.ASCII))}


def _is_gone(mailing_id: int, times: mailings.RunTimes, names: set[str], soon: datetime) -> bool:
    return (
        times.schedule_at is not None
        and times.schedule_at > soon
        and times.schedule_at == times.next_run_at
        and aws.schedule_name(mailing_id, times.schedule_at) not in names
    )
