"""Types of fields that several schemas share."""

import re
from datetime import UTC, datetime, time
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)

from chalicelib.api.operations import TYPES_ALONE, QuerySchema
from chalicelib.domain import limits
from chalicelib.domain.characters import canonical
from chalicelib.domain.personal_text import placeholders
from chalicelib.domain.phone import MAX_TYPED, check_typed, parse_country
from chalicelib.domain.status import ErrorCode
from chalicelib.domain.zones import is_known, parse_time_zone

_OFFSET = re.compile(r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$", re.IGNORECASE)
# domain.life_cycle.YEARS, as a pattern that the document can show.
_WALL_TIME = r"^2[0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
_ANY_WALL_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?"
_TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
_DIGITS = r"^[0-9]+$"


def _wall_time(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and _OFFSET.search(value):
        raise ValueError(
            "a wall time has no offset: it is what clocks show in the mailing's time_zone, or, without one, in each client's own"
        )
    pattern = _ANY_WALL_TIME if info.context == TYPES_ALONE else _WALL_TIME
    if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
        raise ValueError("a wall time of the years 2000 to 2999, like 2030-05-01T09:00:00")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("no such day in the calendar") from None


def _time_of_day(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(_TIME_OF_DAY, value, re.ASCII):
        raise ValueError("a time of day, like 09:00 or 21:30:00")
    return time.fromisoformat(value)


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Id = Annotated[int, Field(ge=1, le=limits.BIGGEST_ID)]
WallTime = Annotated[
    datetime,
    BeforeValidator(_wall_time),
    PlainSerializer(lambda value: value.isoformat(timespec="seconds"), return_type=str),
    WithJsonSchema({"type": "string", "format": "wall-time", "pattern": _WALL_TIME, "examples": ["2030-05-01T09:00:00"]}),
]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    PlainSerializer(lambda value: value.isoformat(timespec="seconds"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": _TIME_OF_DAY, "examples": ["09:00:00"]}),
]
Moment = Annotated[
    datetime,
    PlainSerializer(_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-05-01T06:00:00.000Z"]}),
]
"""An instant, shown in UTC with milliseconds and `Z`: always 24 characters."""


def _moment(value: Any) -> Any:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(found, datetime) and found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("a moment with its offset, like 2030-05-01T06:00:00Z")


MomentIn = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2030-05-01T06:00:00Z"]}),
]
"""The same as a parameter: with any offset."""


# Answers validate nothing that the database does not hold to: a row that an earlier version, an import or a newer version has written
# is shown as it is stored. tests/api/test_answers_as_stored.py goes through all schemas of answers.
Phone = Annotated[
    str,
    Field(
        examples=["+79101234567"],
        description="In E.164, unless an earlier version or an import stored something else: shown as it is",
    ),
]
Words = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {"type": "string"}})]
StoredErrorCode = Annotated[
    str,
    WithJsonSchema({"anyOf": [{"type": "string", "enum": [str(code) for code in ErrorCode]}, {"type": "string"}]}),
]
"""A newer version may have stored a code that is unknown here."""


def known(stored: str | None) -> str | None:
    """The phone of a row; None where it was cleared, or where an erased person left a hash in its place."""
    return stored if stored and stored.startswith("+") else None


PhoneIn = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TYPED,
        examples=["+79101234567"],
        json_schema_extra={"format": "phone"},
        description="With + and the country calling code, or a national number of `default_country`; kept in E.164",
    ),
    AfterValidator(check_typed),
]
"""As it is typed; what was stored is shown whatever the numbering plans have become."""
Country = Annotated[
    str,
    Field(
        max_length=2,
        json_schema_extra={"format": "country"},
        examples=["RU"],
        description="ISO 3166: the country of phones without +. Unless it is given, such phones are refused",
    ),
    AfterValidator(parse_country),
]


def _checked_phone(text: str) -> str:
    check_typed(text)
    return text


def _template(value: str) -> str:
    placeholders(value)
    return value


def _types_alone(value: Any, strict: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    return value if info.context == TYPES_ALONE and isinstance(value, str) else strict(value)


MaybeStored = WrapValidator(_types_alone)
"""For texts that may be older than their rules: see `TYPES_ALONE`."""


def _rate(value: Any, strict: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    return value if info.context == TYPES_ALONE and type(value) is int else strict(value)


Template = Annotated[
    str,
    Field(min_length=1, max_length=limits.MAILING_TEXT_LENGTH, examples=["Hello, ${name|dear client}!"]),
    AfterValidator(_template),
    MaybeStored,
]
MailingName = Annotated[str, Field(min_length=1, max_length=limits.MAILING_NAME_LENGTH, examples=["May sale"]), MaybeStored]
Rate = Annotated[int, Field(ge=1, le=limits.RATE), WrapValidator(_rate)]
ClientPhoneIn = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TYPED,
        examples=["+79101234567"],
        json_schema_extra={"format": "phone"},
        description="With + and the country calling code, or a national number of `default_country`; kept in E.164",
    ),
    AfterValidator(_checked_phone),
    MaybeStored,
]
_TAG = Field(min_length=1, max_length=limits.TAG_LENGTH, examples=["vip"], description="Stored in small letters: `VIP` is `vip`")
TagIn = Annotated[str, _TAG, MaybeStored]
OperatorCode = Annotated[str, Field(min_length=1, max_length=limits.CODE_LENGTH, pattern=_DIGITS, examples=["910"])]
OperatorCodeIn = Annotated[OperatorCode, MaybeStored]
ProviderName = Annotated[str, Field(pattern=f"^{limits.PROVIDER_NAME.pattern}$", examples=["twilio"])]
ProviderNameIn = Annotated[ProviderName, MaybeStored]
Tag = Annotated[str, _TAG, AfterValidator(canonical)]


def _stored_zone(name: str) -> str:
    """Clients may have zones that nobody can choose any more, as `Etc/GMT-3`."""
    return name if is_known(name) else parse_time_zone(name)


_ZONE = Field(
    min_length=1,
    max_length=64,
    examples=["Europe/Moscow"],
    json_schema_extra={"format": "time-zone"},
    description="An IANA name",
)
ZoneName = Annotated[str, _ZONE, AfterValidator(_stored_zone)]
ZoneNameIn = Annotated[str, _ZONE, AfterValidator(parse_time_zone), MaybeStored]


class PhoneQuery(QuerySchema):
    """How phones of the body are read."""

    default_country: Country | None = None
