"""What a message and a mailing can be, and how many messages of a mailing are what."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Final


class MessageStatus(IntEnum):
    """Fate of one message. The numbers are part of the API's contract."""

    WAITING = 1
    SENT = 2
    EXPIRED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def title(self) -> str:
        """The words that a person reads."""
        return _TITLES[self]

    @property
    def key(self) -> str:
        """The name under which counts are given: `waiting`, `sent` …"""
        return self.name.lower()

    @property
    def final(self) -> bool:
        """Nothing but a requeue by a person changes it any more."""
        return self is not MessageStatus.WAITING


_TITLES: Final = {
    MessageStatus.WAITING: "waiting to be sent",
    MessageStatus.SENT: "sent",
    MessageStatus.EXPIRED: "not sent: the client's local time is past the mailing's end",
    MessageStatus.FAILED: "not sent: error_code says why",
    MessageStatus.CANCELLED: "not sent: the mailing was cancelled",
}

UNPLANNED = "unplanned"
"""The selected clients of a mailing who have no message of it yet."""
PARTS = (*(status.key for status in MessageStatus), UNPLANNED)
"""What a mailing's total is the sum of."""


class MailingStatus(StrEnum):
    """Where a mailing stands in its life."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class StartSource(StrEnum):
    """What woke a run; the first run's source is what started the mailing."""

    SCHEDULE = "schedule"
    RECONCILE = "reconcile"
    API = "api"
    CHAIN = "chain"


class ErrorCode(StrEnum):
    """Why a message has status 4 (or waits again): stored in `error_code`."""

    REFUSED = "refused"
    UNKNOWN_OUTCOME = "unknown_outcome"
    NOT_DELIVERED = "not_delivered"
    REFUSED_FOR_MESSAGE = "refused_for_this_message"
    """Refused again and again as if our configuration were wrong, while other messages were accepted."""
    MISCONFIGURED = "provider_misconfigured"
    CLIENT_DELETED = "client_deleted"
    DO_NOT_CONTACT = "do_not_contact"
    MISSING_VALUE = "missing_value"
    EMPTY_TEXT = "empty_text"
    TEXT_TOO_LONG = "text_too_long"
    DUPLICATE_PHONE = "duplicate_phone"
    """Another client has, or had, this phone when this mailing's message to it was called for."""
    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    """The client's (or the mailing's) time zone is missing from the deployed time zone data: no local time can be computed."""


def by_key(numbers: Mapping[int, int], unplanned: int = 0) -> dict[str, int]:
    """Counts by status number as counts by the status's name, the clients without a message, and the total of all."""
    counts = {status.key: numbers.get(int(status), 0) for status in MessageStatus} | {UNPLANNED: unplanned}
    return counts | {"total": sum(counts.values())}


def unfinished(counts: Mapping[str, int]) -> int:
    """How many of a mailing's total have no final status yet."""
    return counts.get(MessageStatus.WAITING.key, 0) + counts.get(UNPLANNED, 0)
