"""Alembic's entry: runs the revisions on the connection that `chalicelib.manage` hands over."""

from alembic import context

from chalicelib.storage.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
