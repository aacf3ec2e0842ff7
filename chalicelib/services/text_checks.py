"""What a mailing's text would become for all selected clients, before it is sent to any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from chalicelib.domain.errors import ConfirmationRequiredError, FieldCode, FieldError
from chalicelib.domain.personal_text import TEXT_LENGTH, fill, nearest, needs
from chalicelib.domain.segments import Segments, segments
from chalicelib.domain.selection import Selection
from chalicelib.storage import selections

_MOST_NAMES = 3


@dataclass(frozen=True, slots=True)
class LackedValue:
    """An attribute that the text asks for: how many selected clients lack it, whether all do, and which known name is nearest then."""

    name: str
    clients: int
    has_default: bool
    unknown: bool
    nearest: str | None


@dataclass(frozen=True, slots=True)
class TextCheck:
    """What a text asks of the selected clients. `failing` of them would get no message; `longest` is an upper bound for the others."""

    failing: int
    lacked: Sequence[LackedValue]
    known_names: Sequence[str]
    longest: Segments
    longest_is_too_long: bool
    longest_values: Mapping[str, str] = field(default_factory=dict)


def check(connection: Connection, owner_id: int, selection: Selection, text: str) -> TextCheck:
    """Compare the text's placeholders with the attributes of all clients that the selection matches."""
    asked = needs(text)
    if not asked.names:
        whole = fill(text, {})
        return TextCheck(
            0, [], selections.attribute_names(connection, owner_id, selection), segments(whole), len(whole) > TEXT_LENGTH
        )
    failing, values = selections.values_of(connection, owner_id, selection, asked)
    known = selections.attribute_names(connection, owner_id, selection)
    lacked = [
        LackedValue(
            name,
            found.lacking,
            name not in asked.required,
            unknown := found.longest is None and bool(found.lacking),
            nearest(name, known) if unknown else None,
        )
        for name, found in sorted(values.items())
        if found.lacking
    ]
    longest = {name: found.longest or "" for name, found in values.items()}
    odd = longest | {name: found.longest_odd for name, found in values.items() if found.longest_odd is not None}
    filled = [_filled(text, each) for each in (longest, odd)]
    worst = max((segments(each) for each in filled), key=lambda each: (each.segments, each.units))
    return TextCheck(failing, lacked, known, worst, max(map(len, filled)) > TEXT_LENGTH, longest)


def _filled(text: str, values: Mapping[str, str]) -> str:
    """The text with the values, and a space in the place of each that nobody has."""
    return fill(text, {name: value or "?" for name, value in values.items()})


def require_values(connection: Connection, owner_id: int, selection: Selection, text: str) -> None:
    """Raise ConfirmationRequiredError if selected clients would get no message for lack of a value."""
    asked = needs(text)
    if not asked.required and not (asked.by_values_alone and asked.names):
        return
    found = check(connection, owner_id, selection, text)
    if not found.failing:
        return
    names = [
        f"{each.name} (do you mean {each.nearest}?)" if each.nearest else each.name
        for each in found.lacked
        if not each.has_default or asked.by_values_alone
    ]
    listed = ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
    message = f"clients who would get no message, because they lack a value: {found.failing}; lacked values: {listed}"
    raise ConfirmationRequiredError(FieldError("text", message, FieldCode.MISSING_VALUES))
