"""What a statement really read: the plans that PostgreSQL itself logs of each statement as the service executes it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event

SERVER_SETTINGS = {
    "autovacuum": "off",  # statistics are as the test left them
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
}
"""For the server: each statement's plan comes back to the connection that executed it, cached plans of prepared statements too."""

_SCANS = ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Tid Scan", "Sample Scan")


@dataclass(frozen=True, slots=True)
class Executed:
    """One statement with its plan."""

    statement: str
    plan: Mapping[str, Any]

    @property
    def nodes(self) -> list[Mapping[str, Any]]:
        return list(_nodes(self.plan))

    @property
    def rows_read(self) -> int:
        """Rows that scans met, also those that a condition then removed; the worst scan counts."""
        return max((_rows_of(node) for node in self.nodes if node["Node Type"] in _SCANS), default=0)

    @property
    def blocks(self) -> int:
        """Blocks that were touched, in memory or not."""
        return sum(int(self.plan.get(f"{where} {how} Blocks", 0)) for where in ("Shared", "Local") for how in ("Hit", "Read"))

    @property
    def scans(self) -> list[str]:
        """How each table was read: `message by pk_message`, `client: Seq Scan`."""
        return [_scan(node) for node in self.nodes if "Relation Name" in node or "Index Name" in node]


@dataclass(slots=True)
class PlanLog:
    """The statements that were executed while it was open."""

    executed: list[Executed] = field(default_factory=list)


@contextmanager
def logged_plans(engine: Engine) -> Iterator[PlanLog]:
    """Collects the plans of all statements that `engine` executes on a server with SERVER_SETTINGS."""
    log = PlanLog()

    def collect(connection: Connection, _cursor: Any, statement: str, *_: object) -> None:
        notices = connection.connection.dbapi_connection.notices  # type: ignore[union-attr]  # it is connected
        while notices:
            message = notices.popleft()[b"M"].decode()
            if " plan:\n" in message:
                log.executed.append(Executed(statement, json.loads(message.split(" plan:\n", 1)[1])["Plan"]))

    event.listen(engine, "after_cursor_execute", collect)
    try:
        yield log
    finally:
        event.remove(engine, "after_cursor_execute", collect)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    children: Sequence[Mapping[str, Any]] = node.get("Plans", [])
    for child in children:
        yield from _nodes(child)


def _rows_of(node: Mapping[str, Any]) -> int:
    removed = sum(float(node.get(f"Rows Removed by {what}", 0)) for what in ("Filter", "Index Recheck"))
    return round((float(node["Actual Rows"]) + removed) * float(node["Actual Loops"]))


def _scan(node: Mapping[str, Any]) -> str:
    table, index = node.get("Relation Name"), node.get("Index Name")
    if index is None:
        return f"{table}: {node['Node Type']}"
    return f"{table} by {index}" if table else str(index)
