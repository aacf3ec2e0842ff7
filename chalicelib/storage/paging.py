"""Keyset slices of statements."""

from typing import Any

from sqlalchemy import Connection, FromClause, Row, Select, select, true
from sqlalchemy.orm import InstrumentedAttribute

from chalicelib.domain.paging import Slice

AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]


def rows_of(connection: Connection, statement: AnySelect, key: InstrumentedAttribute[int], part: Slice) -> list[AnyRow]:
    """The rows of `statement` that `part` asks for, in the slice's order; `key` is the id column."""
    return _in_order(list(connection.execute(_sliced(statement, key, part))), part)


def rows_of_each(
    connection: Connection, outer: FromClause, inner: AnySelect, key: InstrumentedAttribute[int], part: Slice
) -> list[AnyRow]:
    """The same for what an index holds in id order only within each row of `outer`, to which `inner` refers: a slice of each, merged.

    So a page costs a few pages of an index, and not a walk over all that does not belong to it.
    """
    each = _sliced(inner, key, part).lateral("each")
    merged = select(*each.c).select_from(outer.join(each, true()))
    id_ = each.c[key.name]
    return _in_order(
        list(connection.execute(merged.order_by(id_.desc() if _downwards(part) else id_.asc()).limit(part.limit))), part
    )


def _sliced(statement: AnySelect, key: InstrumentedAttribute[int], part: Slice) -> AnySelect:
    downwards = _downwards(part)
    anchor = part.before if part.before is not None else part.after
    if anchor is not None:
        statement = statement.where(key < anchor if downwards else key > anchor)
    return statement.order_by(key.desc() if downwards else key.asc()).limit(part.limit)


def _downwards(part: Slice) -> bool:
    # Before an anchor means: walk the other way from it, then turn the rows around.
    return part.descending != (part.before is not None)


def _in_order(rows: list[AnyRow], part: Slice) -> list[AnyRow]:
    return rows[::-1] if part.before is not None else rows
