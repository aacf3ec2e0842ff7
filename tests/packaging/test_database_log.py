"""What a real PostgreSQL with the template's parameters writes into its log."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from chalicelib.config import read_settings
from chalicelib.storage import service_role
from chalicelib.storage.engine import build_engine
from local.postgres import PostgresServer
from tests.databases import migrated

PHONE = "+79101234567"
PASSWORD = "a-password-that-must-not-be-seen"


def test_neither_phones_nor_passwords_are_in_the_databases_log(template: dict[str, Any], tmp_path: Path) -> None:
    parameters = template["Resources"]["DatabaseSettings"]["Properties"]["Parameters"]
    with PostgresServer(tmp_path, durable=False) as server:
        for name in ("log_error_verbosity", "idle_in_transaction_session_timeout"):
            server.run(f"ALTER SYSTEM SET {name} = '{parameters[name]}'")
        server.run("SELECT pg_reload_conf()")
        database = migrated(server, "mailing")
        owner = build_engine(read_settings({"DATABASE_URL": database.owner_url}))
        user = """INSERT INTO "user" (username, password_hash) VALUES ('anna', '-') RETURNING id"""
        client = "INSERT INTO client (owner_id, phone, time_zone, operator_code) VALUES (:owner, :phone, 'UTC', '910')"
        with owner.begin() as connection:
            owner_id = connection.execute(text(user)).scalar_one()
            connection.execute(text(client), {"owner": owner_id, "phone": PHONE})
        with owner.connect() as connection, pytest.raises(DBAPIError):
            connection.execute(text(client), {"owner": owner_id, "phone": PHONE})
        url = make_url(database.url).set(password=PASSWORD).render_as_string(hide_password=False)
        with owner.connect() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            with pytest.raises(DBAPIError):
                service_role.let_in(connection, url, 25)
        owner.dispose()
        logged = server.log.read_text()
    assert "ALTER ROLE" in logged
    assert "duplicate key value violates unique constraint" in logged
    assert PHONE not in logged
    assert PASSWORD not in logged
    assert not re.search(r"^.*DETAIL:", logged, re.MULTILINE)
