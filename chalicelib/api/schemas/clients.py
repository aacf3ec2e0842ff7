"""Clients."""

from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic import Tag as Branch
from pydantic_core import PydanticCustomError, PydanticKnownError

from chalicelib.api.operations import TYPES_ALONE, Schema, Versioned, partial
from chalicelib.api.pages import OwnedQuery
from chalicelib.api.schemas.fields import (
    ClientPhoneIn,
    Id,
    Moment,
    OperatorCode,
    OperatorCodeIn,
    Phone,
    PhoneQuery,
    Tag,
    TagIn,
    Words,
    ZoneName,
    ZoneNameIn,
)
from chalicelib.domain import limits
from chalicelib.domain.personal_text import ATTRIBUTE_NAME
from chalicelib.services.client_import import Report
from chalicelib.services.clients import ClientChanges, NewClient, OnConflict, version_of
from chalicelib.storage.clients import ClientRow

MAX_AT_ONCE = limits.AT_ONCE


def _attribute(value: Any, info: ValidationInfo) -> str | int:
    if isinstance(value, str):
        if info.context != TYPES_ALONE and len(value) > limits.ATTRIBUTE_VALUE_LENGTH:
            raise PydanticKnownError("string_too_long", {"max_length": limits.ATTRIBUTE_VALUE_LENGTH})
        return value
    if type(value) is not int:
        raise PydanticCustomError("attribute_type", "a text or a whole number")
    if info.context != TYPES_ALONE and abs(value) > limits.SAFE_INTEGER:
        raise PydanticCustomError("attribute_size", f"a whole number of at most {limits.SAFE_INTEGER} either way")
    return value


_ATTRIBUTE_SCHEMA = {
    "anyOf": [
        {"type": "string", "maxLength": limits.ATTRIBUTE_VALUE_LENGTH},
        {"type": "integer", "minimum": -limits.SAFE_INTEGER, "maximum": limits.SAFE_INTEGER},
    ]
}
AttributeValue = Annotated[str | int, PlainValidator(_attribute), WithJsonSchema(_ATTRIBUTE_SCHEMA)]


# The service judges names: pydantic's error would repeat the whole pattern.
# Names by `propertyNames`, values by `additionalProperties`: generators of clients lose what `patternProperties` says.
Attributes = Annotated[
    dict[str, AttributeValue],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": f"^{ATTRIBUTE_NAME}$"},
            "additionalProperties": _ATTRIBUTE_SCHEMA,
            "maxProperties": limits.ATTRIBUTES,
        }
    ),
]


class ClientDetails(Schema):
    """What can be written of a client beside the phone."""

    time_zone: ZoneNameIn
    operator_code: OperatorCodeIn | None = Field(default=None, description="Taken from the phone unless given")
    tags: list[TagIn] = Field(default=[], json_schema_extra={"maxItems": limits.TAGS})
    attributes: Attributes = Field(
        default={}, description="For personal texts: `${name}` in a mailing's text", examples=[{"name": "Анна", "visits": 3}]
    )
    owner: Id | None = Field(default=None, description="Superusers may name another user")


class ClientByPhoneIn(ClientDetails):
    """A client to be written whose phone stands in the address."""

    def to_new(self, phone: str, country: str | None = None) -> NewClient:
        """The same for the service; a phone without + is of `country`."""
        return _new(self, phone, country)


class ClientFields(ClientDetails):
    """What can be written of a client."""

    phone: ClientPhoneIn


class ClientIn(ClientFields):
    """A client to be written."""

    def to_new(self, country: str | None = None) -> NewClient:
        """The same for the service; phones without + are of `country`."""
        return _new(self, self.phone, country)


def _new(given: ClientDetails, phone: str, country: str | None) -> NewClient:
    return NewClient(
        phone=phone,
        time_zone=given.time_zone,
        operator_code=given.operator_code,
        tags=tuple(dict.fromkeys(given.tags)),
        attributes=given.attributes,
        owner_id=given.owner,
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
    tags: Words
    attributes: Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": _ATTRIBUTE_SCHEMA})]
    time_zone: str
    created_at: Moment


class ClientsOut(Schema):
    """The clients of the call, in its order."""

    created: int = Field(description="How many were added")
    updated: int = Field(default=0, description="With `on_conflict=update`: how many were there and differed")
    results: list[ClientOut] = Field(description="The first of them, as many as fit into an answer")


class CreateQuery(PhoneQuery):
    """How clients are added."""

    on_conflict: OnConflict = Field(
        default=OnConflict.FAIL,
        description="Of a client whose phone the owner has already: `fail` refuses the call, `skip` leaves it, `update` replaces it",
    )


class ImportQuery(PhoneQuery):
    """How a file is imported."""

    dry_run: bool = Field(default=True, description="Only tell what would be done")
    on_conflict: Literal["skip", "update"] = Field(
        default="skip",
        description="Of a client whose phone the owner has already: leave it, or update it from the file's columns",
    )
    unknown_columns: Literal["refuse", "leave_out", "attributes"] = Field(
        default="refuse", description="What becomes of columns whose names are not known"
    )
    delimiter: Literal["comma", "semicolon", "tab"] | None = Field(
        default=None, description="That of the first row unless it is said"
    )
    owner: Id | None = Field(default=None, description="Superusers may name another user")


class ImportedColumn(Schema):
    """A column of the file, and what it became (`""`: left out)."""

    name: str
    target: str


class BadRow(Schema):
    """What is wrong with one row, numbered as in a spreadsheet."""

    row: int
    column: str
    cell: str
    message: str
    code: str = Field(description="What is wrong, for programs: a code of a field, or of a phone (`phone_country_unknown`)")


class ImportOut(Schema):
    """What was done, or with `dry_run` would be done: rows = created + updated + unchanged + bad + blank."""

    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    bad: int
    blank: int
    columns: list[ImportedColumn]
    countries: dict[str, int] = Field(description="Good rows by the ISO 3166 code of their phone's country")
    contradictions: int = Field(description="Good rows whose phone's country never shows their time zone's clock")
    errors: list[BadRow] = Field(description="Of the bad rows, the first 1,000 reasons")
    error_codes: dict[str, int] = Field(description="All bad rows by code; a row with several reasons is counted with each")


def show_import(report: Report, columns: list[tuple[str, str]], *, dry_run: bool) -> ImportOut:
    """A report as the API shows it."""
    return ImportOut(
        dry_run=dry_run,
        rows=report.rows,
        created=report.created,
        updated=report.updated,
        unchanged=report.unchanged,
        bad=report.bad,
        blank=report.blank,
        columns=[ImportedColumn(name=name, target=target) for name, target in columns],
        countries=dict(report.countries),
        contradictions=len(report.contradictions),
        errors=[
            BadRow(row=each.row, column=each.column, cell=each.cell, message=each.message, code=each.code)
            for each in report.errors[:1_000]
        ],
        error_codes=dict(report.codes.most_common()),
    )


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
