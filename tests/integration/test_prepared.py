"""Statements that are planned once a connection."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from chalicelib.config import read_settings
from chalicelib.storage.engine import autocommit, build_engine
from chalicelib.storage.prepared import prepared_text
from tests.databases import Migrated

KEPT = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%told_apart%'")
ALL = prepared_text("SELECT *, CAST(:number AS int) AS told_apart FROM grows")


@pytest.fixture
def one(migrated_database: Migrated) -> Iterator[Engine]:
    """An engine with one connection, and a table that may change under it."""
    made = build_engine(read_settings({"DATABASE_URL": migrated_database.owner_url}))
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE grows AS SELECT 1 AS a"))
    yield made
    with made.begin() as connection:
        connection.execute(text("DROP TABLE grows"))
    made.dispose()


def test_it_is_kept_and_takes_other_values(one: Engine) -> None:
    for number in range(20):
        with autocommit(one) as connection:
            assert list(connection.execute(ALL, {"number": number})) == [(1, number)]
            assert connection.execute(KEPT).scalar_one() == 1


def test_one_that_the_tables_have_outgrown_is_executed_all_the_same(one: Engine) -> None:
    for columns in range(1, 4):
        with autocommit(one) as connection:
            assert len(connection.execute(ALL, {"number": 1}).one()) == columns + 1
            connection.execute(text(f"ALTER TABLE grows ADD COLUMN more{columns} int"))


def test_after_the_server_forgot_it_too(one: Engine) -> None:
    with autocommit(one) as connection:
        connection.execute(ALL, {"number": 1})
        connection.execute(text("DEALLOCATE ALL"))
        assert connection.execute(ALL, {"number": 2}).one() == (1, 2)


def test_in_a_transaction_the_error_is_told(one: Engine) -> None:
    with autocommit(one) as connection:
        connection.execute(ALL, {"number": 1})
        connection.execute(text("ALTER TABLE grows ADD COLUMN b int"))
    with one.connect() as connection, pytest.raises(ProgrammingError, match="cached plan"):
        connection.execute(ALL, {"number": 1})
    with autocommit(one) as connection:
        assert connection.execute(ALL, {"number": 3}).one() == (1, None, 3)
