"""Counts of messages by status, as people read them."""

from collections.abc import Mapping

from chalicelib.domain.status import MessageStatus


def by_key(numbers: Mapping[int, int]) -> dict[str, int]:
    """Counts by status number as counts by the status's name, and their total."""
    counts = {status.key: numbers.get(int(status), 0) for status in MessageStatus}
    return counts | {"total": sum(counts.values())}
