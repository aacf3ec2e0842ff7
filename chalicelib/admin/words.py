"""Codes and their words and colours."""

from collections.abc import Mapping, Sequence
from typing import Any

from babel.numbers import format_decimal
from starlette.requests import Request
from starlette_admin.i18n import get_locale, gettext
from starlette_admin.i18n import lazy_gettext as _

from chalicelib.domain import segments
from chalicelib.domain.outcome import OutcomeKind
from chalicelib.domain.personal_text import ATTRIBUTE_NAME
from chalicelib.domain.status import UNPLANNED, ErrorCode, MailingStatus, MessageStatus
from chalicelib.domain.window import BlockedZone, Obstacle
from chalicelib.services.audit import Event

MAILING_COLOURS = (
    ("draft", "secondary"),
    ("scheduled", "azure"),
    ("running", "blue"),
    ("paused", "yellow"),
    ("finished", "green"),
    ("cancelled", "secondary"),
)
MESSAGE_COLOURS = ((1, "azure"), (2, "green"), (3, "yellow"), (4, "red"), (5, "secondary"))

_MESSAGES = {
    MessageStatus.WAITING: "Waiting",
    MessageStatus.SENT: "Sent",
    MessageStatus.EXPIRED: "Expired",
    MessageStatus.FAILED: "Failed",
    MessageStatus.CANCELLED: "Cancelled",
}
_ERRORS = {
    ErrorCode.REFUSED: "Refused by the provider",
    ErrorCode.UNKNOWN_OUTCOME: "Nobody can tell whether it was delivered",
    ErrorCode.NOT_DELIVERED: "Not delivered, all attempts used up",
    ErrorCode.REFUSED_FOR_MESSAGE: "The provider refuses this message alone",
    ErrorCode.MISCONFIGURED: "The provider rejects our configuration",
    ErrorCode.CLIENT_DELETED: "The client was deleted",
    ErrorCode.DO_NOT_CONTACT: "On the do-not-contact list",
    ErrorCode.MISSING_VALUE: "The client lacks a value that the text needs",
    ErrorCode.EMPTY_TEXT: "With the client's values nothing is left of the text",
    ErrorCode.TEXT_TOO_LONG: "With the client's values the text is too long",
    ErrorCode.DUPLICATE_PHONE: "The phone has a message of this mailing already, as another client's",
    ErrorCode.UNKNOWN_TIME_ZONE: "Unknown time zone: correct the client's time zone and retry",
}


_KINDS = {
    OutcomeKind.ACCEPTED: "Accepted",
    OutcomeKind.ALREADY_ACCEPTED: "Accepted by an earlier call",
    OutcomeKind.REFUSED: "Refused",
    OutcomeKind.OPTED_OUT: "The recipient has opted out",
    OutcomeKind.NOT_DELIVERED: "Not delivered",
    OutcomeKind.UNEXPECTED_REFUSAL: "Refused, may be accepted later",
    OutcomeKind.THROTTLED: "Too many calls",
    OutcomeKind.MISCONFIGURED: "Configuration rejected",
    OutcomeKind.UNKNOWN: "Unknown",
}

_PROVIDER_KINDS = {
    "contract": _("That of docs/provider.md"),
    "aws_sms": "AWS End User Messaging",
    "twilio": "Twilio",
    "infobip": "Infobip",
    "smsc": "SMSC.ru",
    "http": _("Any HTTP API"),
}


def _word(words: Mapping[Any, str], code: Any) -> str:
    """Return the words for a code, or the code itself where it has none: a page must not fail for want of a word."""
    return gettext(words[code]) if code in words else str(code)


def call_kind(kind: str) -> str:
    """The words for what the answer to a call meant."""
    return _word(_KINDS, kind)


def mailing_statuses(_request: Request | None = None) -> list[tuple[str, str]]:
    """Codes and words of a mailing's status."""
    return [(str(status), mailing_status(status)) for status in MailingStatus]


def message_statuses(_request: Request | None = None) -> list[tuple[int, str]]:
    """Codes and words of a message's status."""
    return [(int(status), message_status(status)) for status in MessageStatus]


def mailing_status(status: str) -> str:
    """The word for a mailing's status."""
    word = gettext(status)
    return word[:1].upper() + word[1:]


def message_status(status: MessageStatus) -> str:
    """The word for a message's status."""
    return _word(_MESSAGES, status)


def part_title(part: str) -> str:
    """The word for a part of a mailing's total."""
    return gettext("Not planned yet") if part == UNPLANNED else message_status(MessageStatus[part.upper()])


_EVENTS = {
    Event.LOGIN_OK: "Logged in",
    Event.LOGIN_FAILED: "Login failed",
    Event.THROTTLED: "Too many attempts",
    Event.FORBIDDEN: "Access denied",
    Event.TOKEN_MADE: "API token created",
    Event.TOKEN_REVOKED: "API token revoked",
    Event.EXPORTED: "Data exported",
    Event.ERASED: "Person erased",
}
AUDIT_COLOURS = (
    ("login_ok", "green"),
    ("login_failed", "yellow"),
    ("throttled", "red"),
    ("forbidden", "red"),
    ("token_made", "azure"),
    ("token_revoked", "secondary"),
    ("exported", "blue"),
    ("erased", "blue"),
)


def audit_events(_request: Request | None = None) -> list[tuple[str, str]]:
    """Codes and words of events of the audit log."""
    return [(str(event), _word(_EVENTS, event)) for event in Event]


def provider_kinds(_request: Request | None = None) -> list[tuple[str, str]]:
    """Kinds of providers, and whose API each is."""
    return [(kind, str(words)) for kind, words in _PROVIDER_KINDS.items()]


def error_codes(_request: Request | None = None) -> list[tuple[str, str]]:
    """Codes and words of what went wrong with a message."""
    return [(str(code), error(code)) for code in ErrorCode]


def error(code: str) -> str:
    """The words for what went wrong with a message."""
    return _word(_ERRORS, code)


def segment_table() -> dict[str, Any]:
    """The rules of `domain.segments` and of placeholders for the counter in the browser."""
    return {
        "gsm": segments.GSM,
        "extension": segments.GSM_EXTENSION,
        "name": ATTRIBUTE_NAME,
        "sizes": [segments.GSM_SINGLE, segments.GSM_PART, segments.UCS2_SINGLE, segments.UCS2_PART],
    }


def segment_words() -> dict[str, str]:
    """What the counter says."""
    return {
        "size": gettext("With the longest values: %(segments)s SMS (%(encoding)s, %(units)s)"),
        "odd": gettext("not in the GSM alphabet: %(character)s"),
    }


_OBSTACLES = {
    Obstacle.PAST: "the end is past",
    Obstacle.SKIPPED: "clocks skip the time between start and end",
    Obstacle.TOO_SHORT: "too little time between start and end",
    Obstacle.HOURS: "the sending hours never open between start and end",
    Obstacle.UNKNOWN_ZONE: "unknown time zone",
}
_MOST_ZONES = 5  # in one sentence


def blocked_zones(zones: Sequence[BlockedZone]) -> str:
    """To how many clients nothing can be sent, where they live, and why."""
    names = ", ".join(f"{zone.time_zone} ({_word(_OBSTACLES, zone.obstacle)})" for zone in zones[:_MOST_ZONES])
    return gettext("Selected clients to whom nothing can be sent: %(clients)s, in %(zones)s.") % {
        "clients": format_decimal(sum(zone.clients for zone in zones), locale=get_locale()),
        "zones": names + (" …" if len(zones) > _MOST_ZONES else ""),
    }
