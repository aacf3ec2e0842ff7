"""What fields are called now that had another name in mailingAPI, and what its values looked like."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, Final

from chalicelib.domain.errors import FieldError

_NOW: Final[Mapping[str, Mapping[str, str]]] = {
    "phone_number": {"phone": ""},
    "tag": {"tags": ", a list"},
    "filter_operator_code": {"filter_operator_codes": ", a list"},
    "filter_tag": {"filter_tags": ", a list"},
    "date_time_start_sending": {"starts_at": ""},
    "date_time_end_sending": {"ends_at": ""},
    "active": {"is_active": "", "draft": "; a mailing that runs is paused by POST …/pause", "status": ""},
    "order": {"ordering": ""},
    "user": {"owner": ""},
}
"""Names of mailingAPI, and what they are called now, with a remark; which of them depends on what a place takes."""
_ANSWERED: Final[Mapping[str, str]] = {
    "date_time_of_dispatch": "sent_at",
    "all_messages": "counts.total",
    "wait_messages": "counts.waiting",
    "sent_messages": "counts.sent",
    "lost_messages": "counts.expired",
    "error_messages": "counts.failed",
}
"""The same, of what cannot be given."""
_SHOWN: Final = 12
_RESEMBLES: Final = 0.65  # below that, phone resembles owner
_NAME_LENGTH: Final = 64
_NO_PLUS = re.compile(r"(?:7|8)?9[0-9]{9}", re.ASCII)
_HOURS = re.compile(r"[+-]?\d{1,2}", re.ASCII)


def unknown(field: str, accepted: Collection[str]) -> str:
    """What to say of a field that is not known where `accepted` are: its name now, the name that it resembles, or what there is."""
    for now, remark in _NOW.get(field, {}).items():
        if now in accepted:
            return f"no such field: it is now called {now}{remark}"
    if field in _ANSWERED:
        return f"no such field: it is now called {_ANSWERED[field]}, and cannot be given"
    if near := get_close_matches(field[:_NAME_LENGTH], accepted, n=1, cutoff=_RESEMBLES):
        return f"no such field: did you mean {near[0]}?"
    return f"no such field; allowed: {', '.join(sorted(accepted))}" if 0 < len(accepted) <= _SHOWN else "no such field"


def with_hints(errors: Iterable[FieldError], body: Any) -> list[FieldError]:
    """The errors that a service found in `body`, with hints."""
    return [replace(each, message=each.message + hint(each.field.rpartition(".")[2], _at(body, each.field))) for each in errors]


def _at(body: Any, dotted: str) -> Any:
    """The value at a dotted path (`clients.3.phone`); None where there is none."""
    for part in dotted.split("."):
        if isinstance(body, list | tuple):
            body = body[int(part)] if part.isdecimal() and int(part) < len(body) else None
        else:
            body = getattr(body, part, None) if part in getattr(type(body), "model_fields", {}) else None
    return body


def hint(field: str, given: Any) -> str:
    """What to add to the refusal of a value that mailingAPI would have taken; nothing for others. Nothing is taken for it."""
    if field == "phone" and isinstance(given, str) and _NO_PLUS.fullmatch(given):
        return f"; did you mean +7{given[-10:]}?"
    if field in ("filter_operator_codes", "filter_tags") and isinstance(given, str) and len(given) <= 200:
        return (
            '; it is a list now: ["900", "901"] in place of "900;901"'
            if field == "filter_operator_codes"
            else "; it is a list now"
        )
    if field == "time_zone" and not isinstance(given, bool) and _HOURS.fullmatch(str(given)[:_NAME_LENGTH]):
        return "; hours ahead of UTC are an IANA name now: Europe/Moscow in place of 3"
    if field == "status" and str(given)[:_NAME_LENGTH] == "0":
        return "; the numbers of the statuses begin at 1 now: 1 waiting, 2 sent, 3 expired, 4 failed, 5 cancelled"
    return ""
