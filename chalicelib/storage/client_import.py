"""Queries of the import of clients: many rows in one statement, whatever is there already."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from chalicelib.storage import clients
from chalicelib.storage.clients import ClientRow

_ADD = text(
    """
    INSERT INTO client (owner_id, phone, operator_code, tags, attributes, time_zone)
    SELECT owner_id, phone, operator_code, ARRAY(SELECT jsonb_array_elements_text(tags)), attributes, time_zone
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (owner_id bigint, phone text, operator_code text, tags jsonb,
                                                          attributes jsonb, time_zone text)
    ORDER BY phone
    ON CONFLICT (owner_id, phone) DO NOTHING
    RETURNING phone, id
    """
)
_REWRITE = text(
    """
    UPDATE client c SET operator_code = new.operator_code, tags = ARRAY(SELECT jsonb_array_elements_text(new.tags)),
      attributes = new.attributes, time_zone = new.time_zone
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (id bigint, operator_code text, tags jsonb, attributes jsonb, time_zone text)
    WHERE c.id = new.id
    """
)


def add_or_lock(
    connection: Connection, owner_id: int, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, int], list[ClientRow]]:
    """Insert an owner's clients, and lock those that the owner has already: the ids of the new ones by phone, and the others.

    Every row ends in one of the two. A client that another call deletes between the insertion and the lock would be in neither:
    it is inserted after all.
    """
    added: dict[str, int] = {}
    known: list[ClientRow] = []
    left = list(rows)
    while left:
        added |= {row[0]: row[1] for row in connection.execute(_ADD, {"rows": json.dumps(left)})}
        known += clients.with_phones(connection, owner_id, [row["phone"] for row in left if row["phone"] not in added], lock=True)
        settled = added.keys() | {row.phone for row in known}
        left = [row for row in left if row["phone"] not in settled]
    return added, known


def rewrite(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write columns of clients (each by `id`) whose rows are locked."""
    if rows:
        connection.execute(_REWRITE, {"rows": json.dumps(list(rows))})
