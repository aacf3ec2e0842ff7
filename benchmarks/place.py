"""A real PostgreSQL with clients and mailings in it, and functions run apart from us, in processes of their own."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine, text

from chalicelib.config import Settings, read_settings
from chalicelib.manage import migrate
from chalicelib.storage.engine import build_engine
from local.postgres import PostgresServer

# A laptop's defaults are 128 MB and a checkpoint every GB of log; Aurora gives three quarters of its memory, and has no checkpoints.
# No autovacuum: figures must not depend on when it comes. Each part says in which state it measures.
_AS_IN_PRODUCTION = {"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off"}
FRESH, ANALYSED = "never analysed", "analysed"
"""What PostgreSQL knows of the messages: nothing, as in the first minute of a large mailing; or everything, as after autovacuum."""
STATES = (FRESH, ANALYSED)
P = ParamSpec("P")
R = TypeVar("R")
_FOREVER = {"RUN_BUDGET_SECONDS": "3600", "RUN_LEASE_SECONDS": "7200", "STATEMENT_TIMEOUT_SECONDS": "600"}

# As many zones as the test clients have.
_ZONES = [f"Etc/GMT{offset:+d}" for offset in range(-12, 12)]
_CLIENTS = text(
    """
    INSERT INTO client (owner_id, phone, operator_code, tags, time_zone)
    SELECT :owner, '+7' || lpad((9100000000 + n)::text, 10, '0'), substr((9100000000 + n)::text, 1, 3), '{}',
      (CAST(:zones AS text[]))[1 + mod(n, 24)]
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
    """
)
_MAILING = text(
    """
    INSERT INTO mailing (owner_id, name, text, starts_at, ends_at, time_zone, status, next_run_at)
    VALUES (:owner, 'bench', 'Hello from a benchmark', now() AT TIME ZONE 'UTC' - interval '1 hour',
      now() AT TIME ZONE 'UTC' + interval '20 hours', 'UTC', 'scheduled', now() - interval '1 hour')
    RETURNING id
    """
)


@dataclass(frozen=True, slots=True)
class Place:
    """The database, and who owns what is in it."""

    server_pid: int
    url: str
    engine: Engine
    owner: int

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result) if result.returns_rows else []

    def analyze(self) -> None:
        """What autovacuum does by and by, now."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))

    def have_clients(self, number: int) -> None:
        """Brings the owner's clients up to `number`."""
        (there,) = self.sql("SELECT count(*) FROM client")[0]
        with self.engine.begin() as connection:
            connection.execute(_CLIENTS, {"owner": self.owner, "zones": _ZONES, "first": there, "last": number - 1})

    def write_mailing(self) -> int:
        """A mailing to all clients, due for an hour, in UTC."""
        with self.engine.begin() as connection:
            return int(connection.execute(_MAILING, {"owner": self.owner}).scalar_one())

    def forget_mailings(self) -> None:
        """Afterwards nothing is known of messages: TRUNCATE forgets the statistics' sizes, and the deletion the rest."""
        self.sql("TRUNCATE mailing CASCADE")
        self.sql("DELETE FROM pg_statistic WHERE starelid IN ('message'::regclass, 'mailing_zone'::regclass)")


@contextmanager
def place() -> Iterator[Place]:
    """An empty database on a PostgreSQL that writes to its disk as one in production does."""
    with (
        tempfile.TemporaryDirectory(prefix="mailing-api-bench-") as folder,
        PostgresServer(Path(folder), settings=_AS_IN_PRODUCTION) as server,
    ):
        url = server.create_database("bench")
        chosen = settings_for(url)
        engine = build_engine(chosen)
        migrate(engine, chosen)
        with engine.begin() as connection:
            made = """INSERT INTO "user" (username, password_hash) VALUES ('bench', '') RETURNING id"""
            owner = int(connection.execute(text(made)).scalar_one())
        try:
            yield Place(server.pid, url, engine, owner)
        finally:
            engine.dispose()


def settings_for(url: str, **more: str) -> Settings:
    """Settings as a function has them, but for a run that has all the time it needs."""
    return read_settings({"DATABASE_URL": url, **_FOREVER, **more})


def apart(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Runs a module-level function in a fresh process, so that its CPU and memory are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_hush) as pool:
        return pool.submit(function, *arguments, **named).result()


def _hush() -> None:
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - the log of functions, for as long as the process lives


def set_environment(values: Mapping[str, str]) -> None:
    """For a process that `apart` made: what Lambda would set."""
    os.environ.update(
        {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} | dict(values)
    )
