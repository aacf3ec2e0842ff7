"""Queries on what holds sending back: the provider's circuit breaker, its pace, and rates (of a mailing, of the provider)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from chalicelib.domain.pace import Pace, rate_at
from chalicelib.storage.prepared import prepared_text


@dataclass(frozen=True, slots=True)
class Gate:
    """What holds a mailing's messages back at this moment. `failures` counts failed calls in a row.

    `suspected_at`: when a message was last refused as if our configuration were wrong; `accepted_at`: a call that began then or later
    was accepted. `rate_tat`: up to when the provider's rate is spent.
    """

    rate_limit: int | None
    provider: str
    account: datetime | None
    """The version of its row; None: it has none."""
    enabled: bool
    failures: int
    opened_at: datetime | None
    probe_at: datetime | None
    suspected_at: datetime | None
    accepted_at: datetime | None
    held_until: datetime | None
    rate_tat: datetime | None
    pace: Pace | None

    @property
    def suspicion(self) -> bool:
        """Is it news when a call is accepted?"""
        return self.suspected_at is not None and (self.accepted_at is None or self.accepted_at < self.suspected_at)


# The mailing's providers in its order, or all by their position. That of the environment is there even before it has a row.
_ROUTES = """
    FROM mailing g LEFT JOIN (
      SELECT id, name, position, enabled, updated_at, rate FROM provider
      UNION ALL
      SELECT 0, CAST(:provider AS text), 0, true, CAST(NULL AS timestamptz), 0
      WHERE NOT EXISTS (SELECT 1 FROM provider WHERE name = CAST(:provider AS text))
    ) r ON g.providers = '{}' OR r.name = ANY(g.providers)
    LEFT JOIN provider_state p ON p.name = coalesce(r.name, CAST(:provider AS text))
    WHERE g.id = :mailing
    ORDER BY array_position(g.providers, CAST(r.name AS text)), r.position, r.id
"""
_GATE = """
    p.failures, p.opened_at, p.probe_at, p.suspected_at, p.accepted_at, p.held_until, p.rate_tat,
      p.pace, p.pace_at, p.pace_steady, p.pace_ceiling
