"""Alembic revisions: how the schema came to be what the models say."""
