"""The chunk worker: claim, send side by side, record."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from chalicelib.config import Settings
from chalicelib.domain import blame
from chalicelib.domain.blame import Blamed, Judgement, judge
from chalicelib.domain.outcome import ALIVE, Attempt, Outcome, OutcomeKind, RetryRules, Verdict, decide, delay, storable
from chalicelib.domain.personal_text import UnsendableTextError, render
from chalicelib.domain.status import ErrorCode, MessageStatus, StartSource
from chalicelib.domain.strict_json import JsonError, parse
from chalicelib.observability import Metrics, log, log_exception
from chalicelib.providers import Outgoing, Provider
from chalicelib.providers.accounts import Accounts
from chalicelib.sending.gate import Admission, Asked, Spacing, admit, learn, refund
from chalicelib.services import schedules
from chalicelib.storage import gates, mailings, messages
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit, retried
from chalicelib.storage.gates import Gate
from chalicelib.storage.messages import CallMade, Claim, ClaimedChunk

_MOST = 2**18
"""Bytes of a body: as many as SQS takes."""


class PoisonError(ValueError):
    """The body is not a chunk that this version understands."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one SQS message carries: ids of messages of one mailing."""

    mailing_id: int
    message_ids: list[int]


def parse_chunk(body: str) -> Chunk:
    """The chunk in an SQS body; raises PoisonError for anything else."""
    try:
        found = parse(body, _MOST)
        version, mailing_id, ids = found["v"], found["mailing_id"], found["message_ids"]
    except JsonError as error:
        raise PoisonError(str(error)) from None
    except (KeyError, TypeError) as error:
        raise PoisonError(type(error).__name__) from None
    if version != 1 or not isinstance(ids, list) or not all(type(id_) is int for id_ in [mailing_id, *ids]):
        raise PoisonError("not a chunk of version 1")
    return Chunk(mailing_id, ids)


@dataclass(frozen=True, slots=True)
class WorkerTools:
    """What a worker works with; tests put their own clock, provider and randomness in."""

    engine: Engine
    settings: Settings
    provider: Provider
    """That of the environment, or of one route."""
    pool: ThreadPoolExecutor
    clock: Clock = database_clock
    monotonic: Callable[[], float] = time.monotonic
    random: Random = field(default_factory=Random)
    sleep: Callable[[float], None] = time.sleep
    accounts: Callable[[], Accounts] | None = None
    """The providers that stand in the database; None: only this one can be called."""
    made_at: float = field(default_factory=time.monotonic)

    def of(self, connection: Connection, gate: Gate) -> "WorkerTools | None":
        """The same with a gate's provider; None if it cannot be called."""
        if gate.provider == self.settings.provider_name:
            return self
        made = self.accounts().get(connection, gate.provider, gate.account) if self.accounts is not None else None
        return replace(self, settings=made[0], provider=made[1]) if made is not None else None


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on two clocks: the database's, which decides, and this process's, which measures."""

    at: datetime
    monotonic: float

    def later(self, monotonic: float) -> datetime:
        """A later moment of this process's clock, by the database's."""
        return self.at + timedelta(seconds=monotonic - self.monotonic)


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one claim. `began` is by the process's clock, None where no call was made."""

    outcome: Outcome
    began: float | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class ChunkFigures:
    """The outcome of a chunk."""

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    deferred: int = 0
    released: int = 0
    fenced: int = 0
    unknown: int = 0
    throttled: int = 0
    misconfigured: int = 0
    """Answers that blame our configuration: an expired token, for one."""
    left_out: int = 0
    """Providers of the mailing that could not be called for want of a credential or of a setting."""
    expired: int = 0
    latencies: list[float] = field(default_factory=list)
    """Of the calls to the provider, in milliseconds."""


@dataclass(frozen=True, slots=True)
class _Route:
    """A provider that messages may be handed to now: its tools, and how many calls it may be given."""

    tools: WorkerTools
    admission: Admission
    retry_at: datetime
    """When what was not admitted is tried again."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Claims that go to one provider."""

    route: _Route
    claims: list[Claim]


