"""Statements that are planned once a connection."""

from collections.abc import Sequence
from typing import Any

import pg8000
from pg8000.converters import make_params
from sqlalchemy import Connection, TextClause, text


def prepared_text(statement: str) -> TextClause:
    """A statement that is parsed and planned once a connection, and not at each execution.

    For the few that run once a chunk or once a request: planning is a third of what they cost PostgreSQL, and the driver needs one
    round trip in place of three. Only for statements whose best plan does not depend on their parameters.
    """
    return text(statement).execution_options(prepared=True)


class PreparingConnection(pg8000.Connection):
    """pg8000 prepares a statement anew at each execution; this one keeps those that ask for it."""

    _STALE = ("0A000", "26000")  # the tables have changed since; the server does not know it (any more)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.prepare_next = False
        self._prepared: dict[str, tuple[Any, ...]] = {}

    def execute_unnamed(self, statement: str, vals: Sequence[Any] = (), oids: Sequence[int] = (), stream: Any = None) -> Any:
        wanted, self.prepare_next = self.prepare_next, False
        if not wanted:
            return super().execute_unnamed(statement, vals=vals, oids=oids, stream=stream)
        if statement not in self._prepared:
            self._prepared[statement] = self.prepare_statement(statement, oids)
        name, columns, input_functions = self._prepared[statement]
        try:
            return self.execute_named(name, make_params(self.py_types, vals), columns, input_functions, statement)
        except pg8000.DatabaseError as error:
            details = error.args[0] if error.args else None
            if not (self.autocommit and isinstance(details, dict) and details.get("C") in self._STALE):
                raise
            del self._prepared[statement]  # nothing was done: a statement by itself is its own transaction
            return super().execute_unnamed(statement, vals=vals, oids=oids, stream=stream)


def prepare(connection: Connection, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
    """For SQLAlchemy's `before_cursor_execute`: tells the driver that this one is to be kept."""
    if context.execution_options.get("prepared"):
        driver: Any = connection.connection.dbapi_connection
        driver.prepare_next = True
