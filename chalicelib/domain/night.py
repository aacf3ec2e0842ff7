"""When people sleep: a message at such an hour is sent only if somebody has seen that it would be."""

from datetime import time

BEGINS, ENDS = time(21), time(8)
"""The night of a phone's owner, on their own clock."""


def is_night(local: time) -> bool:
    """Is it night at that time of day?"""
    return local >= BEGINS or local < ENDS
