"""Whose trouble an answer is that blames our configuration."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.blame import Blamed, Judgement, judge, wait
from chalicelib.domain.outcome import Attempt, Outcome, OutcomeKind, RetryRules, decide
from chalicelib.domain.status import ErrorCode, MessageStatus

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BEFORE, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
EVERYBODYS, PRESUMED, EVIDENT = Judgement(False), Judgement(True), Judgement(True, True)
NEW, ONCE, TWICE = Blamed(0, None), Blamed(1, NOW), Blamed(2, NOW)


@pytest.mark.parametrize(
    ("blamed", "accepted", "last_accepted", "expected"),
    [
        ([NEW], 24, None, [EVIDENT]),
        ([NEW, NEW], 2, None, [EVIDENT] * 2),
        ([NEW] * 3, 2, None, [EVERYBODYS] * 3),
        ([NEW], 0, LATER, [EVERYBODYS]),
        ([Blamed(0, NOW)], 0, LATER, [EVIDENT]),
        ([Blamed(0, NOW)], 0, BEFORE, [EVERYBODYS]),
        ([ONCE], 0, None, [PRESUMED]),
        ([ONCE, ONCE], 0, None, [EVERYBODYS] * 2),
        ([TWICE, TWICE], 0, None, [PRESUMED] * 2),
        ([TWICE, NEW], 0, None, [EVERYBODYS] * 2),
        ([ONCE, NEW], 0, LATER, [EVIDENT, EVERYBODYS]),
    ],
)
def test_judgements(blamed: list[Blamed], accepted: int, last_accepted: datetime | None, expected: list[Judgement]) -> None:
    assert judge(blamed, accepted, last_accepted, probing=False) == expected
    assert judge(blamed, accepted, last_accepted, probing=True) == [EVERYBODYS] * len(blamed), "the breaker is open: nobody's own"


@given(st.lists(st.builds(Blamed, st.integers(0, 4), st.sampled_from([None, NOW])), min_size=1, max_size=25))
def test_a_message_that_was_never_refused_beside_others_is_not_blamed_where_nobody_is_accepted(blamed: list[Blamed]) -> None:
    judgements = judge(blamed, 0, None, probing=False)
    assert not any(judgement.own for judgement, each in zip(judgements, blamed, strict=True) if each.refusals == 0)


def test_a_wait_grows_and_is_longer_without_evidence() -> None:
    waits = [[wait(refusals, evident, base=2, probe=20, cap=600) for refusals in range(1, 12)] for evident in (True, False)]
    assert waits[0][:4] == [2, 4, 8, 16]
    assert waits[1][:4] == [40, 80, 160, 320]
    assert waits[0][-1] == waits[1][-1] == 600


@pytest.mark.parametrize("unknown", [True, False])
def test_the_last_refusal_is_final_and_spends_no_attempt(unknown: bool) -> None:
    outcome, attempt = Outcome(OutcomeKind.MISCONFIGURED, "HTTP 403"), Attempt(1, unknown, own_refusals=4)
    verdict = decide(outcome, attempt, RetryRules(8, honours_key=True), now=NOW, delay=1, own=True, exhausted=True)
    code = ErrorCode.UNKNOWN_OUTCOME if unknown else ErrorCode.REFUSED_FOR_MESSAGE
    assert (verdict.status, verdict.error_code, verdict.attempts, verdict.own_refusals) == (MessageStatus.FAILED, code, 0, 5)
