"""Queries of the import of clients: many rows in one statement, whatever is there already."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

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


def add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Insert clients, but for those that the owner has already; the ids of the new ones by phone."""
    return {row[0]: row[1] for row in connection.execute(_ADD, {"rows": json.dumps(list(rows))})}


def rewrite(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write columns of clients (each by `id`) whose rows are locked."""
    if rows:
        connection.execute(_REWRITE, {"rows": json.dumps(list(rows))})
