"""The do-not-contact list."""

from http import HTTPStatus

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, operation
from chalicelib.api.pages import Page
from chalicelib.api.schemas.do_not_contact import (
    DoNotContactIn,
    DoNotContactOut,
    DoNotContactQuery,
    DoNotContactsOut,
    OneOrMany,
    show,
)
from chalicelib.api.schemas.fields import PhoneQuery
from chalicelib.services import do_not_contact

_TAG = "do not contact"
_KIND = "do-not-contact entry"


@operation("List do-not-contact entries", tag=_TAG)
def page(call: Call[NoBody, DoNotContactQuery]) -> Page[DoNotContactOut]:
    """Your list by page; a superuser sees everyone's."""
    query, part = call.query, pages.wanted(call)
    found = do_not_contact.page(
        call.engine, call.principal, query.phone, part, country=query.default_country, owner_id=query.owner
    )
    return pages.shown(call, part, found, show)


@operation("Add one phone, or many, to the do-not-contact list", tag=_TAG, status=HTTPStatus.CREATED)
def put(call: Call[OneOrMany, PhoneQuery]) -> DoNotContactOut | DoNotContactsOut:
    """One phone, or `{"phones": […]}` with up to 1,000. A phone that is on the list stays there once, with the newer reason."""
    country = call.query.default_country
    if isinstance(call.body, DoNotContactIn):
        return show(do_not_contact.put(call.engine, call.principal, [call.body.to_new(country)])[0])
    entries = [each.to_new(country) for each in call.body.phones]
    made = do_not_contact.put(call.engine, call.principal, entries, prefix="phones.{place}.")
    return DoNotContactsOut(results=pages.fitting(show(row) for row in made))


@operation("Get a do-not-contact entry", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> DoNotContactOut:
    """One entry by id."""
    return show(do_not_contact.get(call.engine, call.principal, call.id_of(_KIND)))


@operation("Remove a phone from the do-not-contact list", tag=_TAG)
def remove(call: Call[NoBody, NoQuery]) -> None:
    """It may be sent messages again."""
    do_not_contact.remove(call.engine, call.principal, call.id_of(_KIND))