"""
_READ = prepared_text(
    f"""
    SELECT g.rate_limit, coalesce(r.name, CAST(:provider AS text)), r.updated_at, coalesce(r.enabled, false), {_GATE}
    {_ROUTES}
    """
)
_READ_ONE = text(
    f"""
    SELECT g.rate_limit, CAST(:provider AS text), r.updated_at, coalesce(r.enabled, true), {_GATE}
    FROM mailing g LEFT JOIN provider r ON r.name = :provider LEFT JOIN provider_state p ON p.name = :provider
    WHERE g.id = :mailing
    """  # noqa: S608 - constants only
)
_LOOK = "CASE WHEN p.opened_at IS NOT NULL THEN p.probe_at END, p.held_until, p.pace, p.pace_at, p.pace_steady, p.pace_ceiling"
_OUTLOOK = text(f"SELECT {_LOOK} FROM provider_state p WHERE p.name = :provider")  # noqa: S608 - constants only
_OUTLOOKS = text(
    f"SELECT {_LOOK}, coalesce(r.enabled, false) AS enabled, CASE WHEN r.name <> :provider THEN r.rate END AS rate {_ROUTES}"
)
# Of all workers that would like to see whether the provider is back, one may.
_TAKE_PROBE = text(
    "UPDATE provider_state SET probe_at = :following WHERE name = :provider AND opened_at IS NOT NULL AND probe_at <= :now"
)
_RETURN_PROBE = text(
    "UPDATE provider_state SET probe_at = :now WHERE name = :provider AND opened_at IS NOT NULL AND probe_at = :following"
)
_PROBE_NOW = text("UPDATE provider_state SET probe_at = clock_timestamp() WHERE name = :provider AND opened_at IS NOT NULL")
_CLOSE = text(
    """
    UPDATE provider_state SET failures = 0, opened_at = NULL, probe_at = NULL, reason = NULL,
      accepted_at = CASE WHEN suspected_at IS NULL THEN accepted_at ELSE greatest(accepted_at, :began) END
    WHERE name = :provider
    """
)
_SUSPECT = text(
    """
    INSERT INTO provider_state (name, suspected_at) VALUES (:provider, :now)
    ON CONFLICT (name) DO UPDATE SET suspected_at = greatest(provider_state.suspected_at, excluded.suspected_at)
    """
)
# Throttled calls while there is no pace yet: how many within ten seconds.
_THROTTLED = text(
    """
    INSERT INTO provider_state AS p (name, throttled, throttled_at) VALUES (:provider, :calls, :now)
    ON CONFLICT (name) DO UPDATE SET throttled_at = excluded.throttled_at, throttled = excluded.throttled
      + CASE WHEN p.throttled_at > excluded.throttled_at - interval '10 seconds' THEN p.throttled ELSE 0 END
    RETURNING throttled
    """
)
# Only over the pace that the calls were made at: of several workers that are refused together, one lowers it.
_SET_PACE = text(
    """
    INSERT INTO provider_state AS p (name, pace, pace_at, pace_steady, pace_ceiling)
    VALUES (:provider, :pace, :pace_at, :pace_steady, :pace_ceiling)
    ON CONFLICT (name) DO UPDATE SET pace = excluded.pace, pace_at = excluded.pace_at, pace_steady = excluded.pace_steady,
      pace_ceiling = excluded.pace_ceiling, throttled = 0
    WHERE p.pace_at IS NOT DISTINCT FROM CAST(:seen AS timestamptz)
    RETURNING 1
    """
)
_END_PACE = text(
    """
    UPDATE provider_state SET pace = NULL, pace_at = NULL, pace_steady = NULL, pace_ceiling = NULL
    WHERE name = :provider AND pace_at = :seen
    """
)
_HOLD = text(
    """
    INSERT INTO provider_state AS p (name, held_until, held_reason) VALUES (:provider, :until, :reason)
    ON CONFLICT (name) DO UPDATE SET held_until = excluded.held_until, held_reason = excluded.held_reason
    WHERE p.held_until IS NULL OR p.held_until < excluded.held_until
    RETURNING 1
    """
)
_FAILED = text(
    """
    INSERT INTO provider_state AS p (name, failures, opened_at, probe_at, reason)
    VALUES (:provider, :failures, CASE WHEN CAST(:failures AS int) >= CAST(:limit AS int) THEN CAST(:now AS timestamptz) END,
            CASE WHEN CAST(:failures AS int) >= CAST(:limit AS int) THEN CAST(:probe_at AS timestamptz) END, :reason)
    ON CONFLICT (name) DO UPDATE SET failures = p.failures + :failures, reason = :reason,
      opened_at = CASE WHEN p.failures + :failures >= :limit THEN coalesce(p.opened_at, :now) ELSE p.opened_at END,
      probe_at = CASE WHEN p.failures + :failures >= :limit THEN coalesce(p.probe_at, :probe_at) ELSE p.probe_at END
    RETURNING opened_at = :now
    """
)

# GCRA (ITU-T I.371): `rate_tat` is the theoretical arrival time of the next call. A permit moves it on by 1 / rate; it may run ahead
# of the clock by the burst, and never lies behind it, so that a stall saves nothing up.
_PERMITS = """
    UPDATE {table} g SET rate_tat = p.tat + make_interval(secs => p.granted / CAST(p.rate AS float8))
    FROM (
      SELECT tat, rate, least(:wanted, CASE WHEN tat > :ahead THEN 0
        ELSE floor(extract(epoch FROM CAST(:ahead AS timestamptz) - tat) * rate)::int + 1 END) AS granted
      FROM (SELECT greatest(coalesce(rate_tat, :now), :now) AS tat, {rate} AS rate
            FROM {table} WHERE {key} FOR NO KEY UPDATE) locked
    ) p
    WHERE g.{key} RETURNING p.granted, g.rate_tat
