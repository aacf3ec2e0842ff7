"""Which clients a selection matches: the condition, and reading them before anything is planned."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from chalicelib.domain.characters import VISIBLE
from chalicelib.domain.personal_text import Needs
from chalicelib.domain.segments import NOT_GSM
from chalicelib.domain.selection import Selection

LISTED = '(SELECT d.id FROM do_not_contact d WHERE d.owner_id = c.owner_id AND d.phone = c.phone COLLATE "default") IS NOT NULL'
"""Is the client's phone on the owner's do-not-contact list? Clients' phones are compared byte by byte; without the collation of the
list's own column its index could not be used, and the whole list would be read for each client."""

# Selection.matches, in SQL.
SELECTED = """
    (cardinality(CAST(:codes AS text[])) = 0 OR c.operator_code = ANY(CAST(:codes AS text[])))
    AND (cardinality(CAST(:tags AS text[])) = 0 OR c.tags && CAST(:tags AS text[]))
"""

_BY_ZONE = text(f"SELECT c.time_zone, count(*) FROM client c WHERE c.owner_id = :owner AND {SELECTED} GROUP BY c.time_zone")  # noqa: S608 - constants only
_COUNT = text(f"SELECT count(*) FROM client c WHERE c.owner_id = :owner AND {SELECTED}")  # noqa: S608 - constants only
_BARRED = text(
    f"""
    SELECT count(*) FROM do_not_contact d JOIN client c ON c.owner_id = d.owner_id AND c.phone = d.phone COLLATE "C"
    WHERE d.owner_id = :owner AND {SELECTED}
    """  # noqa: S608 - constants only
)
_FIRST = text(
    f"SELECT c.id, c.attributes FROM client c WHERE c.owner_id = :owner AND {SELECTED} ORDER BY c.id LIMIT 1"  # noqa: S608 - constants only
)


# Longest values first of all by their length, which stands before them in six digits. OFFSET keeps PostgreSQL from writing the value's
# expression into each of the aggregates, where its pattern would be matched once for each of them.
_VALUES = text(
    f"""
    SELECT v.name, count(*) FILTER (WHERE v.value IS NULL),
      max((lpad(char_length(v.value)::text, 6, '0') || v.value) COLLATE "C"),
      max((lpad(char_length(v.value)::text, 6, '0') || v.value) COLLATE "C") FILTER (WHERE v.value ~ :not_gsm)
    FROM client c CROSS JOIN LATERAL (
      SELECT name, CASE WHEN c.attributes ->> name ~ :visible THEN c.attributes ->> name END AS value
      FROM unnest(CAST(:names AS text[])) AS name OFFSET 0) v
    WHERE c.owner_id = :owner AND {SELECTED}
    GROUP BY v.name
    """  # noqa: S608 - constants only
)
_FAILING = text(
    f"""
    SELECT count(*) FROM client c WHERE c.owner_id = :owner AND {SELECTED} AND (
      EXISTS (SELECT FROM unnest(CAST(:required AS text[])) AS name WHERE NOT coalesce(c.attributes ->> name, '') ~ :visible)
      OR (:by_values_alone
          AND NOT EXISTS (SELECT FROM unnest(CAST(:names AS text[])) AS name WHERE c.attributes ->> name ~ :visible)))
    """  # noqa: S608 - constants only
)
# Of the first ten thousand: a name that none of them has is hardly one that anybody means.
_NAMES = text(
    f"""
    SELECT DISTINCT jsonb_object_keys(attributes) FROM (
      SELECT c.attributes FROM client c WHERE c.owner_id = :owner AND {SELECTED} ORDER BY c.id LIMIT 10000) c
    ORDER BY 1 LIMIT 200
    """  # noqa: S608 - constants only
)


@dataclass(frozen=True, slots=True)
class NameValues:
    """What the selected clients have of one attribute: how many lack it, the longest value, the longest that is not in GSM's alphabet."""

    lacking: int
    longest: str | None
    longest_odd: str | None


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


def count_failing(connection: Connection, owner_id: int, selection: Selection, asked: Needs) -> int:
    """How many of the selected would get no text for lack of values."""
    parameters = {
        "owner": owner_id,
        **selected(selection),
        "names": sorted(asked.names),
        "required": sorted(asked.required),
        "by_values_alone": asked.by_values_alone,
        "visible": VISIBLE,
    }
    return int(connection.execute(_FAILING, parameters).scalar_one())


def values_of(connection: Connection, owner_id: int, selection: Selection, names: Collection[str]) -> dict[str, NameValues]:
    """What the selected clients have of each of these attributes."""
    parameters = {"owner": owner_id, **selected(selection), "names": sorted(names), "visible": VISIBLE, "not_gsm": NOT_GSM}
    rows = connection.execute(_VALUES, parameters)
    return {name: NameValues(lacking, _value(longest), _value(odd)) for name, lacking, longest, odd in rows}


def _value(found: str | None) -> str | None:
    return None if found is None else found[6:]


def attribute_names(connection: Connection, owner_id: int, selection: Selection) -> list[str]:
    """Names of attributes that the selected clients have."""
    return list(connection.execute(_NAMES, {"owner": owner_id, **selected(selection)}).scalars())
