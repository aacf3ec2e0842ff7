"""Every minute: find what got lost between the database and AWS, and wake it.

Each repair is logged and counted. What is found here is the exception: queue and schedule do the work, this makes it certain.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from chalicelib import aws
from chalicelib.domain import pace
from chalicelib.domain.status import StartSource
from chalicelib.observability import log, warn
from chalicelib.scheduling.run import RunTools
from chalicelib.services import schedules
from chalicelib.services.idempotency import KEPT_HOURS
from chalicelib.storage import (
    audit,
    gates,
    idempotency,
    login_attempts,
    mailings,
    message_calls,
    messages,
    retention,
    zones,
)
from chalicelib.storage.engine import autocommit


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
    """Not lost, but overdue: see `_clear_phones`."""


def reconcile(tools: RunTools) -> Repairs:
    """One pass over everything; returns what it repaired. Raises DBAPIError if the database is away: the next minute tries again."""
    repairs = Repairs()
    with autocommit(tools.engine) as connection:
        now = tools.clock(connection)
        lag = mailings.lag(connection, now)
        provider = gates.outlook(connection, tools.settings.provider_name)
    _add_zones(tools, now, repairs)
    rescued = _rescue_messages(tools, now, repairs)
    _move_schedules(tools, now, repairs)
    _wake_overdue(tools, now, rescued, repairs)
    _compare_schedules(tools, now, repairs)
    repaired = sum(asdict(repairs).values())
    _clear_phones(tools, now, repairs)
    _drop_old(tools, now)
    metrics = {
        "Repaired": repaired,
        "BreakerOpen": int(provider.probe_at is not None),
        "ScheduleLag": lag.total_seconds(),
    }
    if provider.pace is not None:
        metrics["ProviderPace"] = round(pace.rate_at(provider.pace, now), 2)
    log("reconcile", **asdict(repairs), metrics=metrics)
    return repairs


def _add_zones(tools: RunTools, now: datetime, repairs: Repairs) -> None:
    """A client in a zone that none had before brings its zone into every mailing of its owner that is not over."""
    with autocommit(tools.engine) as connection:
        active = mailings.active(connection)
    for mailing in active:
        with tools.engine.begin() as connection:
            added = zones.add_missing(connection, mailing.id, mailing.owner_id, mailing.times, now)
            if added:
                repairs.zones_added += len(added)
                opens = [zone.opens_at for zone in zones.read(connection, mailing.id) if zone.time_zone in added]
                mailings.lower_next_run(connection, mailing.id, max(min(opens), now))
                log("repaired", kind="zones_added", mailing_id=mailing.id, zones=added)


def _rescue_messages(tools: RunTools, now: datetime, repairs: Repairs) -> set[int]:
    lost_before = now - timedelta(seconds=tools.settings.visibility_seconds)
    rescued: set[int] = set()
    while True:
        with tools.engine.begin() as connection:
            found = messages.rescue_lost(connection, now=now, lost_before=lost_before, size=tools.settings.plan_slice)
            for mailing_id in found:
                mailings.lower_next_run(connection, mailing_id, now)
        for mailing_id, rows in found.items():
            log("repaired", kind="messages_rescued", mailing_id=mailing_id, messages=rows)
        rescued |= found.keys()
        repairs.messages_rescued += sum(found.values())
        if sum(found.values()) < tools.settings.plan_slice:
            return rescued


def _wake_overdue(tools: RunTools, now: datetime, rescued: set[int], repairs: Repairs) -> None:
    grace = timedelta(seconds=tools.settings.reconcile_grace_seconds)
    with autocommit(tools.engine) as connection:
        stranded = mailings.rescue_stranded(connection, now)
        overdue = mailings.overdue(connection, now, now - grace)
    repairs.mailings_stranded = len(stranded)
    for mailing_id in sorted({*overdue, *stranded, *rescued}):
        if schedules.wake(mailing_id, StartSource.RECONCILE):
            repairs.runs_woken += 1
            log("repaired", kind="run_woken", mailing_id=mailing_id)


def _clear_phones(tools: RunTools, now: datetime, repairs: Repairs) -> None:
    """Messages of mailings finished long ago lose their phones and the calls kept of them: a slice a minute, so that nothing else
    waits for it."""
    if not tools.settings.phone_days:
        return
    before = now - timedelta(days=tools.settings.phone_days)
    with autocommit(tools.engine) as connection:
        mailing_id = retention.next_kept(connection, before)
        if mailing_id is None:
            return
        size = tools.settings.plan_slice
        repairs.phones_cleared = retention.clear_phones(connection, mailing_id, size)
        calls = message_calls.clear(connection, mailing_id, size)
        if repairs.phones_cleared < size and calls < size:
            retention.mark_cleared(connection, mailing_id, before, now)
    log("phones_cleared", mailing_id=mailing_id, messages=repairs.phones_cleared, calls=calls)


def _drop_old(tools: RunTools, now: datetime) -> None:
    """What nobody needs any more goes, also where nobody calls what would drop it by the way."""
    with autocommit(tools.engine) as connection:
        answers = idempotency.forget_old(connection, KEPT_HOURS)
        attempts = login_attempts.sweep(
            connection, now - max(timedelta(hours=1), timedelta(seconds=tools.settings.login_window_seconds))
        )
        places = login_attempts.sweep_places(connection, now - timedelta(days=tools.settings.known_place_days))
        events = audit.drop_old(connection, now - timedelta(days=tools.settings.audit_days))
    if answers or attempts or places or events:
        log("old_data_dropped", answers=answers, attempts=attempts, places=places, events=events)


def _move_schedules(tools: RunTools, now: datetime, repairs: Repairs) -> None:
    soon = now + timedelta(seconds=tools.settings.soon_seconds)
    with autocommit(tools.engine) as connection:
        wrong = mailings.unscheduled(connection, soon)
    for mailing_id in wrong:
        schedules.arrange(tools.engine, mailing_id, woken_by=StartSource.RECONCILE, clock=tools.clock)
        repairs.schedules_moved += 1
        log("repaired", kind="schedule_moved", mailing_id=mailing_id)


def _compare_schedules(tools: RunTools, now: datetime, repairs: Repairs) -> None:
    """Schedules that no mailing knows are removed (its mailing was deleted, or left that moment), those that are gone made again."""
    where = schedules.target(tools.settings)
    try:
        # Listed before the database is asked, and what a mailing wants counts as known beside what it has confirmed: a schedule made
        # while this looks is never taken for an orphan.
        names = set(aws.schedule_names(where))
        with autocommit(tools.engine) as connection:
            wanted = mailings.all_run_times(connection)
        for name in sorted(names - _known(wanted)):
            aws.delete_schedule_named(where, name)
            repairs.schedules_orphaned += 1
            log("repaired", kind="schedule_orphaned", schedule=name)
        for mailing_id, moment in _gone(wanted, names, now + timedelta(seconds=tools.settings.soon_seconds)):
            aws.create_schedule(where, mailing_id, moment, schedules.run_request(mailing_id, StartSource.SCHEDULE))
            repairs.schedules_remade += 1
            log("repaired", kind="schedule_remade", mailing_id=mailing_id)
    except aws.AwsError as error:
        warn("schedules_unknown", error=type(error).__name__)


def _known(wanted: dict[int, mailings.RunTimes]) -> set[str]:
    moments = ((mailing_id, moment) for mailing_id, times in wanted.items() for moment in (times.next_run_at, times.schedule_at))
    return {aws.schedule_name(mailing_id, moment) for mailing_id, moment in moments if moment is not None}


def _gone(wanted: dict[int, mailings.RunTimes], names: set[str], soon: datetime) -> list[tuple[int, datetime]]:
    return [
        (mailing_id, times.schedule_at)
        for mailing_id, times in wanted.items()
        if times.schedule_at is not None
        and times.schedule_at > soon
        and times.schedule_at == times.next_run_at
        and aws.schedule_name(mailing_id, times.schedule_at) not in names
    ]
