"""The bar that shows how far a mailing is: what was sent, and what ended otherwise, never look alike."""

from collections.abc import Mapping
from typing import Any

from babel.numbers import format_decimal
from starlette_admin.i18n import get_locale, gettext

from chalicelib.admin.words import part_title
from chalicelib.domain.status import PARTS, MessageStatus, unfinished

_ENDED = tuple(
    status.key for status in (MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.EXPIRED, MessageStatus.CANCELLED)
)


def stacked(counts: Mapping[str, int]) -> dict[str, Any]:
    """What a bar is drawn from: its segments by final status, the rest of it waits; and the same in words."""
    total = counts.get("total", 0)
    text = gettext("%(sent)s of %(total)s sent") % {"sent": _number(counts.get("sent", 0)), "total": _number(total)}
    return {
        "total": total,
        "sent": counts.get("sent", 0),
        "ended": total - unfinished(counts),
        "segments": [
            {"key": key, "number": counts[key], "percent": 100 * counts[key] / total} for key in _ENDED if counts.get(key)
        ],
        "text": text,
        "label": "; ".join([text, *(f"{part_title(part)}: {_number(counts[part])}" for part in PARTS[2:] if counts.get(part))]),
    }


def _number(value: int) -> str:
    return format_decimal(value, locale=get_locale())
