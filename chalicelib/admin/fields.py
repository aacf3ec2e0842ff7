"""Fields of forms and lists that the library lacks: wall times, lists of words, attributes, moments with their zone, zones' names."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

from babel.numbers import format_decimal
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette_admin.fields import DateTimeField, EnumField, IntegerField, StringField, TextAreaField
from starlette_admin.i18n import format_date, format_datetime, get_locale, get_tzinfo, ngettext
from starlette_admin.i18n import lazy_gettext as _
from starlette_admin.types import RequestAction

from chalicelib.admin.owners import owner_choices
from chalicelib.admin.translations import said
from chalicelib.domain.cells import CellError, join_attributes, join_words, split_attributes, split_words
from chalicelib.domain.limits import BIGGEST_ID
from chalicelib.domain.zones import time_zones

_WHOLE = re.compile("-?[0-9]{1,30}", re.ASCII)


def whole(text: Any) -> int | None:
    """The number of an id or a code that a person or an address gave; None for what cannot be one."""
    digits = str(text)
    # Never more digits than the largest id has: Python refuses to read thousands of them.
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 19 and int(digits) <= BIGGEST_ID else None


def text_of(form: FormData, name: str) -> str:
    """What was typed into a text field, without the spaces around it."""
    found = form.get(name)
    return found.strip() if isinstance(found, str) else ""


def as_typed(value: Any) -> Any:
    """What a form's field holds for a value that was read from it: the inverse of the fields' `parse_form_data`."""
    if isinstance(value, list | tuple):
        return join_words(map(str, value))
    if isinstance(value, dict):
        return join_attributes(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes" if value.second == 0 else "seconds")
    if isinstance(value, time):
        return value.isoformat(timespec="minutes" if value.second == 0 else "seconds")
    return value


class Strict:
    """For fields whose `parse_form_data` leaves what it cannot read as the text it is, so that it is refused and not left out.

    No field itself: a dataclass beside another would put the defaults of all fields over those of the other.
    """

    unread: ClassVar[Any]

    async def validate(self, request: Request, value: Any, form_values: dict[str, Any]) -> None:
        """Raises ValueError for what could not be read."""
        if isinstance(value, str):
            raise ValueError(str(self.unread))
        await super().validate(request, value, form_values)  # type: ignore[misc]  # the field's own


@dataclass
class WordsField(StringField):
    """A list of words: typed with commas between them, shown as badges."""

    list_template: str = "admin/fields/words.html"
    detail_template: str = "admin/fields/words.html"

    async def parse_form_data(self, request: Request, form_data: FormData) -> list[str]:
        """The words."""
        return split_words(text_of(form_data, self.id))

    async def serialize_value(self, request: Request, value: Any) -> Any:
        """A list for pages, one text for forms and files."""
        if request.state.action in (RequestAction.LIST, RequestAction.DETAIL):
            return list(value)
        return as_typed(value)


@dataclass
class AttributesField(TextAreaField):
    """A client's attributes for personal texts, one `name = value` a line."""

    rows: int = 4
    placeholder: str | None = "name = Anna"

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """The attributes; a line without `=` is kept as a name without a value, for the service to refuse.

        What cannot be read stays a text, for `validate` to refuse.
        """
        typed = form_data.get(self.id)
        typed = typed if isinstance(typed, str) else ""
        try:
            return split_attributes(typed)
        except CellError:
            return typed

    async def validate(self, request: Request, value: Any, form_values: dict[str, Any]) -> None:
        """Raises ValueError for what could not be read."""
        if isinstance(value, str):
            try:
                split_attributes(value)
            except CellError as error:
                raise ValueError(said(str(error))) from None
        await super().validate(request, value, form_values)

    async def serialize_value(self, request: Request, value: Any) -> str:
        """One line for each."""
        return str(as_typed(value))


@dataclass
class ZoneField(StringField):
    """The name of a time zone, found by typing a part of it."""

    form_template: str = "admin/fields/zone.html"
    maxlength: int | None = 64

    @property
    def names(self) -> list[str]:
        """All that are accepted."""
        return sorted(time_zones())

    async def parse_form_data(self, request: Request, form_data: FormData) -> str | None:
        """The name; nothing at all if the field was left empty."""
        return text_of(form_data, self.id) or None


@dataclass
class WallTimeField(Strict, StringField):
    """A wall time: what clocks show somewhere. Never converted, never with an offset."""

    input_type: str = "datetime-local"
    class_: str = "form-control"
    unread = _("This is not a date and time.")

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """The wall time; what is none, or has an offset, stays a text, for `validate` to refuse."""
        raw = text_of(form_data, self.id)
        try:
            wall = datetime.fromisoformat(raw)
        except ValueError:
            return raw or None
        return wall if wall.tzinfo is None else raw

    async def serialize_value(self, request: Request, value: Any) -> str:
        """As people write it; in forms and files as computers do."""
        if isinstance(value, str):
            return value
        if request.state.action in (RequestAction.LIST, RequestAction.DETAIL):
            return wall_time(value)
        return str(as_typed(value))


