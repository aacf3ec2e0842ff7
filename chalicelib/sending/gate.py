"""How many calls a chunk may make now: breaker, pace and rates, before the claim; what its outcomes say of the provider, after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chalicelib.config import Settings
from chalicelib.domain import pace
from chalicelib.domain.blame import Judgement
from chalicelib.domain.outcome import ACCEPTING, Outcome, OutcomeKind, health
from chalicelib.observability import log, warn
from chalicelib.storage import gates, messages

_AHEAD = timedelta(seconds=2)
"""How far ahead of the clock permits of a paced provider are given: longer than runs are apart, so that there is always work."""
_IDLE = timedelta(seconds=10)
_BLAMED_LIMIT = 2
"""Messages in a row, none accepted between them, that are refused as if our configuration were wrong, until the breaker opens."""
_LEAVE_TO_OTHERS = 0.2
"""Of the time between two probes."""
_FAILOVER_LIMIT = 5
"""Failed calls in a row that open the breaker of a provider where another one can take over."""
_FEW = 3
"""Throttled calls that are too few to say something of the provider as a whole."""
_FRESH = 2
"""Claims of a message up to which its being throttled may be news: one that always is would slow down everybody."""


@dataclass(frozen=True, slots=True)
class Spacing:
    """The calls of a paced chunk: the first one so many seconds after the claim, the others so many apart."""

    first: float
    apart: float


@dataclass(frozen=True, slots=True)
class Admission:
    """`permits` calls may be made (None: no bound); what is beyond them waits until `until`."""

    permits: int | None
    until: datetime
    gate: gates.Gate | None = None
    probing: bool = False
    shared_rate: float | None = None
    """Calls a second over all mailings of which the permits were taken."""
    spacing: Spacing | None = None
    replaceable: bool = False
    """Is there another provider that takes over if this one fails?"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was made: its answer, when it began, how often its message had been claimed, and whose trouble the answer is."""

    outcome: Outcome
    called: datetime
    claim_no: int
    judgement: Judgement | None = None
    """Where the answer blames our configuration."""


def admit(
    connection: Connection, chosen: Settings, mailing_id: int, ids: Sequence[int], now: datetime, gate: gates.Gate
) -> Admission:
    """Takes permits for calls for up to all of these messages of the provider that `chosen` and `gate` are of."""
    if gate.held_until is not None and gate.held_until > now:
        return Admission(0, max(gate.held_until, gate.probe_at or now), gate)
    if gate.opened_at is not None:
        return _probe(connection, chosen, gate, ids, now)
    shared = _shared_rate(connection, chosen, gate, now)
    if gate.rate_limit is None and shared is None:
        return Admission(None, now, gate)
    return _within_rates(connection, chosen, mailing_id, gate, shared, len(ids), now)


def _probe(connection: Connection, chosen: Settings, gate: gates.Gate, ids: Sequence[int], now: datetime) -> Admission:
    """The right to the one call that is due; messages that were not accepted before leave it to others for some seconds.

    One that is always refused would otherwise be what the provider is tried with again and again.
    """
    following = now + timedelta(seconds=chosen.probe_seconds)
    if gate.probe_at is not None and gate.probe_at <= now and messages.all_attempted(connection, ids):
        later = gate.probe_at + timedelta(seconds=chosen.probe_seconds * _LEAVE_TO_OTHERS)
        if now < later:
            return Admission(0, later, gate)
    if gates.take_probe(connection, chosen.provider_name, now, following):
        return Admission(1, following, gate, probing=True)
    return Admission(0, max(gate.probe_at or following, now), gate)


def _shared_rate(connection: Connection, chosen: Settings, gate: gates.Gate, now: datetime) -> float | None:
    """Calls a second over all mailings: what is configured, or less if the provider throttles; None: no bound."""
    configured = float(chosen.provider_rate) or None
    if gate.pace is None:
        return configured
    found = gate.pace
    idle = now - max(gate.rate_tat or found.at, found.at)
    if idle > _IDLE:
        found = pace.rested(found, idle)
        gates.set_pace(connection, chosen.provider_name, found, gate.pace)
    rate = pace.rate_at(found, now)
    if rate >= pace.FREE:
        if gates.end_pace(connection, chosen.provider_name, found):
            log("pace_ended", provider=chosen.provider_name)
        return configured
    return min(rate, configured or rate)


def _within_rates(
    connection: Connection,
    chosen: Settings,
    mailing_id: int,
    gate: gates.Gate,
    shared: float | None,
    wanted: int,
    now: datetime,
) -> Admission:
    burst = timedelta(seconds=chosen.rate_burst_seconds)
    granted, until, spacing = wanted, now, None
    if gate.rate_limit is not None:
        own = gates.mailing_permits(connection, mailing_id, wanted, now, burst)
        granted, until = own.granted, own.following
    if shared is not None and granted:
        paced = gate.pace is not None
        ahead = _AHEAD if paced else burst
        given = gates.provider_permits(connection, chosen.provider_name, shared, granted, now, ahead)
        if gate.rate_limit is not None and given.granted < granted:
            gates.refund_mailing(connection, mailing_id, granted - given.granted)
        granted, until = given.granted, max(until, given.following)
        if paced:
            first = (given.following + ahead - now).total_seconds() - granted / shared
            spacing = Spacing(max(first, 0.0), 1 / shared)
    return Admission(granted, max(until, now), gate, shared_rate=shared, spacing=spacing)


