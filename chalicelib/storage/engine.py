"""The connection to PostgreSQL, one a function instance."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pg8000.exceptions import DatabaseError
from sqlalchemy import URL, Connection, Dialect, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from chalicelib.config import ConfigurationError, Settings, settings
from chalicelib.once import once
from chalicelib.storage import dialect
from chalicelib.storage.prepared import prepare

RDS_ROOTS = Path(__file__).with_name("rds-ca.pem")
UNIQUE_VIOLATION = "23505"
FOREIGN_KEY_VIOLATION = "23503"
DEADLOCK = "40P01"
LOCK_NOT_AVAILABLE = "55P03"
INSUFFICIENT_PRIVILEGE = "42501"
QUERY_CANCELED = "57014"
DATA_EXCEPTION = "22"
"""The class of what PostgreSQL cannot take for a value: characters that are none, numbers out of range."""
_Result = TypeVar("_Result")


def _connect_arguments(chosen: Settings, patient: bool) -> dict[str, Any]:
    # ssl_context=None would make pg8000 try TLS without looking at the certificate; False is none, a context is a verified one.
    context = _verified() if chosen.database_tls == "verify" else False
    timeout = None if patient else chosen.statement_timeout_seconds + 5
    return {"ssl_context": context, "tcp_keepalive": True, "timeout": timeout}


def _verified() -> ssl.SSLContext:
    """Trusts what everybody trusts, and Amazon's roots for its databases, which no public store holds."""
    context = ssl.create_default_context()
    context.load_verify_locations(RDS_ROOTS)
    return context


def postgresql_url(name: str, value: str) -> URL:
    """Parse the URL of a PostgreSQL database, without repeating it: it holds a password.

    Raises ConfigurationError, which names the setting or option that it was given by.
    """
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):  # ValueError: of a port that is no number
        url = None
    if url is None or url.drivername not in ("postgresql", "postgresql+pg8000", "postgres"):
        raise ConfigurationError(f"{name} must be a URL like postgresql+pg8000://user:password@host:5432/database")
    return url.set(drivername="postgresql+pg8000")


def _url(chosen: Settings) -> URL:
    return postgresql_url("DATABASE_URL", chosen.database_url.get_secret_value()).set(drivername=dialect.NAME)


def build_engine(chosen: Settings, *, pool_size: int = 1, patient: bool = False) -> Engine:
    """An engine for `chosen.database_url`; a function instance handles one event at a time and needs one connection.

    A patient one waits for a statement as long as it takes: for migrations, where a socket that gives up would leave PostgreSQL working
    on under its locks.
    """
    made = create_engine(
        _url(chosen),
        pool_size=pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=900,
        connect_args=_connect_arguments(chosen, patient),
    )
    event.listen(made, "before_cursor_execute", prepare)
    event.listen(made, "handle_error", _broken)
    return made


def build_source_engine(url: URL) -> Engine:
    """An engine for a database that another program's data is read from."""
    made = create_engine(url, pool_size=1, max_overflow=0)
    event.listen(made, "handle_error", _broken)
    return made


def _broken(context: ExceptionContext) -> None:
    """Discard a connection whose answer was not read to its end.

    After a socket error nothing more can be said over it, not even ROLLBACK. After any other exception than an error that the server
    reported (a value that the driver cannot decode, for one) the rest of the answer is still to come, and would be taken for that to
    the next statement.
    """
    if not isinstance(context.original_exception, DatabaseError):
        context.is_disconnect = True


def read_by_index(made: Engine) -> Engine:
    """Has the engine's connections read tables row by row, in an index's order; for functions that only do this. Returns the engine.

    A plan that is kept for a connection may be made while a table has a handful of rows: it would read the whole table then, and
    still would with a million. And without fresh statistics a bitmap of a mailing's rows looks as cheap as the few that are asked for.
    """
    if not event.contains(made, "connect", _read_by_index):
        event.listen(made, "connect", _read_by_index)
    return made


def _read_by_index(connection: Any, _record: object) -> None:
    connection.autocommit = True
    connection.cursor().execute("SET enable_seqscan = off")
    connection.cursor().execute("SET enable_bitmapscan = off")
    connection.autocommit = False


@once
def engine() -> Engine:
    """The engine of this process."""
    return follow_secret(build_engine(settings()))


_LOGIN_REFUSED = frozenset({"28P01", "28000"})
"""Wrong password, or no such role."""


def follow_secret(made: Engine) -> Engine:
    """Have the engine read the secret again when the database refuses its password: somebody may have rotated it. Returns the engine."""
    current: dict[str, Any] = {}  # of a secret that was read again: SQLAlchemy keeps what the engine was made with

    def connect(chosen: Dialect, _record: object, arguments: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        given = parameters | current
        try:
            return chosen.connect(*arguments, **given)
        except DatabaseError as error:
            details = error.args[0] if error.args else None
            if not (isinstance(details, dict) and details.get("C") in _LOGIN_REFUSED):
                raise
            settings.cache_clear()
            current.update(chosen.create_connect_args(_url(settings()))[1])
            if given == parameters | current:
                raise
            return chosen.connect(*arguments, **parameters | current)

    event.listen(made, "do_connect", connect)
    return made


@contextmanager
def autocommit(source: Engine) -> Iterator[Connection]:
    """A connection on which each statement is its own transaction: three round trips less than BEGIN and COMMIT around it."""
    with source.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's five-character code for an error, None where the connection broke before one was told.

    pg8000 makes an IntegrityError only of 23505, so that callers branch on the code and not on the class.
    """
    details = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return details.get("C") if isinstance(details, dict) else None


_AWAY = frozenset({"57P01", "57P02", "57P03", "53300"})
"""Shutdown by an administrator, crash, starting up, too many connections."""
_TRANSIENT = _AWAY | {"40001", DEADLOCK}
"""With serialization failure and deadlock."""
_PAUSES = (0.05, 0.5, 2.0)


def database_away(error: BaseException) -> bool:
    """Is the database unreachable, so that no other statement would succeed either?

    Connection errors, shutdown, start-up, too many connections. Not timeouts of a statement or a lock, deadlocks, or bad data: those
    belong to what the statement touched.
    """
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)  # pg8000's socket timeout comes bare
    code = sqlstate(error)
    return code is None or code in _AWAY or code.startswith("08")


def transient(error: Exception) -> bool:
    """May the same statement succeed on another try, perhaps on another connection?"""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)  # pg8000's socket timeout comes bare
    code = sqlstate(error)
    return code is None or code in _TRANSIENT or code.startswith("08")


def retried(work: Callable[[], _Result]) -> _Result:
    """The result of `work`, tried again after transient database trouble: only for what is safe to repeat.

    A COMMIT whose answer was lost may have happened; `work` must not mind.
    """
    for pause in _PAUSES:
        try:
            return work()
        except (DBAPIError, OSError) as error:
            if not transient(error):
                raise
            time.sleep(pause)
    return work()
