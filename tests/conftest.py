"""Fixtures for every kind of test; none costs anything until it is asked for."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from sqlalchemy import Engine, TextClause, text

from chalicelib import aws, config, manage
from chalicelib.config import Settings, read_settings
from chalicelib.domain.access import Principal
from chalicelib.storage.engine import build_engine
from chalicelib.storage.engine import engine as process_engine
from chalicelib.storage.models import Base
from local.ledger import ProviderClient
from local.postgres import PostgresServer
from local.stack import ENCRYPTION_KEY, Stack
from tests import personal
from tests.databases import Migrated, migrated
from tests.world import FakeAws, World

POOL = 10
PROCESS_ENGINES = (process_engine, manage.engine)
"""Engines that a process keeps, before any test puts another in their place."""

# The same examples on every machine: a test that fails only sometimes is broken. `HYPOTHESIS_PROFILE=explore` looks further.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session")
def migrated_database() -> Iterator[Migrated]:
    """A throwaway PostgreSQL, its schema at the newest revision."""
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as folder, PostgresServer(Path(folder), durable=False) as server:
        yield migrated(server, "tests")


@pytest.fixture(scope="session")
def database_url(migrated_database: Migrated) -> str:
    """As the functions reach it: what they may not do, no test lets them."""
    return migrated_database.url


@pytest.fixture(scope="session")
def owner_engine(migrated_database: Migrated) -> Iterator[Engine]:
    """An engine of the tables' owner."""
    engine = build_engine(read_settings({"DATABASE_URL": migrated_database.owner_url}), pool_size=POOL)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _migrated_engine(database_url: str) -> Iterator[Engine]:
    engine = build_engine(read_settings({"DATABASE_URL": database_url}), pool_size=POOL)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def _emptying() -> TextClause:
    """Empties every table and starts ids at 1: 2 ms, where TRUNCATE takes 40 to 80 for its new files."""
    tables = [f'"{table.name}"' for table in reversed(Base.metadata.sorted_tables)]
    deletes = " ".join(f"DELETE FROM {table};" for table in tables)
    ids = "PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';"
    return text(f"DO $$ BEGIN {deletes} {ids} END $$")


@pytest.fixture(autouse=True)
def nothing_personal_is_logged(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of every test: no line that is logged meanwhile has a phone, a token, or a text, name or attribute that the database has then."""
    with personal.logged() as lines:
        yield
    if lines:
        known = personal.texts_of(request.getfixturevalue("owner_engine")) if "owner_engine" in request.fixturenames else []
        told = {each: line for line in lines for each in personal.told(line, known)}
        assert told == {}


@pytest.fixture
def engine(_migrated_engine: Engine, owner_engine: Engine, _emptying: TextClause) -> Engine:
    """An engine on an empty database.

    Emptied, and not rolled back after each test: what is tested here takes locks and commits, from several connections at once.
    """
    with owner_engine.begin() as connection:
        connection.execute(_emptying)
    return _migrated_engine


def _forget_settings() -> None:
    """Close the process's engines: a connection that stays open keeps a database from being copied."""
    for cached in PROCESS_ENGINES:
        if cached.cache_info()[3]:  # how many are kept
            cached().dispose()
        cached.cache_clear()
    config.settings.cache_clear()


@pytest.fixture
def settings(engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The process's own settings and engine, turned to the empty database; `monkeypatch.setenv` before it changes more."""
    del engine
    monkeypatch.delenv("SECRET_ID", raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("ENCRYPTION_KEYS", ENCRYPTION_KEY)
    _forget_settings()
    yield config.settings()
    _forget_settings()


@dataclass
class AwsCalls:
    """What was asked of SQS and EventBridge Scheduler."""

    sent: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)
    """Queue, body, seconds of delay."""
    schedules: set[str] = field(default_factory=set)


@pytest.fixture
def aws_calls(monkeypatch: pytest.MonkeyPatch) -> AwsCalls:
    """Stands in for SQS and Scheduler where only what is asked of them matters."""
    calls = AwsCalls()

    def send(queue_url: str, body: dict[str, Any], *, delay_seconds: int = 0) -> None:
        calls.sent.append((queue_url, body, delay_seconds))

    def create_schedule(target: aws.ScheduleTarget, mailing_id: int, moment: datetime, body: dict[str, Any]) -> bool:
        del target, body
        calls.schedules.add(aws.schedule_name(mailing_id, moment))
        return True

    def delete_schedule_named(target: aws.ScheduleTarget, name: str) -> None:
        del target
        calls.schedules.discard(name)

    monkeypatch.setattr(aws, "send", send)
    monkeypatch.setattr(aws, "create_schedule", create_schedule)
    monkeypatch.setattr(aws, "delete_schedule_named", delete_schedule_named)
    return calls


@pytest.fixture
def world(engine: Engine, owner_engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Real PostgreSQL, with AWS, the provider and the clock in the test's hands."""
    fake = FakeAws()
    for name in ("send", "send_many", "create_schedule", "delete_schedule", "delete_schedule_named", "schedule_names"):
        monkeypatch.setattr(aws, name, getattr(fake, name))
    with engine.begin() as connection:
        user_id = connection.execute(
            text("""INSERT INTO "user" (username, password_hash) VALUES ('olga', '-') RETURNING id""")
        ).scalar_one()
    made = World(engine, owner_engine, settings, fake, Principal(user_id, "olga", is_superuser=False))
    yield made
    made.pool.shutdown()


@pytest.fixture
def provider(stack: Stack) -> Iterator[ProviderClient]:
    """The provider of the layer's `stack`, having forgotten what earlier tests did to it."""
    client = ProviderClient(stack.provider.url)
    client.reset()
    yield client
    client.close()
