"""Reading messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from chalicelib.domain.paging import Slice
from chalicelib.domain.status import MessageStatus
from chalicelib.storage.models import Client, Mailing, Message, User
from chalicelib.storage.paging import AnySelect, rows_of, rows_of_few, rows_under


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as people see it."""

    id: int
    owner: int
    mailing: int
    client: int | None
    phone: str | None
    time_zone: str
    status: int
    not_before: datetime
    created_at: datetime
    sent_at: datetime | None
    last_attempted_at: datetime | None
    attempts: int
    error_code: str | None
    error_detail: str | None
    provider: str | None
    provider_reference: str | None
    segments: int | None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages a list is about; None asks for nothing. The owner has no default: to list everyone's has to be said."""

    owner_id: int | None
    mailing_id: int | None = None
    client_id: int | None = None
    status: int | None = None
    phone: str | None = None
    error_code: str | None = None
    sent_after: datetime | None = None
    sent_before: datetime | None = None


_COLUMNS = (
    Message.id,
    Message.owner_id,
    Message.mailing_id,
    Message.client_id,
    Message.phone,
    Message.time_zone,
    Message.status,
    Message.not_before,
    Message.created_at,
    Message.sent_at,
    func.coalesce(Message.sent_at, Message.attempted_at),
    Message.attempts,
    Message.error_code,
    Message.error_detail,
    Message.provider,
    Message.provider_reference,
    Message.segments,
)


def in_deleted_mailing(mailing_id: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[bool]:
    """Is the mailing being deleted? Its messages are seen no more, while runs remove them. Which are, is asked once a statement."""
    deleted = select(Mailing.id).where(Mailing.deleting_since.is_not(None))
    return mailing_id == any_(func.array(deleted.scalar_subquery(), type_=ARRAY(BigInteger)))


def find(connection: Connection, owner_id: int | None, message_id: int) -> MessageRow | None:
    """The message, if the owner (None: anyone) has it and it was not deleted."""
    row = connection.execute(_chosen(MessageFilter(owner_id)).where(Message.id == message_id)).one_or_none()
    return MessageRow(*row) if row is not None else None


def texts(connection: Connection, owner_id: int | None, message_ids: Sequence[int]) -> list[tuple[int, str, dict[str, Any]]]:
    """Of messages by id whose client is there: the text of their mailing, and what their client has now to put into it."""
    statement = (
        select(Message.id, Mailing.text, Client.attributes)
        .join(Mailing, Mailing.id == Message.mailing_id)
        .join(Client, Client.id == Message.client_id)
        .where(Message.id == any_(bindparam("ids", list(message_ids), type_=ARRAY(BigInteger))))
    )
    if owner_id is not None:
        statement = statement.where(Message.owner_id == owner_id)
    return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def page(connection: Connection, chosen: MessageFilter, part: Slice) -> list[MessageRow]:
    """A slice of the messages that pass the filter."""
    statement = _chosen(chosen)
    everyones = chosen.owner_id is None and chosen.mailing_id is None
    if chosen.client_id is not None or chosen.phone is not None:
        return [MessageRow(*row) for row in rows_of_few(connection, statement, Message.id, part)]
    if everyones and chosen.status is None:
        return [MessageRow(*row) for row in rows_of(connection, statement, Message.id, part)]
    users = User.__table__ if everyones else None
    if users is not None:
        statement = statement.where(Message.owner_id == users.c.id)
    statuses = _statuses(chosen)
    return [MessageRow(*row) for row in rows_under(connection, statement, Message.status, statuses, Message.id, part, users)]


def _statuses(chosen: MessageFilter) -> list[int]:
    """The statuses that rows which pass the filter can have."""
    if chosen.status is not None:
        return [chosen.status]
    if chosen.sent_after is not None or chosen.sent_before is not None:
        return [int(MessageStatus.SENT)]
    if chosen.error_code is not None:
        return [int(MessageStatus.WAITING), int(MessageStatus.FAILED)]
    return [int(status) for status in MessageStatus]


def _chosen(chosen: MessageFilter) -> AnySelect:
    visible: ColumnElement[bool] = Message.deleted_at.is_(None)
    owner: ColumnElement[int] | InstrumentedAttribute[int] = Message.owner_id
    if chosen.client_id is not None or chosen.phone is not None:
        # A client has a message of each mailing at most, and the client's index finds them: these conditions are to match no other.
        visible, owner = visible.is_(True), Message.owner_id + 0
    statement = select(*_COLUMNS).where(visible, ~in_deleted_mailing(Message.mailing_id))
    wanted = {
        owner: chosen.owner_id,
        Message.mailing_id: chosen.mailing_id,
        Message.client_id: chosen.client_id,
        Message.status: chosen.status if chosen.client_id is not None or chosen.phone is not None else None,
        Message.error_code: chosen.error_code,
    }
    statement = statement.where(*(column == value for column, value in wanted.items() if value is not None))
    if chosen.phone is not None:
        # By the unique key of mailing and phone, mailing by mailing: an index of phones alone would cost every message planned.
        mailings = (
            select(Mailing.id) if chosen.owner_id is None else select(Mailing.id).where(Mailing.owner_id == chosen.owner_id)
        )
        statement = statement.where(Message.phone == chosen.phone, Message.mailing_id.in_(mailings))
    if chosen.sent_after is not None:
        statement = statement.where(Message.sent_at >= chosen.sent_after)
    if chosen.sent_before is not None:
        statement = statement.where(Message.sent_at < chosen.sent_before)
    return statement
