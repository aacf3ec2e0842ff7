"""Messages, and their statistics."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from chalicelib.api.operations import QuerySchema, Schema
from chalicelib.api.pages import OwnedQuery, Page, PageQuery
from chalicelib.api.schemas.fields import Country, Id, Moment, MomentIn, Phone, PhoneIn, StoredErrorCode, known
from chalicelib.api.schemas.mailings import MailingOut
from chalicelib.domain.outcome import UNASKED, OutcomeKind
from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.services.settlement import Settled
from chalicelib.storage.message_calls import FIRST_KEPT, LAST_KEPT, MessageCall
from chalicelib.storage.message_reads import MessageRow

_WORDS = {
    ErrorCode.REFUSED: "the provider will not deliver this message",
    ErrorCode.UNKNOWN_OUTCOME: "it may have been delivered: nobody can tell",
    ErrorCode.NOT_DELIVERED: "surely not delivered, all attempts used up",
    ErrorCode.REFUSED_FOR_MESSAGE: (
        "surely not delivered: the provider refused this message again and again as if our configuration were wrong"
        " (HTTP 401 or 403, for example) or as throttled, while it accepted others"
    ),
    ErrorCode.MISCONFIGURED: "the provider rejected our configuration at the last call",
    ErrorCode.CLIENT_DELETED: "the client was deleted",
    ErrorCode.DO_NOT_CONTACT: "the phone is on the do-not-contact list",
    ErrorCode.MISSING_VALUE: "the client lacks a value that the text needs",
    ErrorCode.EMPTY_TEXT: "with the client's values nothing visible is left of the text",
    ErrorCode.TEXT_TOO_LONG: "with the client's values the text is too long",
    ErrorCode.DUPLICATE_PHONE: "the mailing has a message to its phone already, as another client's",
    ErrorCode.UNKNOWN_TIME_ZONE: "its client's time zone is unknown here: correct it and retry",
}
_ERROR_CODES = (
    "Why it was not sent, or is tried again: "
    + "; ".join(f"`{code}`: {_WORDS.get(code, code)}" for code in ErrorCode)
    + ". null before the first failure and once it is sent"
)
_KINDS = "What the answer meant: " + ", ".join(f"`{kind}`" for kind in OutcomeKind if kind not in UNASKED)
StatusNumber = Annotated[
    int,
    Field(ge=1, le=5, description="1 waiting, 2 sent, 3 expired, 4 failed, 5 cancelled"),
    WithJsonSchema(
        {
            "type": "integer",
            "enum": [int(status) for status in MessageStatus],
            "x-enum-varnames": [status.name for status in MessageStatus],
            "description": "1 waiting, 2 sent, 3 expired, 4 failed, 5 cancelled",
        }
    ),
]


class MessageOut(Schema):
    """One mailing to one client."""

    id: Id
    owner: Id
    mailing: Id
    client: Id | None = Field(description="null once the client was deleted")
    phone: Phone | None = Field(description="null once it was cleared, long after the mailing was finished, or with the person")
    time_zone: str
    status: StatusNumber
    status_title: str
    not_before: Moment
    created_at: Moment
    sent_at: Moment | None
    last_attempted_at: Moment | None = Field(description="When the provider was last called; null before the first call")
    attempts: int
    error_code: StoredErrorCode | None = Field(description=_ERROR_CODES)
    error_detail: str | None = Field(description="In the words of the provider or of the connection; holds no phone and no text")
    provider: str | None = Field(
        description="Which provider it was last handed to; it stays the same once the outcome of a call is unknown. null before the first"
    )
    provider_reference: str | None = Field(description="The provider's own id of it, once accepted, where its answer has one")
    segments: int | None = Field(description="The number of SMS that the provider counted, where its answer says so")


class CallOut(Schema):
    """One call to the provider for a message."""

    at: Moment = Field(
        description="When it began; for one that a worker may have made that died since, the latest possible moment"
    )
    provider: str
    attempt: int = Field(description="How many attempts the message had used, this one included")
    kind: str = Field(description=_KINDS)
    error_code: str | None
    error_detail: str | None
    milliseconds: int | None = Field(description="null where nobody knows")


class MessageDetail(MessageOut):
    """A message and the calls made for it."""

    calls: list[CallOut] = Field(
        description=(
            "Empty if the first call was accepted; otherwise every call, the earliest first:"
            f" of more than {FIRST_KEPT + LAST_KEPT} the first {FIRST_KEPT} and the last {LAST_KEPT}."
            " Cleared together with the phones of finished mailings."
        )
    )


class MessageIn(Schema):
    """One client to be added to one mailing."""

    mailing: Id
    client: Id


class MessagePut(MessageIn):
    """A message to be replaced."""

    status: StatusNumber


class MessagePatch(Schema):
    """What is to change of a message."""

    status: Literal[1] | None = Field(default=None, description="1: try it again")


class ResolveIn(Schema):
    """What somebody found out about a message of unknown outcome."""

    delivered: bool = Field(description="true: it becomes 2, sent; false: 4 `not_delivered`, which may be tried again")


class ResolveQuery(QuerySchema):
    """How a file of answers is taken."""

    dry_run: bool = Field(default=True, description="Only tell what would be done")


class RefusedAnswer(Schema):
    """A message that stays as it is, and why."""

    id: Id
    reason: str


class ResolveOut(Schema):
    """How many messages a file of answers settled, or would settle."""

    dry_run: bool
    sent: int = Field(description="How many became 2, sent")
    not_delivered: int = Field(description="How many became 4 `not_delivered`")
    known: int = Field(description="How many were known to be just that already")
    refused: list[RefusedAnswer] = Field(description="Those that stay as they are; the first hundred")
    total: int = Field(description="Messages that the file answers: those of the four above, also of `refused` those not shown")


class MessageQuery(OwnedQuery):
    """Which messages."""

    mailing: Id | None = None
    client: Id | None = None
    status: StatusNumber | None = None
    phone: PhoneIn | None = Field(default=None, description="The phone it goes or went to (`+` is `%2B` in a URL)")
    default_country: Country | None = None
    error_code: ErrorCode | None = None
    sent_after: MomentIn | None = Field(default=None, description="Sent at this moment or later")
    sent_before: MomentIn | None = Field(default=None, description="Sent before this moment")


class StatusStatistics(Schema):
    """One status: how many messages have it, and they themselves by page."""

    status: StatusNumber
    title: str
    count: int
    messages: Page[MessageOut]


class Statistics(Schema):
    """Every status, with the first page of its messages."""

    total: int
    statuses: list[StatusStatistics]


class MessagesInMailing(Schema):
    """A mailing with its counts, and its messages by page."""

    mailing: MailingOut
    messages: Page[MessageOut]


class MessagesInMailingQuery(PageQuery):
    """Which of the mailing's messages."""

    status: StatusNumber | None = None


