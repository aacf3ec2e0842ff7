"""Databases of the newest schema, as they are deployed: one role owns the tables, another is the functions'."""

from dataclasses import dataclass

from chalicelib.config import read_settings
from chalicelib.manage import migrate
from chalicelib.storage.engine import build_engine
from local.postgres import PostgresServer


@dataclass(frozen=True, slots=True)
class Migrated:
    """Where a database is."""

    url: str
    """For the functions' role."""
    owner_url: str


def migrated(server: PostgresServer, name: str) -> Migrated:
    """The database, made if need be, with the schema in it."""
    found = Migrated(server.service_url(name), server.create_database(name))
    chosen = read_settings({"DATABASE_URL": found.owner_url, "SERVICE_DATABASE_URL": found.url})
    engine = build_engine(chosen)
    try:
        migrate(engine, chosen)
    finally:
        engine.dispose()
    return found
