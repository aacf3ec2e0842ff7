"""The selected clients whom a mailing would really reach: by country and time zone, and which of them get the extreme texts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from chalicelib.domain.characters import VISIBLE
from chalicelib.domain.personal_text import TEXT_LENGTH, TextParts
from chalicelib.domain.selection import Selection
from chalicelib.storage.selections import SELECTED, selected

# The first digits after `+` tell the country; under +44 and +262 an island's numbers differ later than elsewhere.
_PREFIX = "left(phone, CASE WHEN phone LIKE '+44%' OR phone LIKE '+262%' THEN 8 ELSE 5 END)"
_RECIPIENTS = text(
    f"""
    WITH recipient AS MATERIALIZED (
      SELECT c.id, c.phone, c.time_zone, v.length, v.defaulted
      FROM client c CROSS JOIN LATERAL (
        SELECT coalesce(sum(coalesce(char_length(value), default_length)), 0) AS length,
          coalesce(bool_or(value IS NULL), false) AS defaulted, coalesce(bool_or(value IS NOT NULL), false) AS valued,
          coalesce(bool_or(value IS NULL AND default_length IS NULL), false) AS failing
        FROM (
          SELECT CASE WHEN c.attributes ->> name ~ :visible THEN c.attributes ->> name END AS value, nullif(size, -1) AS default_length
          FROM unnest(CAST(:names AS text[]), CAST(:defaults AS int[])) AS placeholder(name, size)) placeholder) v
      WHERE c.owner_id = :owner AND {SELECTED} AND NOT v.failing AND (v.valued OR NOT :by_values_alone)
        AND v.length + :fixed <= :most AND c.time_zone <> ALL(CAST(:blocked AS text[]))
        AND NOT EXISTS (SELECT FROM do_not_contact d WHERE d.owner_id = c.owner_id AND d.phone = c.phone COLLATE "default"))
    SELECT 'zone', time_zone, count(*) FROM recipient GROUP BY time_zone
    UNION ALL SELECT 'phone', min(phone), count(*) FROM recipient GROUP BY {_PREFIX}
    UNION ALL (SELECT 'shortest', '', id FROM recipient ORDER BY length, id LIMIT 1)
    UNION ALL (SELECT 'longest', '', id FROM recipient ORDER BY length DESC, id LIMIT 1)
    UNION ALL (SELECT 'defaults', '', id FROM recipient WHERE defaulted ORDER BY id LIMIT 1)
    """  # noqa: S608 - constants only
)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who gets a message: their number by zone, by a phone of each group of the same country, and the clients with the extreme texts."""

    zones: dict[str, int]
    phones: dict[str, int]
    samples: dict[str, int]


def of_selection(
    connection: Connection, owner_id: int, selection: Selection, parts: TextParts, blocked_zones: Collection[str]
) -> Recipients:
    """Count the selected clients who are not barred, lack no value, and do not live where nothing can be sent."""
    names: Sequence[str] = [name for name, _default in parts.placeholders]
    parameters = {
        "owner": owner_id,
        **selected(selection),
        "names": names,
        "defaults": [-1 if default is None else len(default) for _name, default in parts.placeholders],
        "by_values_alone": parts.by_values_alone,
        "fixed": parts.fixed_length,
        "most": TEXT_LENGTH,
        "visible": VISIBLE,
        "blocked": sorted(blocked_zones),
    }
    found = Recipients({}, {}, {})
    groups = {"zone": found.zones, "phone": found.phones}
    for kind, name, number in connection.execute(_RECIPIENTS, parameters):
        if kind in groups:
            groups[kind][name] = number
        else:
            found.samples[kind] = number
    return found
