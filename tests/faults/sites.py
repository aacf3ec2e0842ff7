"""Sites of their own for soaks: a database of one server, a provider, clients with tags."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from chalicelib.config import read_settings
from chalicelib.domain.access import Principal
from chalicelib.storage.engine import build_engine
from local.ledger import ProviderClient
from local.postgres import PostgresServer
from local.process import free_port
from local.services import ProviderService
from tests.databases import Migrated, migrated
from tests.faults.rig import QUEUES
from tests.faults.storm import Site

TAGS = 10
_CLIENTS = text(
    """
    INSERT INTO client (owner_id, phone, operator_code, tags, time_zone)
    SELECT :owner, '+7910' || lpad(n::text, 7, '0'), '910', ARRAY[mod(n, CAST(:tags AS int))::text],
      (ARRAY['UTC', 'Europe/Moscow', 'Asia/Tokyo'])[1 + mod(n, 3)]
    FROM generate_series(1, CAST(:clients AS int)) n
    """
)


def lasting_database(server: PostgresServer, name: str) -> Migrated:
    """A new database that keeps what it has committed when its server crashes."""
    server.create_database(name)
    server.run(f"ALTER DATABASE {name} SET synchronous_commit = on")
    return migrated(server, name)


@contextmanager
def opened(
    server: PostgresServer, folder: Path, name: str, clients: int, *, honours_key: bool, settings: Mapping[str, str]
) -> Iterator[Site]:
    """A site with `clients` clients, each with one of the tags "0" to "9". `settings` go on top of the product's own."""
    environment = {
        **QUEUES,
        **settings,
        "DATABASE_URL": lasting_database(server, name).url,
        "PROVIDER_TOKEN": "made-up",
        "PROVIDER_HONOURS_KEY": str(honours_key).lower(),
    }
    service = ProviderService(folder / name, free_port())
    service.start()
    engine = build_engine(read_settings(environment), pool_size=5)
    provider = ProviderClient(service.url)
    try:
        provider.configure(honours_key=honours_key)
        owner = _populated(engine, clients)
        environment["PROVIDER_URL"] = service.url
        yield Site(engine, owner, service, provider, environment, honours_key, folder / f"{name}.log")
    finally:
        provider.close()
        engine.dispose()
        service.stop()


def _populated(engine: Engine, clients: int) -> Principal:
    with engine.begin() as connection:
        user = text("""INSERT INTO "user" (username, password_hash) VALUES ('olga', '-') RETURNING id""")
        owner = Principal(connection.execute(user).scalar_one(), "olga", is_superuser=False)
        connection.execute(_CLIENTS, {"owner": owner.user_id, "clients": clients, "tags": TAGS})
    return owner
