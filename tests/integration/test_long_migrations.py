"""Migrations may take long, wait for nobody under a lock, and leave nothing behind that runs on."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from chalicelib import manage
from chalicelib.config import read_settings
from chalicelib.storage.engine import LOCK_NOT_AVAILABLE, build_engine, sqlstate
from tests.databases import Migrated

_ENVIRONMENT = (manage.MIGRATIONS / "env.py").read_text()
_REVISION = """
from alembic import op

revision = "{number}"
down_revision = {before!r}


def upgrade() -> None:
{body}
"""


@pytest.fixture
def own_engine(migrated_database: Migrated, owner_engine: Engine) -> Iterator[Engine]:
    """An engine as manage has it, to a database without a schema."""
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CREATE DATABASE migrations"))
        made = build_engine(read_settings({"DATABASE_URL": _elsewhere(migrated_database)}), patient=True)
        yield made
        made.dispose()
        connection.execute(text("DROP DATABASE migrations WITH (FORCE)"))


def _elsewhere(database: Migrated) -> str:
    return database.owner_url.rpartition("/")[0] + "/migrations"


@pytest.fixture
def revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes revisions into a folder of its own, one after another, and has them applied."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text(_ENVIRONMENT)
    monkeypatch.setattr(manage, "MIGRATIONS", tmp_path)
    # None of the service's tables is here.
    monkeypatch.setattr(manage, "_follow_settings", lambda *_: None)
    made: list[str] = []

    def write(*statements: str) -> None:
        number = f"{len(made) + 1:04}"
        body = "\n".join(f"    {line}" for statement in statements for line in statement.splitlines())
        before = made[-1] if made else None
        (tmp_path / "versions" / f"{number}.py").write_text(_REVISION.format(number=number, before=before, body=body))
        made.append(number)

    return write


def _migrate(engine: Engine) -> str:
    return manage.migrate(engine, read_settings({"DATABASE_URL": "postgresql+pg8000://u:p@127.0.0.1/x"}))


def test_manage_has_no_socket_timeout_and_the_functions_have(
    migrated_database: Migrated, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage, "settings", lambda: read_settings({"DATABASE_URL": migrated_database.owner_url}))
    manage.engine.cache_clear()
    timeouts = []
    for source in (manage.engine(), engine):
        with source.connect() as connection:
            driver: Any = connection.connection.driver_connection
            timeouts.append(driver._usock.gettimeout())
    manage.engine().dispose()
    manage.engine.cache_clear()
    assert timeouts == [None, 30]


def test_a_statement_may_take_longer_than_those_of_the_functions(own_engine: Engine, revisions: Any) -> None:
    with own_engine.begin() as connection:
        connection.execute(text("ALTER DATABASE migrations SET statement_timeout = '100ms'"))
    own_engine.dispose()
    revisions('op.execute("CREATE TABLE item (id int)")', 'op.execute("SELECT pg_sleep(0.5)")')
    assert _migrate(own_engine) == "0001"


def test_an_index_is_built_concurrently(own_engine: Engine, revisions: Any) -> None:
    """Outside a transaction, between revisions that have one each."""
    revisions('op.execute("CREATE TABLE item (id int)")')
    revisions(
        "with op.get_context().autocommit_block():\n"
        '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS item_id")\n'
        '    op.execute("CREATE INDEX CONCURRENTLY item_id ON item (id)")'
    )
    revisions('op.execute("ALTER TABLE item ADD COLUMN more int")')
    assert _migrate(own_engine) == "0003"
    assert manage.revisions(own_engine) == {"revision": "0003", "newest": "0003"}
    with own_engine.connect() as connection:
        assert connection.execute(text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'item_id'::regclass")).scalar_one()


def test_an_invalid_index_that_was_left_behind_is_built_again(own_engine: Engine, revisions: Any) -> None:
    revisions('op.execute("CREATE TABLE item (id int)")', 'op.execute("INSERT INTO item VALUES (1), (1)")')
    revisions(
        "with op.get_context().autocommit_block():\n"
        '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS item_id")\n'
        '    op.execute("CREATE UNIQUE INDEX CONCURRENTLY item_id ON item (id)")'
    )
    with pytest.raises(DBAPIError):
        _migrate(own_engine)
    assert manage.revisions(own_engine) == {"revision": "0001", "newest": "0002"}
    with own_engine.begin() as connection:
        connection.execute(text("DELETE FROM item"))
    assert _migrate(own_engine) == "0002"


def test_a_migration_gives_way_at_a_lock_and_comes_again(
    own_engine: Engine, revisions: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manage, "_MIGRATION_SESSION", (*manage._MIGRATION_SESSION[:-1], "SET lock_timeout = '50ms'"))
    waits: list[int] = []
    revisions('op.execute("CREATE TABLE item (id int)")')
    _migrate(own_engine)
    revisions('op.execute("ALTER TABLE item ADD COLUMN more int")')
    with own_engine.connect() as holder:
        holder.execute(text("SELECT * FROM item"))
        transaction = holder.get_transaction()
        assert transaction is not None

        def let_go_at_the_second(_event: str, **fields: Any) -> None:
            waits.append(fields["tries_left"])
            if len(waits) == 2:
                transaction.rollback()

        monkeypatch.setattr(manage, "warn", let_go_at_the_second)
        other = _another(own_engine)
        assert _migrate(other) == "0002"
        assert waits == [5, 4]

        revisions('op.execute("ALTER TABLE item ADD COLUMN third int")')
        holder.execute(text("SELECT * FROM item"))
        with pytest.raises(DBAPIError) as refused:
            _migrate(other)
        other.dispose()
    assert sqlstate(refused.value) == LOCK_NOT_AVAILABLE


def test_a_statement_whose_client_is_gone_ends(own_engine: Engine, revisions: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the function is stopped at its fifteenth minute."""
    faster = ("SET client_connection_check_interval = '100ms'",)
    monkeypatch.setattr(manage, "_MIGRATION_SESSION", manage._MIGRATION_SESSION + faster)
    revisions('op.execute("SELECT pg_sleep(300)")')
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = 'SELECT pg_sleep(300)'"
    sockets: list[socket.socket] = []
    thread = threading.Thread(target=_migrate_until_cut, args=(own_engine, sockets))
    thread.start()
    with _another(own_engine).connect() as watcher:
        _until(lambda: watcher.execute(text(running)).scalar_one() == 1, watcher)
        sockets[0].shutdown(socket.SHUT_RDWR)
        _until(lambda: watcher.execute(text(running)).scalar_one() == 0, watcher)
    watcher.engine.dispose()
    thread.join()


def _migrate_until_cut(engine: Engine, sockets: list[socket.socket]) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        sockets.append(driver._usock)
    with pytest.raises((DBAPIError, OSError)):
        _migrate(engine)


def _another(engine: Engine) -> Engine:
    url = engine.url.set(drivername="postgresql+pg8000").render_as_string(hide_password=False)
    return build_engine(read_settings({"DATABASE_URL": url}), patient=True)


def _until(condition: Any, connection: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        connection.rollback()
        time.sleep(0.05)
