"""Test clients, made and deleted at one stroke."""

from http import HTTPStatus

from pydantic import Field

from chalicelib.api.operations import Call, NoBody, NoQuery, Reply, Schema, operation
from chalicelib.domain.words import counted
from chalicelib.services import demo_clients

_TAG = "test clients"


class TestClientsAdded(Schema):
    """What was missing and was made."""

    __test__ = False

    created: int
    total: int
    message: str


class ClientsDeleted(Schema):
    """How many clients were deleted by now, and how many are still to be deleted."""

    deleted: int
    remaining: int = Field(description="deleted in the background, within minutes")
    message: str


@operation("Create the 2,160 test clients", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.FORBIDDEN,))
def add(call: Call[NoBody, NoQuery]) -> TestClientsAdded:
    """24 time zones × operator codes 910–999, yours; existing ones are not changed. For superusers."""
    added = demo_clients.add(call.engine, call.principal, enabled=call.settings.test_clients_enabled)
    there = added.total - added.created
    message = counted(added.created, "test client") + " made" + (f", there already: {there:,}" if there else "")
    return TestClientsAdded(created=added.created, total=added.total, message=message)


@operation("Delete all clients", tag=_TAG, errors=(HTTPStatus.FORBIDDEN,))
def delete_all(call: Call[NoBody, NoQuery]) -> ClientsDeleted:
    """Everyone's, and their waiting messages become 4 `client_deleted`. For superusers.

    Of very many clients the rest is deleted in the background.
    """
    removed = demo_clients.remove_all(call.engine, call.principal, enabled=call.settings.test_clients_enabled)
    message = (
        counted(removed.deleted, "client")
        + " deleted"
        + (f", still being deleted: {removed.remaining:,}" if removed.remaining else "")
    )
    return ClientsDeleted(deleted=removed.deleted, remaining=removed.remaining, message=message)


@operation("Redirect to the page of test clients", tag=_TAG, status=HTTPStatus.SEE_OTHER)
def add_button(call: Call[NoBody, NoQuery]) -> Reply:
    """A link that is followed changes nothing; the button in the admin panel does."""
    return _to_admin(call)


@operation("Redirect to the page that deletes all clients", tag=_TAG, status=HTTPStatus.SEE_OTHER)
def delete_button(call: Call[NoBody, NoQuery]) -> Reply:
    """A link that is followed changes nothing; the button in the admin panel does."""
    return _to_admin(call)


def _to_admin(call: Call[NoBody, NoQuery]) -> Reply:
    return Reply(HTTPStatus.SEE_OTHER, "", {"Location": f"{call.base_url}/admin/"})
