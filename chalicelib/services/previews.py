"""Looking before sending: whom a mailing would reach, what they would read, and one text to a number of one's own."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, FieldCode, FieldError, InvalidInputError, NotFoundError, TooManyRequestsError
from chalicelib.domain.outcome import Outcome, storable
from chalicelib.domain.personal_text import MissingValueError, TextError, UnsendableTextError, render
from chalicelib.domain.segments import Segments, segments
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import ErrorCode
from chalicelib.domain.window import Obstacle
from chalicelib.domain.words import counted
from chalicelib.observability import log
from chalicelib.providers import Outgoing, Provider
from chalicelib.services import history, providers, reachability
from chalicelib.services.history import TEST_SEND, Change, Kind
from chalicelib.services.mailings import times_of
from chalicelib.services.phones import typed_phone
from chalicelib.services.text_checks import TextCheck, check
from chalicelib.storage import clients, do_not_contact, mailing_reads, message_reads, selections
from chalicelib.storage import history as history_rows
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit
from chalicelib.storage.paging import AnyRow


@dataclass(frozen=True, slots=True)
class ZonePreview:
    """The selected clients of one time zone: how many, when their wave opens and their window ends (UTC)."""

    time_zone: str
    clients: int
    opens_at: datetime
    expires_at: datetime
    obstacle: Obstacle | None
    """Why nothing can be sent there; None if something can."""
    obstacle_now: Obstacle | None
    """The same if the mailing were started now."""
    opens_now_at: datetime
    """When it would open if it were started now."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The text as one client would read it; without it `missing` names the attribute that is lacking, or `error` says what else."""

    client: int
    text: str | None
    segments: Segments | None
    missing: str | None = None
    error: ErrorCode | None = None

    @property
    def length(self) -> int | None:
        """Characters of the text."""
        return None if self.segments is None else self.segments.characters


@dataclass(frozen=True, slots=True)
class Preview:
    """What a mailing would do if it stayed as it is. Nothing is sent or planned by asking."""

    clients: int
    do_not_contact: int
    zones: list[ZonePreview]
    sample: Sample | None
    text: TextCheck


