"""The trail of a message: every call for it, unless the first one was accepted.

Written by the statements that claim, record and close messages (`messages`, `clients`), in the same transaction as what they decide. A
message whose first call is accepted has no row here. Rows hold no phone and no text. They go with their mailing, and with the phones
of its messages (`retention`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from chalicelib.domain.outcome import WORKER_DIED

FIRST_KEPT, LAST_KEPT = 10, 40
"""Calls kept of one message: the first ten and the last forty."""


def slot(claim_no: str) -> str:
    """SQL for the place of a call among those kept: from the eleventh on, the oldest of the last forty is overwritten."""
    return (
        f"CASE WHEN {claim_no} <= {FIRST_KEPT} THEN {claim_no} - 1"
        f" ELSE {FIRST_KEPT} + mod({claim_no} - {FIRST_KEPT + 1}, {LAST_KEPT}) END"
    )


_COLUMNS = "(mailing_id, message_id, slot, claim_no, attempt, at, provider, kind, error_code, detail, milliseconds)"
_OVERWRITE = """
    ON CONFLICT (mailing_id, message_id, slot) DO UPDATE SET claim_no = excluded.claim_no, attempt = excluded.attempt, at = excluded.at,
      provider = excluded.provider, kind = excluded.kind, error_code = excluded.error_code, detail = excluded.detail,
      milliseconds = excluded.milliseconds
"""

INSERT_RECORDED = f"""
    INSERT INTO message_call {_COLUMNS}
    SELECT :mailing, c.id, {slot("c.claim_no")}, c.claim_no, c.attempt, c.at, :provider, c.kind, c.error_code,
      CASE WHEN r.erased IS NOT TRUE THEN c.detail END, c.milliseconds
    FROM jsonb_to_recordset(CAST(:calls AS jsonb))
      AS c (id bigint, claim_no int, attempt int, at timestamptz, kind text, error_code text, detail text, milliseconds int)
    JOIN recorded r ON r.id = c.id
    {_OVERWRITE}
"""  # noqa: S608 - names of our own
"""For the statement that records a chunk: `:calls` is a JSON list, `recorded` the rows that the fence let through, and whether
their person was erased meanwhile."""


def insert_lost(source: str, unnamed: str = "provider") -> str:
    """SQL that keeps the calls which workers that died may have made, for rows of `source` that still had a lease.

    `source` has the message's columns as they were; `unnamed` is the parameter that names the provider of rows without one. The call was
    made at the end of the lease at the latest.
    """
    return f"""
    INSERT INTO message_call {_COLUMNS}
    SELECT mailing_id, id, {slot("claim_no")}, claim_no, attempts, lease_until,
      coalesce(provider, CAST(:{unnamed} AS text)), 'unknown', 'unknown_outcome',
      '{WORKER_DIED}', NULL
    FROM {source} WHERE lease_until IS NOT NULL
    {_OVERWRITE}
    """  # noqa: S608 - names of our own


LOST_COLUMNS = "m.id, m.mailing_id, m.claim_no, m.attempts, m.lease_until, m.provider"
"""What `insert_lost` reads."""
LOST_DETAIL = f"CASE WHEN m.lease_until IS NOT NULL AND NOT m.unknown THEN '{WORKER_DIED}' ELSE m.error_detail END"
"""SQL for the reason of a row that is closed: an unknown outcome keeps the reason for which it is unknown."""

_OF_MESSAGE = text(
    """
    SELECT claim_no, attempt, at, provider, kind, error_code, detail, milliseconds FROM message_call
    WHERE mailing_id = :mailing AND message_id = :message ORDER BY claim_no
    """
)
_CLEAR = text(
    """
    DELETE FROM message_call WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM message_call WHERE mailing_id = :mailing ORDER BY message_id, slot LIMIT :size))
    """
)


@dataclass(frozen=True, slots=True)
class MessageCall:
    """One call. `attempt` is how many attempts it made of the message's budget, itself included; `milliseconds` is None if nobody knows."""

    claim_no: int
    attempt: int
    at: datetime
    provider: str
    kind: str
    error_code: str | None
    detail: str | None
    milliseconds: int | None


def of_message(connection: Connection, mailing_id: int, message_id: int) -> Sequence[MessageCall]:
    """The kept calls of a message, the earliest first."""
    return [MessageCall(*row) for row in connection.execute(_OF_MESSAGE, {"mailing": mailing_id, "message": message_id})]


def clear(connection: Connection, mailing_id: int, size: int) -> int:
    """Deletes up to `size` kept calls of a mailing; how many."""
    return connection.execute(_CLEAR, {"mailing": mailing_id, "size": size}).rowcount
