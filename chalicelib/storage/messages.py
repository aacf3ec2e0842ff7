"""Queries on messages: dispatch, claim, record. Set-based: no statement here is run once a row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, text

from chalicelib.domain.outcome import ACCEPTING, WORKER_DIED, OutcomeKind, Verdict
from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.storage.message_calls import INSERT_RECORDED, LOST_COLUMNS, LOST_DETAIL, insert_lost
from chalicelib.storage.prepared import prepared_text

# LATERAL walks the index of undispatched rows zone by zone and never meets a row of a closed one. They are chosen once, as an
# array: right after planning PostgreSQL has no statistics of the new rows, takes them for one, and in a join would choose anew for
# every undispatched row (2 s for 500 of 10,000, against 7 ms).
_MARK_DISPATCHED = text(
    """
    WITH due AS (
      SELECT next.id FROM mailing g
      JOIN mailing_zone z ON z.mailing_id = g.id
      CROSS JOIN LATERAL (
        SELECT m.id FROM message m
        WHERE m.mailing_id = z.mailing_id AND m.time_zone = z.time_zone AND m.status = 1 AND m.dispatched_at IS NULL
          AND m.not_before <= :now
        ORDER BY m.not_before, m.id LIMIT :size) next
      WHERE g.id = :mailing AND g.status = 'running'
        AND z.opens_at <= :now AND z.closes_at > :now AND z.expires_at > :answered_by
      LIMIT :size
    )
    UPDATE message m SET dispatched_at = :now
    WHERE m.id = ANY(ARRAY(SELECT id FROM due)) AND m.status = 1 AND m.dispatched_at IS NULL
    RETURNING m.id
    """
)
_COUNT_DISPATCHED = text("SELECT count(*) FROM message WHERE mailing_id = :mailing AND status = 1 AND dispatched_at IS NOT NULL")
_UNMARK = text(
    """
    UPDATE message SET dispatched_at = NULL
    WHERE id = ANY(CAST(:ids AS bigint[])) AND status + 0 = 1 AND dispatched_at = :mark AND lease_until IS NULL
    """
)

# Statements that are given ids read these rows and no others. "+ 0" keeps the planner from the indexes that begin with the mailing or
# hold the dispatched rows: without fresh statistics it takes the whole mailing for a row or two, and would read all of it for each
# chunk. For the same reason each row that is updated is found by the ids again, and single rows of other tables by scalar subqueries,
# which are never turned into a join over the whole table.
_OPEN = (
    "g.status = 'running' AND m.not_before <= :now AND z.opens_at <= :now AND z.closes_at > :now AND z.expires_at > :answered_by"
)
_WITH_WINDOW = """
    FROM message m JOIN mailing g ON g.id = :mailing
    JOIN mailing_zone z ON z.mailing_id = :mailing AND z.time_zone = m.time_zone
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.mailing_id + 0 = :mailing AND m.status + 0 = 1
"""

# A row whose lease ran out was held by a worker that died: the outcome of its call is unknown. The text is the mailing's and comes
# once, not with every row; attributes only where the text asks for them.
_CLAIM = prepared_text(
    f"""
    WITH due AS (
      SELECT {LOST_COLUMNS} {_WITH_WINDOW}
        AND (m.lease_until IS NULL OR m.lease_until <= :now) AND {_OPEN}
      ORDER BY m.id LIMIT :permits FOR NO KEY UPDATE OF m SKIP LOCKED
    ), lost AS ({insert_lost("due", "unnamed")}), claimed AS (
      UPDATE message m SET claim_no = m.claim_no + 1, attempts = m.attempts + 1, lease_until = :lease_until,
        provider = CASE WHEN m.unknown OR m.lease_until IS NOT NULL THEN coalesce(m.provider, CAST(:unnamed AS text))
          ELSE CAST(:provider AS text) END,
        unknown = m.unknown OR m.lease_until IS NOT NULL, dispatched_at = coalesce(m.dispatched_at, CAST(:now AS timestamptz)),
        attempted_at = coalesce(m.lease_until, m.attempted_at),
        error_code = CASE WHEN m.lease_until IS NULL THEN m.error_code ELSE 'unknown_outcome' END,
        error_detail = CASE WHEN m.lease_until IS NULL OR m.unknown THEN m.error_detail ELSE '{WORKER_DIED}' END
      WHERE m.id = ANY(ARRAY(SELECT id FROM due))
      RETURNING m.id, m.phone, m.claim_no, m.attempts, m.unknown, m.client_id, m.owner_id, m.attempted_at,
        m.own_refusals, m.error_code, m.provider
    )
    SELECT c.id, c.phone, c.claim_no, c.attempts, c.unknown, c.attempted_at, c.own_refusals, c.error_code, c.provider,
      CASE WHEN c.client_id IS NULL THEN 'client_deleted'
        WHEN (SELECT d.id FROM do_not_contact d WHERE d.owner_id = c.owner_id AND d.phone = c.phone) IS NOT NULL THEN 'do_not_contact'
      END AS barred_by,
      CASE WHEN position('${{' IN g.text) > 0 THEN (SELECT k.attributes FROM client k WHERE k.id = c.client_id) END AS attributes,
      CASE WHEN c.id = (SELECT min(id) FROM claimed) THEN g.text END AS text
    FROM claimed c JOIN mailing g ON g.id = :mailing
    ORDER BY c.id
    """  # noqa: S608 - constants only
)

# What could not be claimed because its mailing or its zone is closed goes back to the runs; what another worker holds stays.
_RELEASE = text(
    f"""
    WITH closed AS (
      SELECT m.id {_WITH_WINDOW} AND m.dispatched_at IS NOT NULL AND m.lease_until IS NULL AND NOT ({_OPEN})
      ORDER BY m.id FOR NO KEY UPDATE OF m SKIP LOCKED
    )
    UPDATE message m SET dispatched_at = NULL WHERE m.id = ANY(ARRAY(SELECT id FROM closed))
    """  # noqa: S608 - constants only
)
_HOLD = text(
    """
    UPDATE message SET dispatched_at = NULL, not_before = greatest(not_before, :until)
    WHERE id = ANY(CAST(:ids AS bigint[])) AND mailing_id + 0 = :mailing AND status + 0 = 1 AND lease_until IS NULL
      AND dispatched_at IS NOT NULL
    """
)

# The fence: a claim number only grows, so that a worker which wakes up after its lease writes nothing. A row that waits again leaves
# the queue's count, and its mailing wants a run at the earliest of their moments. A reason is only replaced by another; what was sent
# has none. A person who was erased during the call (the phone is a hash by now) leaves none of the provider's words, which may repeat
# the phone. Calls are kept only of messages whose first call was not accepted: for the others nothing is written but their row.
_RECORD = prepared_text(
    f"""
    WITH verdict AS (
      SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:claim_nos AS int[]), CAST(:statuses AS smallint[]), CAST(:attempts AS int[]),
                           CAST(:unknowns AS boolean[]), CAST(:not_befores AS timestamptz[]), CAST(:codes AS text[]),
                           CAST(:details AS text[]), CAST(:attempted_ats AS timestamptz[]),
                           CAST(:own_refusals AS smallint[]), CAST(:references AS text[]), CAST(:segments AS smallint[]))
             AS v (id, claim_no, status, attempts, unknown, not_before, error_code, error_detail, attempted_at, own_refusals,
                   reference, segments)
    ), recorded AS (
      UPDATE message m SET status = v.status, attempts = v.attempts, unknown = v.unknown, lease_until = NULL,
        own_refusals = v.own_refusals, segments = v.segments,
        provider_reference = CASE WHEN m.phone NOT LIKE '#%' THEN v.reference END,
        error_code = CASE WHEN v.status <> 2 THEN coalesce(v.error_code, m.error_code) END,
        error_detail = CASE WHEN v.status = 2 OR m.phone LIKE '#%' THEN NULL
          WHEN v.error_detail IS NULL AND coalesce(v.error_code, m.error_code) = m.error_code
          THEN m.error_detail ELSE v.error_detail END,
        not_before = coalesce(v.not_before, m.not_before), attempted_at = coalesce(v.attempted_at, m.attempted_at),
        dispatched_at = CASE WHEN v.status = 1 THEN NULL ELSE m.dispatched_at END,
        sent_at = CASE WHEN v.status = 2 THEN CAST(:now AS timestamptz) END
      FROM verdict v
      WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.id = v.id AND m.claim_no = v.claim_no AND m.status + 0 = 1
      RETURNING m.id, m.phone LIKE '#%' AS erased
    ), called AS ({INSERT_RECORDED}), woken AS (
      UPDATE mailing g SET next_run_at = earliest.moment
      FROM (SELECT min(not_before) AS moment FROM verdict WHERE status = 1) earliest
      WHERE g.id = :mailing AND g.status = 'running' AND earliest.moment IS NOT NULL
        AND (g.next_run_at IS NULL OR g.next_run_at > earliest.moment)
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM recorded), EXISTS (SELECT 1 FROM woken)
    """  # noqa: S608 - constants only
)

# Once an attempt's fate was unknown (also: its worker died), neither "expired" nor "cancelled" would be true. Zone by zone, from the
# index of undispatched rows, which are then no longer in it; and from that of the dispatched ones, which are few: reading a mailing's
# waiting rows by id would meet all those of other zones, each time.
_CLOSE = text(
    f"""
    WITH undispatched AS (
      SELECT next.id FROM mailing_zone z
      CROSS JOIN LATERAL (
        SELECT m.id FROM message m
        WHERE m.mailing_id = z.mailing_id AND m.time_zone = z.time_zone AND m.status = 1 AND m.dispatched_at IS NULL
        ORDER BY m.not_before, m.id LIMIT :size) next
      WHERE z.mailing_id = :mailing AND (CAST(:zones AS text[]) IS NULL OR z.time_zone = ANY(CAST(:zones AS text[])))
      LIMIT :size
    ), dispatched AS (
      SELECT m.id FROM message m
      WHERE m.mailing_id = :mailing AND m.status = 1 AND m.dispatched_at IS NOT NULL
        AND (CAST(:zones AS text[]) IS NULL OR m.time_zone = ANY(CAST(:zones AS text[])))
        AND (m.lease_until IS NULL OR m.lease_until <= :now)
      ORDER BY m.dispatched_at LIMIT :size
    ), gone AS (
      SELECT {LOST_COLUMNS} FROM message m
      WHERE m.id = ANY(ARRAY(SELECT id FROM undispatched UNION ALL SELECT id FROM dispatched LIMIT :size)) AND m.status + 0 = 1
        AND (m.lease_until IS NULL OR m.lease_until <= :now)
      ORDER BY m.id FOR NO KEY UPDATE SKIP LOCKED
    ), lost AS ({insert_lost("gone")})
    UPDATE message m SET lease_until = NULL, unknown = m.unknown OR m.lease_until IS NOT NULL,
      status = CASE WHEN m.unknown OR m.lease_until IS NOT NULL THEN 4 ELSE :status END,
      error_code = CASE WHEN m.unknown OR m.lease_until IS NOT NULL THEN 'unknown_outcome'
        ELSE coalesce(CAST(:code AS text), m.error_code) END,
      error_detail = {LOST_DETAIL}, attempted_at = coalesce(m.lease_until, m.attempted_at)
    WHERE m.id = ANY(ARRAY(SELECT id FROM gone))
    """  # noqa: S608 - constants only
)

# A lost chunk: dispatched longer ago than SQS keeps a message from other eyes, or held under a lease that ran out.
_LOST = """
    m.mailing_id = g.id AND m.status = 1 AND m.dispatched_at IS NOT NULL
    AND (m.lease_until <= :now OR (m.lease_until IS NULL AND m.dispatched_at <= :lost_before))
