"""How long to wait before the next try."""

from random import Random

MAX_RETRY_AFTER = 6 * 3600.0


def delay(attempt: int, *, base: float, cap: float, random: Random, retry_after: float | None = None) -> float:
    """Seconds to wait after the `attempt`-th call (from 1): full jitter, uniform in [0, min(cap, base · 2^(attempt−1))].

    A provider's Retry-After is waited out first, with the jitter on top, so that those it sent away do not all come back at once;
    a Retry-After beyond six hours is cut there. Formula: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(cap, base * 2.0 ** min(attempt - 1, 32))
    return min(retry_after or 0.0, MAX_RETRY_AFTER) + random.uniform(0, ceiling)
