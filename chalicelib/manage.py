"""Migrations, superusers and the check of stored phones.

On a laptop (`python -m chalicelib.manage …`) and as a Lambda inside the database's network.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from chalicelib.auth.keyring import Keyring
from chalicelib.auth.passwords import PasswordError
from chalicelib.config import ConfigurationError, Settings, settings
from chalicelib.domain.errors import ServiceError
from chalicelib.observability import warn
from chalicelib.once import once
from chalicelib.providers import accounts
from chalicelib.services.users import ensure_superuser
from chalicelib.storage import providers, service_role
from chalicelib.storage.engine import (
    LOCK_NOT_AVAILABLE,
    build_engine,
    build_source_engine,
    follow_secret,
    postgresql_url,
    sqlstate,
)

if TYPE_CHECKING:
    from alembic.config import Config

    from chalicelib.services.stored_phones import PhoneReport

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_PERSON_COMMANDS = ("export", "erase")
_SHOWN_FINDINGS = 1_000  # a Lambda answers 6 MB at most
_MIGRATION_LOCK = 7_105_081  # any constant: two deployments that migrate at once wait for each other


def migrate(source: Engine, chosen: Settings) -> str:
    """Bring the schema to the newest revision and return that revision's name; safe to repeat and to run twice at once.

    Seals secrets of authenticator apps with the newest of `encryption_keys`, grants the role that `service_database_url` names what it
    needs, and raises the message ids to `message_id_base`.
    """
    configuration = _alembic()
    with source.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()
        try:
            for statement in _MIGRATION_SESSION:
                connection.execute(text(statement))
            connection.commit()
            configuration.attributes["connection"] = connection
            _upgrade(configuration, connection)
            _follow_settings(connection, chosen)
            connection.commit()
            return _current(connection) or "none"
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
            connection.commit()


_MIGRATION_SESSION = (
    "SET statement_timeout = 0",  # a migration may take as long as it takes
    # A statement whose client is gone (the function was stopped at its fifteenth minute) ends, and gives its locks back.
    "SET client_connection_check_interval = '10s'",
    # Who waits for a table's lock lets everybody behind it wait, too: better to give way and come again.
    "SET lock_timeout = '10s'",
)
_LOCK_TRIES = 6


def _follow_settings(connection: Connection, chosen: Settings) -> None:
    """Write into the newest schema what the settings say: keys, ids, the provider, the functions' role."""
    from chalicelib.services import second_factor  # only here: no other command needs it

    second_factor.seal_stored(connection, lambda: Keyring.of(chosen))
    connection.execute(_RAISE_MESSAGE_IDS, {"base": chosen.message_id_base})
    providers.keep(connection, accounts.values_of(chosen))
    if chosen.service_database_url is not None:
        service_role.let_in(connection, chosen.service_database_url.get_secret_value(), chosen.statement_timeout_seconds)


def _upgrade(configuration: "Config", connection: Connection) -> None:
    """Each revision is a transaction of its own: one that could not get a lock is rolled back, and tried again."""
    from alembic import command

    for tries_left in reversed(range(_LOCK_TRIES)):
        try:
            command.upgrade(configuration, "head")
        except DBAPIError as error:
            connection.rollback()
            if sqlstate(error) != LOCK_NOT_AVAILABLE or not tries_left:
                raise
            warn("migration_waits_for_lock", tries_left=tries_left)
        else:
            return


def revisions(source: Engine) -> dict[str, str]:
    """The schema's revision, and the newest one that there is."""
    from alembic.script import ScriptDirectory

    with source.connect() as connection:
        current = _current(connection)
    return {"revision": current or "none", "newest": ScriptDirectory.from_config(_alembic()).get_current_head() or "none"}


