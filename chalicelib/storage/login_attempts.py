"""Queries on login attempts, and on the places from which users have logged in before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

# In one order, whatever that of the call: two logins that share both subjects would wait for each other for ever.
_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(key) FROM (
      SELECT DISTINCT hashtextextended(encode(subject, 'hex'), 0) AS key FROM unnest(CAST(:subjects AS bytea[])) AS subject ORDER BY key
    ) AS keys
    """
)
_NOTE = text(
    """
    WITH old AS (DELETE FROM login_attempt WHERE at < :before)
    INSERT INTO login_attempt (subject, at) SELECT unnest(CAST(:subjects AS bytea[])), :now RETURNING id
    """
)
_SINCE = text("SELECT count(*), min(at), max(at) FROM login_attempt WHERE subject = :subject AND at > :since")
_FORGET = text("DELETE FROM login_attempt WHERE id = ANY(CAST(:ids AS bigint[]))")
_FORGET_SUBJECT = text("DELETE FROM login_attempt WHERE subject = :subject")
_KNOWN = text("SELECT place FROM known_place WHERE name = :name AND place = ANY(CAST(:places AS bytea[])) AND seen_at > :since")
_KNOW = text(
    """
    INSERT INTO known_place (name, place, seen_at) SELECT :name, unnest(CAST(:places AS bytea[])), :now
    ON CONFLICT (name, place) DO UPDATE SET seen_at = excluded.seen_at
    """
)
_SWEEP_ATTEMPTS = text("DELETE FROM login_attempt WHERE at < :before")
_SWEEP = text("DELETE FROM known_place WHERE seen_at < :before")


@dataclass(frozen=True, slots=True)
class Found:
    """Attempts of one subject: how many, the first and the last."""

    number: int
    first: datetime | None
    last: datetime | None


def lock(connection: Connection, subjects: Sequence[bytes]) -> None:
    """Waits until no other transaction holds one of these subjects, and holds them to the end of this one."""
    connection.execute(_LOCK, {"subjects": list(subjects)}).all()


def note(connection: Connection, subjects: Sequence[bytes], now: datetime, before: datetime) -> list[int]:
    """Writes an attempt down for each subject, and returns their ids; drops what is older than `before`."""
    return list(connection.execute(_NOTE, {"subjects": list(subjects), "now": now, "before": before}).scalars())


def since(connection: Connection, subject: bytes, moment: datetime) -> Found:
    """The attempts of a subject since a moment."""
    return Found(*connection.execute(_SINCE, {"subject": subject, "since": moment}).one())


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Takes attempts back: they were no guesses."""
    connection.execute(_FORGET, {"ids": list(ids)})


def forget_subject(connection: Connection, subject: bytes) -> None:
    """Takes all attempts of a subject back: the right password was given."""
    connection.execute(_FORGET_SUBJECT, {"subject": subject})


def known_places(connection: Connection, name: bytes, places: Sequence[bytes], since: datetime) -> Collection[bytes]:
    """Those of the places from which this name has logged in since then."""
    parameters = {"name": name, "places": list(places), "since": since}
    return {bytes(place) for place in connection.execute(_KNOWN, parameters).scalars()}


def know(connection: Connection, name: bytes, places: Sequence[bytes], now: datetime) -> None:
    """Writes down that this name has logged in from these places."""
    connection.execute(_KNOW, {"name": name, "places": list(places), "now": now})


def sweep(connection: Connection, before: datetime) -> int:
    """Drops attempts older than `before`; how many."""
    return connection.execute(_SWEEP_ATTEMPTS, {"before": before}).rowcount


def sweep_places(connection: Connection, before: datetime) -> int:
    """Forgets places where nobody has logged in since `before`; how many."""
    return connection.execute(_SWEEP, {"before": before}).rowcount