"""
_WITH_LOST = text(
    f"""
    SELECT g.id FROM mailing g
    WHERE g.status IN ('running', 'paused', 'cancelled')
      AND (SELECT m.id FROM message m WHERE {_LOST} ORDER BY m.mailing_id, m.dispatched_at LIMIT 1) IS NOT NULL
    ORDER BY g.id
    """  # noqa: S608 - constants only
)
_RESCUE_LOST = text(
    f"""
    WITH lost AS (
      SELECT m.id FROM mailing g JOIN message m ON {_LOST}
      WHERE g.id = :mailing AND g.status IN ('running', 'paused', 'cancelled')
      ORDER BY m.id LIMIT :size FOR NO KEY UPDATE OF m SKIP LOCKED
    )
    UPDATE message m SET dispatched_at = NULL WHERE m.id = ANY(ARRAY(SELECT id FROM lost))
    """  # noqa: S608 - constants only
)

_ALL_ATTEMPTED = text("SELECT bool_and(attempted_at IS NOT NULL) FROM message WHERE id = ANY(CAST(:ids AS bigint[]))")
# Scalar subqueries in the order of an index, so that the first row ends the search. Of an EXISTS the planner drops the order, and may
# read the whole table for one row.
_ANY = text("SELECT (SELECT id FROM message WHERE mailing_id = :mailing ORDER BY phone LIMIT 1) IS NOT NULL")
# Of the waiting ones, which alone are read; hidden messages never wait.
_ANY_UNDECIDED = text(
    """
    SELECT (
      SELECT id FROM message WHERE mailing_id = :mailing AND status BETWEEN 1 AND 1 AND deleted_at IS NULL
        AND (lease_until IS NOT NULL OR unknown)
      ORDER BY status, id LIMIT 1) IS NOT NULL
    """
)


def mark_dispatched(connection: Connection, mailing_id: int, size: int, now: datetime, deadline: timedelta) -> list[int]:
    """Marks up to `size` due rows as handed to SQS, and returns their ids; call SQS after the commit."""
    parameters = {"mailing": mailing_id, "size": size, "now": now, "answered_by": now + deadline}
    return [row.id for row in connection.execute(_MARK_DISPATCHED, parameters)]


def count_dispatched(connection: Connection, mailing_id: int) -> int:
    """How many waiting rows SQS or a worker holds."""
    return int(connection.execute(_COUNT_DISPATCHED, {"mailing": mailing_id}).scalar_one())


def unmark(connection: Connection, ids: Sequence[int], mark: datetime) -> None:
    """Takes back the mark of rows that SQS refused, unless a worker has them all the same."""
    connection.execute(_UNMARK, {"ids": list(ids), "mark": mark})


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to send one message. `attempts` counts the call to come; `unknown` tells of earlier ones."""

    id: int
    phone: str
    claim_no: int
    attempts: int
    unknown: bool
    barred_by: ErrorCode | None
    """Why no call may be made: its client was deleted meanwhile, or the phone is on the owner's do-not-contact list."""
    attributes: dict[str, Any] | None
    attempted_at: datetime | None = None
    """When the last call was made that was not accepted; None: this is the first call, as far as anybody knows."""
    own_refusals: int = 0
    error_code: ErrorCode | None = None
    """What that call's answer was taken for."""
    provider: str = "default"
    """Which provider may be called for it: once a call's outcome is unknown, the one that was called then."""

    @property
    def blamed_at(self) -> datetime | None:
        """When its last call was answered as if our configuration were wrong; None if that was not so."""
        return self.attempted_at if self.error_code is ErrorCode.MISCONFIGURED else None


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """The claims of one chunk, and the text they share."""

    text: str
    claims: list[Claim]


