"""The last look before a mailing is sent: who gets it, when on their clocks, what they read, who does not get it, how long it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from chalicelib.config import settings
from chalicelib.domain import life_cycle
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConfirmationRequiredError, ConflictError, FieldCode, FieldError
from chalicelib.domain.night import is_night
from chalicelib.domain.personal_text import parts_of, render
from chalicelib.domain.phone import country_of
from chalicelib.domain.segments import Segments, segments
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MailingStatus
from chalicelib.domain.window import BlockedZone
from chalicelib.domain.zones import is_known
from chalicelib.services import mailings, previews
from chalicelib.services.mailings import MailingRecord
from chalicelib.services.previews import Preview
from chalicelib.storage import clients, gates, recipients
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit

SAMPLES = ("shortest", "longest", "defaults")
"""The kinds of sample texts, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class ReviewedZone:
    """The recipients of one time zone: how many, when the first of them is sent to (UTC, and on their clock), and until when at most."""

    time_zone: str
    clients: int
    opens_at: datetime
    local: datetime
    expires_at: datetime
    done_at: datetime | None
    """When the last of them is sent to at the rate; None without one."""

    @property
    def at_night(self) -> bool:
        """Does a message arrive at night there?"""
        return is_night(self.local.time())

    @property
    def runs_out(self) -> bool:
        """Will the rate not do for all of them before the end?"""
        return self.done_at is not None and self.done_at > self.expires_at


@dataclass(frozen=True, slots=True)
class SampleText:
    """What one recipient reads, and why that one is shown."""

    kind: str
    client: int
    text: str
    size: Segments


@dataclass(frozen=True, slots=True)
class Review:
    """A mailing before it is sent, at once or at its times. `countries` are ISO codes, None for a phone of no known country."""

    mailing: MailingRecord
    preview: Preview
    zones: Sequence[ReviewedZone]
    countries: Mapping[str | None, int]
    samples: Sequence[SampleText]
    blocked: Sequence[BlockedZone]
    providers: Sequence[str]
    """Those that can be called, in the order in which they are tried; none: nothing is sent until one is enabled."""
    rate: float | None

    @property
    def recipients(self) -> int:
        """How many get a message."""
        return sum(zone.clients for zone in self.zones)

    @property
    def at_night(self) -> int:
        """How many of them get it at night."""
        return sum(zone.clients for zone in self.zones if zone.at_night)

    @property
    def duration(self) -> timedelta | None:
        """From the first message to the last at the rate; None without one."""
        ends = [zone.done_at for zone in self.zones if zone.done_at is not None]
        return max(ends) - min(zone.opens_at for zone in self.zones) if ends else None


def review(source: Engine, principal: Principal, mailing_id: int, *, at_once: bool, clock: Clock = database_clock) -> Review:
    """Compute what would happen. Raises NotFoundError, or ConflictError for a mailing that has started."""
    record = mailings.get(source, principal, mailing_id)
    life_cycle.require("started", MailingStatus(record.status), life_cycle.STARTABLE)
    preview = previews.preview(source, principal, mailing_id, clock=clock)
    obstacles = {zone.time_zone: zone.obstacle_now if at_once else zone.obstacle for zone in preview.zones}
    blocked = [
        BlockedZone(zone.time_zone, zone.clients, reason) for zone in preview.zones if (reason := obstacles[zone.time_zone])
    ]
    selection = Selection(tuple(record.filter_operator_codes), tuple(record.filter_tags))
    with autocommit(source) as connection:
        now = clock(connection)
        found = recipients.of_selection(
            connection, record.owner, selection, parts_of(record.text), [zone.time_zone for zone in blocked]
        )
        rate = _rate(connection, record, now)
        return Review(
            record,
            preview,
            _zones(preview, found.zones, now, rate, at_once=at_once),
            _by_country(found.phones),
            _samples(connection, record, found.samples),
            blocked,
            [gate.provider for gate in gates.read(connection, record.id, settings().provider_name) if gate.enabled],
            rate,
        )


def send(
    source: Engine, principal: Principal, mailing_id: int, *, at_once: bool, confirmed: bool, reviewed: int | None
) -> MailingRecord:
    """Start or schedule a mailing that somebody has reviewed.

    `reviewed` is the number of recipients that they saw. Raises ConflictError if it is another one now, ConfirmationRequiredError if
    somebody gets it at night and that is not confirmed, and what `mailings.start` and `mailings.edit` raise.
    """
    found = review(source, principal, mailing_id, at_once=at_once)
    if found.recipients != reviewed:
        raise ConflictError(f"the number of recipients has changed to {found.recipients}: look again before you send")
    if found.at_night and not confirmed:
        raise ConfirmationRequiredError(
            FieldError("confirmed", f"clients who would get the message at night: {found.at_night}", FieldCode.CONTRADICTION)
        )
    if at_once:
        return mailings.start(source, principal, mailing_id, confirmed=confirmed)
    return mailings.edit(source, principal, mailing_id, {"draft": False}, confirmed=confirmed)


def _rate(connection: Connection, record: MailingRecord, now: datetime) -> float | None:
    """The lower of the mailing's limit and of what the provider takes that would be called now."""
    chosen = settings()
    calls = gates.outlook_of(connection, record.id, chosen.provider_name, now).calls_a_second(chosen.provider_rate, now)
    return min((float(each) for each in (record.rate_limit, calls) if each is not None), default=None)


def _zones(
    preview: Preview, numbers: Mapping[str, int], now: datetime, rate: float | None, *, at_once: bool
) -> list[ReviewedZone]:
    zones: list[ReviewedZone] = []
    free_at = now
    for zone in sorted(preview.zones, key=lambda each: (each.opens_now_at if at_once else each.opens_at, each.time_zone)):
        number = numbers.get(zone.time_zone, 0)
        if not number:
            continue
        opens_at = max(zone.opens_now_at if at_once else zone.opens_at, now)
        done_at = None
        if rate is not None:
            free_at = done_at = max(opens_at, free_at) + timedelta(seconds=number / rate)
        local = opens_at.astimezone(ZoneInfo(zone.time_zone)) if is_known(zone.time_zone) else opens_at
        zones.append(ReviewedZone(zone.time_zone, number, opens_at, local, zone.expires_at, done_at))
    return zones


def _by_country(phones: Mapping[str, int]) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for phone, number in phones.items():
        country = country_of(phone)
        found[country] = found.get(country, 0) + number
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0] or "")))


def _samples(connection: Connection, record: MailingRecord, ids: Mapping[str, int]) -> list[SampleText]:
    samples: list[SampleText] = []
    for kind in SAMPLES:
        client = clients.find(connection, record.owner, ids[kind]) if kind in ids else None
        if client is None:
            continue
        rendered = render(record.text, client.attributes)
        if all(rendered != other.text for other in samples):
            samples.append(SampleText(kind, client.id, rendered, segments(rendered)))
    return samples
