"""Test clients, made and deleted at one stroke."""

from http import HTTPStatus

from chalicelib.api.operations import Call, NoBody, NoQuery, Schema, operation
from chalicelib.services import demo_clients

_TAG = "test clients"


class TestClientsAdded(Schema):
    """What was missing and was made."""

    created: int
    total: int
    message: str


@operation("Make the 2,160 test clients", tag=_TAG, status=HTTPStatus.CREATED, errors=(HTTPStatus.FORBIDDEN,))
def add_test_clients(call: Call[NoBody, NoQuery]) -> TestClientsAdded:
    """24 time zones × operator codes 910–999, yours; those that are there already are left alone. For superusers."""
    added = demo_clients.add(call.engine, call.principal, enabled=call.settings.test_clients_enabled)
    there = added.total - added.created
    message = f"{added.created} test clients made" + (f", {there} were there already" if there else "")
    return TestClientsAdded(created=added.created, total=added.total, message=message)
