"""What a mailing's text would become for all selected clients, before it is sent to any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from chalicelib.domain.errors import ConfirmationRequiredError, FieldCode, FieldError
from chalicelib.domain.personal_text import TEXT_LENGTH, Needs, fill, nearest, needs, parts_of
from chalicelib.domain.segments import Segments, segments
from chalicelib.domain.selection import Selection
from chalicelib.storage import selections
from chalicelib.storage.selections import NameValues

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
    """What a text asks of the selected clients. `failing` of them would get no message; `longest` is its size with the longest values."""

    failing: int
    lacked: Sequence[LackedValue]
    known_names: Sequence[str]
    longest: Segments
    longest_is_too_long: bool


def check(connection: Connection, owner_id: int, selection: Selection, text: str) -> TextCheck:
    """Compare the text's placeholders with the attributes of all clients that the selection matches."""
    asked = needs(text)
    if not asked.names:
        whole = fill(text, {})
        return TextCheck(
            0, [], selections.attribute_names(connection, owner_id, selection), segments(whole), len(whole) > TEXT_LENGTH
        )
    failing = selections.count_failing(connection, owner_id, selection, asked) if _may_fail(asked) else 0
    values = selections.values_of(connection, owner_id, selection, asked.names)
    known = selections.attribute_names(connection, owner_id, selection)
    lacked = _lacked(asked, values, known)
    filled = [fill(text, each) for each in largest_values(text, values)]
    worst = max((segments(each) for each in filled), key=lambda each: (each.segments, each.units))
    return TextCheck(failing, lacked, known, worst, max(map(len, filled)) > TEXT_LENGTH)


def largest_values(text: str, values: Mapping[str, NameValues]) -> tuple[dict[str, str], dict[str, str]]:
    """What makes the text largest: the longest value of each name, and the longest that is not in GSM's alphabet where there is one.

    A default counts where a client lacks the value and gets the text all the same. static/mailing/segments.js has the same rule.
    """
    asked = needs(text)
    defaults: dict[str, str] = {}
    for name, default in parts_of(text).placeholders:
        lacked = name not in values or bool(values[name].lacking)
        if default is not None and name not in asked.required and lacked:
            defaults[name] = max(defaults.get(name, ""), default, key=len)
    longest, odd = dict[str, str](), dict[str, str]()
    for name in asked.names:
        found = values.get(name, NameValues(0, None, None))
        default = defaults.get(name, "")
        longest[name] = max(found.longest or "", default, key=len) or ("?" if name in asked.required else "")
        of_default = default if segments(default).odd else longest[name]
        odd[name] = of_default if found.longest_odd is None else found.longest_odd
    return longest, odd


def _may_fail(asked: Needs) -> bool:
    """Can a client without values get no message?"""
    return bool(asked.required) or (asked.by_values_alone and bool(asked.names))


def _lacked(asked: Needs, values: Mapping[str, NameValues], known: Sequence[str]) -> list[LackedValue]:
    return [
        LackedValue(
            name,
            found.lacking,
            name not in asked.required,
            unknown := found.longest is None,
            nearest(name, known) if unknown else None,
        )
        for name, found in sorted(values.items())
        if found.lacking
    ]


def require_values(connection: Connection, owner_id: int, selection: Selection, text: str) -> None:
    """Raise ConfirmationRequiredError if selected clients would get no message for lack of a value."""
    asked = needs(text)
    failing = selections.count_failing(connection, owner_id, selection, asked) if _may_fail(asked) else 0
    if not failing:
        return
    values = selections.values_of(connection, owner_id, selection, asked.names if asked.by_values_alone else asked.required)
    known = selections.attribute_names(connection, owner_id, selection)
    names = [
        f"{each.name} (do you mean {each.nearest}?)" if each.nearest else each.name for each in _lacked(asked, values, known)
    ]
    listed = ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "")
    message = f"clients who would get no message, because they lack a value: {failing}; lacked values: {listed}"
    raise ConfirmationRequiredError(FieldError("text", message, FieldCode.MISSING_VALUES))
