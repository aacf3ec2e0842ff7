"""Mailings."""

from http import HTTPStatus

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, operation
from chalicelib.api.pages import Page
from chalicelib.api.schemas.mailings import MailingIn, MailingOut, MailingQuery, show
from chalicelib.services import mailings

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
    )
    return pages.shown(call, part, found, show)


@operation("Write a mailing", tag=_TAG, status=HTTPStatus.CREATED)
def create(call: Call[MailingIn, NoQuery]) -> MailingOut:
    """It starts by itself at `starts_at`; one whose start is past and whose end is not starts at once; a `draft` waits for `start`."""
    return show(mailings.create(call.engine, call.principal, call.body.to_new()))


@operation("Read a mailing", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> MailingOut:
    """One mailing by id, with its counts."""
    return show(mailings.get(call.engine, call.principal, call.id_of("mailing")))
