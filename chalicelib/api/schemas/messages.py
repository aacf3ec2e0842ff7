"""Messages, and what became of them."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.api.operations import Schema
from chalicelib.api.pages import Page, PageQuery
from chalicelib.api.schemas.fields import Id, Moment, Phone
from chalicelib.api.schemas.mailings import MailingOut
from chalicelib.domain.status import MessageStatus
from chalicelib.storage.message_reads import MessageRow

StatusNumber = Annotated[int, Field(ge=1, le=5, description="1 waiting, 2 sent, 3 expired, 4 failed, 5 cancelled")]


class MessageOut(Schema):
    """One mailing to one client."""

    id: Id
    owner: Id
    mailing: Id
    client: Id | None = Field(description="null once the client was deleted")
    phone: Phone | None = Field(description="null once it was cleared, long after the mailing was finished")
    time_zone: str
    status: StatusNumber
    status_title: str
    not_before: Moment
    created_at: Moment
    sent_at: Moment | None
    attempts: int
    error_code: str | None
    error_detail: str | None


class MessageIn(Schema):
    """One client to be added to one mailing."""

    mailing: Id
    client: Id


class MessagePut(MessageIn):
    """A message to be written anew."""

    status: StatusNumber


class MessagePatch(Schema):
    """What is to change of a message."""

    status: Literal[1] | None = Field(default=None, description="1: try it again")


class MessageQuery(PageQuery):
    """Which messages."""

    mailing: Id | None = None
    client: Id | None = None
    status: StatusNumber | None = None


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
        phone=row.phone,
        time_zone=row.time_zone,
        status=row.status,
        status_title=MessageStatus(row.status).title,
        not_before=row.not_before,
        created_at=row.created_at,
        sent_at=row.sent_at,
        attempts=row.attempts,
        error_code=row.error_code,
        error_detail=row.error_detail,
    )
