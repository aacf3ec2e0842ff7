"""How fast a provider that throttles is called: slower when it says so, faster while it does not.

Additive increase, multiplicative decrease, as in TCP, with the growth of CUBIC (RFC 9438): a rate stays for a while after it was
lowered, then grows slowly past the level at which the provider last objected, and faster the longer it does not object again. A level
that is met again and again is approached more and more seldom, so that few calls are refused where the provider's limit is fixed.

The rate between two decreases is a function of time: nothing is written while it grows. No rate is kept of a provider that does not
throttle.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

SLOWEST = 0.05
"""Calls a second: no provider is called less often than a dead one is probed."""
FREE = 2_000.0
"""Calls a second from which on no rate is needed any more."""
_SPRINT = 0.35  # growth a second while the limit is far away, or not known yet: double in two seconds
_CREEP = 0.02  # growth a second near the level at which the provider last objected
_PAST = 1.2  # times that level, up to which it creeps: a provider that has saved calls up objects late
_DOUBLING = 2.0  # seconds in which growth doubles after that
_STEADY, _MOST_STEADY = 5.0, 20.0  # seconds without growth after a decrease
_SETTLING = 1.0  # objections so soon after a decrease are to calls made before it, or to the rest of the provider's second
_AGAIN = 3.0  # an objection so soon after the last means that the rate is still far too high
_SLIGHTLY, _CLEARLY, _AT_MOST = 0.94, 0.8, 0.5
_SAME_LEVEL = 0.15


@dataclass(frozen=True, slots=True)
class Pace:
    """Calls a second at the moment `at`. It stays for `steady` seconds (0: grows at once, fast); the provider objected at `ceiling`."""

    rate: float
    at: datetime
    steady: float
    ceiling: float


def rate_at(pace: Pace, now: datetime) -> float:
    """Calls a second that are allowed now; from FREE on as many as anybody likes."""
    age = max((now - pace.at).total_seconds(), 0.0)
    growth = _SPRINT * age if pace.steady == 0 else _grown(age - pace.steady, max(_PAST * pace.ceiling / pace.rate, 1.0))
    return min(pace.rate * math.exp(min(growth, 20.0)), FREE)


def _grown(seconds: float, slowly: float) -> float:
    """Logarithm of the growth: first slowly, up to that factor, then by a share a second that doubles every few seconds."""
    if seconds <= 0:
        return 0.0
    creeping = math.log(slowly) / _CREEP
    if seconds <= creeping:
        return _CREEP * seconds
    return math.log(slowly) + _accelerated(seconds - creeping)


def _accelerated(seconds: float) -> float:
    accelerating = min(seconds, _DOUBLING * math.log2(_SPRINT / _CREEP))
    area = _CREEP * _DOUBLING / math.log(2) * (2 ** (accelerating / _DOUBLING) - 1)
    return area + _SPRINT * (seconds - accelerating)


def first(accepted: int, throttled: int, seconds: float, now: datetime) -> Pace:
    """The pace after the first objections, from one chunk's answers and how long they took.

    Where most calls were accepted, the speed was almost right; otherwise what was accepted may have been a burst that the provider
    had saved up, and is taken for one second's worth.
    """
    if accepted >= 4 * throttled:
        rate, steady = 0.8 * accepted / max(seconds, 0.05), _STEADY
    else:
        rate, steady = accepted / max(seconds, 1.0), 0.0
    rate = min(max(rate, 1.0), FREE / 2)
    return Pace(rate, now, steady, rate)


def lowered(pace: Pace, now: datetime, accepted: int, throttled: int) -> Pace:
    """The pace after objections to calls that were made at it.

    The share that was accepted says how far the rate is off if the calls took about a second: a provider that counts by the second
    refuses everything in what is left of it.
    """
    rate, age = rate_at(pace, now), (now - pace.at).total_seconds()
    if age < _SETTLING:
        return pace
    again = age < _AGAIN
    factor = _CLEARLY if again else _SLIGHTLY
    if throttled > 1 and accepted + throttled >= rate / 2:
        factor = min(factor, max(_AT_MOST, accepted / (accepted + throttled)))
    if again and pace.steady:
        steady = pace.steady
    elif pace.steady and abs(rate / pace.ceiling - 1) < _SAME_LEVEL:
        steady = min(2 * pace.steady, _MOST_STEADY)
    else:
        steady = _STEADY
    return Pace(max(rate * factor, SLOWEST), now, steady, rate)


def rested(pace: Pace, idle: timedelta) -> Pace:
    """The pace after a time without calls: a rate does not grow while nobody tries it."""
    return Pace(pace.rate, pace.at + idle, pace.steady, pace.ceiling)


def held_for(asked: float, accepted: int, throttled: int, longest: float) -> float:
    """Seconds for which Retry-After holds the provider.

    One answer does not stop everybody for long, whatever it asks for: several must agree, and none may be accepted beside it.
    """
    if throttled >= 3:
        return min(asked, longest)
    return min(asked, 2.0 if accepted else 30.0, longest)
