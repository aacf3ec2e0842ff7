"""Queries that find, hash and remove what is known of a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

_LOCK = text("SELECT pg_advisory_xact_lock(7105082)")  # migration 0013 says who else takes it
_CLIENTS = text(
    "SELECT * FROM client WHERE phone = ANY(CAST(:phones AS text[])) AND (:all OR owner_id = :owner) ORDER BY id FOR UPDATE"
)
_GONE = text(
    """
    SELECT DISTINCT object_id FROM history WHERE kind = 'client' AND action = 'delete' AND changes ? 'phone'
      AND (changes -> 'phone') ?| CAST(:phones AS text[]) AND (:all OR owner_id = :owner)
    """
)
_MESSAGE_IDS = """
    SELECT m.id FROM message m JOIN mailing g ON g.id = m.mailing_id
    WHERE m.phone = ANY(CAST(:phones AS text[])) AND (:all OR g.owner_id = :owner)
    UNION SELECT id FROM message WHERE client_id = ANY(CAST(:clients AS bigint[]))
"""
_MESSAGES = text(f"SELECT * FROM message WHERE id IN ({_MESSAGE_IDS}) ORDER BY id")  # noqa: S608 - constants only
_CALLS = text(
    """
    SELECT c.* FROM message m JOIN message_call c ON c.mailing_id = m.mailing_id AND c.message_id = m.id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) ORDER BY c.at
    """
)
_CLEAR_CALLS = text(
    """
    UPDATE message_call c SET detail = NULL FROM message m
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND c.mailing_id = m.mailing_id AND c.message_id = m.id
    """
)
_CLEAR_PROVIDER = text(
    """
    UPDATE provider_state SET reason = NULL, held_reason = NULL
    WHERE EXISTS (
      SELECT 1 FROM unnest(CAST(:digits AS text[])) AS part WHERE position(part IN concat(reason, ' ', held_reason)) > 0
    )
    """
)
_LISTED = text(
    "SELECT * FROM do_not_contact WHERE phone = ANY(CAST(:phones AS text[])) AND (:all OR owner_id = :owner) ORDER BY id"
)
_HISTORY = text(
    """
    SELECT kind, object_id, owner_id, username, at, action, changes FROM history
    WHERE (:all OR owner_id = :owner) AND ((kind = 'client' AND object_id = ANY(CAST(:clients AS bigint[])))
      OR (changes ? 'phone' AND (changes -> 'phone') ?| CAST(:phones AS text[])))
    ORDER BY id
    """
)
_HASH_MESSAGES = text(
    """
    WITH found AS MATERIALIZED (SELECT id, owner_id, phone, error_detail FROM message WHERE id = ANY(CAST(:ids AS bigint[]))),
    hashed AS (
      UPDATE message m SET phone = erased_token(f.phone), error_detail = NULL, provider_reference = NULL FROM found f
      WHERE m.id = f.id AND f.phone NOT LIKE '#%' RETURNING m.owner_id, m.phone
    ), cleared AS (
      UPDATE message m SET error_detail = NULL, provider_reference = NULL FROM found f WHERE m.id = f.id AND f.phone IS NULL
    ), known AS (
      INSERT INTO erased_phone (owner_id, token) SELECT DISTINCT owner_id, phone FROM hashed ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM hashed
    """
)
_HASH_LISTED = text(
    """
    WITH hashed AS (
      UPDATE do_not_contact SET phone = erased_token(phone), reason = ''
      WHERE phone = ANY(CAST(:phones AS text[])) AND (:all OR owner_id = :owner) RETURNING owner_id, phone
    ), known AS (
      INSERT INTO erased_phone (owner_id, token) SELECT DISTINCT owner_id, phone FROM hashed ON CONFLICT DO NOTHING
    )
    SELECT count(*) FROM hashed
    """
)
# An opt-out that was hashed earlier, and again since: once is enough.
_HASHED_ALREADY = text(
    """
    DELETE FROM do_not_contact d WHERE d.phone = ANY(CAST(:phones AS text[])) AND (:all OR d.owner_id = :owner)
      AND EXISTS (SELECT 1 FROM do_not_contact o WHERE o.owner_id = d.owner_id AND o.phone = erased_token(d.phone))
    """
)
_ERASE_HISTORY = text("SELECT erase_history(:owner, CAST(:clients AS bigint[]), CAST(:phones AS text[]))")
# Answers of one's own calls, and those that superusers got, who may have asked about anybody's clients. The answers of test messages,
# imports and exports hold names and cells without a phone, or with one as somebody typed it.
_ERASE_ANSWERS = text(
    """
    UPDATE idempotency_key SET status = 410, answer = :gone
    WHERE answer IS NOT NULL AND status <> 410
      AND (:all OR user_id = :owner OR EXISTS (SELECT 1 FROM "user" u WHERE u.id = user_id AND u.is_superuser))
      AND (path LIKE ANY (ARRAY['%/test', '%/client/import', '%/person/export'])
        OR EXISTS (SELECT 1 FROM unnest(CAST(:marks AS text[])) AS mark WHERE position(mark IN answer) > 0))
    """
)
_DROP_KEYS = text(
    """
    DELETE FROM idempotency_key
    WHERE (:all OR user_id = :owner) AND EXISTS (
      SELECT 1 FROM unnest(CAST(:digits AS text[])) AS part WHERE position(part IN key) > 0 OR position(part IN path) > 0
    )
    """
)
# The first row of a file without a header became the names of its columns.
_FORGET_COLUMNS = text(
    """
    UPDATE "user" SET import_columns = '{}'
    WHERE (:all OR id = :owner OR is_superuser) AND EXISTS (
      SELECT 1 FROM unnest(CAST(:digits AS text[])) AS part
      WHERE position(right(part, 9) IN regexp_replace(CAST(import_columns AS text), '[^0-9]', '', 'g')) > 0
    )
    """
)
_GONE_ANSWER = '{"code":"erased","message":"this answer was erased together with the person it was about"}'


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a search is about: the forms of one phone, and whose rows are searched (None: everyone's)."""

    phones: Sequence[str]
    owner_id: int | None

    @property
    def parameters(self) -> dict[str, Any]:
        """As the statements want it."""
        return {"phones": list(self.phones), "all": self.owner_id is None, "owner": self.owner_id or 0}


Rows = list[dict[str, Any]]


def lock(connection: Connection) -> None:
    """Lets no client be added or given another phone until the end of the transaction."""
    connection.execute(_LOCK)


def clients(connection: Connection, person: Person) -> Rows:
    """Clients with the phone."""
    return _rows(connection, _CLIENTS, person)


def deleted_clients(connection: Connection, person: Person) -> list[int]:
    """Ids of clients that had the phone when they were deleted."""
    return list(connection.execute(_GONE, person.parameters).scalars())


def messages(connection: Connection, person: Person, client_ids: Sequence[int]) -> Rows:
    """Messages to the phone or to these clients."""
    return _rows(connection, _MESSAGES, person, clients=list(client_ids))


def calls(connection: Connection, message_ids: Sequence[int]) -> Rows:
    """Calls to the provider for these messages."""
    return [dict(row) for row in connection.execute(_CALLS, {"ids": list(message_ids)}).mappings()]


def listed(connection: Connection, person: Person) -> Rows:
    """Entries of do-not-contact lists."""
    return _rows(connection, _LISTED, person)


def history(connection: Connection, person: Person, client_ids: Sequence[int]) -> Rows:
    """Changes of these clients, and others that tell of the phone."""
    return _rows(connection, _HISTORY, person, clients=list(client_ids))


def hash_messages(connection: Connection, message_ids: Sequence[int]) -> int:
    """Puts the hash in the place of the phone; the provider's words, which may repeat it, go."""
    # In this order: an answer that is recorded meanwhile either waits and sees the hash, or was recorded before, with a call to clear.
    hashed = int(connection.execute(_HASH_MESSAGES, {"ids": list(message_ids)}).scalar_one())
    connection.execute(_CLEAR_CALLS, {"ids": list(message_ids)})
    return hashed


def clear_provider_words(connection: Connection, person: Person) -> None:
    """The last reason of a provider's breaker or hold goes if it repeats the phone."""
    connection.execute(_CLEAR_PROVIDER, {"digits": [phone.lstrip("+") for phone in person.phones]})


def forget_columns(connection: Connection, person: Person) -> None:
    """Names of columns of imported files that are the phone, however it was written."""
    connection.execute(_FORGET_COLUMNS, {**person.parameters, "digits": [phone.lstrip("+") for phone in person.phones]})


def hash_listed(connection: Connection, person: Person) -> int:
    """The same in do-not-contact lists: who is on one stays on it."""
    connection.execute(_HASHED_ALREADY, person.parameters)
    return int(connection.execute(_HASH_LISTED, person.parameters).scalar_one())


def erase_history(connection: Connection, person: Person, client_ids: Sequence[int]) -> int:
    """Takes the values out of changes, and leaves that they were made; of how many."""
    parameters = {"owner": person.owner_id, "clients": list(client_ids), "phones": list(person.phones)}
    return int(connection.execute(_ERASE_HISTORY, parameters).scalar_one())


def erase_answers(connection: Connection, person: Person, client_ids: Sequence[int]) -> int:
    """Takes the place of kept answers that name the phone or the clients, so that a repeated call does not do again what it did."""
    digits = [phone.lstrip("+") for phone in person.phones]
    marks = [*digits, *(f'"id":{client_id},"owner":' for client_id in client_ids), *(f'"client":{each},' for each in client_ids)]
    dropped = connection.execute(_DROP_KEYS, {**person.parameters, "digits": digits}).rowcount
    return dropped + connection.execute(_ERASE_ANSWERS, {**person.parameters, "marks": marks, "gone": _GONE_ANSWER}).rowcount


def _rows(connection: Connection, statement: Any, person: Person, **more: Any) -> Rows:
    return [dict(row) for row in connection.execute(statement, {**person.parameters, **more}).mappings()]