def preview(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> Preview:
    """Whom the mailing matches now, by zone in the order in which they open, and a rendered sample. Raises NotFoundError."""
    with autocommit(source) as connection:
        row = _visible(connection, principal, mailing_id)
        selection, times = _selection(row), times_of({**row._mapping})
        now = clock(connection)
        by_zone = selections.count_by_zone(connection, row.owner_id, selection)
        windows = {zone: times.window(zone, now) for zone in by_zone}
        at_once = replace(times, start_now_at=now)
        zones = [
            ZonePreview(
                zone,
                by_zone[zone],
                window.opens_at,
                window.expires_at,
                reachability.obstacle(times, zone, now),
                reachability.obstacle(at_once, zone, now),
                at_once.window(zone, now).opens_at,
            )
            for zone, window in windows.items()
        ]
        first = selections.first(connection, row.owner_id, selection)
        return Preview(
            clients=sum(by_zone.values()),
            do_not_contact=selections.count_barred(connection, row.owner_id, selection),
            zones=sorted(zones, key=lambda zone: (zone.opens_at, zone.time_zone)),
            sample=None if first is None else _sample(row.text, first),
            text=check(connection, row.owner_id, selection, row.text),
        )


def _sample(template: str, client: selections.SampleClient) -> Sample:
    try:
        rendered = render(template, client.attributes)
    except UnsendableTextError as error:
        return Sample(client.id, None, None, error.name if isinstance(error, MissingValueError) else None, error.code)
    return Sample(client.id, rendered, segments(rendered))


def sizes(source: Engine, principal: Principal, message_ids: Sequence[int]) -> dict[int, Segments]:
    """What the text of each message takes with its client's values as they are now; nothing for one that would not be sent."""
    found = {}
    with autocommit(source) as connection:
        for message_id, template, attributes in message_reads.texts(connection, principal.owner_filter, message_ids):
            with suppress(UnsendableTextError, TextError):
                found[message_id] = segments(render(template, attributes))
    return found


@dataclass(frozen=True, slots=True)
class SentTest:
    """The outcome of a test send: the key it was sent under, the text, and what the provider said."""

    message_id: int
    text: str
    outcome: Outcome


def send_test(
    source: Engine,
    principal: Principal,
    mailing_id: int,
    phone: str,
    provider: Provider,
    *,
    provider_name: str | None = None,
    client_id: int | None = None,
    country: str | None = None,
) -> SentTest:
    """Renders the text for a client (without `client_id`: the first selected) and sends it to `phone`, outside all statistics.

    By the provider of this name, or by the first one of the mailing, or by `provider`, which is that of the settings.

    The key is a fresh one of the message sequence, so that no test is ever taken for a client's message. Raises NotFoundError,
    InvalidInputError, ConflictError for a phone on the owner's do-not-contact list, or TooManyRequestsError.
    """
    phone = typed_phone(phone, country)
    with source.begin() as connection:
        row = _visible(connection, principal, mailing_id)
        rendered = _rendered(row.text, _attributes(connection, row, client_id))
        name = provider_name or next(iter(row.providers), None)
        caller = providers.provider_named(connection, settings(), name, provider)
        if do_not_contact.listed(connection, row.owner_id, phone):
            raise ConflictError("this phone is on the do-not-contact list")
        _count_test(connection, principal)
        message_id: int = connection.execute(_DRAW_ID).scalar_one()
        recipient: dict[str, list[Any]] = {"phone": [None, phone], "client": [None, client_id], "message": [None, message_id]}
        history.note(connection, principal, Change(Kind.MAILING, mailing_id, row.owner_id, TEST_SEND, recipient))
    outcome = storable(caller.send(Outgoing(message_id, phone, rendered)))
    log("test_sent", user_id=principal.user_id, mailing_id=mailing_id, message_id=message_id, outcome=str(outcome.kind))
    return SentTest(message_id, rendered, outcome)


def _count_test(connection: Connection, principal: Principal) -> None:
    """Refuse another test send to a user who has made as many within the hour as one may."""
    most = settings().test_sends_per_hour
    recent = history_rows.recent(connection, principal.user_id, TEST_SEND, _HOUR)
    if recent.number >= most:
        raise TooManyRequestsError(f"at most {counted(most, 'test message')} an hour", max(1, math.ceil(recent.seconds_left)))


_HOUR = timedelta(hours=1)
_DRAW_ID = text("SELECT nextval(pg_get_serial_sequence('message', 'id'))")


def _attributes(connection: Connection, row: AnyRow, client_id: int | None) -> dict[str, object]:
    if client_id is None:
        first = selections.first(connection, row.owner_id, _selection(row))
        return {} if first is None else first.attributes
    client = clients.find(connection, row.owner_id, client_id) if limits.is_id(client_id) else None
    if client is None:
        raise NotFoundError("client")
    return client.attributes


def _rendered(template: str, attributes: dict[str, object]) -> str:
    try:
        return render(template, attributes)
    except MissingValueError as error:
        why = f"lacks the attribute {error.name}, which the text needs"
        raise InvalidInputError(FieldError("client", why, FieldCode.MISSING_VALUES)) from None
    except UnsendableTextError as error:
        raise InvalidInputError(FieldError("client", _WHY.get(error.code, f"gets no message: {error.code}"))) from None


_WHY = {
    ErrorCode.EMPTY_TEXT: "has values with which nothing is left of the text",
    ErrorCode.TEXT_TOO_LONG: "has values with which the text is too long",
}


def _visible(connection: Connection, principal: Principal, mailing_id: int) -> AnyRow:
    row = mailing_reads.row(connection, principal.owner_filter, mailing_id) if limits.is_id(mailing_id) else None
    if row is None:
        raise NotFoundError("mailing")
    return row


def _selection(row: AnyRow) -> Selection:
    return Selection(tuple(row.filter_operator_codes), tuple(row.filter_tags))
