"""Keyset slices of statements."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnCollection,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
    values,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable

from chalicelib.domain.paging import Slice
from chalicelib.storage.engine import QUERY_CANCELED, sqlstate

AnySelect = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]


def rows_of(connection: Connection, statement: AnySelect, key: InstrumentedAttribute[int], part: Slice) -> list[AnyRow]:
    """The rows of `statement` that `part` asks for, in the slice's order; `key` is the id column."""
    count_into(connection, part, statement)
    return _in_order(list(connection.execute(_next(statement, key, part, part.limit))), part)


def rows_of_few(connection: Connection, statement: AnySelect, key: InstrumentedAttribute[int], part: Slice) -> list[AnyRow]:
    """The same for a `statement` of few rows, which are all read and then sorted: never is the whole table walked by id for them."""
    count_into(connection, part, statement)
    whole = statement.cte("whole").prefix_with("MATERIALIZED")
    page = _beyond(select(whole), whole.c[key.name], part)
    return _in_order(list(connection.execute(page.order_by(*_by(_downwards(part), whole.c[key.name])).limit(part.limit))), part)


_NEAR = 6_000


def rows_among(
    connection: Connection,
    statement: AnySelect,
    conditions: Callable[[ColumnCollection[str, Any]], Sequence[ColumnElement[bool]]],
    key: InstrumentedAttribute[int],
    part: Slice,
) -> list[AnyRow]:
    """The same for rows of `statement` that meet `conditions`, for which there is an index that knows no order.

    The planner cannot know whether a page of them is just ahead or scattered over a million rows. So the next few thousand are looked
    through first, which costs a few milliseconds; a page that they do not fill is of something rare, and that the index finds whole.
    """
    count_into(connection, part, statement.where(*conditions(key.table.c)))
    near = _next(statement, key, part, _NEAR).subquery("near")
    ahead = select(*near.c).where(*conditions(near.c)).order_by(*_by(_downwards(part), near.c[key.name])).limit(part.limit)
    found = list(connection.execute(ahead))
    if len(found) < part.limit:
        whole = _beyond(statement, key, part).where(*conditions(key.table.c)).cte("whole").prefix_with("MATERIALIZED")
        found = list(connection.execute(select(whole).order_by(*_by(_downwards(part), whole.c[key.name])).limit(part.limit)))
    return _in_order(found, part)


def _next(statement: AnySelect, key: InstrumentedAttribute[int], part: Slice, number: int) -> AnySelect:
    return _beyond(statement, key, part).order_by(*_by(_downwards(part), key)).limit(number)


def _beyond(statement: AnySelect, key: InstrumentedAttribute[int] | ColumnElement[int], part: Slice) -> AnySelect:
    anchor = part.before if part.before is not None else part.after
    if anchor is None:
        return statement
    return statement.where(key < anchor if _downwards(part) else key > anchor)


def rows_under(
    connection: Connection,
    statement: AnySelect,
    prefix: InstrumentedAttribute[Any],
    values_of_it: Sequence[Any],
    key: InstrumentedAttribute[int],
    part: Slice,
    outer: FromClause | None = None,
) -> list[AnyRow]:
    """The same for rows whose `prefix` has one of these values, where an index holds (…, prefix, key): a slice of each, merged.

    With `outer`, to which `statement` refers, a slice of each for each of its rows. The order by prefix and key, and the comparison of
    the pair, leave the planner no other index: by the key alone it would walk over all that does not belong to the page.
    """
    count_into(connection, part, statement.where(prefix.in_(values_of_it)))
    wanted = values(column("value", prefix.type), name="wanted").data([(value,) for value in values_of_it])
    value, downwards = wanted.c.value, _downwards(part)
    anchor = part.before if part.before is not None else part.after
    if anchor is None:
        inner = statement.where(prefix >= value, prefix <= value)
    else:
        pair, place = tuple_(prefix, key), tuple_(value, literal(anchor, BigInteger))
        inner = statement.where(pair < place, prefix >= value) if downwards else statement.where(pair > place, prefix <= value)
    each = inner.order_by(*_by(downwards, prefix, key)).limit(part.limit).lateral("each")
    source = wanted if outer is None else outer.join(wanted, true())
    merged = select(*each.c).select_from(source.join(each, true())).order_by(*_by(downwards, each.c[key.name])).limit(part.limit)
    return _in_order(list(connection.execute(merged)), part)


_COUNT_MILLISECONDS = 1_000


class _Explained(Executable, ClauseElement):
    """A statement that is planned and not run."""

    inherit_cache = False

    def __init__(self, statement: AnySelect) -> None:
        self.statement = statement


@compiles(_Explained)  # type: ignore[no-untyped-call, untyped-decorator, unused-ignore]  # no types in some versions
def _explain(element: _Explained, compiler: SQLCompiler, **more: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **more)}"


def count_into(connection: Connection, part: Slice, statement: AnySelect) -> None:
    """Give the slice's counter, if it has one, the number of rows of `statement`: counted for a second, then the planner's estimate."""
    if part.counter is None:
        return
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    # A transaction by hand: the connection commits by itself, and the time limit is for this statement alone.
    connection.exec_driver_sql("BEGIN")
    try:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_COUNT_MILLISECONDS}")
        part.counter.number = connection.execute(counted).scalar_one()
    except DBAPIError as error:
        if sqlstate(error) != QUERY_CANCELED:
            raise
        part.counter.is_estimate = True
    finally:
        connection.exec_driver_sql("ROLLBACK")
    if part.counter.is_estimate:
        plan = connection.execute(_Explained(statement)).scalar_one()
        found = json.loads(plan) if isinstance(plan, str) else plan
        part.counter.number = int(found[0]["Plan"]["Plan Rows"])


def _by(downwards: bool, *columns: ColumnElement[Any] | InstrumentedAttribute[Any]) -> list[ColumnElement[Any]]:
    return [column.desc() if downwards else column.asc() for column in columns]


def _downwards(part: Slice) -> bool:
    # Before an anchor means: walk the other way from it, then turn the rows around.
    return part.descending != (part.before is not None)


def _in_order(rows: list[AnyRow], part: Slice) -> list[AnyRow]:
    return rows[::-1] if part.before is not None else rows
