"""Queries on what holds sending back: the provider's breaker, and rates (of a mailing, of the provider)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from chalicelib.storage.prepared import prepared_text


@dataclass(frozen=True, slots=True)
class Gate:
    """What holds a mailing's messages back at this moment. `failures` counts failed calls in a row."""

    rate_limit: int | None
    failures: int
    opened_at: datetime | None
    probe_at: datetime | None


_READ = prepared_text(
    """
    SELECT g.rate_limit, coalesce(p.failures, 0), p.opened_at, p.probe_at
    FROM mailing g LEFT JOIN provider_state p ON p.name = :provider WHERE g.id = :mailing
    """
)
_PROBE_AT = text("SELECT probe_at FROM provider_state WHERE name = :provider AND opened_at IS NOT NULL")
# Of all workers that would like to see whether the provider is back, one may.
_TAKE_PROBE = text(
    "UPDATE provider_state SET probe_at = :following WHERE name = :provider AND opened_at IS NOT NULL AND probe_at <= :now"
)
_RETURN_PROBE = text(
    "UPDATE provider_state SET probe_at = :now WHERE name = :provider AND opened_at IS NOT NULL AND probe_at = :following"
)
_CLOSE = text("UPDATE provider_state SET failures = 0, opened_at = NULL, probe_at = NULL, reason = NULL WHERE name = :provider")
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
_PROVIDER_PERMITS = text(_PERMITS.format(table="provider_state", rate="CAST(:rate AS int)", key="name = :provider"))
_KNOW_PROVIDER = text("INSERT INTO provider_state (name) VALUES (:provider) ON CONFLICT DO NOTHING")
_REFUND = text(
    "UPDATE mailing SET rate_tat = rate_tat - make_interval(secs => :permits / CAST(rate_limit AS float8)) WHERE id = :mailing"
)
_REFUND_PROVIDER = text(
    "UPDATE provider_state SET rate_tat = rate_tat - make_interval(secs => :permits / CAST(:rate AS float8)) WHERE name = :provider"
)


def read(connection: Connection, mailing_id: int, provider: str) -> Gate | None:
    """What holds this mailing back; None if there is no such mailing."""
    row = connection.execute(_READ, {"mailing": mailing_id, "provider": provider}).one_or_none()
    return None if row is None else Gate(*row)


def probe_at(connection: Connection, provider: str) -> datetime | None:
    """When a provider whose breaker is open is called next; None while it is closed."""
    moment: datetime | None = connection.execute(_PROBE_AT, {"provider": provider}).scalar_one_or_none()
    return moment


def take_probe(connection: Connection, provider: str, now: datetime, following: datetime) -> bool:
    """The right to make the one call that is due; the next is due at `following`."""
    return connection.execute(_TAKE_PROBE, {"provider": provider, "now": now, "following": following}).rowcount == 1


def return_probe(connection: Connection, provider: str, now: datetime, following: datetime) -> None:
    """Gives back the right to make a call that was not made: the next who would like to may, at once."""
    connection.execute(_RETURN_PROBE, {"provider": provider, "now": now, "following": following})


def close(connection: Connection, provider: str) -> None:
    """The provider answers: nothing holds it back, and failures are counted from zero."""
    connection.execute(_CLOSE, {"provider": provider})


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


def provider_permits(connection: Connection, provider: str, rate: int, wanted: int, now: datetime, burst: timedelta) -> Permits:
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


def refund_provider(connection: Connection, provider: str, rate: int, permits: int) -> None:
    """Gives back permits that no call was made with."""
    connection.execute(_REFUND_PROVIDER, {"provider": provider, "rate": rate, "permits": permits})
