"""How many messages there are of each status: counted while a mailing moves, as kept once it has finished."""

from collections.abc import Mapping

from sqlalchemy import Connection, text

from chalicelib.domain.counts import by_key
from chalicelib.domain.status import MessageStatus

_STATUSES = "(VALUES " + ", ".join(f"({int(status)}::smallint, '{status.key}')" for status in MessageStatus) + ") s (status, key)"
# Each status is looked up in the index of visible messages, which alone is read. "Between itself and itself": of an equality the
# planner knows how many rows to expect, takes most of a table for too many, and reads all of it in parallel, at three times the CPU.
_COUNTED = """
    (SELECT count(*) FROM message m
     WHERE m.mailing_id = g.id AND m.status BETWEEN s.status AND s.status AND m.deleted_at IS NULL)
"""
_OF_MAILINGS = text(
    f"SELECT g.id, s.status, {_COUNTED} FROM unnest(CAST(:mailings AS bigint[])) g (id) CROSS JOIN {_STATUSES}"  # noqa: S608
)
_OF_OWNER = text(
    f"""
    SELECT s.status, sum(CASE WHEN g.final_counts IS NULL THEN {_COUNTED} ELSE (g.final_counts ->> s.key)::bigint END)::bigint
    FROM mailing g CROSS JOIN {_STATUSES} WHERE CAST(:owner AS bigint) IS NULL OR g.owner_id = :owner GROUP BY s.status
    """  # noqa: S608
)


def of_mailing(connection: Connection, mailing_id: int) -> Mapping[str, int]:
    """Messages of a mailing by status (`waiting`, `sent` …) and their `total`, counted."""
    return of_mailings(connection, {mailing_id: None})[mailing_id]


def of_mailings(connection: Connection, kept: Mapping[int, Mapping[str, int] | None]) -> dict[int, Mapping[str, int]]:
    """The same for several mailings, each with what it has kept: None, while it moves, is counted."""
    moving = [mailing_id for mailing_id, counts in kept.items() if counts is None]
    counted: dict[int, dict[int, int]] = {mailing_id: {} for mailing_id in moving}
    if moving:
        for mailing_id, status, number in connection.execute(_OF_MAILINGS, {"mailings": moving}):
            counted[mailing_id][status] = number
    return {mailing_id: counts or by_key(counted[mailing_id]) for mailing_id, counts in kept.items()}


def of_owner(connection: Connection, owner_id: int | None) -> dict[MessageStatus, int]:
    """How many messages of each status the owner (None: everyone) has.

    One statement, so that a mailing which finishes meanwhile counts once.
    """
    numbers = {row[0]: row[1] for row in connection.execute(_OF_OWNER, {"owner": owner_id})}
    return {status: numbers.get(int(status), 0) for status in MessageStatus}
