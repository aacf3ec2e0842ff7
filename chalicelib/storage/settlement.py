"""Settle messages whose outcome nobody knew: what was found out later is written into their rows."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger

_SETTLED_BY_HAND = "settled by hand"

# Of unknown outcome: its last word is that nobody can tell, or it waits to be called again (by a provider that honours the key), or its
# worker died. What is under a lease is being called for at this moment. What was delivered was sent when it was called for last.
_SETTLE = text(
    f"""
    WITH answer AS (
      SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:delivered AS boolean[])) AS a (id, delivered)
    ), open AS (
      SELECT m.id, m.status FROM message m
      WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.mailing_id = :mailing AND m.deleted_at IS NULL AND m.status + 0 IN (1, 4)
        AND (m.unknown OR m.error_code = 'unknown_outcome' OR m.lease_until IS NOT NULL)
        AND (m.lease_until IS NULL OR m.lease_until <= :now)
      ORDER BY m.id FOR NO KEY UPDATE
    )
    UPDATE message m SET
      status = CASE WHEN a.delivered THEN 2 ELSE 4 END, unknown = false, lease_until = NULL,
      error_code = CASE WHEN a.delivered THEN NULL ELSE 'not_delivered' END,
      error_detail = CASE WHEN a.delivered THEN NULL ELSE '{_SETTLED_BY_HAND}' END,
      attempted_at = coalesce(m.lease_until, m.attempted_at, :now),
      sent_at = CASE WHEN a.delivered THEN coalesce(m.lease_until, m.attempted_at, :now) END
    FROM answer a, open o
    WHERE m.id = a.id AND m.id = o.id
    RETURNING m.id, o.status
    """  # noqa: S608 - constants only
)
_STATES = text(
    "SELECT id, status, error_code, lease_until FROM message WHERE mailing_id = :mailing AND id = ANY(:ids) AND deleted_at IS NULL"
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


_MAILINGS = text(
    """
    SELECT id, mailing_id FROM message
    WHERE id = ANY(:ids) AND deleted_at IS NULL AND (CAST(:owner AS bigint) IS NULL OR owner_id = :owner) ORDER BY mailing_id, id
    """
).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


def mailings_of(connection: Connection, owner_id: int | None, ids: list[int]) -> dict[int, int]:
    """The mailing of each of these messages that the owner (None: anyone) has."""
    return {row.id: row.mailing_id for row in connection.execute(_MAILINGS, {"ids": ids, "owner": owner_id})}


def settle(connection: Connection, mailing_id: int, answers: Mapping[int, bool], now: datetime) -> dict[int, int]:
    """Make those of these messages whose outcome is unknown 2, sent, or 4, `not_delivered`; the status that each of them had.

    The mailing's row is locked by the caller. A message that is being called for at the moment, or whose outcome is known, stays.
    """
    parameters = {"mailing": mailing_id, "ids": list(answers), "delivered": list(answers.values()), "now": now}
    return {row.id: row.status for row in connection.execute(_SETTLE, parameters)}


def states(connection: Connection, mailing_id: int, ids: list[int]) -> dict[int, tuple[int, str | None, datetime | None]]:
    """Status, error code and lease of those of these messages that the mailing has."""
    found = connection.execute(_STATES, {"mailing": mailing_id, "ids": ids})
    return {row.id: (row.status, row.error_code, row.lease_until) for row in found}