def send_chunk(tools: WorkerTools, chunk: Chunk) -> ChunkFigures:
    """Sends what of the chunk may be sent now, and records it. Raises DBAPIError if claim or record could not reach the database."""
    # Before the claim: the lease begins in the database somewhat later, so that this clock never believes it longer than it is.
    started = tools.monotonic()
    figures = ChunkFigures()
    with autocommit(tools.engine) as connection:
        begun = Moment(tools.clock(connection), started)
        route = _route(tools, connection, chunk, begun.at, figures)
        claimed = _claim(tools, route, connection, chunk, begun.at, figures)
        groups = _groups(tools, route, connection, chunk, claimed.claims, begun.at)
    if claimed.claims:
        answers = _call(tools, groups, claimed.text, started, begun.at)
        figures.latencies = [round(each.seconds * 1000, 1) for some in answers for each in some if each.began is not None]
        _record_all(groups, chunk, answers, begun, figures)
    _log(chunk, figures)
    return figures


def _route(tools: WorkerTools, connection: Connection, chunk: Chunk, now: datetime, figures: ChunkFigures) -> _Route:
    """Choose the first of the mailing's providers that may be called; one whose breaker is open only if it is due to be tried again.

    None of them: the messages wait for the one that is tried next.
    """
    mailing_id, ids = chunk.mailing_id, chunk.message_ids
    enabled = [gate for gate in gates.read(connection, mailing_id, tools.settings.provider_name) if gate.enabled]
    usable = [(made, gate) for gate in enabled if (made := tools.of(connection, gate)) is not None]
    figures.left_out = len(enabled) - len(usable)
    if not usable:
        return _Route(tools, Admission(0, now), now + timedelta(seconds=tools.settings.probe_seconds))
    closed = [gate for _, gate in usable if gate.opened_at is None]
    waiting: list[_Route] = []
    for made, gate in usable:
        replaceable = any(other is not gate for other in closed)
        admission = replace(admit(connection, made.settings, mailing_id, ids, now, gate), replaceable=replaceable)
        if admission.probing and closed:
            return _Route(made, admission, now)
        if gate.opened_at is None or admission.permits != 0:
            return _Route(made, admission, admission.until)
        waiting.append(_Route(made, admission, admission.until))
    return min(waiting, key=lambda each: each.retry_at)


def _groups(
    tools: WorkerTools, route: _Route, connection: Connection, chunk: Chunk, claims: Sequence[Claim], now: datetime
) -> list[_Group]:
    """Put claims by provider: a message whose outcome is unknown goes to the one that was called for it, and to no other."""
    name = route.tools.settings.provider_name
    groups = [_Group(route, [claim for claim in claims if claim.provider == name])]
    for other in dict.fromkeys(claim.provider for claim in claims if claim.provider != name):
        theirs = [claim for claim in claims if claim.provider == other]
        back = _route_back(tools, connection, chunk, other, [claim.id for claim in theirs], now)
        # Without a way back nothing is called: the tools of the other provider give them up.
        groups.append(_Group(back or _Route(route.tools, Admission(None, now), now), theirs))
    return groups


def _route_back(
    tools: WorkerTools, connection: Connection, chunk: Chunk, provider: str, ids: list[int], now: datetime
) -> _Route | None:
    """Return the route to a provider that was called before; None if it may not be called again, whatever its breaker says."""
    gate = gates.read_one(connection, chunk.mailing_id, provider)
    made = tools.of(connection, gate) if gate is not None and gate.enabled else None
    if gate is None or made is None or not made.settings.provider_honours_key:
        return None
    admission = admit(connection, made.settings, chunk.mailing_id, ids, now, gate)
    return _Route(made, admission, admission.until)


def _call(tools: WorkerTools, groups: Sequence[_Group], text: str, started: float, now: datetime) -> list[list[Answer]]:
    """Make the calls of all groups side by side; what exceeds a group's permits is not called."""
    chosen = tools.settings
    last_call = started + chosen.lease_seconds - chosen.provider_deadline_seconds
    jobs: list[tuple[_Calls, int, Claim]] = []
    for group in groups:
        admission = group.route.admission
        calls = _Calls(group.route.tools, text, started, last_call, admission.spacing)
        calls.permits, calls.retry_after = admission.permits, max((group.route.retry_at - now).total_seconds(), 0.0)
        jobs += [(calls, place, claim) for place, claim in enumerate(group.claims)]
    answers = iter(tools.pool.map(lambda job: job[0].make(job[1], job[2]), jobs))
    return [[next(answers) for _ in group.claims] for group in groups]