"""
_MAILING_PERMITS = text(_PERMITS.format(table="mailing", rate="rate_limit", key="id = :mailing"))
_PROVIDER_PERMITS = text(_PERMITS.format(table="provider_state", rate="CAST(:rate AS float8)", key="name = :provider"))
_KNOW_PROVIDER = text("INSERT INTO provider_state (name) VALUES (:provider) ON CONFLICT DO NOTHING")
_REFUND = text(
    "UPDATE mailing SET rate_tat = rate_tat - make_interval(secs => :permits / CAST(rate_limit AS float8)) WHERE id = :mailing"
)
_REFUND_PROVIDER = text(
    "UPDATE provider_state SET rate_tat = rate_tat - make_interval(secs => :permits / CAST(:rate AS float8)) WHERE name = :provider"
)


def probe_now(connection: Connection, provider: str) -> bool:
    """Make an open circuit breaker due for its probe; False if it is closed."""
    return connection.execute(_PROBE_NOW, {"provider": provider}).rowcount > 0


def read(connection: Connection, mailing_id: int, provider: str) -> list[Gate]:
    """What holds this mailing back, for each of its providers in its order; empty if there is no such mailing.

    `provider` is the environment's: the only one while there are no rows.
    """
    return [_gate(row) for row in connection.execute(_READ, {"mailing": mailing_id, "provider": provider})]


def read_one(connection: Connection, mailing_id: int, provider: str) -> Gate | None:
    """What holds calls to this provider back, be it one of the mailing's or not; None if there is no such mailing."""
    row = connection.execute(_READ_ONE, {"mailing": mailing_id, "provider": provider}).one_or_none()
    return _gate(row) if row is not None else None


def _gate(row: Any) -> Gate:
    return Gate(
        rate_limit=row[0],
        provider=row[1],
        account=row[2],
        enabled=row[3],
        failures=row[4] or 0,
        opened_at=row[5],
        probe_at=row[6],
        suspected_at=row[7],
        accepted_at=row[8],
        held_until=row[9],
        rate_tat=row[10],
        pace=_pace(row[11], row[12], row[13], row[14]),
    )


def _pace(rate: float | None, at: datetime | None, steady: float | None, ceiling: float | None) -> Pace | None:
    return None if rate is None or at is None or steady is None or ceiling is None else Pace(rate, at, steady, ceiling)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What holds everybody's messages back: the next probe of an open breaker, a hold that the provider asked for, a pace."""

    probe_at: datetime | None = None
    held_until: datetime | None = None
    pace: Pace | None = None
    rate: int | None = None
    """Calls a second that its row allows (0: any number); None: as the environment says."""

    def first_call(self, now: datetime) -> datetime | None:
        """The moment before which no call is made; None if nothing stands in the way."""
        moments = [moment for moment in (self.probe_at, self.held_until) if moment is not None]
        return max(moments) if self.probe_at is not None or any(moment > now for moment in moments) else None

    def calls_a_second(self, environments: int, now: datetime) -> float | None:
        """How many calls it takes: what its row (or the `environments` rate) allows, or the pace that was found if that is less."""
        rate = float(environments if self.rate is None else self.rate) or None
        paced = None if self.pace is None else rate_at(self.pace, now)
        return min((each for each in (rate, paced) if each is not None), default=None)


def outlook(connection: Connection, provider: str) -> Outlook:
    """What holds the provider's messages back."""
    row = connection.execute(_OUTLOOK, {"provider": provider}).one_or_none()
    return Outlook() if row is None else Outlook(row[0], row[1], _pace(row[2], row[3], row[4], row[5]))


def outlook_of(connection: Connection, mailing_id: int, provider: str, now: datetime) -> Outlook:
    """Return what holds the mailing back: that of its first provider whose breaker is closed, or of the one that is tried first."""
    rows = connection.execute(_OUTLOOKS, {"mailing": mailing_id, "provider": provider}).all()
    found = [Outlook(row[0], row[1], _pace(row[2], row[3], row[4], row[5]), row.rate) for row in rows if row.enabled]
    usable = [each for each in found if each.probe_at is None]
    if usable:
        return usable[0]
    return min(found, key=lambda each: each.first_call(now) or now, default=Outlook())


def take_probe(connection: Connection, provider: str, now: datetime, following: datetime) -> bool:
    """The right to make the one call that is due; the next is due at `following`."""
    return connection.execute(_TAKE_PROBE, {"provider": provider, "now": now, "following": following}).rowcount == 1


