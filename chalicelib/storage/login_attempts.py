"""Queries on login attempts."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

# Written before the password is looked at, and counted in a statement of its own: so of any number of guesses made side by side no
# more than the limit get as far as the password.
_NOTE = text(
    """
    WITH old AS (DELETE FROM login_attempt WHERE at < now() - make_interval(secs => :window))
    INSERT INTO login_attempt (subject) SELECT unnest(CAST(:subjects AS bytea[])) RETURNING id
    """
)
_COUNT = text(
    """
    SELECT count(*), coalesce(extract(epoch FROM min(at) + make_interval(secs => :window) - now()), 0)
    FROM login_attempt WHERE subject = :subject AND at >= now() - make_interval(secs => :window)
    """
)
_FORGET = text("DELETE FROM login_attempt WHERE id = ANY(CAST(:ids AS bigint[]))")
_FORGET_SUBJECT = text("DELETE FROM login_attempt WHERE subject = :subject")


def note(connection: Connection, subjects: Sequence[bytes], window: float) -> list[int]:
    """Writes an attempt down for each subject, and returns their ids; drops what is older than the window (seconds)."""
    return list(connection.execute(_NOTE, {"subjects": list(subjects), "window": window}).scalars())


def count(connection: Connection, subject: bytes, window: float) -> tuple[int, float]:
    """How many attempts the window holds, and in how many seconds the oldest leaves it."""
    found, seconds = connection.execute(_COUNT, {"subject": subject, "window": window}).one()
    return int(found), float(seconds)


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Takes attempts back: they were turned away unseen, or were no guesses."""
    connection.execute(_FORGET, {"ids": list(ids)})


def forget_subject(connection: Connection, subject: bytes) -> None:
    """Takes all attempts of a subject back: the right password was given."""
    connection.execute(_FORGET_SUBJECT, {"subject": subject})
