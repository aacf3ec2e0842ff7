"""The one clock by which everything is decided: the database's. Tests pass their own."""

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Connection, text

Clock = Callable[[Connection], datetime]
"""The present moment (UTC) as seen through a connection."""

_NOW = text("SELECT clock_timestamp()")


def database_clock(connection: Connection) -> datetime:
    """PostgreSQL's wall clock: not now(), which stands still within a transaction."""
    moment: datetime = connection.execute(_NOW).scalar_one()
    return moment.astimezone(UTC)
