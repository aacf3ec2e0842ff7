"""What a provider's answer means for a message."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random

from chalicelib.domain.limits import REFERENCE_LENGTH, SEGMENTS, repaired, unstorable
from chalicelib.domain.status import ErrorCode, MessageStatus

MAX_RETRY_AFTER = 6 * 3600.0
"""The longest that a Retry-After is believed, in seconds."""
WORKER_DIED = "the worker died before it recorded an answer"
"""Detail of a call that may have been made by a worker whose lease ran out."""


class OutcomeKind(StrEnum):
    """The classes of answers; each is treated alike."""

    ACCEPTED = "accepted"
    ALREADY_ACCEPTED = "already_accepted"
    """Refused as a duplicate of our own id: proof that an earlier call was accepted."""
    REFUSED = "refused"
    """The provider understood and will not deliver this message."""
    OPTED_OUT = "opted_out"
    """Refused because the recipient has opted out with the provider."""
    NOT_DELIVERED = "not_delivered"
    """Surely not delivered; another try may help."""
    UNEXPECTED_REFUSAL = "unexpected_refusal"
    """Surely not accepted, with a status that settles nothing else: tried again a few times, then final."""
    THROTTLED = "throttled"
    """Surely not accepted because calls come too fast: no attempt is spent, and it is no failure of the provider."""
    MISCONFIGURED = "misconfigured"
    """The answer blames our configuration (token, address), not this message."""
    UNKNOWN = "unknown"
    """Nobody can tell whether it was delivered."""
    NOT_CALLED = "not_called"
    """The call was never made: too little of the lease was left."""
    WITHHELD = "withheld"
    """This message must not be sent, for a reason of ours that `code` names; no call was made."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one call. `detail` is for people and holds no phone and no text; `retry_after` is in seconds.

    `reference` is the provider's own id of the message, `segments` the number of SMS that it counts, where its answer says so.
    """

    kind: OutcomeKind
    detail: str = ""
    retry_after: float | None = None
    code: ErrorCode | None = None
    reference: str | None = None
    segments: int | None = None


def storable(outcome: Outcome) -> Outcome:
    """Return what of an outcome the columns hold: an odd id or count in one answer must not keep those of its chunk from being recorded."""
    detail, reference, segments = outcome.detail, outcome.reference, outcome.segments
    if reference is not None and (not 0 < len(reference) <= REFERENCE_LENGTH or unstorable(reference)):
        reference = None
    if segments is not None and not 0 < segments <= SEGMENTS:
        segments = None
    if not detail.isascii() or "\0" in detail:
        detail = repaired(detail)
    if (detail, reference, segments) == (outcome.detail, outcome.reference, outcome.segments):
        return outcome
    return replace(outcome, detail=detail, reference=reference, segments=segments)


ACCEPTING = frozenset({OutcomeKind.ACCEPTED, OutcomeKind.ALREADY_ACCEPTED})
ALIVE = ACCEPTING | {OutcomeKind.REFUSED, OutcomeKind.OPTED_OUT}
FAILING = frozenset({OutcomeKind.NOT_DELIVERED, OutcomeKind.UNEXPECTED_REFUSAL, OutcomeKind.UNKNOWN})
"""THROTTLED is in neither: a provider that asks for patience is not down, and has not shown that it accepts."""
UNASKED = frozenset({OutcomeKind.NOT_CALLED, OutcomeKind.WITHHELD})
"""No call was made."""


@dataclass(frozen=True, slots=True)
class Health:
    """What a chunk's outcomes say of the provider: did it answer anyone, how many calls failed, does it blame our configuration."""

    alive: bool
    failures: int
    misconfigured: bool