def _record_all(
    groups: Sequence[_Group], chunk: Chunk, answers: Sequence[Sequence[Answer]], begun: Moment, figures: ChunkFigures
) -> None:
    """Record each group, also if another one's record could not reach the database."""
    failure: DBAPIError | None = None
    for group, given in zip(groups, answers, strict=True):
        try:
            if group.claims:
                _record(group.route.tools, chunk, group.claims, given, begun, group.route.admission, figures)
        except DBAPIError as error:
            failure = error
    if failure is not None:
        raise failure


def _claim(
    tools: WorkerTools, route: _Route, connection: Connection, chunk: Chunk, now: datetime, figures: ChunkFigures
) -> ClaimedChunk:
    """Claims what was admitted; what stays unclaimed goes back to the runs, unless another worker has it."""
    chosen, admission = route.tools.settings, route.admission
    lease, deadline = timedelta(seconds=chosen.lease_seconds), timedelta(seconds=chosen.provider_deadline_seconds)
    mailing_id, ids = chunk.mailing_id, chunk.message_ids
    claimed = ClaimedChunk("", [])
    if admission.permits != 0:
        claimed = messages.claim(
            connection,
            mailing_id,
            ids,
            now=now,
            lease=lease,
            deadline=deadline,
            provider=chosen.provider_name,
            unnamed=tools.settings.provider_name,
            permits=admission.permits,
        )
    figures.claimed = len(claimed.claims)
    own = sum(claim.provider == chosen.provider_name for claim in claimed.claims)
    refund(connection, chosen, mailing_id, admission, own, now)
    if figures.claimed < len(ids):
        if admission.permits is None:
            figures.released = messages.release(connection, mailing_id, ids, now=now, deadline=deadline)
        else:
            figures.released = messages.hold(connection, mailing_id, ids, route.retry_at)
    return claimed


class _Calls:
    """The calls of one chunk, side by side; those to a provider that throttles one after the other, as its pace says."""

    def __init__(self, tools: WorkerTools, text: str, started: float, last_call: float, spacing: Spacing | None) -> None:
        self._tools = tools
        self._text = text
        self._started = started
        self._last_call = last_call
        self._spacing = spacing
        self._stopped = False
        self.permits: int | None = None
        """How many calls may be made; None: no bound."""
        self.retry_after = 0.0
        """Seconds until what exceeds them is tried again."""

    def make(self, place: int, claim: Claim) -> Answer:
        """One call to the provider, unless it must not be made; in a thread of the pool."""
        tools = self._tools
        if _given_up(tools.settings, claim):
            # Its row says why its fate is unknown. Where it is not, a setting was lowered: the attempts that failed are the last ones.
            return Answer(Outcome(OutcomeKind.UNKNOWN if claim.unknown else OutcomeKind.NOT_DELIVERED))
        if claim.barred_by:
            return Answer(Outcome(OutcomeKind.WITHHELD, code=claim.barred_by))
        try:
            rendered = render(self._text, claim.attributes or {})
        except UnsendableTextError as error:
            return Answer(Outcome(OutcomeKind.WITHHELD, error.detail, code=error.code))
        except Exception as error:  # noqa: BLE001 - nothing was sent; the chunk's other messages are
            return Answer(_failed(OutcomeKind.NOT_DELIVERED, claim, error))
        if self.permits is not None and place >= self.permits:
            return Answer(Outcome(OutcomeKind.NOT_CALLED, retry_after=self.retry_after))
        if self._spacing is not None:
            self._wait_for_turn(place, self._spacing)
        if self._stopped or tools.monotonic() > self._last_call:
            return Answer(Outcome(OutcomeKind.NOT_CALLED))
        began = tools.monotonic()
        try:
            outcome = storable(tools.provider.send(Outgoing(claim.id, claim.phone, rendered)))
        except Exception as error:  # noqa: BLE001 - the outcomes of the chunk's other calls must be recorded
            outcome = _failed(OutcomeKind.UNKNOWN, claim, error)
        if outcome.kind is OutcomeKind.THROTTLED:
            self._slow_down()
        return Answer(outcome, began, tools.monotonic() - began)

    def _wait_for_turn(self, place: int, spacing: Spacing) -> None:
        seconds = self._started + spacing.first + place * spacing.apart - self._tools.monotonic()
        if seconds > 0 and not self._stopped:
            self._tools.sleep(seconds)

    def _slow_down(self) -> None:
        """What of the chunk has not been called yet waits for the new pace."""
        self._stopped = self._spacing is not None


