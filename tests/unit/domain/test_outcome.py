"""What a provider's answer means, and what is written for it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.outcome import Attempt, Outcome, OutcomeKind, RetryRules, classify, decide
from chalicelib.domain.status import ErrorCode, MessageStatus

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OK = {"code": 0, "message": "OK"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, OK, OutcomeKind.ACCEPTED),
        (200, {"code": 0}, OutcomeKind.ACCEPTED),
        (200, {"code": 1, "message": "blocked"}, OutcomeKind.REFUSED),
        (200, {"code": "0"}, OutcomeKind.UNKNOWN),
        (200, {"code": False}, OutcomeKind.UNKNOWN),
        (200, {}, OutcomeKind.UNKNOWN),
        (200, None, OutcomeKind.UNKNOWN),
        (200, [OK], OutcomeKind.UNKNOWN),
        (201, OK, OutcomeKind.UNKNOWN),
        (204, None, OutcomeKind.UNKNOWN),
        *[(status, OK, OutcomeKind.REFUSED) for status in (400, 413, 422, 409, 410, 451)],
        *[(status, None, OutcomeKind.NOT_DELIVERED) for status in (429, 503)],
        *[(status, OK, OutcomeKind.MISCONFIGURED) for status in (401, 402, 403, 404, 405, 301, 302, 307, 308)],
        *[(status, None, OutcomeKind.UNKNOWN) for status in (500, 501, 502, 504, 520, 100)],
    ],
)
def test_answers_by_class(status: int, body: object, kind: OutcomeKind) -> None:
    assert classify(status, body).kind is kind


def test_retry_after_counts_only_where_nothing_was_delivered() -> None:
    assert classify(429, None, 7.0).retry_after == 7.0
    assert classify(500, None, 7.0).retry_after is None


outcomes = st.builds(Outcome, st.sampled_from(OutcomeKind), st.just("why"))
attempts = st.builds(Attempt, st.integers(1, 10), st.booleans())
rules = st.builds(RetryRules, st.integers(1, 8), st.booleans())


@given(outcomes, attempts, rules, st.floats(0, 1000))
def test_once_unknown_only_sent_or_unknown_outcome_are_final(
    outcome: Outcome, attempt: Attempt, chosen: RetryRules, delay: float
) -> None:
    verdict = decide(outcome, attempt, chosen, now=NOW, delay=delay)
    assert verdict.status in (MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.WAITING)
    assert verdict.unknown >= attempt.unknown, "what is unknown stays so"
    if verdict.unknown and verdict.status is MessageStatus.FAILED:
        assert verdict.error_code is ErrorCode.UNKNOWN_OUTCOME


@given(outcomes, attempts, rules, st.floats(0, 1000))
def test_a_message_waits_until_a_moment_or_is_final_without_one(
    outcome: Outcome, attempt: Attempt, chosen: RetryRules, delay: float
) -> None:
    verdict = decide(outcome, attempt, chosen, now=NOW, delay=delay)
    if verdict.status is MessageStatus.WAITING:
        assert verdict.not_before == NOW + timedelta(seconds=delay)
    else:
        assert verdict.not_before is None
    spent = attempt.attempts - verdict.attempts
    free = (OutcomeKind.NOT_CALLED, OutcomeKind.MISCONFIGURED, OutcomeKind.WITHHELD)
    assert spent == (1 if outcome.kind in free else 0), "only a call costs an attempt"


@given(attempts)
def test_an_unknown_fate_is_never_tried_again_where_the_key_is_not_honoured(attempt: Attempt) -> None:
    verdict = decide(Outcome(OutcomeKind.UNKNOWN), attempt, RetryRules(8, honours_key=False), now=NOW, delay=1)
    assert (verdict.status, verdict.error_code) == (MessageStatus.FAILED, ErrorCode.UNKNOWN_OUTCOME)
