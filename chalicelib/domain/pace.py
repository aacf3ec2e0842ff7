"""How fast a provider that throttles is called: slower when it says so, faster while it does not.

Additive increase, multiplicative decrease, as in TCP, with the growth of CUBIC (RFC 9438): a lowered rate returns to just below the
level at which the provider objected (the ceiling), stays there for a while, grows slowly past it, and then faster the longer the
provider does not object. The rate is lowered at most once for each round of calls: objections to calls that began before the lowered
rate was in effect say nothing of it. If the first round after that is refused, too, the limit itself has fallen, and the rate falls fast.

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
_LEAST_FIRST = 4.0
"""Calls a second after first objections to everything: a chunk that was refused whole came late, and does not know what others had."""
_SPRINT = 0.35  # growth a second while the limit is far away, or not known yet: double in two seconds
_RETURN = 0.1  # growth a second back to just below the ceiling
_JUST_BELOW = 0.95
_CREEP = 0.025  # growth a second near the ceiling
_PAST = 1.2  # times the ceiling, up to which it creeps: a provider that has saved calls up objects late
_DOUBLING = 1.6  # seconds in which growth doubles after that
_CALLS_BETWEEN = 50  # between two tries to go past the ceiling: each of them costs some refused calls
_SHORTEST, _LONGEST = 4.0, 15.0  # seconds between them
_ROUND = 2.0  # seconds: permits are given so far ahead, and until then calls are made at the rate from before a decrease
_NEXT_ROUND = 4.0  # objections between _ROUND and this age are to the first calls at the lowered rate
_SLIGHTLY = 0.92  # times the rate, near a known ceiling
_CLEARLY = 0.8  # after fast growth, which may have gone far past the limit
_AGAIN = 0.75  # where the first calls at a lowered rate were refused as well


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
    growth = _SPRINT * age if pace.steady == 0 else _grown(pace, age)
    return min(pace.rate * math.exp(min(growth, 20.0)), FREE)


def _grown(pace: Pace, seconds: float) -> float:
    """Logarithm of the growth: back to just below the ceiling, level for a while, slowly past it, then faster and faster."""
    back = max(math.log(_JUST_BELOW * pace.ceiling / pace.rate), 0.0)
    returning = back / _RETURN
    if seconds <= returning + pace.steady:
        return min(_RETURN * seconds, back)
    seconds -= returning + pace.steady
    slowly = max(math.log(_PAST * pace.ceiling / pace.rate) - back, 0.0)
    creeping = slowly / _CREEP
    if seconds <= creeping:
        return back + _CREEP * seconds
    return back + slowly + _accelerated(seconds - creeping)


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
        rate = min(max(0.8 * accepted / max(seconds, 0.05), 1.0), FREE / 2)
        return Pace(rate, now, _steady(rate), rate)
    rate = min(max(accepted / max(seconds, 1.0), _LEAST_FIRST), FREE / 2)
    return Pace(rate, now, 0.0, rate)


def lowered(pace: Pace, now: datetime, *, called: datetime, rate: float) -> Pace:
    """The pace after objections to calls that were made at it, the last of them at `called`, at `rate` calls a second.

    The rate of the calls counts and not that of now: answers are recorded later, and the pace has grown meanwhile.
    """
    age = (called - pace.at).total_seconds()
    if age < _ROUND:
        return pace
    rate = min(max(rate, SLOWEST), FREE)
    if pace.steady and age < _NEXT_ROUND:
        return _at_ceiling(rate * _AGAIN, now)
    if pace.steady and rate <= _PAST * pace.ceiling:
        less = max(rate * _SLIGHTLY, SLOWEST)
        return Pace(less, now, _steady(less), rate)
    return _at_ceiling(rate * _CLEARLY, now)


def _at_ceiling(rate: float, now: datetime) -> Pace:
    """A pace that stays: the level at which the provider objected was far above its limit and is not returned to."""
    rate = max(rate, SLOWEST)
    return Pace(rate, now, _steady(rate), rate)


def _steady(rate: float) -> float:
    return min(max(_CALLS_BETWEEN / rate, _SHORTEST), _LONGEST)


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