def health(outcomes: Iterable[Outcome]) -> Health:
    """The provider's health as seen in one chunk."""
    kinds = [outcome.kind for outcome in outcomes]
    return Health(
        alive=any(kind in ALIVE for kind in kinds),
        failures=sum(kind in FAILING for kind in kinds),
        misconfigured=OutcomeKind.MISCONFIGURED in kinds,
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a claimed message stood when its call was made. `attempts` counts this call, `unknown` is about earlier ones."""

    attempts: int
    unknown: bool
    own_refusals: int = 0
    """Earlier answers that blamed our configuration and were this message's own trouble (domain.blame)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to write into a message's row: a final status, or WAITING with the moment of the next try.

    A row keeps its reason where there is no `error_code` here, and its detail where there is no `error_detail` for the same code.
    """

    status: MessageStatus
    attempts: int
    unknown: bool
    not_before: datetime | None = None
    error_code: ErrorCode | None = None
    error_detail: str | None = None
    own_refusals: int = 0


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often a message may be called for, and whether the provider delivers once for one key however often it is called."""

    max_attempts: int
    honours_key: bool


def decide(
    outcome: Outcome,
    attempt: Attempt,
    rules: RetryRules,
    *,
    now: datetime,
    delay: float,
    own: bool = False,
    exhausted: bool = False,
) -> Verdict:
    """The verdict on a claimed message. `delay` (seconds) is what backoff chose, should there be another try.

    `own`: an answer that blames our configuration concerns this message alone; `exhausted`: it is the last that such a message, or
    one that is throttled for ever, is given.

    Once the fate of any attempt was unknown, the only final statuses left are SENT and FAILED with `unknown_outcome`: a later
    refusal says nothing of the earlier call, and the reason stays the one for which the fate is unknown.
    """
    kind = outcome.kind
    if own:
        attempt = replace(attempt, own_refusals=attempt.own_refusals + 1)
    if kind in ACCEPTING:
        return Verdict(MessageStatus.SENT, attempt.attempts, attempt.unknown)
    if exhausted:
        return _failed(outcome, replace(attempt, attempts=attempt.attempts - 1), ErrorCode.REFUSED_FOR_MESSAGE)
    if kind in _UNSPENT:
        return _later(outcome, attempt, now, delay, spent=False, code=_UNSPENT[kind])
    if kind is OutcomeKind.WITHHELD:
        return _failed(outcome, replace(attempt, attempts=attempt.attempts - 1), outcome.code or ErrorCode.REFUSED)
    if kind in (OutcomeKind.REFUSED, OutcomeKind.OPTED_OUT):
        return _failed(outcome, attempt, ErrorCode.REFUSED)
    if kind is OutcomeKind.UNKNOWN:
        seen = replace(attempt, unknown=True)
        if rules.honours_key and attempt.attempts < rules.max_attempts:
            return _later(outcome, seen, now, delay, spent=True, code=ErrorCode.UNKNOWN_OUTCOME)
        return _failed(outcome, seen, ErrorCode.UNKNOWN_OUTCOME)
    code = ErrorCode.REFUSED if kind is OutcomeKind.UNEXPECTED_REFUSAL else ErrorCode.NOT_DELIVERED
    if attempt.attempts < rules.max_attempts:
        return _later(outcome, attempt, now, delay, spent=True, code=code)
    return _failed(outcome, attempt, code)


_UNSPENT = {
    OutcomeKind.NOT_CALLED: None,
    OutcomeKind.MISCONFIGURED: ErrorCode.MISCONFIGURED,
    OutcomeKind.THROTTLED: ErrorCode.NOT_DELIVERED,
}
"""What spends no attempt, and the reason that its message waits with (None: the one it has)."""


def _failed(outcome: Outcome, attempt: Attempt, code: ErrorCode) -> Verdict:
    code_, detail = _reason(outcome, attempt, code)
    return Verdict(MessageStatus.FAILED, attempt.attempts, attempt.unknown, None, code_, detail, attempt.own_refusals)


def _later(
    outcome: Outcome, attempt: Attempt, now: datetime, delay: float, *, spent: bool, code: ErrorCode | None = None
) -> Verdict:
    attempts = attempt.attempts if spent else attempt.attempts - 1
    moment = now + timedelta(seconds=delay)
    code, detail = _reason(outcome, attempt, code)
    return Verdict(MessageStatus.WAITING, attempts, attempt.unknown, moment, code, detail, attempt.own_refusals)


def _reason(outcome: Outcome, attempt: Attempt, code: ErrorCode | None) -> tuple[ErrorCode | None, str | None]:
    if attempt.unknown and outcome.kind is not OutcomeKind.UNKNOWN:
        return ErrorCode.UNKNOWN_OUTCOME, None
    return code, (outcome.detail or None) if code else None


def delay(attempt: int, *, base: float, cap: float, random: Random, retry_after: float | None = None) -> float:
    """Seconds to wait after the `attempt`-th call (from 1): full jitter, uniform in [0, min(cap, base · 2^(attempt−1))].

    A provider's Retry-After is waited out first, with the jitter on top, so that those it sent away do not all come back at once;
    a Retry-After beyond six hours is cut there. Formula: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    ceiling = min(cap, base * 2.0 ** min(attempt - 1, 32))
    return min(retry_after or 0.0, MAX_RETRY_AFTER) + random.uniform(0, ceiling)
