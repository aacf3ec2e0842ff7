"""Counts of messages by status, as people read them."""

from collections.abc import Mapping

from chalicelib.domain.status import MessageStatus

UNPLANNED = "unplanned"
"""The selected clients of a mailing who have no message of it yet."""
PARTS = (*(status.key for status in MessageStatus), UNPLANNED)
"""What a mailing's total is the sum of."""


def by_key(numbers: Mapping[int, int], unplanned: int = 0) -> dict[str, int]:
    """Counts by status number as counts by the status's name, the clients without a message, and the total of all."""
    counts = {status.key: numbers.get(int(status), 0) for status in MessageStatus} | {UNPLANNED: unplanned}
    return counts | {"total": sum(counts.values())}


def unfinished(counts: Mapping[str, int]) -> int:
    """How many of a mailing's total have no final status yet."""
    return counts.get(MessageStatus.WAITING.key, 0) + counts.get(UNPLANNED, 0)