def return_probe(connection: Connection, provider: str, now: datetime, following: datetime) -> None:
    """Gives back the right to make a call that was not made: the next who would like to may, at once."""
    connection.execute(_RETURN_PROBE, {"provider": provider, "now": now, "following": following})


def close(connection: Connection, provider: str, began: datetime) -> None:
    """The provider accepts calls that began at `began`: the breaker is closed, and failures are counted from zero."""
    connection.execute(_CLOSE, {"provider": provider, "began": began})


def suspect(connection: Connection, provider: str, now: datetime) -> None:
    """A message was refused as if our configuration were wrong: that others are accepted is news now."""
    connection.execute(_SUSPECT, {"provider": provider, "now": now})


def throttled(connection: Connection, provider: str, calls: int, now: datetime) -> int:
    """Counts throttled calls of a provider that has no pace; how many within ten seconds."""
    return int(connection.execute(_THROTTLED, {"provider": provider, "calls": calls, "now": now}).scalar_one())


def set_pace(connection: Connection, provider: str, pace: Pace, seen: Pace | None) -> bool:
    """Sets the pace, unless another worker has set one since `seen` was read. True if it was set."""
    parameters = {
        "provider": provider,
        "pace": pace.rate,
        "pace_at": pace.at,
        "pace_steady": pace.steady,
        "pace_ceiling": pace.ceiling,
        "seen": seen and seen.at,
    }
    return connection.execute(_SET_PACE, parameters).one_or_none() is not None


def end_pace(connection: Connection, provider: str, seen: Pace) -> bool:
    """The provider has not throttled for so long that it needs no pace. True if it was this that ended it."""
    return connection.execute(_END_PACE, {"provider": provider, "seen": seen.at}).rowcount == 1


def hold(connection: Connection, provider: str, until: datetime, reason: str) -> bool:
    """Nobody is to call before `until`. True if that is later than what was known."""
    parameters = {"provider": provider, "until": until, "reason": reason[:200]}
    return connection.execute(_HOLD, parameters).one_or_none() is not None


def failed(
    connection: Connection, provider: str, failures: int, *, limit: int, reason: str, now: datetime, probe_at: datetime
) -> bool:
    """Counts failed calls; at `limit` in a row the breaker opens. True if it was this that opened it."""
    parameters = {
        "provider": provider,
        "failures": failures,
        "limit": limit,
        "reason": reason[:200],
        "now": now,
        "probe_at": probe_at,
    }
    return bool(connection.execute(_FAILED, parameters).scalar_one())


@dataclass(frozen=True, slots=True)
class Permits:
    """How many calls a rate allows now, and when it allows the next."""

    granted: int
    following: datetime


def mailing_permits(connection: Connection, mailing_id: int, wanted: int, now: datetime, burst: timedelta) -> Permits:
    """Up to `wanted` permits of a mailing's rate."""
    row = connection.execute(_MAILING_PERMITS, {"mailing": mailing_id, "wanted": wanted, "now": now, "ahead": now + burst}).one()
    return Permits(row[0], row[1] - burst)


def provider_permits(connection: Connection, provider: str, rate: float, wanted: int, now: datetime, burst: timedelta) -> Permits:
    """Up to `wanted` permits of a provider's rate (calls a second)."""
    parameters = {"provider": provider, "rate": rate, "wanted": wanted, "now": now, "ahead": now + burst}
    row = connection.execute(_PROVIDER_PERMITS, parameters).one_or_none()
    if row is None:
        connection.execute(_KNOW_PROVIDER, {"provider": provider})
        row = connection.execute(_PROVIDER_PERMITS, parameters).one()
    return Permits(row[0], row[1] - burst)


def refund_mailing(connection: Connection, mailing_id: int, permits: int) -> None:
    """Gives back permits that no call was made with."""
    connection.execute(_REFUND, {"mailing": mailing_id, "permits": permits})


def refund_provider(connection: Connection, provider: str, rate: float, permits: int) -> None:
    """Gives back permits that no call was made with."""
    connection.execute(_REFUND_PROVIDER, {"provider": provider, "rate": rate, "permits": permits})
