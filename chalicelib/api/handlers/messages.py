"""Single messages."""

from http import HTTPStatus

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, operation
from chalicelib.api.pages import Page
from chalicelib.api.schemas.messages import (
    MessageDetail,
    MessageIn,
    MessageOut,
    MessagePatch,
    MessagePut,
    MessageQuery,
    ResolveIn,
    show,
    show_detail,
)
from chalicelib.domain.errors import ConflictError
from chalicelib.services import messages, settlement
from chalicelib.services.phones import typed_phone
from chalicelib.storage.message_reads import MessageFilter, MessageRow

_TAG = "messages"


@operation("List messages", tag=_TAG)
def page(call: Call[NoBody, MessageQuery]) -> Page[MessageOut]:
    """Messages of your mailings by page; a superuser sees everyone's."""
    query, part = call.query, pages.wanted(call)
    chosen = MessageFilter(
        query.owner,
        query.mailing,
        query.client,
        query.status,
        phone=query.phone and typed_phone(query.phone, query.default_country),
        error_code=query.error_code,
        sent_after=query.sent_after,
        sent_before=query.sent_before,
    )
    return pages.shown(call, part, messages.page(call.engine, call.principal, chosen, part), show)


@operation("Add a client to a mailing", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND))
def create(call: Call[MessageIn, NoQuery]) -> MessageOut:
    """It ignores the mailing's selection, and nothing else. The mailing must be scheduled, running or paused."""
    return show(messages.add(call.engine, call.principal, call.body.mailing, call.body.client))


@operation("Get a message", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> MessageDetail:
    """One message by id, with the calls that were made for it unless the first one was accepted."""
    row = messages.get(call.engine, call.principal, call.id_of("message"))
    return show_detail(row, messages.calls(call.engine, row))


@operation("Retry a message", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def change(call: Call[MessagePatch, NoQuery]) -> MessageOut:
    """Status 1 for a failed (4) or expired (3) message, where that cannot become a second delivery."""
    if call.body.status is None:
        return show(messages.get(call.engine, call.principal, call.id_of("message")))
    return show(_requeued(call))


@operation("Replace a message", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def replace(call: Call[MessagePut, NoQuery]) -> MessageOut:
    """Its mailing and client are what they are; status 1 tries it again, the status it has changes nothing."""
    row = messages.get(call.engine, call.principal, call.id_of("message"))
    if (row.mailing, row.client) != (call.body.mailing, call.body.client):
        raise ConflictError("a message keeps its mailing and its client")
    if call.body.status == row.status:
        return show(row)
    if call.body.status != 1:
        raise ConflictError("only status 1 (retry) can be set: the others are outcomes")
    return show(_requeued(call))


@operation("Delete a message", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def delete(call: Call[NoBody, NoQuery]) -> None:
    """A waiting one is cancelled first. Its client is not sent this mailing again."""
    messages.delete(call.engine, call.principal, call.id_of("message"))


@operation("Resolve a message of unknown outcome", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def resolve(call: Call[ResolveIn, NoQuery]) -> MessageOut:
    """For a message of `unknown_outcome`, once somebody has found out. Said again, it changes nothing; the opposite is a 409."""
    return show(settlement.settle(call.engine, call.principal, call.id_of("message"), delivered=call.body.delivered))


def _requeued(call: Call[object, NoQuery]) -> MessageRow:
    honours_key, provider = call.settings.provider_honours_key, call.settings.provider_name
    return messages.requeue(call.engine, call.principal, call.id_of("message"), honours_key=honours_key, provider=provider)
