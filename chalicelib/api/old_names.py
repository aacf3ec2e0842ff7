"""What fields are called now that had another name in mailingAPI, and what its values looked like."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from chalicelib.domain.errors import FieldError

_NOW: Final[Mapping[str, str]] = {
    "phone_number": "phone",
    "tag": "tags, a list",
    "filter_operator_code": "filter_operator_codes, a list",
    "filter_tag": "filter_tags, a list",
    "date_time_start_sending": "starts_at",
    "date_time_end_sending": "ends_at",
    "date_time_of_dispatch": "sent_at",
    "active": "draft; a mailing that runs is paused by POST …/pause",
    "order": "ordering",
    "user": "owner",
    "all_messages": "counts.total",
    "wait_messages": "counts.waiting",
    "sent_messages": "counts.sent",
    "lost_messages": "counts.expired",
    "error_messages": "counts.failed",
}
_NO_PLUS = re.compile(r"(?:7|8)?9[0-9]{9}", re.ASCII)


def renamed(field: str) -> str:
    """What to say of a field that is not known: its name now, if it had this one in mailingAPI."""
    return f"no such field: it is now called {_NOW[field]}" if field in _NOW else "no such field"


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
    if field == "time_zone" and isinstance(given, int) and not isinstance(given, bool):
        return "; hours ahead of UTC are an IANA name now: Europe/Moscow in place of 3"
    return ""
