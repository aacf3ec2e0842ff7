"""Clearing phones, and the trails of messages, that nobody needs any more."""

from datetime import datetime

from sqlalchemy import Connection, text

_KEPT = text(
    """
    SELECT id FROM mailing WHERE finished_at IS NOT NULL AND phones_cleared_at IS NULL AND finished_at <= :before
    ORDER BY finished_at LIMIT :size
    """
)
# What waits is never touched: a mailing that runs again has no finished_at, but its rows may change while this looks.
_CLEAR = text(
    """
    UPDATE message SET phone = NULL, provider_reference = NULL
    WHERE id = ANY(ARRAY(
      SELECT id FROM message WHERE mailing_id = :mailing AND phone IS NOT NULL AND status <> 1
      ORDER BY phone LIMIT :size FOR NO KEY UPDATE SKIP LOCKED
    ))
    """
)
_CLEARED = text("UPDATE mailing SET phones_cleared_at = :now WHERE id = :mailing AND finished_at <= :before")


def next_kept(connection: Connection, before: datetime, size: int) -> list[int]:
    """Up to `size` mailings that have been finished longest, since `before` at least, and still have their phones."""
    return list(connection.execute(_KEPT, {"before": before, "size": size}).scalars())


def clear_phones(connection: Connection, mailing_id: int, size: int) -> int:
    """Takes the phone from up to `size` finished messages of a mailing; from how many."""
    return connection.execute(_CLEAR, {"mailing": mailing_id, "size": size}).rowcount


def mark_cleared(connection: Connection, mailing_id: int, before: datetime, now: datetime) -> None:
    """Nothing is left to clear, unless the mailing runs again by now."""
    connection.execute(_CLEARED, {"mailing": mailing_id, "before": before, "now": now})
