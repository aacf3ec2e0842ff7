"""The models and the migrations say the same."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from chalicelib.config import read_settings
from chalicelib.manage import migrate
from chalicelib.storage.models import Base
from tests.databases import Migrated


def test_models_and_migrations_agree(owner_engine: Engine) -> None:
    with owner_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing_and_ids_only_grow(migrated_database: Migrated, owner_engine: Engine) -> None:
    given = {"DATABASE_URL": migrated_database.owner_url, "SERVICE_DATABASE_URL": migrated_database.url}
    revision = migrate(owner_engine, read_settings({**given, "MESSAGE_ID_BASE": "5000000"}))
    assert migrate(owner_engine, read_settings(given)) == revision
    with owner_engine.connect() as connection:
        following = connection.execute(text("SELECT nextval(pg_get_serial_sequence('message', 'id'))")).scalar_one()
    assert following >= 5_000_000