def claim(
    connection: Connection,
    mailing_id: int,
    ids: Sequence[int],
    *,
    now: datetime,
    lease: timedelta,
    deadline: timedelta,
    provider: str = "default",
    unnamed: str = "default",
    permits: int | None = None,
) -> ClaimedChunk:
    """Claims those of `ids` that may be sent now: waiting, due, without a live lease, mailing running, window open, end not too near.

    `permits` bounds how many; None: all. Each is stamped with `provider`, except where the outcome of a call by another is unknown
    (`unnamed`: by the provider of messages of earlier versions, which have no name).
    """
    parameters = {
        "mailing": mailing_id,
        "ids": list(ids),
        "now": now,
        "lease_until": now + lease,
        "answered_by": now + deadline,
        "permits": permits,
        "provider": provider,
        "unnamed": unnamed,
    }
    rows = connection.execute(_CLAIM, parameters).all()
    claims = [
        Claim(
            row.id,
            row.phone,
            row.claim_no,
            row.attempts,
            row.unknown,
            row.barred_by and ErrorCode(row.barred_by),
            row.attributes,
            row.attempted_at,
            row.own_refusals,
            row.error_code and ErrorCode(row.error_code),
            row.provider,
        )
        for row in rows
    ]
    return ClaimedChunk(rows[0].text if rows else "", claims)


