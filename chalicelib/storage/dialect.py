"""SQLAlchemy's dialect for pg8000, changed where a dead connection or a frozen network would cost a request."""

from contextlib import suppress
from typing import Any

from pg8000.exceptions import InterfaceError
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

from chalicelib.storage.prepared import PreparingConnection

NAME = "postgresql+prepared_pg8000"
"""What a URL's `drivername` has to be for this dialect; `build_engine` sets it."""
PING_SECONDS = 3.0


class PreparedPg8000Dialect(PGDialect_pg8000):
    """The dialect of every engine of the service."""

    supports_statement_cache = True  # SQLAlchemy asks every subclass to say so itself

    def connect(self, *arguments: Any, **named: Any) -> Any:
        """Open a connection that keeps the statements that ask for it."""
        return PreparingConnection(*arguments, **named)

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Check outside any transaction that the connection is alive.

        SQLAlchemy's own ping for pg8000 leaves a BEGIN behind it: a later switch to autocommit then has no effect, and what was
        written "at once" is rolled back when the connection returns to the pool. And pg8000 raises the bare OSError of a reset
        connection, which SQLAlchemy does not take for a disconnect.

        It waits a few seconds and not the whole time of a statement: where a network dropped an idle connection silently, no answer
        ever comes, and the first statement after a pause would wait for it.
        """
        timeout = dbapi_connection._usock.gettimeout()
        dbapi_connection._usock.settimeout(min(timeout or PING_SECONDS, PING_SECONDS))
        dbapi_connection.autocommit = True
        try:
            dbapi_connection.cursor().execute("SELECT 1")
        except OSError:
            return False
        finally:
            dbapi_connection.autocommit = False
        dbapi_connection._usock.settimeout(timeout)
        return True

    def do_close(self, dbapi_connection: Any) -> None:
        """Close a connection, dead or alive, without a traceback in the log because a dead server does not take the last packet.

        pg8000 leaves its buffered file to the garbage collector: with that packet still in it, Python 3.13 complains there.
        """
        buffered = dbapi_connection._sock
        for close in (dbapi_connection.close, *([buffered.close] if buffered is not None else [])):
            with suppress(OSError, InterfaceError):
                close()

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        """Set the level outside any transaction.

        Alembic asks for the level before it switches to autocommit, and pg8000 opens a transaction for the question; the switch would
        have no effect in it, and CREATE INDEX CONCURRENTLY would be refused. SQLAlchemy allows no change within a transaction anyway.
        """
        dbapi_connection.rollback()  # no round trip when there is none
        super().set_isolation_level(dbapi_connection, level)  # type: ignore[no-untyped-call]  # SQLAlchemy has no types there

    def reset_isolation_level(self, dbapi_conn: Any) -> None:
        """Switch an autocommitting connection back to transactions when it returns to the pool.

        SQLAlchemy's own way tells the server (three round trips), and if the connection has broken meanwhile it raises the driver's
        bare error, which no caller expects, for statements that have long succeeded.
        """
        dbapi_conn.autocommit = False


registry.register(NAME.replace("+", "."), __name__, PreparedPg8000Dialect.__name__)