def refund(
    connection: Connection,
    chosen: Settings,
    mailing_id: int,
    admission: Admission,
    used: int,
    now: datetime,
    *,
    objected: bool = False,
) -> None:
    """Gives back the permits that were not used: the rows were claimed by others, or closed, or not called for.

    If the provider objected, its own are not given back: others hold permits for later moments already, and calls at the moments that
    were left out would be made beside theirs, at twice the rate.
    """
    if admission.permits is None or used >= admission.permits:
        return
    if admission.probing:
        gates.return_probe(connection, chosen.provider_name, now, admission.until)
        return
    spare = admission.permits - used
    if admission.gate is not None and admission.gate.rate_limit is not None:
        gates.refund_mailing(connection, mailing_id, spare)
    if admission.shared_rate is not None and not objected:
        gates.refund_provider(connection, chosen.provider_name, admission.shared_rate, spare)


def learn(
    connection: Connection,
    chosen: Settings,
    admission: Admission,
    asked: Sequence[Asked],
    *,
    began: datetime,
    now: datetime,
) -> bool:
    """Writes down what the answers to calls say of the provider, if it is news. True if its next call may be made at once.

    That is when its breaker closed, and when the right to a probe was spent on a message that was not called for.
    """
    if admission.probing and not asked:
        gates.return_probe(connection, chosen.provider_name, now, admission.until)
        return True
    throttled = [each for each in asked if each.outcome.kind is OutcomeKind.THROTTLED]
    if throttled:
        _slow_down(connection, chosen, admission, asked, throttled, began, now)
    if any(each.judgement for each in asked):
        gates.suspect(connection, chosen.provider_name, now)
    seen = health(each.outcome for each in asked)
    gate = admission.gate
    if seen.alive or (admission.probing and throttled):
        if gate is None or not (gate.failures or gate.suspicion or admission.probing):
            return False
        gates.close(connection, chosen.provider_name, began)
        if admission.probing:
            log("breaker_closed", provider=chosen.provider_name)
        return admission.probing
    limit = min(chosen.breaker_failures, _FAILOVER_LIMIT) if admission.replaceable else chosen.breaker_failures
    _count_failures(connection, chosen, asked, seen.failures, limit, now)
    return False


def _count_failures(
    connection: Connection, chosen: Settings, asked: Sequence[Asked], failures: int, limit: int, now: datetime
) -> None:
    blamed = sum(each.judgement is not None and not each.judgement.own for each in asked)
    if not failures + blamed:
        return
    reason = next((each.outcome.detail for each in asked if each.outcome.detail), "")
    opened = gates.failed(
        connection,
        chosen.provider_name,
        failures + blamed,
        limit=_BLAMED_LIMIT if blamed else limit,
        reason=reason,
        now=now,
        probe_at=now + timedelta(seconds=chosen.probe_seconds),
    )
    if opened:
        warn("breaker_opened", provider=chosen.provider_name, reason=reason, misconfigured=bool(blamed))


def _slow_down(
    connection: Connection,
    chosen: Settings,
    admission: Admission,
    asked: Sequence[Asked],
    throttled: Sequence[Asked],
    began: datetime,
    now: datetime,
) -> None:
    """Lowers the pace of a provider that throttles, and holds it for as long as it asks."""
    accepted = sum(each.outcome.kind in ACCEPTING for each in asked)
    number, seen = len(throttled), admission.gate.pace if admission.gate is not None else None
    if seen is None:
        fresh = sum(each.claim_no <= _FRESH for each in throttled)
        if not fresh or gates.throttled(connection, chosen.provider_name, fresh, now) < _FEW:
            return
        wanted = pace.first(accepted, number, (now - began).total_seconds(), now)
    else:
        called = max(each.called for each in throttled)
        wanted = pace.lowered(seen, now, called=called, rate=admission.shared_rate or pace.rate_at(seen, called))
    if wanted != seen and gates.set_pace(connection, chosen.provider_name, wanted, seen):
        log("pace_lowered", provider=chosen.provider_name, rate=round(wanted.rate, 2), throttled=number, accepted=accepted)
    asks = max(each.outcome.retry_after or 0.0 for each in throttled)
    seconds = pace.held_for(asks, accepted, number, chosen.longest_hold_seconds)
    if seconds > 0:
        until = now + timedelta(seconds=seconds)
        reason = f"{throttled[0].outcome.detail}, Retry-After {asks:.0f} s"
        if gates.hold(connection, chosen.provider_name, until, reason):
            warn("provider_held", provider=chosen.provider_name, asked_seconds=asks, seconds=round(seconds, 1))
