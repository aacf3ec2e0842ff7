"""The do-not-contact list."""

from typing import Annotated, Any

from pydantic import Discriminator, Field
from pydantic import Tag as Branch

from chalicelib.api.operations import Schema
from chalicelib.api.pages import OwnedQuery
from chalicelib.api.schemas.fields import Country, Id, Moment, Phone, PhoneIn, known
from chalicelib.domain import limits
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.storage.do_not_contact import DoNotContactRow

MAX_AT_ONCE = limits.AT_ONCE


class DoNotContactIn(Schema):
    """A phone that is sent nothing, whether or not there is a client with it."""

    phone: PhoneIn
    reason: str = Field(default="", max_length=limits.REASON_LENGTH, examples=["asked by letter"])
    owner: Id | None = Field(default=None, description="Superusers may name another user")

    def to_new(self, country: str | None = None) -> NewEntry:
        """The same for the service; a phone without + is of `country`."""
        return NewEntry(self.phone, self.reason, self.owner, country)


class DoNotContactsIn(Schema):
    """Many phones, all or none."""

    phones: list[DoNotContactIn] = Field(min_length=1, max_length=MAX_AT_ONCE)


def _branch(value: Any) -> str:
    return "many" if isinstance(value, DoNotContactsIn) or (isinstance(value, dict) and "phones" in value) else "one"


OneOrMany = Annotated[
    Annotated[DoNotContactIn, Branch("one")] | Annotated[DoNotContactsIn, Branch("many")], Discriminator(_branch)
]


class DoNotContactOut(Schema):
    """One phone on one owner's list."""

    id: Id
    owner: Id
    phone: Phone | None = Field(description="null once the person was erased: a hash of the phone is left, which still bars it")
    reason: str
    created_at: Moment


class DoNotContactsOut(Schema):
    """The entries, each phone once."""

    results: list[DoNotContactOut] = Field(description="As many as fit into an answer")


class DoNotContactQuery(OwnedQuery):
    """Which entries."""

    phone: PhoneIn | None = Field(default=None, description="Is this phone on the list? (`+` is `%2B` in a URL)")
    default_country: Country | None = None


def show(row: DoNotContactRow) -> DoNotContactOut:
    """An entry as the API shows it."""
    return DoNotContactOut(id=row.id, owner=row.owner, phone=known(row.phone), reason=row.reason, created_at=row.created_at)