def _current(connection: Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _alembic() -> "Config":
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    return configuration


@once
def engine() -> Engine:
    """Waits for statements as long as they take."""
    return follow_secret(build_engine(settings(), patient=True))


# Ids only ever grow: a base below what was already given changes nothing.
_RAISE_MESSAGE_IDS = text(
    "SELECT setval(sequence, :base, false) FROM pg_get_serial_sequence('message', 'id') AS sequence"
    " WHERE nextval(sequence) < :base"
)


def handle(event: dict[str, Any]) -> dict[str, Any]:
    """The Lambda: `{"command": "migrate"}`, `{"command": "revision"}`, `{"command": "createsuperuser", "username": …, "password": …}`, or

    `{"command": "check-phones", "apply": false}`, or `{"command": "erase", "username": …, "phone": …}` (and `export`).
    """
    command = event.get("command")
    if command == "migrate":
        return {"revision": migrate(engine(), settings())}
    if command == "revision":
        return revisions(engine())
    if command == "createsuperuser":
        try:
            return {"created": ensure_superuser(engine(), str(event["username"]), str(event["password"]))}
        except (KeyError, PasswordError, ServiceError) as error:
            return {"error": f"createsuperuser: {error}"}
    if command == "check-phones":
        report = _check_phones(apply=event.get("apply") is True)
        shown = [str(each) for each in report.findings[:_SHOWN_FINDINGS]]
        return {"checked": dict(report.checked), "found": report.counts(), "rows": shown}
    if command in _PERSON_COMMANDS:
        try:
            return _person(str(command), str(event["username"]), str(event["phone"]))
        except (KeyError, ServiceError) as error:
            return {"error": f"{command}: {error}"}
    if command == "after-restore":
        try:
            return _after_restore(str(event["restored_to"]), event.get("park", []), event.get("id_jump"))
        except (KeyError, ValueError, TypeError) as error:
            return {"error": f"after-restore: {error}"}
    names = ("migrate", "revision", "createsuperuser", "check-phones", "after-restore", *_PERSON_COMMANDS)
    return {"error": f"command is one of: {', '.join(names)}"}


def _after_restore(restored_to: str, park: Iterable[int], id_jump: int | None) -> dict[str, Any]:
    """Prepares a restored database for use: see docs/aws.md. Raises ValueError."""
    from chalicelib.services import restore

    moment = datetime.fromisoformat(restored_to.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("restored_to is an instant with its offset, like 2030-05-01T09:00:00Z")
    jump = restore.ID_JUMP if id_jump is None else int(id_jump)
    if jump < 0:
        raise ValueError("id_jump must not be negative")
    return asdict(restore.after_restore(engine(), settings(), moment, id_jump=jump, park=[int(id_) for id_ in park]))


def _person(command: str, username: str, phone: str) -> dict[str, Any]:
    """Exports or erases the person behind a phone, from everyone's data, on behalf of a superuser."""
    from chalicelib.services import accounts, persons  # only here: numbering plans take a while to load

    principal = accounts.superuser_named(engine(), username)
    given = persons.export if command == "export" else persons.erase
    found: dict[str, Any] = json.loads(json.dumps(asdict(given(engine(), principal, phone)), default=str))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m chalicelib.manage", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the schema to the newest revision")
    check = commands.add_parser("check-phones", help="report phones that were stored with a trunk prefix")
    check.add_argument("--apply", action="store_true", help="correct those that collide with no other row")
    restored = commands.add_parser(
        "after-restore", help="after the database was restored to an earlier moment: send nothing twice"
    )
    restored.add_argument("--restored-to", required=True, help="that moment, like 2030-05-01T09:00:00Z")
    restored.add_argument(
        "--park", type=int, nargs="*", default=[], metavar="MAILING", help="mailings started early in the lost time"
    )
    restored.add_argument("--id-jump", type=int, help="how far message ids are moved on (a billion)")
    create = commands.add_parser("createsuperuser", help="make a superuser, or give a user that password and those rights")
    create.add_argument("--username", required=True)
    for command, purpose in (
        ("export", "print all that is known of a phone, as JSON"),
        ("erase", "erase the person behind a phone"),
    ):
        person = commands.add_parser(command, help=purpose)
        person.add_argument("--phone", required=True)
        person.add_argument("--username", required=True, help="the superuser in whose name it is done and written down")
    move = commands.add_parser("import-original", help="import the tables of mailingAPI, the Django project before this service")
    move.add_argument("--source", required=True, help="its PostgreSQL: postgresql+pg8000://user:password@host/database")
    move.add_argument("--app", default="management", help="the Django app with its models (default: %(default)s)")
    move.add_argument("--users", default="auth_user", help="its table of users (default: %(default)s)")
    move.add_argument("--zone", action="append", default=[], metavar="HOURS=NAME", help="the place of an hour: 3=Europe/Moscow")
    move.add_argument("--apply", action="store_true", help="write; without it all is rolled back, and only reported")
    move.add_argument("--original-is-stopped", action="store_true", help="its web server, Celery workers and beat are stopped")
    return parser


def _import_original(chosen: argparse.Namespace) -> None:
    from chalicelib.services import original_import  # only here: numbering plans take a while to load
    from chalicelib.services.original_import.clients import parse_zones
    from chalicelib.storage.original import OriginalTables

    options = original_import.ImportOptions(
        OriginalTables(chosen.app, chosen.users),
        parse_zones(chosen.zone),
        apply=chosen.apply,
        original_is_stopped=chosen.original_is_stopped,
    )
    source = build_source_engine(postgresql_url("--source", chosen.source))
    try:
        report = original_import.run(source, engine(), options, print)
    finally:
        source.dispose()
    print("\n".join(report.lines()))


def _check_phones(*, apply: bool) -> "PhoneReport":
    from chalicelib.services import stored_phones  # only here: numbering plans take a while to load

    return stored_phones.check(engine(), apply=apply)


def _print(report: "PhoneReport") -> None:
    for finding in report.findings:
        print(finding)
    print(f"checked: {', '.join(f'{table} {count:,}' for table, count in report.checked.items()) or 'nothing'}")
    print("\n".join(f"{what}: {count:,}" for what, count in report.counts().items()) or "all are E.164")


def main(arguments: list[str] | None = None) -> int:
    """The command line; the password comes from SUPERUSER_PASSWORD or is asked for."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "migrate":
            print(f"schema at revision {migrate(engine(), settings())}")
        elif chosen.command == "check-phones":
            _print(_check_phones(apply=chosen.apply))
        elif chosen.command == "after-restore":
            print(json.dumps(_after_restore(chosen.restored_to, chosen.park, chosen.id_jump), indent=1))
        elif chosen.command == "import-original":
            _import_original(chosen)
        elif chosen.command in _PERSON_COMMANDS:
            print(json.dumps(_person(chosen.command, chosen.username, chosen.phone), ensure_ascii=False, indent=1))
        else:
            password = os.environ.get("SUPERUSER_PASSWORD") or getpass.getpass(f"password for {chosen.username}: ")
            created = ensure_superuser(engine(), chosen.username, password)
            print(f"superuser {chosen.username} {'created' if created else 'was there: password set'}")
    except (ConfigurationError, PasswordError, ServiceError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except DBAPIError as error:
        print(f"error: database error: {error.orig}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