@dataclass
class TimeOfDayField(Strict, StringField):
    """A time of day."""

    input_type: str = "time"
    class_: str = "form-control"
    unread = _("This is not a time of day.")

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """The time; what is none stays a text, for `validate` to refuse."""
        raw = text_of(form_data, self.id)
        try:
            return time.fromisoformat(raw).replace(tzinfo=None)
        except ValueError:
            return raw or None

    async def serialize_value(self, request: Request, value: Any) -> str:
        """Hours and minutes."""
        return str(as_typed(value))


@dataclass
class MomentField(DateTimeField):
    """An instant, in the reader's zone with the zone shown; in files in UTC. Never written by people."""

    read_only: bool | None = True
    exclude_from_create: bool | None = True
    exclude_from_edit: bool | None = True

    async def serialize_value(self, request: Request, value: Any) -> str:
        """The instant as text."""
        if request.state.action == RequestAction.EXPORT:
            return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return moment(value)


@dataclass
class CodeField(EnumField):
    """One of a few codes, with words for people and a colour."""

    list_template: str = "admin/fields/code.html"
    detail_template: str = "admin/fields/code.html"
    colours: tuple[tuple[Any, str], ...] = ()

    def colour(self, shown: str, request: Request) -> str:
        """The colour of a value, given by the words it is shown as."""
        for value, label in self._get_choices(request):
            if str(label) == str(shown):
                return str(dict(self.colours).get(value, "secondary"))
        return "secondary"


@dataclass
class OwnerField(Strict, EnumField):
    """Whose it is: for superusers, who alone see other people's things."""

    coerce: Any = int
    required: bool | None = False
    unread = _("This is not a whole number.")

    def __post_init__(self) -> None:
        self.choices_loader = owner_choices
        self.help_text = _("Empty: yourself")  # not a default: lazy texts cannot be hashed
        super().__post_init__()

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """The user's id; what is none stays a text, for `validate` to refuse."""
        raw = text_of(form_data, self.id)
        number = whole(raw)
        return raw or None if number is None else number

    async def serialize_value(self, request: Request, value: Any) -> Any:
        """The user's name; the id in forms."""
        if request.state.action.is_form():
            return value
        return dict(owner_choices(request)).get(value, f"#{value}")


@dataclass
class WholeNumberField(Strict, IntegerField):
    """A whole number; the library takes what is none for nothing at all. Its range is only shown to the browser: the service checks it."""

    unread = _("This is not a whole number.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.validators = []  # the library's repeat `min` and `max`

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """The number; what is none stays a text, for `validate` to refuse."""
        raw = text_of(form_data, self.id)
        return int(raw) if _WHOLE.fullmatch(raw) else raw or None


@dataclass
class LinkField(WholeNumberField):
    """The id of another thing, shown as a link to it, by its name where a view has put names aside in `request.state`."""

    to: str = ""
    max: int | None = BIGGEST_ID
    list_template: str = "admin/fields/link.html"
    detail_template: str = "admin/fields/link.html"


@dataclass
class SearchedField(LinkField):
    """The same, written by id or by what people know the thing by: a name, a phone. The view finds the id."""

    input_type: str = "text"

    async def parse_form_data(self, request: Request, form_data: FormData) -> Any:
        """The number, or the words to search for."""
        raw = text_of(form_data, self.id)
        number = whole(raw)
        return raw or None if number is None else number

    async def validate(self, request: Request, value: Any, form_values: dict[str, Any]) -> None:
        """Words are the view's to look up."""
        if not isinstance(value, str):
            await super().validate(request, value, form_values)


@dataclass
class DetailsField(StringField):
    """A small mapping, shown as `name: value` pairs."""

    async def serialize_value(self, request: Request, value: Any) -> str:
        """The pairs on one line."""
        return ", ".join(f"{name}: {each}" for name, each in dict(value or {}).items())


@dataclass
class IdField(IntegerField):
    """An id, which people never write."""

    exclude_from_create: bool | None = True
    exclude_from_edit: bool | None = True


def moment(value: datetime) -> str:
    """An instant in the reader's zone, with the zone's offset."""
    local = value.astimezone(get_tzinfo())
    return f"{format_datetime(local, 'd MMM y, HH:mm:ss', get_tzinfo())} {offset(local)}"


def offset(local: datetime) -> str:
    """`UTC+3`, `UTC+5:30`, `UTC`."""
    minutes = int((local.utcoffset() or timedelta(0)).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    if not minutes:
        return "UTC"
    return f"UTC{'+' if minutes > 0 else '−'}{hours}{f':{rest:02}' if rest else ''}"


def wall_time(value: datetime) -> str:
    """A wall time as people write it."""
    return f"{format_date(value.date(), 'd MMM y')}, {value:%H:%M}{f':{value:%S}' if value.second else ''}"


def count_of(number: int, one: str, many: str, **values: str) -> str:
    """The sentence with the noun's form for the number, which is put in as `%(n)s`."""
    return ngettext(one, many, number) % {"n": format_decimal(number, locale=get_locale()), **values}
