"""How the database is reached."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.dialects.postgresql.pg8000 import PGDialect_pg8000

from chalicelib.config import ConfigurationError, read_settings
from chalicelib.storage import engine
from chalicelib.storage.dialect import PreparedPg8000Dialect


def test_a_verified_connection_trusts_the_databases_of_every_region() -> None:
    trusted = {
        name[0][1]: certificate
        for certificate in engine._verified().get_ca_certs()
        for name in certificate["subject"]
        if name[0][0] == "commonName" and str(name[0][1]).startswith("Amazon RDS")
    }
    for region in ("us-east-1", "eu-central-1", "eu-west-1", "ap-southeast-2", "sa-east-1"):
        until = str(trusted[f"Amazon RDS {region} Root CA RSA2048 G1"]["notAfter"])
        assert datetime.strptime(until, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC) > datetime(2060, 1, 1, tzinfo=UTC)


def test_an_engine_has_the_services_dialect_as_a_class() -> None:
    made = engine.build_engine(read_settings({"DATABASE_URL": "postgresql+pg8000://nobody@127.0.0.1/none"}))
    assert type(made.dialect) is PreparedPg8000Dialect
    overridden = {name for name in vars(PreparedPg8000Dialect) if not name.startswith("_")} - {"supports_statement_cache"}
    assert overridden == {"connect", "do_ping", "do_close", "set_isolation_level", "reset_isolation_level"}
    assert overridden <= set(dir(PGDialect_pg8000)), "what SQLAlchemy no longer calls would be dead"
    assert overridden & vars(made.dialect).keys() == set()


@pytest.mark.parametrize(
    "url",
    [
        *("sqlite://", "postgresql+psycopg2://nobody:secret@127.0.0.1/none", "mysql://nobody:secret@127.0.0.1/none"),
        *("nowhere", "secret@127.0.0.1/none", "postgresql://nobody:secret@127.0.0.1:port/none"),
    ],
)
def test_a_url_of_another_driver_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL must be .*postgresql\+pg8000://") as refused:
        engine.build_engine(read_settings({"DATABASE_URL": url}))
    assert "secret" not in str(refused.value)
