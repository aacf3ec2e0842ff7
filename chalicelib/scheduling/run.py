"""One run of a mailing: plan what is due, hand it to SQS, and see to the next run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from chalicelib import aws
from chalicelib.config import Settings
from chalicelib.domain import life_cycle
from chalicelib.domain.next_run import MailingState, next_run
from chalicelib.domain.status import ErrorCode, MailingStatus, MessageStatus, StartSource
from chalicelib.observability import log, warn
from chalicelib.services import schedules
from chalicelib.storage import gates, mailing_reads, mailings, message_counts, message_edits, messages, planning, zones
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import UNIQUE_VIOLATION, autocommit, sqlstate
from chalicelib.storage.mailings import RunMailing, RunTimes

CHUNK_VERSION = 1
_SECONDS_AHEAD = 3
"""How far ahead of a rate the queue is filled: a run comes every second or two."""


@dataclass(frozen=True, slots=True)
class RunTools:
    """What a run works with; tests put their own clock and queue in."""

    engine: Engine
    settings: Settings
    clock: Clock = database_clock
    send_many: Callable[[str, Sequence[dict[str, object]], str], list[int]] = aws.send_many
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class RunFigures:
    """What a run did, for the log and for tests."""

    planned: int = 0
    dispatched: int = 0
    expired: int = 0
    cancelled: int = 0
    failed: int = 0
    """For lack of a known time zone."""
    caught_up: int = 0
    requeued: int = 0
    out_of_time: bool = False


class Run:
    """One pass over one mailing, inside a budget of time. Every step commits by itself: a run may die anywhere."""

    def __init__(self, tools: RunTools, mailing: RunMailing, seconds: float) -> None:
        self._tools = tools
        self._settings = tools.settings
        self._mailing = mailing
        self._ends = tools.monotonic() + seconds
        self._some_planned = False
        self._chunk_size = tools.settings.chunk_size
        self._unknown_zones: list[str] = []
        """Closed zones whose next opening cannot be computed."""
        self.figures = RunFigures()

    @property
    def _deadline(self) -> timedelta:
        return timedelta(seconds=self._settings.provider_deadline_seconds)

    def work(self) -> None:
        """All there is to do now, or as much as the budget allows."""
        if self._mailing.deleting:
            self._repeat(self._delete)
            return
        if self._mailing.status is MailingStatus.CANCELLED:
            self._repeat(self._cancel)
            return
        self._prepare_zones()
        self._repeat(self._expire)
        self._repeat(self._fail_unknown_zones)
        self._repeat(self._work_on)

    def _repeat(self, step: Callable[[], bool]) -> None:
        while step():
            if self._tools.monotonic() >= self._ends:
                self.figures.out_of_time = True
                return

    def _prepare_zones(self) -> None:
        """Adds zones new to the owner's clients, and moves windows that have closed to their next opening."""
        mailing = self._mailing
        with self._tools.engine.begin() as connection:
            now = self._tools.clock(connection)
            zones.add_missing(connection, mailing.id, mailing.owner_id, mailing.times, now)
            closed = [zone.time_zone for zone in zones.read(connection, mailing.id) if zone.closes_at <= now < zone.expires_at]
            computable = [zone for zone in closed if mailing.times.computable(zone)]
            zones.rewrite(connection, mailing.id, computable, mailing.times, now)
        self._unknown_zones = [zone for zone in closed if zone not in computable]
        if self._unknown_zones:
            warn("unknown_time_zones", mailing_id=mailing.id, zones=self._unknown_zones)

    def _expire(self) -> bool:
        with autocommit(self._tools.engine) as connection:
            now = self._tools.clock(connection)
            ended = [zone.time_zone for zone in zones.read(connection, self._mailing.id) if zone.expires_at <= now]
            if not ended:
                return False
            size = self._settings.plan_slice
            done = messages.expire(connection, self._mailing.id, ended, size, now, self._settings.provider_name)
        self.figures.expired += done
        return done == size

    def _fail_unknown_zones(self) -> bool:
        if not self._unknown_zones:
            return False
        size = self._settings.plan_slice
        with autocommit(self._tools.engine) as connection:
            now = self._tools.clock(connection)
            done = messages.fail_unknown_zones(
                connection, self._mailing.id, self._unknown_zones, size, now, self._settings.provider_name
            )
        self.figures.failed += done
        return done == size

    def _cancel(self) -> bool:
        size = self._settings.plan_slice
        with autocommit(self._tools.engine) as connection:
            now = self._tools.clock(connection)
            done = messages.cancel(connection, self._mailing.id, size, now, self._settings.provider_name)
        self.figures.cancelled += done
        return done == size

    def _delete(self) -> bool:
        """Removes one slice of a deleted mailing, and the mailing with the last."""
        with self._tools.engine.begin() as connection:
            if mailings.lock(connection, self._mailing.id) is None:
                return False
            now = self._tools.clock(connection)
            more = message_edits.remove(connection, self._mailing.id, self._settings.plan_slice, now)
            if not more:
                mailing_reads.remove(connection, self._mailing.id)
        return more

    def _work_on(self) -> bool:
        # In turns: the first messages of a large mailing leave while the rest is still being planned, or queued again.
        retried = self._retry()
        planned = self._plan()
        dispatched = self._dispatch()
        return retried or planned or dispatched

    def _retry(self) -> bool:
        """Queues one slice of failed messages again, if somebody asked for it; True if more is left."""
        if self._mailing.retry is None:
            return False
        with self._tools.engine.begin() as connection:
            mailing = mailings.lock(connection, self._mailing.id)
            if mailing is None:
                return False
            self._mailing = mailing
            if mailing.retry is None:
                return False
            done, left = 0, None
            if mailing.status in life_cycle.RETRYABLE:
                now, size = self._tools.clock(connection), self._settings.plan_slice
                honours_key = self._settings.provider_honours_key
                done, left = message_edits.requeue_failed(
                    connection,
                    mailing.id,
                    mailing.retry,
                    now,
                    honours_key=honours_key,
                    provider=self._settings.provider_name,
                    size=size,
                    unknown_zones=zones.unknown(connection, mailing.id, mailing.times),
                )
            mailing_reads.keep_retry(connection, mailing.id, left)
            self.figures.requeued += done
        return left is not None

    def _plan(self) -> bool:
        """Plans one slice of clients over the zones that are due; True if more is left."""
        try:
            return self._plan_slice()
        except DBAPIError as error:
            # Somebody in it has a message already: added by hand, or with a client who went to another zone since.
            if self._some_planned or sqlstate(error) != UNIQUE_VIOLATION:
                raise
            self._some_planned = True
            return self._plan_slice()

    def _plan_slice(self) -> bool:
        planned = 0
        size = left = self._settings.plan_slice
        with self._tools.engine.begin() as connection:
            mailing = mailings.lock(connection, self._mailing.id)
            if mailing is None:
                return False
            self._mailing = mailing
            now = self._tools.clock(connection)
            for zone in zones.read(connection, mailing.id):
                if zone.planned_at is not None or not self._plannable(zone, mailing.status, now):
                    continue
                status, code = self._planned_as(zone, mailing, now)
                place = planning.ZoneSlice(mailing.id, mailing.owner_id, zone.time_zone, zone.cursor, status, zone.opens_at, code)
                found = planning.plan_slice(connection, place, mailing.selection, left, now, some_planned=self._some_planned)
                planned += found.rows
                left -= found.clients
                if left <= 0:
                    break
        self.figures.planned += planned
        return left <= 0 < size

    @staticmethod
    def _planned_as(zone: zones.Zone, mailing: RunMailing, now: datetime) -> tuple[MessageStatus, ErrorCode | None]:
        if not mailing.times.computable(zone.time_zone):
            return MessageStatus.FAILED, ErrorCode.UNKNOWN_TIME_ZONE
        return MessageStatus.EXPIRED if zone.expires_at <= now else MessageStatus.WAITING, None

    @staticmethod
    def _plannable(zone: zones.Zone, status: MailingStatus, now: datetime) -> bool:
        # A paused mailing plans nobody new but those whose end has come: each of them still gets a row that says so.
        due = zone.opens_at if status is MailingStatus.RUNNING else zone.expires_at
        return status in (MailingStatus.RUNNING, MailingStatus.PAUSED) and due <= now

    def _dispatch(self) -> bool:
        """Hands one batch of due rows to SQS; True if there may be more and the queue has room."""
        chosen, mailing_id = self._settings, self._mailing.id
        with autocommit(self._tools.engine) as connection:
            now = self._tools.clock(connection)
            size = min(self._room(connection, now), chosen.dispatch_batch)
            if size <= 0:
                return False
            ids = messages.mark_dispatched(connection, mailing_id, size, now, self._deadline)
        sent = self._send(ids, now)
        self.figures.dispatched += sent
        return len(ids) == size and sent == len(ids)

    def _room(self, connection: Connection, now: datetime) -> int:
        """How many more rows may be in the queue: few if the mailing or the provider is slow, one if the breaker wants a probe."""
        chosen = self._settings
        held = messages.count_dispatched(connection, self._mailing.id)
        provider = gates.outlook_of(connection, self._mailing.id, chosen.provider_name, now)
        self._chunk_size = chosen.chunk_size
        first = provider.first_call(now)
        if first is not None:
            return 1 - held if first <= now else 0
        most = chosen.max_dispatched
        if self._mailing.rate_limit:
            most = min(most, self._mailing.rate_limit * _SECONDS_AHEAD)
        rate = provider.calls_a_second(chosen.provider_rate, now)
        if provider.pace is not None and rate is not None:
            # A second's worth: what a chunk leaves when the provider objects is little.
            self._chunk_size = max(min(chosen.chunk_size, round(rate)), 1)
        if rate is not None:
            # Mailings that run side by side share it: a huge one does not fill the queue ahead of a small one.
            share = rate * _SECONDS_AHEAD / max(mailings.count_running(connection), 1)
            most = min(most, max(round(share), 1))
        return most - held

    def _send(self, ids: list[int], mark: datetime) -> int:
        """Marked first, sent after the commit; what SQS refuses is unmarked. A crash in between leaves marks that reconcile finds."""
        if not ids:
            return 0
        chosen = self._settings
        chunks = [ids[start : start + self._chunk_size] for start in range(0, len(ids), self._chunk_size)]
        bodies: list[dict[str, object]] = [
            {"v": CHUNK_VERSION, "mailing_id": self._mailing.id, "message_ids": chunk} for chunk in chunks
        ]
        # A group for each mailing: one whose provider is slow keeps all senders busy, and SQS lets the others pass it.
        positions = self._tools.send_many(chosen.messages_queue_url, bodies, f"mailing-{self._mailing.id}")
        refused = [id_ for position in positions for id_ in chunks[position]]
        if refused:
            log("dispatch_refused", mailing_id=self._mailing.id, messages=len(refused))
            with autocommit(self._tools.engine) as connection:
                messages.unmark(connection, refused, mark)
        return len(ids) - len(refused)

    def settle(self) -> tuple[RunTimes, datetime]:
        """Ends the run: when the next is wanted, or that the mailing is finished; and the moment at which that was decided.

        Decided under the mailing's row lock, after a last look over all zones for clients that have no row: a slice of them gets
        rows, and another run looks again.
        """
        with self._tools.engine.begin() as connection:
            mailing = mailings.lock(connection, self._mailing.id)
            now = self._tools.clock(connection)
            if mailing is None:  # deleted meanwhile
                return RunTimes(None, None), now
            unfinished = mailing.deleting or mailing.retry is not None
            moment = now if unfinished else self._next_run(connection, mailing.status, now)
            if moment is None and mailing.status is not MailingStatus.CANCELLED:
                unknown, size = zones.unknown(connection, mailing.id, mailing.times), self._settings.plan_slice
                self.figures.caught_up = planning.catch_up(
                    connection, mailing.id, mailing.owner_id, mailing.selection, now, unknown, size=size
                )
                if self.figures.caught_up >= size:
                    moment = now
                elif self.figures.caught_up:
                    moment = self._next_run(connection, mailing.status, now)
            if moment is None:
                return mailings.finish(connection, mailing.id, message_counts.of_messages(connection, mailing.id), now), now
            return mailings.settle(connection, mailing.id, moment), now

    def _next_run(self, connection: Connection, status: MailingStatus, now: datetime) -> datetime | None:
        states, dispatched = zones.states(connection, self._mailing.id)
        pause = timedelta(seconds=0 if self.figures.out_of_time else self._settings.chain_seconds)
        held_until = gates.outlook_of(connection, self._mailing.id, self._settings.provider_name, now).first_call(now)
        state = MailingState(status, states, dispatched, held_until)
        return next_run(state, now=now, pause=pause, deadline=self._deadline)


