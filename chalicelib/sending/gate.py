"""How many calls a chunk may make now: the breaker and the rates, before the claim; what its outcomes say of the provider, after."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chalicelib.config import Settings
from chalicelib.domain.outcome import Outcome, health
from chalicelib.observability import log, warn
from chalicelib.storage import gates


@dataclass(frozen=True, slots=True)
class Admission:
    """`permits` calls may be made (None: no bound); what is beyond them waits until `until`."""

    permits: int | None
    until: datetime
    failures: int = 0
    probing: bool = False
    rate_limit: int | None = None


def admit(connection: Connection, chosen: Settings, mailing_id: int, wanted: int, now: datetime) -> Admission:
    """Takes permits for up to `wanted` calls."""
    gate = gates.read(connection, mailing_id, chosen.provider_name)
    if gate is None:
        return Admission(0, now)
    if gate.opened_at is not None:
        return _probe(connection, chosen, gate, now)
    if gate.rate_limit is None and not chosen.provider_rate:
        return Admission(None, now, gate.failures)
    return _within_rates(connection, chosen, mailing_id, gate, wanted, now)


def _probe(connection: Connection, chosen: Settings, gate: gates.Gate, now: datetime) -> Admission:
    following = now + timedelta(seconds=chosen.probe_seconds)
    if gates.take_probe(connection, chosen.provider_name, now, following):
        return Admission(1, following, gate.failures, probing=True)
    return Admission(0, max(gate.probe_at or following, now), gate.failures)


def _within_rates(
    connection: Connection, chosen: Settings, mailing_id: int, gate: gates.Gate, wanted: int, now: datetime
) -> Admission:
    burst = timedelta(seconds=chosen.rate_burst_seconds)
    granted, until = wanted, now
    if gate.rate_limit is not None:
        own = gates.mailing_permits(connection, mailing_id, wanted, now, burst)
        granted, until = own.granted, own.following
    if chosen.provider_rate and granted:
        shared = gates.provider_permits(connection, chosen.provider_name, chosen.provider_rate, granted, now, burst)
        if gate.rate_limit is not None and shared.granted < granted:
            gates.refund_mailing(connection, mailing_id, granted - shared.granted)
        granted, until = shared.granted, max(until, shared.following)
    return Admission(granted, max(until, now), gate.failures, rate_limit=gate.rate_limit)


def refund(connection: Connection, chosen: Settings, mailing_id: int, admission: Admission, used: int, now: datetime) -> None:
    """Gives back the permits that a claim did not use: its rows were somebody else's, or closed."""
    if admission.permits is None or used >= admission.permits:
        return
    if admission.probing:
        gates.return_probe(connection, chosen.provider_name, now, admission.until)
        return
    spare = admission.permits - used
    if admission.rate_limit is not None:
        gates.refund_mailing(connection, mailing_id, spare)
    if chosen.provider_rate:
        gates.refund_provider(connection, chosen.provider_name, chosen.provider_rate, spare)


def learn(connection: Connection, chosen: Settings, admission: Admission, outcomes: Iterable[Outcome], now: datetime) -> bool:
    """Writes down what the outcomes of calls say of the provider, if it is news. True if its next call may be made at once.

    That is when its breaker closed, and when the right to a probe was spent on a message that was not called for.
    """
    outcomes = list(outcomes)
    if admission.probing and not outcomes:
        gates.return_probe(connection, chosen.provider_name, now, admission.until)
        return True
    seen = health(outcomes)
    if seen.misconfigured or (seen.failures and not seen.alive):
        limit = 1 if seen.misconfigured else chosen.breaker_failures
        reason = next((outcome.detail for outcome in outcomes if outcome.detail), "")
        opened = gates.failed(
            connection,
            chosen.provider_name,
            max(seen.failures, 1),
            limit=limit,
            reason=reason,
            now=now,
            probe_at=now + timedelta(seconds=chosen.probe_seconds),
        )
        if opened:
            warn("breaker_opened", provider=chosen.provider_name, reason=reason, misconfigured=seen.misconfigured)
        return False
    if not seen.alive or not (admission.failures or admission.probing):
        return False
    gates.close(connection, chosen.provider_name)
    if admission.probing:
        log("breaker_closed", provider=chosen.provider_name)
    return admission.probing
