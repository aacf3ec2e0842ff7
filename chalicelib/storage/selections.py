"""Which clients a selection matches: the condition, and reading them before anything is planned."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from chalicelib.domain.selection import Selection

LISTED = '(SELECT d.id FROM do_not_contact d WHERE d.owner_id = c.owner_id AND d.phone = c.phone COLLATE "default") IS NOT NULL'
"""Is the client's phone on the owner's do-not-contact list? Clients' phones are compared byte by byte; without the collation of the
list's own column its index could not be used, and the whole list would be read for each client."""

# Selection.matches, in SQL.
SELECTED = """
    (cardinality(CAST(:codes AS text[])) = 0 OR c.operator_code = ANY(CAST(:codes AS text[])))
    AND (cardinality(CAST(:tags AS text[])) = 0 OR c.tags && CAST(:tags AS text[]))
"""

_BY_ZONE = text(f"SELECT c.time_zone, count(*) FROM client c WHERE c.owner_id = :owner AND {SELECTED} GROUP BY c.time_zone")  # noqa: S608
_COUNT = text(f"SELECT count(*) FROM client c WHERE c.owner_id = :owner AND {SELECTED}")  # noqa: S608
_BARRED = text(
    f"""
    SELECT count(*) FROM do_not_contact d JOIN client c ON c.owner_id = d.owner_id AND c.phone = d.phone COLLATE "C"
    WHERE d.owner_id = :owner AND {SELECTED}
    """  # noqa: S608
)
_FIRST = text(
    f"SELECT c.id, c.attributes FROM client c WHERE c.owner_id = :owner AND {SELECTED} ORDER BY c.id LIMIT 1"  # noqa: S608
)


@dataclass(frozen=True, slots=True)
class SampleClient:
    """A client to render a text for."""

    id: int
    attributes: dict[str, Any]


def selected(selection: Selection) -> dict[str, Any]:
    """The parameters of SELECTED."""
    return {"codes": list(selection.operator_codes), "tags": list(selection.tags)}


def count_by_zone(connection: Connection, owner_id: int, selection: Selection) -> dict[str, int]:
    """How many of the owner's clients are selected, by time zone."""
    return {row[0]: row[1] for row in connection.execute(_BY_ZONE, {"owner": owner_id, **selected(selection)})}


def count(connection: Connection, owner_id: int, selection: Selection) -> int:
    """How many of the owner's clients are selected."""
    return int(connection.execute(_COUNT, {"owner": owner_id, **selected(selection)}).scalar_one())


def count_barred(connection: Connection, owner_id: int, selection: Selection) -> int:
    """How many of the selected are on the owner's do-not-contact list."""
    return int(connection.execute(_BARRED, {"owner": owner_id, **selected(selection)}).scalar_one())


def first(connection: Connection, owner_id: int, selection: Selection) -> SampleClient | None:
    """The selected client with the lowest id."""
    row = connection.execute(_FIRST, {"owner": owner_id, **selected(selection)}).one_or_none()
    return None if row is None else SampleClient(*row)
