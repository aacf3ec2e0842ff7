"""The database role of the functions that serve: it reads and writes rows, and can neither make tables nor change them."""

import base64
from dataclasses import dataclass
from typing import Any

from scramp import ScramMechanism
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError

from chalicelib.observability import warn
from chalicelib.storage.engine import INSUFFICIENT_PRIVILEGE, sqlstate

_STATE = text(
    """
    SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :role) AS there, current_user = :role AS us, quote_ident(:role) AS role,
      quote_ident(current_schema()) AS schema, quote_ident(current_database()) AS database
    """
)


@dataclass(frozen=True, slots=True)
class _Quoted:
    """Names as they stand in SQL, where no parameter may stand."""

    role: str
    schema: str
    database: str


def let_in(connection: Connection, service_url: str, statement_seconds: float) -> None:
    """Makes the role that `service_url` names, with the password in it, and grants it the rows of every table; safe to repeat.

    Its statements end after `statement_seconds`: a caller whose socket timed out leaves nothing behind that runs on. A role that is
    not the caller's to change (somebody else made it) keeps its password and its limits, and is only granted what it needs.
    """
    url = make_url(service_url)
    found = connection.execute(_STATE, {"role": url.username}).one()
    if found.us:
        return
    quoted = _Quoted(found.role, found.schema, found.database)
    if not found.there:
        _run(connection, f"CREATE ROLE {quoted.role} LOGIN")
    try:
        with connection.begin_nested():
            _set(connection, quoted, scram_verifier(str(url.password)) if url.password else None, statement_seconds)
    except DBAPIError as error:
        if sqlstate(error) != INSUFFICIENT_PRIVILEGE:
            raise
        warn("service_role_not_ours", role=url.username)
    _grant(connection, quoted)


def scram_verifier(password: str) -> str:
    """What PostgreSQL stores in place of a password (RFC 5803).

    A statement may come into the database's log, when it fails for example; a verifier there lets nobody log in.
    """
    mechanism: Any = ScramMechanism  # scramp has no types
    salt, stored_key, server_key, iterations = mechanism("SCRAM-SHA-256").make_auth_info(password, iteration_count=4096)
    encoded = [base64.b64encode(part).decode("ascii") for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _set(connection: Connection, quoted: _Quoted, verifier: str | None, statement_seconds: float) -> None:
    password = f"'{verifier}'" if verifier else "NULL"
    _run(connection, f"ALTER ROLE {quoted.role} PASSWORD {password}")
    limit = f"SET statement_timeout = {round(statement_seconds * 1000)}"
    _run(connection, f"ALTER ROLE {quoted.role} IN DATABASE {quoted.database} {limit}")


def _grant(connection: Connection, quoted: _Quoted) -> None:
    schema, role = quoted.schema, quoted.role
    _run(connection, f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    _run(connection, f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    _run(connection, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    _run(connection, f"REVOKE ALL ON {schema}.alembic_version FROM {role}")
    _run(connection, f"REVOKE ALL ON {schema}.erasure_key FROM {role}")
    for table in ("history", "audit_event"):  # who did what is only ever added to
        _run(connection, f"REVOKE UPDATE, DELETE ON {schema}.{table} FROM {role}")


def _run(connection: Connection, statement: str) -> None:
    connection.execute(text(statement.replace(":", "\\:")))