def release(connection: Connection, mailing_id: int, ids: Sequence[int], *, now: datetime, deadline: timedelta) -> int:
    """Undispatches those of `ids` that may not be sent now; how many."""
    parameters = {"mailing": mailing_id, "ids": list(ids), "now": now, "answered_by": now + deadline}
    return connection.execute(_RELEASE, parameters).rowcount


def hold(connection: Connection, mailing_id: int, ids: Sequence[int], until: datetime) -> int:
    """Undispatches what of a chunk nobody has claimed, not to go out before `until`; how many."""
    return connection.execute(_HOLD, {"mailing": mailing_id, "ids": list(ids), "until": until}).rowcount


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many verdicts the fence let through, and whether the mailing's next run was moved to an earlier moment."""

    rows: int
    woken: bool


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call to the provider for a claimed message: when it began, and how long it took."""

    kind: OutcomeKind
    detail: str
    at: datetime
    milliseconds: int
    reference: str | None = None
    segments: int | None = None


_NO_CALLS: Mapping[int, CallMade] = {}


def record(
    connection: Connection,
    mailing_id: int,
    verdicts: Sequence[tuple[Claim, Verdict]],
    now: datetime,
    *,
    calls: Mapping[int, CallMade] = _NO_CALLS,
    provider: str = "default",
) -> Recorded:
    """Writes the verdicts of one chunk, each only if its claim is still the newest.

    `calls` are those that were made, by message: kept are the ones that were not accepted, and those that were after such a one.
    """
    kept = [_kept(claim, calls[claim.id], verdict) for claim, verdict in verdicts if _to_be_kept(claim, calls.get(claim.id))]
    parameters: dict[str, Any] = {
        "mailing": mailing_id,
        "now": now,
        "provider": provider,
        "calls": json.dumps(kept),
        "references": [_accepted(calls.get(claim.id), "reference") for claim, _ in verdicts],
        "segments": [_accepted(calls.get(claim.id), "segments") for claim, _ in verdicts],
        "own_refusals": [verdict.own_refusals for _, verdict in verdicts],
        "attempted_ats": [_failed_at(calls.get(claim.id)) for claim, _ in verdicts],
        "ids": [claim.id for claim, _ in verdicts],
        "claim_nos": [claim.claim_no for claim, _ in verdicts],
        "statuses": [int(verdict.status) for _, verdict in verdicts],
        "attempts": [verdict.attempts for _, verdict in verdicts],
        "unknowns": [verdict.unknown for _, verdict in verdicts],
        "not_befores": [verdict.not_before for _, verdict in verdicts],
        "codes": [verdict.error_code and str(verdict.error_code) for _, verdict in verdicts],
        "details": [verdict.error_detail and verdict.error_detail[:200] for _, verdict in verdicts],
    }
    return Recorded(*connection.execute(_RECORD, parameters).one())


def _accepted(call: CallMade | None, name: Literal["reference", "segments"]) -> Any:
    return getattr(call, name) if call is not None and call.kind in ACCEPTING else None


def _failed_at(call: CallMade | None) -> datetime | None:
    return call.at if call is not None and call.kind not in ACCEPTING else None


def _to_be_kept(claim: Claim, call: CallMade | None) -> bool:
    # A duplicate's refusal is kept even of a first call: it tells of a call that nothing else tells of.
    return call is not None and (call.kind is not OutcomeKind.ACCEPTED or claim.attempted_at is not None)


def _kept(claim: Claim, call: CallMade, verdict: Verdict) -> dict[str, Any]:
    return {
        "id": claim.id,
        "claim_no": claim.claim_no,
        "attempt": claim.attempts,
        "at": call.at.isoformat(),
        "kind": str(call.kind),
        "error_code": None if call.kind in ACCEPTING else verdict.error_code and str(verdict.error_code),
        "detail": call.detail[:200] or None,
        "milliseconds": call.milliseconds,
    }


def expire(
    connection: Connection, mailing_id: int, zones: Sequence[str], size: int, now: datetime, provider: str = "default"
) -> int:
    """Up to `size` waiting rows of these zones (their end is past) become 3, or 4 `unknown_outcome`; rows under a lease stay."""
    return _close_zones(connection, mailing_id, zones, size, now, provider, MessageStatus.EXPIRED, None)


def fail_unknown_zones(
    connection: Connection, mailing_id: int, zones: Sequence[str], size: int, now: datetime, provider: str = "default"
) -> int:
    """The same for zones whose local time cannot be computed: 4 `unknown_time_zone`."""
    return _close_zones(connection, mailing_id, zones, size, now, provider, MessageStatus.FAILED, ErrorCode.UNKNOWN_TIME_ZONE)


def _close_zones(
    connection: Connection,
    mailing_id: int,
    zones: Sequence[str],
    size: int,
    now: datetime,
    provider: str,
    status: MessageStatus,
    code: ErrorCode | None,
) -> int:
    parameters = {
        "mailing": mailing_id,
        "zones": list(zones),
        "size": size,
        "now": now,
        "provider": provider,
        "status": int(status),
        "code": code,
    }
    return connection.execute(_CLOSE, parameters).rowcount


def cancel(connection: Connection, mailing_id: int, size: int, now: datetime, provider: str = "default") -> int:
    """Up to `size` waiting rows become 5, or 4 `unknown_outcome`; rows under a lease stay."""
    status = int(MessageStatus.CANCELLED)
    parameters = {
        "mailing": mailing_id,
        "zones": None,
        "size": size,
        "now": now,
        "status": status,
        "provider": provider,
        "code": None,
    }
    return connection.execute(_CLOSE, parameters).rowcount


def mailings_with_lost(connection: Connection, *, now: datetime, lost_before: datetime) -> list[int]:
    """Mailings of which `rescue_lost` would find something."""
    return list(connection.execute(_WITH_LOST, {"now": now, "lost_before": lost_before}).scalars())


def rescue_lost(connection: Connection, mailing_id: int, *, now: datetime, lost_before: datetime, size: int) -> int:
    """Undispatch up to `size` rows of a mailing that got lost on the way; how many."""
    parameters = {"mailing": mailing_id, "now": now, "lost_before": lost_before, "size": size}
    return connection.execute(_RESCUE_LOST, parameters).rowcount


def all_attempted(connection: Connection, ids: Sequence[int]) -> bool:
    """Was each of these messages called for before, and not accepted?"""
    return bool(connection.execute(_ALL_ATTEMPTED, {"ids": list(ids)}).scalar_one())


def any_undecided(connection: Connection, mailing_id: int) -> bool:
    """Is a message of it at the provider, or was one whose outcome is unknown?"""
    return bool(connection.execute(_ANY_UNDECIDED, {"mailing": mailing_id}).scalar_one())


def any_of(connection: Connection, mailing_id: int) -> bool:
    """Has the mailing any message, deleted ones included?"""
    return bool(connection.execute(_ANY, {"mailing": mailing_id}).scalar_one())