def show(row: MessageRow) -> MessageOut:
    """A message as the API shows it."""
    return MessageOut(
        id=row.id,
        owner=row.owner,
        mailing=row.mailing,
        client=row.client,
        phone=known(row.phone),
        time_zone=row.time_zone,
        status=row.status,
        status_title=MessageStatus(row.status).title,
        not_before=row.not_before,
        created_at=row.created_at,
        sent_at=row.sent_at,
        last_attempted_at=row.last_attempted_at,
        attempts=row.attempts,
        error_code=row.error_code,
        error_detail=row.error_detail,
        provider=row.provider,
        provider_reference=row.provider_reference,
        segments=row.segments,
    )


_MOST_REFUSED = 100


def show_settled(report: Settled, *, dry_run: bool) -> ResolveOut:
    """The report on a file of answers as the API shows it."""
    shown = [RefusedAnswer(id=each, reason=why) for each, why in sorted(report.refused.items())[:_MOST_REFUSED]]
    return ResolveOut(
        dry_run=dry_run,
        sent=report.sent,
        not_delivered=report.not_delivered,
        known=report.known,
        refused=shown,
        total=report.sent + report.not_delivered + report.known + len(report.refused),
    )


def show_detail(row: MessageRow, calls: Sequence[MessageCall]) -> MessageDetail:
    """A message with its calls as the API shows it."""
    return MessageDetail(
        **dict(show(row)),
        calls=[
            CallOut(
                at=call.at,
                provider=call.provider,
                attempt=call.attempt,
                kind=call.kind,
                error_code=call.error_code,
                error_detail=call.detail,
                milliseconds=call.milliseconds,
            )
            for call in calls
        ],
    )
