"""What the columns of a file are: by their names in English and Russian, as a person left them the last time, or chosen."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from chalicelib.domain.personal_text import ATTRIBUTE_NAME_LENGTH, attribute_name, is_attribute_name
from chalicelib.domain.table import visible

LEFT_OUT: Final = ""
ATTRIBUTE: Final = "attributes."
"""A target of this form is one attribute: `attributes.name`."""
FIELDS: Final = ("phone", "time_zone", "operator_code", "tags", "attributes")
REQUIRED: Final = ("phone", "time_zone")
_NAMES: Final[Mapping[str, str]] = {
    name: target
    for target, names in {
        "phone": "phone, phone number, phonenumber, number, mobile, mobile phone, mobile number, cell, cell phone, tel, telephone, msisdn,"
        " телефон, номер, номер телефона, мобильный, мобильный телефон, моб, моб телефон, сотовый, тел, контактный телефон",
        "time_zone": "time zone, timezone, tz, zone, часовой пояс, временная зона, таймзона, пояс, зона",
        "operator_code": "operator code, code, код оператора, код",
        "tags": "tags, tag, labels, groups, segment, теги, тег, метки, группы, сегмент",
        "attributes": "attributes, атрибуты",
    }.items()
    for name in names.split(", ")
}
# Of our own export: nothing that a file could say of them is written.
_EXPORTED: Final = frozenset({"id", "owner id", "owner", "created at"})
_PARTS = re.compile(r"[\s_.:#№*()-]+")
_DIGITS_OF_A_PHONE: Final = 9


def normalised(name: str) -> str:
    """A column's name as it is compared."""
    return " ".join(part for part in _PARTS.split(attribute_name(visible(name)).casefold()) if part)


def attribute_of(name: str) -> str | None:
    """The target that makes an attribute of a column under the column's own name, in small letters; None if it has no letter."""
    own = attribute_name(visible(name).removeprefix(ATTRIBUTE).lower())
    own = "".join(each if each == "_" or is_attribute_name(f"_{each}") else " " for each in own)
    own = "_".join(own.replace("_", " ").split())
    own = own if is_attribute_name(own[:1]) else f"c_{own}"
    own = own[:ATTRIBUTE_NAME_LENGTH]
    return f"{ATTRIBUTE}{own}" if is_attribute_name(own) and own != "c_" else None


def suggested(header: Sequence[str], remembered: Mapping[str, str] | None = None) -> list[str]:
    """A target for each column: what was chosen for its name before, or what its name says; no target twice."""
    found: list[str] = []
    for name in header:
        target = (remembered or {}).get(normalised(name)) if name else None
        target = by_name(name) if target is None else target
        found.append(LEFT_OUT if target in found else target)
    return found


def is_exported(name: str) -> bool:
    """Is it a column of our own export that is not written back?"""
    return normalised(name) in _EXPORTED


def by_name(name: str) -> str:
    """The target that a column's name says; two columns may say the same."""
    known = normalised(name)
    exact = attribute_name(visible(name))
    if _is_attribute(exact):
        return exact
    return _NAMES.get(known, LEFT_OUT)


def remembered(header: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """What to remember of a choice, by the columns' names; nothing of a name that two columns have.

    Nothing at all of a header with a phone in it: that is the first client of a file without a header.
    """
    if any(sum(each.isdigit() for each in name) >= _DIGITS_OF_A_PHONE for name in header):
        return {}
    names = Counter(map(normalised, header))
    chosen = ((normalised(name), target) for name, target in zip(header, targets, strict=True))
    return {name: target for name, target in chosen if name and names[name] == 1}


def problem(header: Sequence[str], targets: Sequence[str]) -> str | None:
    """What is wrong with a choice of targets; None if nothing is."""
    if len(targets) != len(header):
        return f"the number of columns is {len(header)}, and that of the choices {len(targets)}"
    chosen = [target for target in targets if target != LEFT_OUT]
    odd = [target for target in chosen if target not in FIELDS and not _is_attribute(target)]
    twice = next((target for target in chosen if chosen.count(target) > 1), None)
    missing = [name for name in REQUIRED if name not in chosen]
    if odd:
        return f"a column can be one of {', '.join(FIELDS)}, or {ATTRIBUTE} and the name of an attribute"
    if twice:
        first, second = [place for place, target in enumerate(targets) if target == twice][:2]
        return (
            f"columns {first + 1} ({header[first]}) and {second + 1} ({header[second]}) are both {twice}: leave one out, rename it,"
            " or choose another attribute"
        )
    if missing:
        return f"no column was chosen for: {', '.join(missing)}"
    return None


def _is_attribute(target: str) -> bool:
    return target.startswith(ATTRIBUTE) and is_attribute_name(target.removeprefix(ATTRIBUTE))
