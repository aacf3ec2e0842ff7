"""Mailings."""

from http import HTTPStatus
from typing import Any

from chalicelib.api import pages
from chalicelib.api.operations import Call, FileBody, NoBody, NoQuery, operation
from chalicelib.api.pages import Page
from chalicelib.api.schemas.fields import PhoneQuery
from chalicelib.api.schemas.mailings import (
    ConfirmationQuery,
    DeletionQuery,
    MailingIn,
    MailingOut,
    MailingPatch,
    MailingQuery,
    MailingReplacement,
    show,
)
from chalicelib.api.schemas.messages import ResolveOut, ResolveQuery, show_settled
from chalicelib.api.schemas.previews import PreviewOut, TestSendIn, TestSendOut, show_preview, show_test
from chalicelib.domain.settlement import read_answers
from chalicelib.domain.table import TableError, parse_csv
from chalicelib.providers import configured
from chalicelib.services import client_import, mailings, previews, settlement
from chalicelib.services.mailings import MailingRecord

_TAG = "mailings"


@operation("List mailings", tag=_TAG)
def page(call: Call[NoBody, MailingQuery]) -> Page[MailingOut]:
    """Your mailings by page, each with its counts; a superuser sees everyone's."""
    query, part = call.query, pages.wanted(call)
    found = mailings.page(
        call.engine,
        call.principal,
        part,
        status=query.status,
        starts_before=query.starts_before,
        starts_after=query.starts_after,
        owner_id=call.query.owner,
    )
    return pages.shown(call, part, found, show)


@operation("Create a mailing", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.CONFLICT,))
def create(call: Call[MailingIn, ConfirmationQuery]) -> MailingOut:
    """Only `text` is needed.

    It starts by itself at `starts_at`; one whose start is past and whose end is not starts at once; a `draft` waits for `start`.
    """
    accept = call.query.confirmed
    return show(mailings.create(call.engine, call.principal, call.body.to_new(), confirmed=accept))


@operation("Get a mailing", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> MailingOut:
    """One mailing by id, with its counts."""
    return show(mailings.get(call.engine, call.principal, call.id_of("mailing")))


@operation("Replace a mailing", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def replace(call: Call[MailingReplacement, ConfirmationQuery]) -> MailingOut:
    """Every field is replaced; what is left out gets its default. 409 where a field may not change any more."""
    return show(_edited(call, call.body.to_changes()))


@operation("Update a mailing", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def change(call: Call[MailingPatch, ConfirmationQuery]) -> MailingOut:
    """Text, end, sending hours and rate may change before the first run and while paused; start, zone and selection only before."""
    return show(_edited(call, call.body.to_changes()))


@operation("Delete a mailing", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def delete(call: Call[NoBody, DeletionQuery]) -> None:
    """With its messages; how many there were of each final status stays in the statistics and in the mailing's history.

    It is gone from every list with the answer; the messages of a large one are removed in the minutes after it.

    Not while it runs or is paused: cancel it first. Not while calls are under way. Not while messages of it are `unknown_outcome`, unless
    `force` is true: the rows are the only record of what may have been delivered.
    """
    mailings.delete(call.engine, call.principal, call.id_of("mailing"), force=call.query.force)


@operation("Start a mailing now", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def start(call: Call[NoBody, ConfirmationQuery]) -> MailingOut:
    """A draft or scheduled mailing starts now, in every time zone."""
    accept = call.query.confirmed
    return show(mailings.start(call.engine, call.principal, call.id_of("mailing"), confirmed=accept))


@operation("Pause a mailing", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def pause(call: Call[NoBody, NoQuery]) -> MailingOut:
    """No message starts later than a few seconds after; its end still counts."""
    return show(mailings.pause(call.engine, call.principal, call.id_of("mailing")))


@operation("Resume a mailing", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def resume(call: Call[NoBody, NoQuery]) -> MailingOut:
    """A paused mailing goes on where it was."""
    return show(mailings.resume(call.engine, call.principal, call.id_of("mailing")))


@operation("Cancel a mailing", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def cancel(call: Call[NoBody, NoQuery]) -> MailingOut:
    """For good: messages that wait become 5, what is at the provider is still answered."""
    return show(mailings.cancel(call.engine, call.principal, call.id_of("mailing")))


@operation("Preview a mailing", tag=_TAG)
def preview(call: Call[NoBody, NoQuery]) -> PreviewOut:
    """How many clients match now, by time zone with its window, and the text as the first of them would read it. Nothing is sent."""
    return show_preview(previews.preview(call.engine, call.principal, call.id_of("mailing")))


@operation("Send a test message", tag=_TAG, errors=(HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS))
def test(call: Call[TestSendIn, PhoneQuery]) -> TestSendOut:
    """The text as it stands, to one phone, now: outside of all statistics, and whatever the mailing's status.

    A user may send only so many an hour; each stands in the mailing's history.
    """
    sent = previews.send_test(
        call.engine,
        call.principal,
        call.id_of("mailing"),
        call.body.phone,
        configured(),
        provider_name=call.body.provider,
        client_id=call.body.client,
        country=call.query.default_country,
    )
    return show_test(sent)


@operation("Retry failed messages", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def retry_failed(call: Call[NoBody, NoQuery]) -> MailingOut:
    """Those of which another try is possible and cannot become a second delivery; a finished mailing runs again.

    The first thousand are queued before the answer, the rest slice by slice: `retrying_since` is set until all are, `counts` shows how far
    it is. Pausing stops nothing of it, cancelling ends it. Calling again meanwhile changes nothing.
    """
    return show(mailings.retry_failed(call.engine, call.principal, call.id_of("mailing")))


@operation("Resolve messages of unknown outcome", tag=_TAG)
def resolve(call: Call[FileBody, ResolveQuery]) -> ResolveOut:
    """A CSV file (`Content-Type: text/csv`) of up to 20,000 rows with the columns `message`, an id, and `delivered`: `true`, `false`, or
    empty where nobody knows still. A dry run by default. A file with a wrong row is refused as a whole; messages whose outcome is known
    to be another stay as they are, and are named.
    """
    try:
        answers = read_answers(parse_csv(call.body.raw))
    except TableError as error:
        raise client_import.refused(error) from None
    apply = not call.query.dry_run
    report = settlement.settle_many(call.engine, call.principal, call.id_of("mailing"), answers, apply=apply)
    return show_settled(report, dry_run=call.query.dry_run)


def _edited(call: Call[object, ConfirmationQuery], changes: dict[str, Any]) -> MailingRecord:
    mailing_id, accept = call.id_of("mailing"), call.query.confirmed
    return mailings.edit(call.engine, call.principal, mailing_id, changes, confirmed=accept, expected=call.expected)
