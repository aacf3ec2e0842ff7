"""A person behind a phone: all that is known of them, and erasing it."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from chalicelib.api.operations import Call, Schema, operation
from chalicelib.api.schemas.fields import Moment, Phone, PhoneIn, PhoneQuery
from chalicelib.services import persons

_TAG = "persons"


class PersonIn(Schema):
    """Whom it is about."""

    phone: PhoneIn


class PersonOut(Schema):
    """All that is known of a phone, as it is stored."""

    phone: Phone
    exported_at: Moment
    clients: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    calls: list[dict[str, Any]] = Field(description="Calls to the provider that were not accepted at the first try")
    do_not_contact: list[dict[str, Any]]
    history: list[dict[str, Any]] = Field(description="Changes of these clients, and test messages to the phone")


class ErasedOut(Schema):
    """From how many rows something was erased."""

    clients: int
    messages: int
    do_not_contact: int
    history: int
    kept_answers: int


@operation("Export all data of a phone", tag=_TAG)
def export(call: Call[PersonIn, PhoneQuery]) -> PersonOut:
    """From your data; a superuser's export has everyone's."""
    found = persons.export(call.engine, call.principal, call.body.phone, country=call.query.default_country)
    return PersonOut.model_validate(asdict(found))


@operation("Erase the person behind a phone", tag=_TAG)
def erase(call: Call[PersonIn, PhoneQuery]) -> ErasedOut:
    """From your data; a superuser erases from everyone's. It cannot be undone.

    Clients are deleted; messages and do-not-contact entries keep a keyed hash of the phone, so that a client added again gets no message
    twice, and none after opting out.
    """
    return ErasedOut(**asdict(persons.erase(call.engine, call.principal, call.body.phone, country=call.query.default_country)))
