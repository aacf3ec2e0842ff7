"""The pace of a provider that throttles: simulated against providers with limits of all kinds, with workers that come late."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.pace import FREE, SLOWEST, Pace, first, held_for, lowered, rate_at, rested
from local.provider.faults import Limit

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
_AHEAD = 2.0  # as in sending.gate: seconds for which permits are given in advance
_CHUNK = 25
_SIDE_BY_SIDE = 5


def at(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)


@dataclass
class Chunk:
    """Calls `apart` seconds from each other, or all at once where there is no pace yet."""

    size: int
    begun: float
    pace: Pace | None = None
    rate: float = 0.0
    begins: float = 0.0
    place: int = 0
    open: int = 0
    made: int = 0
    accepted: int = 0
    refused: list[float] = field(default_factory=list)

    @property
    def apart(self) -> float:
        return 1 / self.rate if self.pace else 0.0


class Simulated:
    """Workers that take permits in advance, call, stop at a refusal, and record late; a queue of events instead of time."""

    def __init__(self, rate: float, *, fixed: bool, workers: int = 3, late: float = 0.3, retry_after: float = 0.0, seed: int = 1):
        self.now = self._spent = self._held = 0.0
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self._pace: Pace | None = None
        self._late, self._retry_after, self._random = late, retry_after, Random(seed)
        self._numbers = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.allow(rate, fixed=fixed)
        for _ in range(workers):
            self._after(self._random.uniform(0, 0.2), self._admit)

    def allow(self, rate: float, *, fixed: bool) -> None:
        self._limit = Limit(rate, max(rate, 1.0), 1.0 if fixed else None)
        self._limit.takes(self.now)

    def figures(self, seconds: float, learning: float = 20.0) -> tuple[int, float]:
        """Goes on for so long; accepted calls and the share of refused ones, both without the first seconds."""
        begins, ends = self.now + learning, self.now + seconds
        while self._events[0][0] < ends:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = ends
        accepted, refused = (sum(begins <= call < ends for call in calls) for calls in (self.accepted, self.refused))
        return accepted, refused / max(accepted + refused, 1)

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), event))

    def _delay(self) -> float:
        return 0.02 + (self._random.uniform(0, self._late) if self._random.random() < 0.3 else 0.0)

    def _admit(self) -> None:
        if self._held > self.now:
            self._after(self._held - self.now + self._random.uniform(0, 1.5), self._admit)
            return
        chunk = Chunk(_CHUNK, self.now)
        if self._pace is not None and (rate := rate_at(self._pace, at(self.now))) >= FREE:
            self._pace = None
        elif self._pace is not None:
            begins = max(self._spent, self.now)
            room = int((self.now + _AHEAD - begins) * rate) + 1 if begins <= self.now + _AHEAD else 0
            size = min(max(min(_CHUNK, round(rate)), 1), room)
            if not size:
                self._after(min(max(begins - _AHEAD - self.now, 0.05), 2.0) + self._random.uniform(0, 1), self._admit)
                return
            self._spent = begins + size / rate
            chunk = Chunk(size, self.now, self._pace, rate, begins)
        self._after(self._delay(), lambda: self._begin(chunk))

    def _begin(self, chunk: Chunk) -> None:
        for _ in range(_SIDE_BY_SIDE if chunk.pace else _CHUNK):
            self._next(chunk)

    def _next(self, chunk: Chunk) -> None:
        if chunk.place == chunk.size:
            if not chunk.open:
                chunk.place += 1
                self._after(0.02, lambda: self._record(chunk))
            return
        due = chunk.begins + chunk.place * chunk.apart
        chunk.place += 1
        chunk.open += 1
        self._after(max(due - self.now, 0.0), lambda: self._call(chunk))

    def _call(self, chunk: Chunk) -> None:
        called = self.now
        taken = None
        if not (chunk.pace and chunk.refused):
            taken = self._limit.takes(called)
            (self.accepted if taken else self.refused).append(called)
        self._after(0.0 if taken is None else self._random.uniform(0.03, 0.06), lambda: self._answer(chunk, called, taken))

    def _answer(self, chunk: Chunk, called: float, taken: bool | None) -> None:
        chunk.open -= 1
        chunk.accepted += taken is True
        if taken is False:
            chunk.refused.append(called)
        self._next(chunk)

    def _record(self, chunk: Chunk) -> None:
        if chunk.refused:
            if chunk.pace is self._pace:
                self._pace = self._lowered(chunk)
            if self._retry_after:
                hold = held_for(self._retry_after, chunk.accepted, len(chunk.refused), 600)
                self._held = max(self._held, self.now + hold)
        self._after(self._delay(), self._admit)

    def _lowered(self, chunk: Chunk) -> Pace | None:
        if chunk.pace is None:
            few = len(chunk.refused) < 3
            return None if few else first(chunk.accepted, len(chunk.refused), self.now - chunk.begun, at(self.now))
        return lowered(chunk.pace, at(self.now), called=at(max(chunk.refused)), rate=chunk.rate)


@pytest.mark.parametrize("retry_after", [0, 1], ids=["", "retry_after"])
@pytest.mark.parametrize("fixed", [False, True], ids=["bucket", "windows"])
@pytest.mark.parametrize(("rate", "workers"), [(5, 3), (5, 10), (17, 3), (50, 3), (50, 10), (120, 10), (500, 40)])
def test_a_limit_is_found_within_20_seconds_and_kept(rate: int, workers: int, fixed: bool, retry_after: int) -> None:
    tries = [Simulated(rate, fixed=fixed, workers=workers, retry_after=retry_after, seed=seed).figures(80) for seed in range(6)]
    assert mean(accepted for accepted, _ in tries) >= 0.85 * rate * 60
    assert mean(refused for _, refused in tries) <= 0.05


@pytest.mark.parametrize("fixed", [False, True], ids=["bucket", "windows"])
@pytest.mark.parametrize("rate", [1, 2])
def test_a_limit_of_few_calls_is_kept(rate: int, fixed: bool) -> None:
    accepted, refused = Simulated(rate, fixed=fixed).figures(200)
    assert accepted >= 0.75 * rate * 180
    assert refused <= 0.1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fixed", [False, True], ids=["bucket", "windows"])
@pytest.mark.parametrize(
    ("before", "after", "least"), [(50, 5, 0.8), (5, 50, 0.75), (200, 20, 0.8), (20, 100, 0.75)], ids=lambda value: f"{value}"
)
def test_a_limit_that_changes_is_followed(before: int, after: int, least: float, fixed: bool, seed: int) -> None:
    going = Simulated(before, fixed=fixed, workers=15 if before == 200 else 5, seed=seed)
    going.figures(60)
    going.allow(after, fixed=fixed)
    accepted, refused = going.figures(110)
    assert accepted >= least * after * 90
    assert refused <= 0.05


@pytest.mark.parametrize("fixed", [False, True], ids=["bucket", "windows"])
@pytest.mark.parametrize(("before", "after"), [(5, 50), (20, 100), (50, 500)], ids=lambda value: f"{value}")
def test_a_limit_that_rises_is_used_after_20_seconds(before: int, after: int, fixed: bool) -> None:
    """Whatever the pace did in the moment of the rise: it had just been lowered, stood still, or grew."""
    used, refused = [], []
    for seed in range(8):
        going = Simulated(before, fixed=fixed, workers=40 if after == 500 else 5, seed=seed)
        going.figures(50 + 3 * seed)
        going.allow(after, fixed=fixed)
        accepted, share = going.figures(70)
        used.append(accepted / (after * 50))
        refused.append(share)
    assert mean(used) >= 0.85
    assert mean(refused) <= 0.05


@pytest.mark.parametrize("fixed", [False, True], ids=["bucket", "windows"])
def test_workers_that_come_late_use_most_of_it(fixed: bool) -> None:
    accepted, refused = Simulated(50, fixed=fixed, late=1.5).figures(80)
    assert accepted >= 0.75 * 50 * 60
    assert refused <= 0.05


@pytest.mark.parametrize("age", [0.1, 1.0, 1.9])
def test_calls_that_began_before_a_decrease_was_in_effect_do_not_lower_the_pace_again(age: float) -> None:
    pace = Pace(10, BEGIN, 5, 12)
    assert lowered(pace, at(30), called=at(age), rate=12) is pace


def test_the_rate_of_the_calls_is_lowered_and_not_that_at_their_record() -> None:
    pace = Pace(10, BEGIN, 5, 10)
    found = lowered(pace, at(60), called=at(30), rate=11)
    assert found.rate == pytest.approx(0.92 * 11)
    assert (found.at, found.ceiling) == (at(60), 11)


def test_a_limit_that_fell_is_not_returned_to() -> None:
    pace = lowered(Pace(50, BEGIN, 4, 52), at(3), called=at(2.5), rate=50)
    assert pace.rate == pace.ceiling == 37.5


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0, 5), st.floats(0, 3000)), min_size=1, max_size=60))
def test_it_never_stops_and_always_recovers(objections: list[tuple[float, float, float]]) -> None:
    now, pace = BEGIN, first(0, 25, 0.1, BEGIN)
    for seconds, late, rate in objections:
        now += timedelta(seconds=seconds)
        pace = lowered(pace, now, called=now - timedelta(seconds=late), rate=rate)
        assert SLOWEST <= pace.rate <= FREE
        assert SLOWEST <= rate_at(pace, now) <= FREE
    rates = [rate_at(pace, now + timedelta(seconds=seconds)) for seconds in range(150)]
    assert rates == sorted(rates)
    assert rates[-1] == FREE


def test_an_idle_time_is_no_proof() -> None:
    pace = first(5, 20, 0.1, BEGIN)
    later = BEGIN + timedelta(hours=1)
    assert rate_at(rested(pace, timedelta(hours=1)), later) == rate_at(pace, BEGIN)


def test_what_the_first_answers_say() -> None:
    assert first(5, 20, 0.05, BEGIN).rate == 5, "a burst that the provider had saved up"
    assert first(0, 25, 0.05, BEGIN).rate == 4, "came late: what others had is not known"
    assert first(24, 1, 0.05, BEGIN).rate == pytest.approx(0.8 * 24 / 0.05), "almost right"


@pytest.mark.parametrize(
    ("asked", "accepted", "throttled", "seconds"),
    [
        (0, 0, 5, 0),
        (1, 4, 1, 1),
        (60, 0, 5, 60),
        (86_400 * 30, 0, 25, 600),
        (86_400 * 30, 0, 1, 30),
        (86_400 * 30, 24, 1, 2),
    ],
)
def test_one_answer_does_not_stop_everybody(asked: float, accepted: int, throttled: int, seconds: float) -> None:
    assert held_for(asked, accepted, throttled, 600) == seconds