def advance_mailing(
    tools: RunTools, mailing_id: int, source: StartSource, *, hop: int = 0, seconds: float | None = None
) -> RunFigures | None:
    """One run of the mailing, if one is due and nobody else has it; None otherwise. Raises DBAPIError if the database is away."""
    chosen = tools.settings
    with autocommit(tools.engine) as connection:
        now = tools.clock(connection)
        mailing = mailings.take_lease(connection, mailing_id, source, now, now + timedelta(seconds=chosen.run_lease_seconds))
    if mailing is None:
        log("run_not_due", mailing_id=mailing_id, source=str(source))
        return None
    run = Run(tools, mailing, chosen.run_budget_seconds if seconds is None else min(seconds, chosen.run_budget_seconds))
    run.work()
    wanted, now = run.settle()
    figures = run.figures
    log(
        "run",
        mailing_id=mailing_id,
        source=str(source),
        hop=hop,
        planned=figures.planned,
        dispatched=figures.dispatched,
        expired=figures.expired,
        cancelled=figures.cancelled,
        failed=figures.failed,
        caught_up=figures.caught_up,
        next_run_at=wanted.next_run_at,
        metrics={"Expired": figures.expired} if figures.expired else None,
    )
    if hop < chosen.max_hops:
        schedules.follow(tools.engine, mailing_id, wanted, now, woken_by=StartSource.CHAIN, hop=hop + 1)
    return figures
