"""Queries of the import of clients: many rows in one statement, whatever is there already."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

# xmax is 0 in a row that this statement made, and not in one that it rewrote.
_PUT = """
    INSERT INTO client AS c (owner_id, phone, operator_code, tags, attributes, time_zone)
    SELECT owner_id, phone, operator_code, ARRAY(SELECT jsonb_array_elements_text(tags)), attributes, time_zone
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (owner_id bigint, phone text, operator_code text, tags jsonb,
                                                          attributes jsonb, time_zone text)
    ORDER BY phone
    ON CONFLICT (owner_id, phone) DO {action}
    RETURNING id, xmax = 0
"""
_ADD = text(_PUT.format(action="NOTHING"))
_UPDATE = text(
    _PUT.format(
        action="UPDATE SET operator_code = excluded.operator_code, tags = excluded.tags, attributes = excluded.attributes,"
        " time_zone = excluded.time_zone"
    )
)


def put(connection: Connection, rows: Sequence[Mapping[str, Any]], *, update: bool) -> list[tuple[int, bool]]:
    """Inserts clients; one that the owner has already is rewritten (`update`) or left alone. Returns ids and whether it is new."""
    statement = _UPDATE if update else _ADD
    return [(row[0], row[1]) for row in connection.execute(statement, {"rows": json.dumps(list(rows))})]
