"""Statistics of messages."""

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, operation
from chalicelib.api.pages import PageQuery
from chalicelib.api.routes import V1
from chalicelib.api.schemas import mailings as mailing_schemas
from chalicelib.api.schemas.messages import (
    MessagesInMailing,
    MessagesInMailingQuery,
    Statistics,
    StatusStatistics,
    show,
)
from chalicelib.domain.errors import NotFoundError
from chalicelib.domain.status import MessageStatus
from chalicelib.services import mailings, messages
from chalicelib.storage.message_reads import MessageFilter

_TAG = "statistics"


@operation("Count and list messages by status", tag=_TAG)
def all_statuses(call: Call[NoBody, PageQuery]) -> Statistics:
    """Every status with its count and the first page of its messages; `next` of each leads to the rest of that status."""
    counts = messages.counts(call.engine, call.principal)
    room = pages.MAX_BYTES // len(counts)
    statuses = [_of_status(call, status, count, room) for status, count in counts.items()]
    return Statistics(total=sum(counts.values()), statuses=statuses)


@operation("List messages of one status", tag=_TAG)
def one_status(call: Call[NoBody, PageQuery]) -> StatusStatistics:
    """One status with its count and its messages by page."""
    status = _status(call.path_values["status"])
    return _of_status(call, status, messages.counts(call.engine, call.principal)[status])


@operation("List messages of a mailing", tag=_TAG)
def one_mailing(call: Call[NoBody, MessagesInMailingQuery]) -> MessagesInMailing:
    """The mailing, its counts, and its messages by page."""
    mailing = mailings.get(call.engine, call.principal, call.id_of("mailing"))
    part = pages.wanted(call)
    chosen = MessageFilter(None, mailing.id, status=call.query.status)
    found = messages.page(call.engine, call.principal, chosen, part)
    return MessagesInMailing(mailing=mailing_schemas.show(mailing), messages=pages.shown(call, part, found, show))


def _status(text: str) -> MessageStatus:
    try:
        return MessageStatus(int(text) if text.isascii() and text.isdecimal() and len(text) == 1 else 0)
    except ValueError:
        raise NotFoundError("status: 1 waiting, 2 sent, 3 expired, 4 failed, 5 cancelled") from None


def _of_status(call: Call[NoBody, PageQuery], status: MessageStatus, count: int, room: int = pages.MAX_BYTES) -> StatusStatistics:
    part = pages.wanted(call)
    chosen = MessageFilter(None, status=status)
    found = messages.page(call.engine, call.principal, chosen, part) if count else []
    path = f"{V1}/statistic-messages/{status.value}"
    return StatusStatistics(
        status=status.value, title=status.title, count=count, messages=pages.shown(call, part, found, show, path=path, room=room)
    )
