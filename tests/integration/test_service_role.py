"""As whom the functions reach the database: rows are theirs to read and write, tables are not."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from chalicelib import config
from chalicelib.config import read_settings
from chalicelib.manage import migrate
from chalicelib.storage import service_role
from chalicelib.storage.engine import INSUFFICIENT_PRIVILEGE, build_engine, follow_secret, sqlstate
from tests.databases import Migrated


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "DROP TABLE message",
        "ALTER TABLE message ADD COLUMN more int",
        "CREATE INDEX ON message (phone)",
        "TRUNCATE message",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT * FROM alembic_version",
        "UPDATE alembic_version SET version_num = '0001'",
        "SELECT setval(pg_get_serial_sequence('message', 'id'), 1)",
        "UPDATE history SET username = 'somebody else'",
        "DELETE FROM history",
        "CREATE ROLE friend",
        "COPY client TO PROGRAM 'cat'",
    ],
)
def test_what_it_may_not(engine: Engine, statement: str) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as refused:
        connection.execute(text(statement))
    assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE


def test_its_statements_end(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "25s"
        assert connection.execute(text("SELECT current_user")).scalar_one() == "mailing_service"


@pytest.fixture
def elsewhere(migrated_database: Migrated, owner_engine: Engine) -> Iterator[Migrated]:
    """A database of somebody who may make no roles, and who was given one with an awkward name and password."""
    with owner_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in (
            "CREATE ROLE plain LOGIN PASSWORD 'plain'",
            """CREATE ROLE "the functions'" LOGIN PASSWORD 'given: 100%'""",
            "CREATE DATABASE elsewhere OWNER plain",
        ):
            connection.execute(text(statement.replace(":", "\\:")))
        own = make_url(migrated_database.owner_url).set(database="elsewhere")
        yield Migrated(
            own.set(username="the functions'", password="given: 100%").render_as_string(hide_password=False),
            own.set(username="plain", password="plain").render_as_string(hide_password=False),
        )
        connection.execute(text("DROP DATABASE elsewhere WITH (FORCE)"))
        connection.execute(text("""DROP ROLE plain, "the functions'\""""))


def test_a_role_that_somebody_else_made(elsewhere: Migrated, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its password and limits, and is let in all the same, as often as wanted."""
    chosen = read_settings({"DATABASE_URL": elsewhere.owner_url, "SERVICE_DATABASE_URL": elsewhere.url})
    warned: list[str] = []
    monkeypatch.setattr(service_role, "warn", lambda event, **_fields: warned.append(event))
    owner, service = build_engine(chosen), build_engine(read_settings({"DATABASE_URL": elsewhere.url}))
    try:
        for _ in range(2):
            migrate(owner, chosen)
        assert warned == ["service_role_not_ours"] * 2
        with service.begin() as connection:
            made = """INSERT INTO "user" (username, password_hash) VALUES ('olga', '-') RETURNING id"""
            assert connection.execute(text(made)).scalar_one() == 1
            assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
    finally:
        owner.dispose()
        service.dispose()


def test_a_new_password_is_taken_over(migrated_database: Migrated, owner_engine: Engine) -> None:
    """And quoted: whatever stands in a secret is a password and no SQL."""
    changed = make_url(migrated_database.url).set(password="it's: 100% \\ new")
    try:
        for url in (changed, make_url(migrated_database.url)):
            shown = url.render_as_string(hide_password=False)
            migrate(owner_engine, read_settings({"DATABASE_URL": migrated_database.owner_url, "SERVICE_DATABASE_URL": shown}))
            service = build_engine(read_settings({"DATABASE_URL": shown}))
            with service.connect() as connection:
                assert connection.execute(text("SELECT current_user")).scalar_one() == "mailing_service"
            service.dispose()
    finally:
        chosen = read_settings({"DATABASE_URL": migrated_database.owner_url, "SERVICE_DATABASE_URL": migrated_database.url})
        migrate(owner_engine, chosen)


def test_a_rotated_password_is_read_from_the_secret_again(
    migrated_database: Migrated, owner_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that lives on takes the new password at its next connection; one that is still refused fails, and asks once."""
    held, reads = {"database_url": migrated_database.url}, []

    def secret(name: str) -> dict[str, str]:
        reads.append(name)
        return held

    def rotate(url: str) -> None:
        migrate(owner_engine, read_settings({"DATABASE_URL": migrated_database.owner_url, "SERVICE_DATABASE_URL": url}))

    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SECRET_ID", "ours")
    monkeypatch.setattr(config, "_secret", secret)
    rotated = make_url(migrated_database.url).set(password="rotated").render_as_string(hide_password=False)
    config.settings.cache_clear()
    made = follow_secret(build_engine(config.settings()))
    try:
        with made.connect() as connection:
            assert connection.execute(text("SELECT current_user")).scalar_one() == "mailing_service"
        rotate(rotated)
        made.dispose()
        with pytest.raises(DBAPIError):
            made.connect()
        assert len(reads) == 2
        held["database_url"] = rotated
        for _ in range(2):  # the second time the new password is known
            with made.connect() as connection:
                assert connection.execute(text("SELECT current_user")).scalar_one() == "mailing_service"
            made.dispose()
        assert len(reads) == 3
    finally:
        made.dispose()
        rotate(migrated_database.url)
        config.settings.cache_clear()
