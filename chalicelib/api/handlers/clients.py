"""Clients."""

from http import HTTPStatus
from urllib.parse import unquote

from chalicelib.api import pages
from chalicelib.api.operations import Call, FileBody, NoBody, NoQuery, operation
from chalicelib.api.pages import Page
from chalicelib.api.schemas.clients import (
    ClientByPhoneIn,
    ClientIn,
    ClientOut,
    ClientPatch,
    ClientQuery,
    ClientsOut,
    CreateQuery,
    ImportOut,
    ImportQuery,
    OneOrMany,
    show,
    show_import,
)
from chalicelib.api.schemas.fields import PhoneQuery
from chalicelib.domain.table import TableError, parse_csv
from chalicelib.services import client_import, clients
from chalicelib.services.client_import import Options
from chalicelib.services.clients import OnConflict
from chalicelib.storage.clients import ClientFilter

_TAG = "clients"


@operation("List clients", tag=_TAG)
def page(call: Call[NoBody, ClientQuery]) -> Page[ClientOut]:
    """Your clients by page; a superuser sees everyone's."""
    query = call.query
    chosen = ClientFilter(
        owner_id=query.owner,
        tags=tuple(query.tag),
        operator_code=query.operator_code,
        time_zone=query.time_zone,
        phone_prefix=query.phone_prefix,
    )
    part = pages.wanted(call)
    return pages.shown(call, part, clients.page(call.engine, call.principal, chosen, part), show)


@operation("Create one client, or many", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.CONFLICT,))
def create(call: Call[OneOrMany, CreateQuery]) -> ClientOut | ClientsOut:
    """One client, or `{"clients": […]}` with up to 1,000, of which all or none are added; each bad one is named by its place."""
    country, on_conflict = call.query.default_country, call.query.on_conflict
    if isinstance(call.body, ClientIn) and on_conflict is OnConflict.FAIL:
        return show(clients.create(call.engine, call.principal, call.body.to_new(country)))
    given = [call.body] if isinstance(call.body, ClientIn) else call.body.clients
    made = clients.create_many(call.engine, call.principal, [each.to_new(country) for each in given], on_conflict=on_conflict)
    if isinstance(call.body, ClientIn):
        return show(made.rows[0])
    return ClientsOut(created=made.created, updated=made.updated, results=pages.fitting(show(row) for row in made.rows))


@operation("Import clients from a file", tag=_TAG)
def import_file(call: Call[FileBody, ImportQuery]) -> ImportOut:
    """A CSV file in UTF-8 (`Content-Type: text/csv`) of up to 4 MB and 20,000 rows, its columns named as in the admin panel. A dry run by
    default: it tells the same as the import. Good rows are imported and bad ones named; a file that cannot be read is refused as a whole.
    """
    query = call.query
    delimiter = query.delimiter and {"comma": ",", "semicolon": ";", "tab": "\t"}[query.delimiter]
    try:
        table = parse_csv(call.body.raw, delimiter=delimiter)
    except TableError as error:
        raise client_import.refused(error) from None
    targets = client_import.targets_of(table.header, query.unknown_columns)
    options = Options(targets, query.on_conflict == "update", query.default_country)
    apply = not query.dry_run
    report = client_import.take_table(call.engine, call.principal, table, options, apply=apply, owner_id=query.owner)
    return show_import(report, list(zip(table.header, targets, strict=True)), dry_run=query.dry_run)


@operation("Create or replace the client with a phone", tag=_TAG)
def put_by_phone(call: Call[ClientByPhoneIn, PhoneQuery]) -> ClientOut:
    """Creates the client, or replaces the one with this phone: every field is replaced. `+` may be written `%2B`."""
    new = call.body.to_new(unquote(call.path_values["phone"]), call.query.default_country)
    row, _added = clients.put(call.engine, call.principal, new)
    return show(row)


@operation("Get a client", tag=_TAG)
def get(call: Call[NoBody, NoQuery]) -> ClientOut:
    """One client by id."""
    return show(clients.get(call.engine, call.principal, call.id_of("client")))


@operation("Replace a client", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def replace(call: Call[ClientIn, PhoneQuery]) -> ClientOut:
    """Every field is replaced; what is left out gets its default."""
    new = call.body.to_new(call.query.default_country)
    return show(clients.replace(call.engine, call.principal, call.id_of("client"), new, expected=call.expected))


@operation("Update a client", tag=_TAG, errors=(HTTPStatus.CONFLICT,))
def change(call: Call[ClientPatch, PhoneQuery]) -> ClientOut:
    """What is named changes. A new phone without an operator code has it taken from the phone."""
    changes = call.body.to_changes(call.query.default_country)
    return show(clients.change(call.engine, call.principal, call.id_of("client"), changes, expected=call.expected))


@operation("Delete a client", tag=_TAG)
def delete(call: Call[NoBody, NoQuery]) -> None:
    """Its waiting messages become 4 `client_deleted`; what was sent stays in the statistics."""
    clients.delete(call.engine, call.principal, call.id_of("client"))
