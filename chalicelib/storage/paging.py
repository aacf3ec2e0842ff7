"""Keyset slices of statements."""

from typing import Any

from sqlalchemy import Connection, Row, Select
from sqlalchemy.orm import InstrumentedAttribute

from chalicelib.domain.paging import Slice

AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]


def rows_of(connection: Connection, statement: AnySelect, key: InstrumentedAttribute[int], part: Slice) -> list[AnyRow]:
    """The rows of `statement` that `part` asks for, in the slice's order; `key` is the id column."""
    backwards = part.before is not None
    # Before an anchor means: walk the other way from it, then turn the rows around.
    downwards = part.descending != backwards
    anchor = part.before if backwards else part.after
    if anchor is not None:
        statement = statement.where(key < anchor if downwards else key > anchor)
    rows = list(connection.execute(statement.order_by(key.desc() if downwards else key.asc()).limit(part.limit)))
    return rows[::-1] if backwards else rows