def _failed(kind: OutcomeKind, claim: Claim, error: Exception) -> Outcome:
    log_exception("call_failed", message_id=claim.id)
    return Outcome(kind, type(error).__name__)


def _given_up(chosen: Settings, claim: Claim) -> bool:
    """No further call may be made.

    The outcome of an earlier call is unknown, and a second one might deliver twice (always if it went to another provider); or the
    attempts are used up.
    """
    may_repeat = chosen.provider_honours_key and claim.provider == chosen.provider_name
    return (claim.unknown and not may_repeat) or claim.attempts > chosen.max_attempts


def _record(
    tools: WorkerTools,
    chunk: Chunk,
    claims: Sequence[Claim],
    answers: Sequence[Answer],
    begun: Moment,
    admission: Admission,
    figures: ChunkFigures,
) -> None:
    judgements = _judgements(claims, answers, admission)
    # What a dead worker left behind, or was withheld, was never asked of the provider: it says nothing of its health.
    asked = [
        Asked(answer.outcome, begun.later(answer.began), claim.claim_no, judgements.get(claim.id))
        for claim, answer in zip(claims, answers, strict=True)
        if answer.began is not None
    ]
    calls = {
        claim.id: _call_made(answer.outcome, begun.later(answer.began), answer.seconds)
        for claim, answer in zip(claims, answers, strict=True)
        if answer.began is not None
    }

    admitted = answers[: admission.permits]
    used = (admission.permits or 0) - sum(answer.outcome.kind is OutcomeKind.NOT_CALLED for answer in admitted)

    def write() -> tuple[messages.Recorded, list[Verdict], bool]:
        with autocommit(tools.engine) as connection:
            now = tools.clock(connection)
            verdicts = [
                _verdict(tools, claim, answer.outcome, now, judgements.get(claim.id))
                for claim, answer in zip(claims, answers, strict=True)
            ]
            decided = list(zip(claims, verdicts, strict=True))
            provider = tools.settings.provider_name
            recorded = messages.record(connection, chunk.mailing_id, decided, now, calls=calls, provider=provider)
            resumed = learn(connection, tools.settings, admission, asked, began=begun.at, now=now)
            if admission.spacing is not None:
                objected = any(each.outcome.kind is OutcomeKind.THROTTLED for each in asked)
                refund(connection, tools.settings, chunk.mailing_id, admission, used, now, objected=objected)
            if resumed:
                mailings.lower_next_run(connection, chunk.mailing_id, now)
            return recorded, verdicts, resumed

    # Safe to repeat: whatever the first try wrote before its answer was lost, the fence keeps from being written again.
    recorded, verdicts, resumed = retried(write)
    figures.fenced = len(verdicts) - recorded.rows
    figures.misconfigured = sum(each.outcome.kind is OutcomeKind.MISCONFIGURED for each in asked)
    figures.throttled = sum(each.outcome.kind is OutcomeKind.THROTTLED for each in asked)
    for verdict in verdicts:
        figures.sent += verdict.status is MessageStatus.SENT
        figures.failed += verdict.status is MessageStatus.FAILED
        figures.deferred += verdict.status is MessageStatus.WAITING
        figures.expired += verdict.status is MessageStatus.EXPIRED
        figures.unknown += verdict.error_code is ErrorCode.UNKNOWN_OUTCOME
    if recorded.woken or resumed:
        schedules.arrange(tools.engine, chunk.mailing_id, woken_by=StartSource.CHAIN, clock=tools.clock)


def _call_made(outcome: Outcome, at: datetime, seconds: float) -> CallMade:
    return CallMade(outcome.kind, outcome.detail, at, round(seconds * 1000), outcome.reference, outcome.segments)


