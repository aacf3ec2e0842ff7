"""The models and the migrations say the same."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from chalicelib.manage import migrate
from chalicelib.storage.models import Base


def test_models_and_migrations_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing_and_ids_only_grow(engine: Engine) -> None:
    revision = migrate(engine, message_id_base=5_000_000)
    assert migrate(engine, message_id_base=1) == revision
    with engine.connect() as connection:
        following = connection.execute(text("SELECT nextval(pg_get_serial_sequence('message', 'id'))")).scalar_one()
    assert following >= 5_000_000
