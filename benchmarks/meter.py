"""How much time something took: on the clock, of this process, of its backend, and of all PostgreSQL."""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil
from sqlalchemy import Engine, event, text


@dataclass(slots=True)
class Spent:
    """Seconds."""

    wall: float = 0.0
    own: float = 0.0
    """CPU of this process, all its threads."""
    backend: float = 0.0
    """CPU of the PostgreSQL backend that the engine's one connection has."""
    server: float = 0.0
    """CPU of all of PostgreSQL: backends, checkpointer, vacuum, writers of the log."""
    database: float = 0.0
    """Wall time inside statements, network included."""
    log_bytes: float = 0.0
    """What PostgreSQL wrote to its log (WAL): what Aurora counts as writes."""


class Meter:
    """A context manager around what is measured; afterwards `spent` tells."""

    def __init__(self, server_pid: int, engine: Engine) -> None:
        self._server = server_pid
        self._engine = engine
        self._statement_began = 0.0
        self._log_begun = 0.0
        self.spent = Spent()
        with engine.connect() as connection:
            self._backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()

    def __enter__(self) -> Self:
        self._log_begun = self._log_position()
        event.listen(self._engine, "before_cursor_execute", self._before)
        event.listen(self._engine, "after_cursor_execute", self._after)
        self.spent = self._now()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        begun, ended = self.spent, self._now()
        log_bytes = self._log_position() - self._log_begun
        event.remove(self._engine, "before_cursor_execute", self._before)
        event.remove(self._engine, "after_cursor_execute", self._after)
        self.spent = Spent(
            ended.wall - begun.wall,
            ended.own - begun.own,
            ended.backend - begun.backend,
            ended.server - begun.server,
            begun.database,
            log_bytes,
        )

    def _log_position(self) -> float:
        with self._engine.connect() as connection:
            return float(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")).scalar_one())

    def _now(self) -> Spent:
        return Spent(time.perf_counter(), time.process_time(), _cpu(psutil.Process(self._backend)), server_cpu(self._server))

    def _before(self, *_of_the_statement: object) -> None:
        self._statement_began = time.perf_counter()

    def _after(self, *_of_the_statement: object) -> None:
        self.spent.database += time.perf_counter() - self._statement_began


def server_cpu(pid: int) -> float:
    """CPU seconds of a process and all its children, also of those that have ended."""
    parent = psutil.Process(pid)
    ended = parent.cpu_times()
    total = _cpu(parent) + ended.children_user + ended.children_system
    for child in parent.children(recursive=True):
        try:
            total += _cpu(child)
        except psutil.NoSuchProcess:  # counted with its parent the next time
            continue
    return total


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