def _judgements(claims: Sequence[Claim], answers: Sequence[Answer], admission: Admission) -> dict[int, Judgement]:
    """Of the messages that were answered as if our configuration were wrong: whose trouble it is, by message."""
    blamed = [claim for claim, answer in zip(claims, answers, strict=True) if answer.outcome.kind is OutcomeKind.MISCONFIGURED]
    if not blamed:
        return {}
    accepted = sum(answer.outcome.kind in ALIVE for answer in answers)
    given = [Blamed(claim.own_refusals, claim.blamed_at) for claim in blamed]
    last_accepted = admission.gate.accepted_at if admission.gate is not None else None
    judgements = judge(given, accepted, last_accepted, probing=admission.probing)
    return {claim.id: judgement for claim, judgement in zip(blamed, judgements, strict=True)}


def _verdict(tools: WorkerTools, claim: Claim, outcome: Outcome, now: datetime, judgement: Judgement | None) -> Verdict:
    chosen = tools.settings
    own = judgement is not None and judgement.own
    called = not _given_up(chosen, claim)
    attempt = Attempt(claim.attempts if called else claim.attempts - 1, claim.unknown, claim.own_refusals)
    rules = RetryRules(chosen.max_attempts if called else 0, chosen.provider_honours_key)
    exhausted = own and claim.own_refusals + 1 >= blame.MOST_REFUSALS
    if outcome.kind is OutcomeKind.THROTTLED:
        exhausted = claim.claim_no >= blame.MOST_CLAIMS
    wait = _wait(tools, claim, outcome, judgement)
    return decide(outcome, attempt, rules, now=now, delay=wait, own=own, exhausted=exhausted)


def _wait(tools: WorkerTools, claim: Claim, outcome: Outcome, judgement: Judgement | None) -> float:
    """Seconds until another try."""
    chosen = tools.settings
    base, cap = chosen.backoff_base_seconds, chosen.backoff_cap_seconds
    if outcome.kind is OutcomeKind.NOT_CALLED:
        return outcome.retry_after or 0.0
    if judgement is not None and judgement.own:
        refusals, probe = claim.own_refusals + 1, chosen.probe_seconds
        longest = blame.wait(refusals, judgement.evident, base=base, probe=probe, cap=cap)
        return longest * tools.random.uniform(0.5, 1)
    if outcome.kind is OutcomeKind.MISCONFIGURED:
        # A little longer than until the next probe: somebody else's message is tried then, if there is one.
        return chosen.probe_seconds * tools.random.uniform(1.05, 1.25)
    # A throttled call spends no attempt: how often its message was claimed says how long it has been so.
    tries = claim.claim_no if outcome.kind is OutcomeKind.THROTTLED else claim.attempts
    return delay(tries, base=base, cap=cap, random=tools.random, retry_after=outcome.retry_after)


def give_back(tools: WorkerTools, chunk: Chunk) -> None:
    """Hands a chunk back to the runs untouched: less of the function's time is left than a lease lasts."""
    with autocommit(tools.engine) as connection:
        messages.hold(connection, chunk.mailing_id, chunk.message_ids, tools.clock(connection))


def _log(chunk: Chunk, figures: ChunkFigures) -> None:
    log(
        "chunk",
        mailing_id=chunk.mailing_id,
        message_ids=[min(chunk.message_ids, default=None), max(chunk.message_ids, default=None)],
        claimed=figures.claimed,
        sent=figures.sent,
        failed=figures.failed,
        deferred=figures.deferred,
        released=figures.released,
        fenced=figures.fenced,
        metrics=_metrics(figures),
    )


def _metrics(figures: ChunkFigures) -> Metrics:
    counts = {
        "Sent": figures.sent,
        "Failed": figures.failed,
        "Unknown": figures.unknown,
        "Expired": figures.expired,
        "Deferred": figures.deferred,
        "Throttled": figures.throttled,
    }
    # Nothing is said where nothing happened: CloudWatch takes what is not there for none.
    found: dict[str, float | Sequence[float]] = {name: count for name, count in counts.items() if count}
    return found | {"ProviderLatency": figures.latencies} if figures.latencies else found
