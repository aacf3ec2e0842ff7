"""Use cases of looking on: a mailing on its way, and the whole service at one glance."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from chalicelib.domain.access import Principal
from chalicelib.domain.paging import Slice
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import UNPLANNED, MailingStatus, MessageStatus
from chalicelib.services import mailings
from chalicelib.services.ownership import owner_of_new
from chalicelib.storage import mailing_reads, message_counts, progress, selections
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit
from chalicelib.storage.mailing_reads import MailingFilter, MailingRecord
from chalicelib.storage.progress import ProviderHealth, WaitingZone
from chalicelib.storage.selections import NameValues

_LIVE = (MailingStatus.SCHEDULED, MailingStatus.RUNNING, MailingStatus.PAUSED)


@dataclass(frozen=True, slots=True)
class Wave:
    """The next clients to be sent to: their time zones, the moment these open together (past: they are open), how many they are."""

    time_zones: Sequence[str]
    opens_at: datetime
    clients: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a mailing stands. `unplanned` counts the selected clients who have no message yet, by time zone."""

    mailing: MailingRecord
    unplanned: Mapping[str, int]
    now: datetime
    errors: Sequence[tuple[str, str, int]]
    zones: Sequence[WaitingZone]
    next_wave: Wave | None


def of_mailing(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> Progress:
    """Counts, errors by code, what is still to come and what comes next. Raises NotFoundError."""
    record = mailings.get(source, principal, mailing_id)
    with autocommit(source) as connection:
        now = clock(connection)
        zones = progress.waiting_zones(connection, mailing_id) if record.status in _LIVE else []
        unplanned = {}
        if record.counts[UNPLANNED]:
            selection = Selection(tuple(record.filter_operator_codes), tuple(record.filter_tags))
            unplanned = message_counts.unplanned_by_zone(connection, mailing_id, record.owner, selection)
        errors = progress.errors(connection, mailing_id)
        return Progress(record, unplanned, now, errors, zones, _next_wave(zones, unplanned, now))


def _next_wave(zones: Sequence[WaitingZone], unplanned: Mapping[str, int], now: datetime) -> Wave | None:
    """The earliest zones that have somebody; zones that nobody selected lives in are passed over."""
    waiting = {zone.time_zone: zone.waiting + unplanned.get(zone.time_zone, 0) for zone in zones}
    peopled = [zone for zone in zones if waiting[zone.time_zone]]
    if not peopled:
        return None
    opens_at = min(max(zone.opens_at, now) for zone in peopled)
    names = sorted(zone.time_zone for zone in peopled if max(zone.opens_at, now) == opens_at)
    return Wave(names, opens_at, sum(waiting[name] for name in names))


@dataclass(frozen=True, slots=True)
class Matches:
    """Whom a selection would reach now."""

    clients: int
    zones: int
    do_not_contact: int
    values: Mapping[str, NameValues]


def matches(
    source: Engine, principal: Principal, selection: Selection, owner_id: int | None, names: Collection[str] = ()
) -> Matches:
    """How many clients a selection matches while it is being written, and what values they have for the `names` in the text.

    Raises InvalidInputError for another's clients.
    """
    with source.begin() as connection:
        owner = owner_of_new(connection, principal, owner_id)
        by_zone = selections.count_by_zone(connection, owner, selection)
        values = selections.values_of(connection, owner, selection, names)
        return Matches(sum(by_zone.values()), len(by_zone), selections.count_barred(connection, owner, selection), values)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the dashboard shows. `days` has each day from the first to today, `counts` all messages ever."""

    clients: int
    mailings: int
    counts: Mapping[MessageStatus, int]
    days: Mapping[date, Mapping[MessageStatus, int]]
    running: Sequence[MailingRecord]
    upcoming: Sequence[MailingRecord]
    providers: Sequence[tuple[str, ProviderHealth]]
    now: datetime


def overview(
    source: Engine, principal: Principal, provider_name: str, zone: str, *, last_days: int = 14, clock: Clock = database_clock
) -> Overview:
    """The asker's things (a superuser's: everyone's), by the days of `zone`."""
    owner_id = principal.owner_filter
    with autocommit(source) as connection:
        now = clock(connection)
        today = now.astimezone(ZoneInfo(zone)).date()
        first = today - timedelta(days=last_days - 1)
        since = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))
        found = progress.days(connection, owner_id, since, zone)
        clients, number = progress.totals(connection, owner_id)
        running = [
            each for status in (MailingStatus.RUNNING, MailingStatus.PAUSED) for each in _some(connection, owner_id, status)
        ]
        return Overview(
            clients=clients,
            mailings=number,
            counts=message_counts.of_owner(connection, owner_id),
            days=_by_day(found, first, last_days),
            running=running,
            upcoming=_some(connection, owner_id, MailingStatus.SCHEDULED),
            providers=progress.providers(connection, provider_name),
            now=now,
        )


def _some(connection: Connection, owner_id: int | None, status: MailingStatus) -> list[MailingRecord]:
    return mailing_reads.page(connection, MailingFilter(owner_id, status), Slice(limit=10, descending=True))


def _by_day(found: Sequence[progress.DayCount], first: date, number: int) -> dict[date, dict[MessageStatus, int]]:
    days = {first + timedelta(days=place): dict.fromkeys(MessageStatus, 0) for place in range(number)}
    for each in found:
        if each.day in days:
            days[each.day][MessageStatus(each.status)] = each.number
    return days
