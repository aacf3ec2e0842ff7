"""Clients."""

from http import HTTPStatus

from chalicelib.api import pages
from chalicelib.api.operations import Call, NoBody, NoQuery, operation
from chalicelib.api.pages import Page
from chalicelib.api.schemas.clients import ClientIn, ClientOut, ClientPatch, ClientQuery, ClientsOut, OneOrMany, show
from chalicelib.api.schemas.fields import PhoneQuery
from chalicelib.services import clients
from chalicelib.storage.clients import ClientFilter

_TAG = "clients"


@operation("List clients", tag=_TAG)
def page(call: Call[NoBody, ClientQuery]) -> Page[ClientOut]:
    """Your clients by page; a superuser sees everyone's."""
    query = call.query
    chosen = ClientFilter(
        owner_id=pages.owner_of(call),
        tags=tuple(query.tag),
        operator_code=query.operator_code,
        time_zone=query.time_zone,
        phone_prefix=query.phone_prefix,
    )
    part = pages.wanted(call)
    return pages.shown(call, part, clients.page(call.engine, chosen, part), show)


@operation("Add one client, or many", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.CONFLICT,))
def create(call: Call[OneOrMany, PhoneQuery]) -> ClientOut | ClientsOut:
    """One client, or `{"clients": […]}` with up to 1,000, of which all or none are added; each bad one is named by its place."""
    country = call.query.default_country
    if isinstance(call.body, ClientIn):
        return show(clients.create(call.engine, call.principal, call.body.to_new(country)))
    made = clients.create_many(call.engine, call.principal, [each.to_new(country) for each in call.body.clients])
    return ClientsOut(created=len(made), results=pages.fitting(show(row) for row in made))


@operation("Read a client", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> ClientOut:
    """One client by id."""
    return show(clients.get(call.engine, call.principal, call.id_of("client")))


@operation("Write a client anew", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def replace(call: Call[ClientIn, PhoneQuery]) -> ClientOut:
    """Every field is replaced; what is left out gets its default."""
    new = call.body.to_new(call.query.default_country)
    return show(clients.replace(call.engine, call.principal, call.id_of("client"), new, expected=call.expected))


@operation("Change a client", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def change(call: Call[ClientPatch, PhoneQuery]) -> ClientOut:
    """What is named changes. A new phone without an operator code has it taken from the phone."""
    changes = call.body.to_changes(call.query.default_country)
    return show(clients.change(call.engine, call.principal, call.id_of("client"), changes, expected=call.expected))


@operation("Delete a client", tag=_TAG)
def delete(call: Call[NoBody, NoQuery]) -> None:
    """Its waiting messages become 4 `client_deleted`; what was sent stays in the statistics."""
    clients.delete(call.engine, call.principal, call.id_of("client"))
