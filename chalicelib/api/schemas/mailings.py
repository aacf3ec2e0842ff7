"""Mailings."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pydantic import Field

from chalicelib.api.operations import QuerySchema, Schema, Versioned, partial
from chalicelib.api.pages import OwnedQuery
from chalicelib.api.schemas.fields import (
    Id,
    MailingName,
    Moment,
    OperatorCodeIn,
    ProviderNameIn,
    Rate,
    TagIn,
    Template,
    TimeOfDay,
    WallTime,
    Words,
    ZoneNameIn,
)
from chalicelib.domain import limits
from chalicelib.domain.status import PARTS, MailingStatus, StartSource
from chalicelib.services.mailings import MailingRecord, NewMailing, version_of


class MailingFields(Schema):
    """What can be written of a mailing."""

    name: MailingName
    text: Template
    filter_operator_codes: list[OperatorCodeIn] = Field(
        default=[], json_schema_extra={"maxItems": limits.FILTER_WORDS}, description="Any of these; empty: all"
    )
    filter_tags: list[TagIn] = Field(
        default=[], json_schema_extra={"maxItems": limits.FILTER_WORDS}, description="Any of these; empty: all"
    )
    starts_at: WallTime = Field(description="Wall time, without offset: what clocks show in `time_zone`")
    ends_at: WallTime = Field(description="Wall time from which nothing is delivered any more")
    time_zone: ZoneNameIn | None = Field(
        default=None, description="Where the wall times are meant; null: in each client's own zone"
    )
    send_from: TimeOfDay | None = Field(
        default=None, description="Daily sending hours in the client's local time; may cross midnight"
    )
    send_until: TimeOfDay | None = None
    rate_limit: Rate | None = Field(default=None, description="Messages a second")
    providers: list[ProviderNameIn] = Field(
        default=[],
        json_schema_extra={"maxItems": limits.PROVIDERS},
        description="Providers by name, the first one first; while its breaker is open the next one sends. Empty: all, in their order",
    )
    draft: bool = Field(default=False, description="true: nothing is sent until the mailing is started")
    owner: Id | None = Field(default=None, description="Superusers may name another user")

    def _values(self, names: Iterable[str]) -> dict[str, Any]:
        """Fields as the service calls them and likes them."""
        values = {name: getattr(self, name) for name in names}
        for name in ("filter_operator_codes", "filter_tags"):
            if name in values:
                values[name] = tuple(dict.fromkeys(values[name]))
        if "providers" in values:
            values["providers"] = tuple(values["providers"])
        if "owner" in values:
            values["owner_id"] = values.pop("owner")
        return values


class MailingIn(MailingFields):
    """A mailing to be written: only its text is needed."""

    name: MailingName | None = Field(  # type: ignore[assignment]  # optional here only
        default=None, description="The first words of the text unless given"
    )
    starts_at: WallTime | None = Field(  # type: ignore[assignment]  # optional here only
        default=None,
        description="Wall time, without offset: what clocks show in `time_zone`. Without it the mailing starts now, everywhere at once",
    )
    ends_at: WallTime | None = Field(  # type: ignore[assignment]  # optional here only
        default=None, description="Wall time from which nothing is delivered any more; a day after the start unless given"
    )

    def to_new(self) -> NewMailing:
        """The same for the service."""
        return NewMailing(**self._values(type(self).model_fields))


class MailingReplacement(MailingFields):
    """A mailing to be replaced by what is said here."""

    def to_changes(self) -> dict[str, Any]:
        """Every field, as a change of a mailing; its owner only if one is named."""
        new = NewMailing(**self._values(type(self).model_fields))
        return {name: value for name, value in asdict(new).items() if name != "owner_id" or value is not None}


@partial
class MailingPatch(MailingFields):
    """What is to change of a mailing: what is not named stays."""

    def to_changes(self) -> dict[str, Any]:
        """The same for the service."""
        return {name: value for name, value in self._values(self.named).items() if name != "owner_id" or value is not None}


class Counts(Schema):
    """A mailing's messages by status, and the clients who have none yet. Each person counts once."""

    waiting: int
    sent: int
    expired: int
    failed: int
    cancelled: int
    unplanned: int = Field(
        description="Selected clients who have no message yet: their time zone has not been reached, or they are new"
    )
    total: int = Field(description="The sum of the others: as many as the mailing has or will have messages")


class MailingOut(Versioned):
    """A mailing."""

    id: Id
    owner: Id
    name: str
    text: str
    filter_operator_codes: Words
    filter_tags: Words
    starts_at: WallTime
    ends_at: WallTime
    time_zone: str | None
    send_from: TimeOfDay | None
    send_until: TimeOfDay | None
    rate_limit: int | None
    providers: list[str]
    status: MailingStatus
    next_run_at: Moment | None
    start_now_at: Moment | None = Field(
        description="When somebody started it by hand: it then starts at that moment in every zone, and `starts_at` stays as planned"
    )
    started_by: StartSource | None = Field(description="What woke its first run")
    started_at: Moment | None
    finished_at: Moment | None
    created_at: Moment
    retrying_since: Moment | None = Field(
        description="When it was asked that failed messages be tried again; null once all of them are queued"
    )
    counts: Counts


class ConfirmationQuery(QuerySchema):
    """What is confirmed beforehand."""

    confirmed: bool = Field(
        default=False,
        description="true: go on although selected clients would get no message; without it this is a 409 that says why",
    )


class DeletionQuery(QuerySchema):
    """What may be lost."""

    force: bool = Field(
        default=False,
        description="true: also delete messages of `unknown_outcome`; without it they make this a 409 that says how many",
    )


class MailingQuery(OwnedQuery):
    """Which mailings."""

    status: MailingStatus | None = None
    starts_before: WallTime | None = None
    starts_after: WallTime | None = None


def show(record: MailingRecord) -> MailingOut:
    """A mailing as the API shows it."""
    counted = {part: record.counts.get(part, 0) for part in PARTS}
    return MailingOut(
        id=record.id,
        owner=record.owner,
        name=record.name,
        text=record.text,
        filter_operator_codes=list(record.filter_operator_codes),
        filter_tags=list(record.filter_tags),
        starts_at=record.starts_at,
        ends_at=record.ends_at,
        time_zone=record.time_zone,
        send_from=record.send_from,
        send_until=record.send_until,
        rate_limit=record.rate_limit,
        providers=list(record.providers),
        status=MailingStatus(record.status),
        next_run_at=record.next_run_at,
        start_now_at=record.start_now_at,
        started_by=StartSource(record.started_by) if record.started_by else None,
        started_at=record.started_at,
        finished_at=record.finished_at,
        created_at=record.created_at,
        retrying_since=record.retrying_since,
        counts=Counts(**counted, total=sum(counted.values())),
    ).versioned(version_of(record))
