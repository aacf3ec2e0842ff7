"""Clients."""

from typing import Annotated, Any, cast

from pydantic import Discriminator, Field, PlainValidator, WithJsonSchema
from pydantic import Tag as Branch

from chalicelib.api.operations import Schema, Versioned, partial
from chalicelib.api.pages import OwnedQuery
from chalicelib.api.schemas.fields import Id, Moment, OperatorCode, Phone, PhoneIn, Tag, ZoneName
from chalicelib.domain import limits
from chalicelib.domain.personal_text import ATTRIBUTE_NAME
from chalicelib.services.clients import ClientChanges, NewClient, version_of
from chalicelib.storage.clients import ClientRow

MAX_AT_ONCE = limits.AT_ONCE

AttributeName = Annotated[str, Field(max_length=limits.ATTRIBUTE_NAME_LENGTH, pattern=f"^{ATTRIBUTE_NAME}$")]


def _attribute(value: Any) -> str | int:
    if isinstance(value, str) and len(value) <= limits.ATTRIBUTE_VALUE_LENGTH:
        return value
    if type(value) is int and abs(value) <= limits.SAFE_INTEGER:
        return value
    raise ValueError(
        f"a text of up to {limits.ATTRIBUTE_VALUE_LENGTH} characters, or a whole number of at most {limits.SAFE_INTEGER} either way"
    )


_ATTRIBUTE_SCHEMA = {
    "anyOf": [
        {"type": "string", "maxLength": limits.ATTRIBUTE_VALUE_LENGTH},
        {"type": "integer", "minimum": -limits.SAFE_INTEGER, "maximum": limits.SAFE_INTEGER},
    ]
}
AttributeValue = Annotated[str | int, PlainValidator(_attribute), WithJsonSchema(_ATTRIBUTE_SCHEMA)]


# Names by `propertyNames`, values by `additionalProperties`: generators of clients lose what `patternProperties` says.
Attributes = Annotated[
    dict[AttributeName, AttributeValue],
    Field(max_length=limits.ATTRIBUTES),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{ATTRIBUTE_NAME}$"},
            "additionalProperties": _ATTRIBUTE_SCHEMA,
            "maxProperties": limits.ATTRIBUTES,
        }
    ),
]


class ClientFields(Schema):
    """What can be written of a client."""

    phone: PhoneIn
    time_zone: ZoneName
    operator_code: OperatorCode | None = Field(default=None, description="Taken from the phone unless given")
    tags: list[Tag] = Field(default=[], max_length=limits.TAGS)
    attributes: Attributes = Field(
        default={}, description="For personal texts: `${name}` in a mailing's text", examples=[{"name": "Анна", "visits": 3}]
    )
    owner: Id | None = Field(default=None, description="Superusers may name another user")


class ClientIn(ClientFields):
    """A client to be written."""

    def to_new(self, country: str | None = None) -> NewClient:
        """The same for the service; phones without + are of `country`."""
        return NewClient(
            phone=self.phone,
            time_zone=self.time_zone,
            operator_code=self.operator_code,
            tags=tuple(dict.fromkeys(self.tags)),
            attributes=self.attributes,
            owner_id=self.owner,
            country=country,
        )


@partial
class ClientPatch(ClientFields):
    """What is to change of a client: what is not named stays."""

    def to_changes(self, country: str | None = None) -> ClientChanges:
        """The same for the service; a phone without + is of `country`."""
        changes = {**self.named, "country": country}
        if "tags" in changes:
            changes["tags"] = tuple(dict.fromkeys(self.tags))
        if "owner" in changes:
            changes["owner_id"] = changes.pop("owner")
        return cast(ClientChanges, changes)


class ClientsIn(Schema):
    """Many clients to be added, all or none."""

    clients: list[ClientIn] = Field(min_length=1, max_length=MAX_AT_ONCE)


def _branch(value: Any) -> str:
    return "many" if isinstance(value, ClientsIn) or (isinstance(value, dict) and "clients" in value) else "one"


OneOrMany = Annotated[Annotated[ClientIn, Branch("one")] | Annotated[ClientsIn, Branch("many")], Discriminator(_branch)]


class ClientOut(Versioned):
    """A client."""

    id: Id
    owner: Id
    phone: Phone
    operator_code: str
    tags: list[str]
    attributes: dict[str, str | int]
    time_zone: str
    created_at: Moment


class ClientsOut(Schema):
    """The clients that were added, in the order of the call."""

    created: int = Field(description="How many were added: all of the call")
    results: list[ClientOut] = Field(description="The first of them, as many as fit into an answer")


class ClientQuery(OwnedQuery):
    """Which clients."""

    tag: list[Tag] = Field(default=[], max_length=limits.TAGS, description="Has this tag; given several times: has all of them")
    operator_code: OperatorCode | None = None
    time_zone: ZoneName | None = None
    phone_prefix: Annotated[str, Field(min_length=1, max_length=16, pattern=r"^\+[0-9]*$", examples=["+7910"])] | None = None


def show(row: ClientRow) -> ClientOut:
    """A client as the API shows it."""
    return ClientOut(
        id=row.id,
        owner=row.owner,
        phone=row.phone,
        operator_code=row.operator_code,
        tags=row.tags,
        attributes=row.attributes,
        time_zone=row.time_zone,
        created_at=row.created_at,
    ).versioned(version_of(row))
