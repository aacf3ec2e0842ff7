"""The pace of a provider that throttles: simulated against providers with limits of all kinds, with the delays that workers have."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.pace import FREE, SLOWEST, Pace, first, held_for, lowered, rate_at, rested
from local.provider.faults import Limit

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Simulated:
    """Chunks of a second's worth of calls, spaced evenly; what a chunk learns is in effect a second after its end."""

    limit: Callable[[float], bool]
    pace: Pace
    now: float = 0.0
    accepted: int = 0
    refused: int = 0

    def go_on(self, seconds: float) -> tuple[int, float]:
        """How many calls were accepted meanwhile, and which share of the calls was refused."""
        accepted, refused, ends = self.accepted, self.refused, self.now + seconds
        while self.now < ends:
            self._chunk(ends)
        calls = self.accepted - accepted + self.refused - refused
        return self.accepted - accepted, (self.refused - refused) / max(calls, 1)

    def _chunk(self, ends: float) -> None:
        moment = BEGIN + timedelta(seconds=self.now)
        rate = rate_at(self.pace, moment)
        calls, taken, thrown = min(max(round(rate), 1), 25), 0, 0
        for place in range(calls):
            self.now += 1 / rate
            if self.now > ends and place:
                break
            if self.limit(self.now):
                taken += 1
            else:
                thrown += 1
            if thrown:
                break
        self.accepted += taken
        self.refused += thrown
        if thrown:
            # A lowered rate is in effect a little later: other workers have permits already.
            self.pace = lowered(self.pace, BEGIN + timedelta(seconds=self.now), taken, thrown)


def provider(rate: float, *, fixed: bool) -> Callable[[float], bool]:
    return Limit(rate, max(rate, 1.0), 1.0 if fixed else None).takes


@pytest.mark.parametrize("fixed", [False, True], ids=["bucket", "windows"])
@pytest.mark.parametrize("rate", [1, 2, 5, 17, 50, 120, 500])
def test_a_limit_is_found_within_20_seconds_and_kept(rate: int, fixed: bool) -> None:
    going = Simulated(provider(rate, fixed=fixed), first(min(rate, 25), 5, 0.1, BEGIN))
    going.go_on(20)
    accepted, refused = going.go_on(60)
    assert accepted >= 0.85 * rate * 60
    assert refused <= 0.05 + 1 / (rate * 60), "five in a hundred, give or take one call"


@given(st.floats(1, 500), st.floats(1, 500), st.booleans())
def test_a_limit_that_changes_is_followed(before: float, after: float, fixed: bool) -> None:
    going = Simulated(provider(before, fixed=fixed), first(1, 20, 0.1, BEGIN))
    going.go_on(60)
    going.limit = provider(after, fixed=fixed)
    going.go_on(90)
    accepted, refused = going.go_on(60)
    possible = int(after) if fixed else after
    assert accepted >= 0.75 * possible * 60
    assert refused <= 0.06 + 1 / (after * 60)


@given(st.lists(st.tuples(st.floats(0, 600), st.integers(0, 25), st.integers(1, 25)), min_size=1, max_size=60))
def test_it_never_stops_and_always_recovers(objections: list[tuple[float, int, int]]) -> None:
    now, pace = BEGIN, first(0, 25, 0.1, BEGIN)
    for seconds, accepted, throttled in objections:
        now += timedelta(seconds=seconds)
        pace = lowered(pace, now, accepted, throttled)
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
    assert first(0, 25, 0.05, BEGIN).rate == 1
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
