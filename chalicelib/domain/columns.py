"""What the columns of a file are: by their names in English and Russian, as a person left them the last time, or chosen."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from text_unidecode import unidecode  # type: ignore[import-untyped]  # the library has no types

from chalicelib.domain import limits
from chalicelib.domain.personal_text import ATTRIBUTE_NAME
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
_ATTRIBUTE = re.compile(ATTRIBUTE_NAME, re.ASCII)


def normalised(name: str) -> str:
    """A column's name as it is compared."""
    return " ".join(part for part in _PARTS.split(visible(name).casefold()) if part)


def attribute_of(name: str) -> str | None:
    """The target that makes an attribute of a column, by the column's name in latin letters; None if it has none."""
    latin = re.sub(r"[^A-Za-z0-9]+", "_", unidecode(visible(name).removeprefix(ATTRIBUTE))).strip("_").lower()
    latin = latin if not latin[:1].isdigit() else f"c_{latin}"
    return f"{ATTRIBUTE}{latin[: limits.ATTRIBUTE_NAME_LENGTH]}" if _ATTRIBUTE.fullmatch(latin) else None


def suggested(header: Sequence[str], remembered: Mapping[str, str] | None = None) -> list[str]:
    """A target for each column: what was chosen for its name before, or what its name says; no target twice."""
    found: list[str] = []
    for name in header:
        target = (remembered or {}).get(normalised(name)) if name else None
        target = _by_name(name) if target is None else target
        found.append(LEFT_OUT if target in found else target)
    return found


def is_exported(name: str) -> bool:
    """Is it a column of our own export that is not written back?"""
    return normalised(name) in _EXPORTED


def _by_name(name: str) -> str:
    known = normalised(name)
    if visible(name).startswith(ATTRIBUTE) and _ATTRIBUTE.fullmatch(visible(name).removeprefix(ATTRIBUTE)):
        return visible(name)
    return _NAMES.get(known, LEFT_OUT)


def remembered(header: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """What to remember of a choice, by the columns' names."""
    return {normalised(name): target for name, target in zip(header, targets, strict=True) if normalised(name)}


def problem(header: Sequence[str], targets: Sequence[str]) -> str | None:
    """What is wrong with a choice of targets; None if nothing is."""
    if len(targets) != len(header):
        return f"there are {len(header)} columns, and {len(targets)} were chosen for"
    chosen = [target for target in targets if target != LEFT_OUT]
    odd = [target for target in chosen if target not in FIELDS and not _is_attribute(target)]
    twice = sorted({target for target in chosen if chosen.count(target) > 1})
    missing = [name for name in REQUIRED if name not in chosen]
    if odd:
        return f"a column can be one of {', '.join(FIELDS)}, or {ATTRIBUTE} and the name of an attribute"
    if twice:
        return f"two columns cannot be the same: {', '.join(twice)}"
    if missing:
        return f"no column was chosen for: {', '.join(missing)}"
    return None


def _is_attribute(target: str) -> bool:
    name = target.removeprefix(ATTRIBUTE)
    return target.startswith(ATTRIBUTE) and len(name) <= limits.ATTRIBUTE_NAME_LENGTH and bool(_ATTRIBUTE.fullmatch(name))
