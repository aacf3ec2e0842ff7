"""The counts of a mailing: its messages by status, and the selected clients who have none yet. Kept once it has finished.

The total of a mailing is the sum of these, wherever it is shown: each person counts once.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, text

from chalicelib.domain.life_cycle import UNFINISHED
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import UNPLANNED, MailingStatus, MessageStatus, by_key
from chalicelib.storage.selections import SELECTED, count, selected

_STATUSES = "(VALUES " + ", ".join(f"({int(status)}::smallint, '{status.key}')" for status in MessageStatus) + ") s (status, key)"
# Each status is looked up in the index of visible messages, which alone is read. "Between itself and itself": of an equality the
# planner knows how many rows to expect, takes most of a table for too many, and reads all of it in parallel, at three times the CPU.
_COUNTED = """
    (SELECT count(*) FROM message m
     WHERE m.mailing_id = g.id AND m.status BETWEEN s.status AND s.status AND m.deleted_at IS NULL)
"""
_OF_MAILINGS = text(
    f"SELECT g.id, s.status, {_COUNTED} FROM unnest(CAST(:mailings AS bigint[])) g (id) CROSS JOIN {_STATUSES}"  # noqa: S608 - constants only
)
_OF_OWNER = text(
    f"""
    SELECT status, sum(messages)::bigint FROM (
      SELECT s.status, CASE WHEN g.final_counts IS NULL THEN {_COUNTED} ELSE coalesce((g.final_counts ->> s.key)::bigint, 0) END AS messages
      FROM mailing g CROSS JOIN {_STATUSES}
      WHERE g.deleting_since IS NULL AND (CAST(:owner AS bigint) IS NULL OR g.owner_id = :owner)
      UNION ALL
      SELECT t.status, t.messages FROM deleted_total t WHERE CAST(:owner AS bigint) IS NULL OR t.owner_id = :owner
    ) counted GROUP BY status
    """  # noqa: S608 - constants only
)
_UNKNOWN = text(
    """
    SELECT count(*) FROM message m
    WHERE m.mailing_id = :mailing AND m.status BETWEEN 4 AND 4 AND m.deleted_at IS NULL AND m.error_code = 'unknown_outcome'
    """
)
_KEEP = text(
    """
    INSERT INTO deleted_total AS t (owner_id, status, messages)
    SELECT :owner, n.status, n.messages
    FROM unnest(CAST(:statuses AS smallint[]), CAST(:numbers AS bigint[])) AS n (status, messages)
    ON CONFLICT (owner_id, status) DO UPDATE SET messages = t.messages + excluded.messages
    """
)
# Which of these have any row, hidden ones included: of the others every selected client is unplanned.
_WITH_ROWS = text(
    """
    SELECT g.id FROM unnest(CAST(:mailings AS bigint[])) g (id)
    WHERE (SELECT m.id FROM message m WHERE m.mailing_id = g.id ORDER BY m.phone LIMIT 1) IS NOT NULL
    """
)
# In each zone of the owner's clients, those behind its cursor (all of them, in a zone that the mailing has not got yet) who have no row:
# neither as this client, nor by this phone under an earlier one. The cursor of a planned zone stands at its last client, so that only
# those who were added since are looked up. Clients who came into the selection behind a cursor (by another tag, or from another zone)
# are counted with the row that the mailing's last run gives them.
_UNPLANNED = text(
    f"""
    WITH RECURSIVE owners_zone AS (
      (SELECT time_zone FROM client WHERE owner_id = :owner ORDER BY time_zone LIMIT 1)
      UNION ALL
      SELECT (SELECT c.time_zone FROM client c WHERE c.owner_id = :owner AND c.time_zone > z.time_zone ORDER BY c.time_zone LIMIT 1)
      FROM owners_zone z WHERE z.time_zone IS NOT NULL
    ), ahead AS MATERIALIZED (
      SELECT o.time_zone, coalesce(z.cursor, 0) AS cursor
      FROM owners_zone o LEFT JOIN mailing_zone z ON z.mailing_id = :mailing AND z.time_zone = o.time_zone
      WHERE o.time_zone IS NOT NULL
    )
    SELECT c.time_zone, count(*) FROM ahead a JOIN client c ON c.owner_id = :owner AND c.time_zone = a.time_zone AND c.id > a.cursor
    WHERE {SELECTED}
      AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailing_id = :mailing AND m.client_id = c.id)
      AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailing_id = :mailing AND m.phone = c.phone COLLATE "default")
    GROUP BY c.time_zone
    """  # noqa: S608 - constants only
)


class CountedMailing(Protocol):
    """What counting has to know of a mailing."""

    id: Any
    owner_id: Any
    status: Any
    filter_operator_codes: Any
    filter_tags: Any
    final_counts: Any


def of_messages(connection: Connection, mailing_id: int) -> Mapping[str, int]:
    """Messages of a mailing by status (`waiting`, `sent` …) and their `total`, counted: what a mailing keeps when it has finished."""
    return by_key(_by_status(connection, [mailing_id])[mailing_id])


def of_mailings(connection: Connection, mailings: Sequence[CountedMailing]) -> dict[int, Mapping[str, int]]:
    """The counts of several mailings: as kept, or counted."""
    counted = _by_status(connection, [mailing.id for mailing in mailings if mailing.final_counts is None])
    live = [mailing for mailing in mailings if mailing.final_counts is None and MailingStatus(mailing.status) in UNFINISHED]
    unplanned = _unplanned(connection, live)
    return {
        mailing.id: {UNPLANNED: 0, **mailing.final_counts}
        if mailing.final_counts is not None
        else by_key(counted[mailing.id], unplanned.get(mailing.id, 0))
        for mailing in mailings
    }


def unplanned_by_zone(connection: Connection, mailing_id: int, owner_id: int, selection: Selection) -> dict[str, int]:
    """How many selected clients have no message of the mailing yet, by time zone."""
    values: dict[str, Any] = {"mailing": mailing_id, "owner": owner_id, **selected(selection)}
    return {row[0]: row[1] for row in connection.execute(_UNPLANNED, values)}


def _by_status(connection: Connection, mailing_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    counted: dict[int, dict[int, int]] = {mailing_id: {} for mailing_id in mailing_ids}
    if mailing_ids:
        for mailing_id, status, number in connection.execute(_OF_MAILINGS, {"mailings": list(mailing_ids)}):
            counted[mailing_id][status] = number
    return counted


def _unplanned(connection: Connection, mailings: Sequence[CountedMailing]) -> dict[int, int]:
    """By mailing. Those without a row that select the same clients are counted once."""
    if not mailings:
        return {}
    with_rows = {row.id for row in connection.execute(_WITH_ROWS, {"mailings": [mailing.id for mailing in mailings]})}
    alike: dict[tuple[int, Selection], int] = {}
    found = {}
    for mailing in mailings:
        selection = Selection(tuple(mailing.filter_operator_codes), tuple(mailing.filter_tags))
        if mailing.id in with_rows:
            found[mailing.id] = sum(unplanned_by_zone(connection, mailing.id, mailing.owner_id, selection).values())
            continue
        key = (mailing.owner_id, selection)
        if key not in alike:
            alike[key] = count(connection, mailing.owner_id, selection)
        found[mailing.id] = alike[key]
    return found


def unknown_outcomes(connection: Connection, mailing_id: int) -> int:
    """How many messages of a mailing may have been delivered: nobody can tell."""
    return int(connection.execute(_UNKNOWN, {"mailing": mailing_id}).scalar_one())


def keep(connection: Connection, owner_id: int, counts: Mapping[MessageStatus, int]) -> None:
    """Add the counts of a mailing that is being deleted to the owner's statistics."""
    numbers = {int(status): number for status, number in counts.items() if number}
    if numbers:
        parameters = {"owner": owner_id, "statuses": list(numbers), "numbers": list(numbers.values())}
        connection.execute(_KEEP, parameters)


def of_owner(connection: Connection, owner_id: int | None) -> dict[MessageStatus, int]:
    """How many messages of each status the owner (None: everyone) has.

    One statement, so that a mailing which finishes meanwhile counts once.
    """
    numbers = {row[0]: row[1] for row in connection.execute(_OF_OWNER, {"owner": owner_id})}
    return {status: numbers.get(int(status), 0) for status in MessageStatus}
