"""What a provider's answer means, and what is written for it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.outcome import FAILING, Attempt, Outcome, OutcomeKind, RetryRules, decide, health
from chalicelib.domain.status import ErrorCode, MessageStatus

NOW = datetime(2026, 6, 1, tzinfo=UTC)


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
    free = (OutcomeKind.NOT_CALLED, OutcomeKind.THROTTLED, OutcomeKind.MISCONFIGURED, OutcomeKind.WITHHELD)
    assert spent == (1 if outcome.kind in free else 0), "only a call costs an attempt"


@given(attempts)
def test_an_unknown_fate_is_never_tried_again_where_the_key_is_not_honoured(attempt: Attempt) -> None:
    verdict = decide(Outcome(OutcomeKind.UNKNOWN), attempt, RetryRules(8, honours_key=False), now=NOW, delay=1)
    assert (verdict.status, verdict.error_code) == (MessageStatus.FAILED, ErrorCode.UNKNOWN_OUTCOME)


@given(attempts, rules)
def test_a_throttled_message_always_waits(attempt: Attempt, chosen: RetryRules) -> None:
    verdict = decide(Outcome(OutcomeKind.THROTTLED, "HTTP 429"), attempt, chosen, now=NOW, delay=1)
    assert (verdict.status, verdict.attempts) == (MessageStatus.WAITING, attempt.attempts - 1)


@given(attempts, rules)
def test_a_duplicate_of_our_own_id_was_sent_and_an_opt_out_is_final(attempt: Attempt, chosen: RetryRules) -> None:
    verdict = decide(Outcome(OutcomeKind.ALREADY_ACCEPTED), attempt, chosen, now=NOW, delay=1)
    assert (verdict.status, verdict.error_code) == (MessageStatus.SENT, None)
    verdict = decide(Outcome(OutcomeKind.OPTED_OUT), attempt, chosen, now=NOW, delay=1)
    assert verdict.status is MessageStatus.FAILED
    assert verdict.error_code is (ErrorCode.UNKNOWN_OUTCOME if attempt.unknown else ErrorCode.REFUSED)
    assert health([Outcome(OutcomeKind.ALREADY_ACCEPTED), Outcome(OutcomeKind.OPTED_OUT)]).alive


@given(rules)
def test_an_unexpected_refusal_is_final_only_after_all_attempts(chosen: RetryRules) -> None:
    for attempt in range(1, chosen.max_attempts + 1):
        verdict = decide(Outcome(OutcomeKind.UNEXPECTED_REFUSAL, "HTTP 418"), Attempt(attempt, False), chosen, now=NOW, delay=1)
        assert (verdict.status is MessageStatus.FAILED) == (attempt == chosen.max_attempts)
    assert verdict.error_code is ErrorCode.REFUSED


def test_unexpected_refusals_count_against_the_provider_and_throttling_does_not() -> None:
    assert OutcomeKind.UNEXPECTED_REFUSAL in FAILING
    assert health([Outcome(OutcomeKind.UNEXPECTED_REFUSAL)] * 3).failures == 3
    seen = health([Outcome(OutcomeKind.THROTTLED)] * 3)
    assert (seen.alive, seen.failures, seen.misconfigured) == (False, 0, False)
