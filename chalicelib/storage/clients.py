"""Queries on clients."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnCollection, ColumnElement, Connection, delete, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT, insert

from chalicelib.domain.paging import Slice
from chalicelib.storage.message_calls import LOST_COLUMNS, LOST_DETAIL, insert_lost
from chalicelib.storage.models import Client, ClientsDeletion, Message, User
from chalicelib.storage.paging import AnySelect, rows_among, rows_of, rows_under


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client as stored."""

    id: int
    owner: int
    phone: str
    operator_code: str
    tags: list[str]
    attributes: dict[str, Any]
    time_zone: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Which clients a list is about; None asks for nothing. The owner has no default: to list everyone's has to be said."""

    owner_id: int | None
    tags: tuple[str, ...] = ()
    operator_code: str | None = None
    time_zone: str | None = None
    phone_prefix: str | None = None


_COLUMNS = (
    Client.id,
    Client.owner_id,
    Client.phone,
    Client.operator_code,
    Client.tags,
    Client.attributes,
    Client.time_zone,
    Client.created_at,
)


# One parameter however many rows: a statement that grows with them pins a connection of RDS Proxy.
_ADD = text(
    """
    INSERT INTO client (owner_id, phone, operator_code, tags, attributes, time_zone)
    SELECT owner_id, phone, operator_code, ARRAY(SELECT jsonb_array_elements_text(tags)), attributes, time_zone
    FROM ROWS FROM (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (owner_id bigint, phone text, operator_code text, tags jsonb,
                                                                 attributes jsonb, time_zone text))
      WITH ORDINALITY AS new (owner_id, phone, operator_code, tags, attributes, time_zone, place)
    ORDER BY place
    RETURNING id, owner_id, phone, operator_code, tags, attributes, time_zone, created_at
    """
)


def add(connection: Connection, clients: Sequence[dict[str, Any]]) -> list[ClientRow]:
    """Inserts all, in one statement, and returns them in the same order."""
    return [ClientRow(*row) for row in connection.execute(_ADD, {"rows": json.dumps(clients)})]


def taken_phones(connection: Connection, owner_id: int, phones: Sequence[str]) -> set[str]:
    """Which of these phones the owner has already."""
    known = select(Client.phone).where(Client.owner_id == owner_id, Client.phone == func.any(literal(list(phones), ARRAY(TEXT))))
    return set(connection.execute(known).scalars())


def with_phones(connection: Connection, owner_id: int, phones: Sequence[str], *, lock: bool = False) -> list[ClientRow]:
    """The owner's clients with these phones, locked in the order of their phones if asked."""
    among = select(*_COLUMNS).where(Client.owner_id == owner_id, Client.phone == func.any(literal(list(phones), ARRAY(TEXT))))
    rows = connection.execute(among.order_by(Client.phone).with_for_update() if lock else among)
    return [ClientRow(*row) for row in rows]


def find(connection: Connection, owner_id: int | None, client_id: int) -> ClientRow | None:
    """The client, if the owner (None: anyone) has it."""
    row = connection.execute(_owned(select(*_COLUMNS).where(Client.id == client_id), owner_id)).one_or_none()
    return ClientRow(*row) if row is not None else None


def lock(connection: Connection, owner_id: int | None, client_id: int) -> ClientRow | None:
    """The same, its row locked until the transaction ends: planning, which holds it FOR KEY SHARE, waits or is waited for."""
    row = connection.execute(_owned(select(*_COLUMNS).where(Client.id == client_id), owner_id).with_for_update()).one_or_none()
    return ClientRow(*row) if row is not None else None


def lock_among(connection: Connection, owner_id: int | None, client_ids: Sequence[int]) -> list[ClientRow]:
    """Lock those of the clients that the owner (None: anyone) has, in the order of their ids."""
    among = _owned(select(*_COLUMNS).where(Client.id == func.any(literal(list(client_ids), ARRAY(BIGINT)))), owner_id)
    return [ClientRow(*row) for row in connection.execute(among.order_by(Client.id).with_for_update())]


def change(connection: Connection, client_id: int, values: Mapping[str, Any]) -> ClientRow:
    """Writes columns of a client."""
    changed = update(Client).where(Client.id == client_id).values(values).returning(*_COLUMNS)
    return ClientRow(*connection.execute(changed).one())


def has_messages(connection: Connection, client_id: int) -> bool:
    """Was any mailing ever planned for this client?"""
    return bool(connection.execute(select(exists().where(Message.client_id == client_id))).scalar_one())


def remove(connection: Connection, client_ids: Sequence[int], provider: str) -> int:
    """Deletes clients whose rows are locked, after closing their waiting messages; returns how many."""
    connection.execute(_CLOSE_MESSAGES, {"clients": list(client_ids), "provider": provider})
    return connection.execute(delete(Client).where(Client.id == func.any(literal(list(client_ids), ARRAY(BIGINT))))).rowcount


def lock_some(connection: Connection, limit: int, after: int, through: int) -> list[int]:
    """Lock up to `limit` clients of any owner, beyond the id `after` and up to `through`; their ids. Passes over those that are locked."""
    some = select(Client.id).where(Client.id > after, Client.id <= through).order_by(Client.id).limit(limit)
    return list(connection.execute(some.with_for_update(skip_locked=True)).scalars())


def count_through(connection: Connection, through: int) -> int:
    """Count the clients of all owners up to an id."""
    return connection.execute(select(func.count()).select_from(Client).where(Client.id <= through)).scalar_one()


def begin_deletion(connection: Connection) -> int | None:
    """Keep in mind that all clients of now are to be deleted; the newest one's id, None if there are none."""
    newest = connection.execute(select(func.max(Client.id))).scalar_one()
    if newest is not None:
        new = insert(ClientsDeletion).values(id=1, through_id=newest)
        through = func.greatest(ClientsDeletion.through_id, new.excluded.through_id)
        connection.execute(new.on_conflict_do_update(index_elements=[ClientsDeletion.id], set_={"through_id": through}))
    return newest


def pending_deletion(connection: Connection) -> int | None:
    """Up to which id clients are to be deleted; None: no such deletion is pending."""
    return connection.execute(select(ClientsDeletion.through_id)).scalar_one_or_none()


def end_deletion(connection: Connection, through: int) -> None:
    """The clients up to this id are deleted."""
    connection.execute(delete(ClientsDeletion).where(ClientsDeletion.through_id == through))


# What is at the provider now (a live lease) is left to finish. A lease that ran out belonged to a worker that died, and the outcome
# of its call is unknown: of such a message "the client was deleted" would not be true.
_CLOSE_MESSAGES = text(
    f"""
    WITH waiting AS (
      SELECT {LOST_COLUMNS} FROM message m
      WHERE client_id = ANY(CAST(:clients AS bigint[])) AND status = 1 AND (lease_until IS NULL OR lease_until <= clock_timestamp())
      ORDER BY id FOR NO KEY UPDATE
    ), lost AS ({insert_lost("waiting")})
    UPDATE message m SET status = 4, lease_until = NULL, unknown = m.unknown OR m.lease_until IS NOT NULL,
      error_code = CASE WHEN m.unknown OR m.lease_until IS NOT NULL THEN 'unknown_outcome' ELSE 'client_deleted' END,
      error_detail = CASE WHEN m.unknown OR m.lease_until IS NOT NULL THEN {LOST_DETAIL} END,
      attempted_at = coalesce(m.lease_until, m.attempted_at)
    FROM waiting WHERE m.id = waiting.id
    """  # noqa: S608 - constants only
)


def page(connection: Connection, chosen: ClientFilter, part: Slice) -> list[ClientRow]:
    """A slice of the clients that pass the filter."""
    statement = _owned(select(*_COLUMNS), chosen.owner_id)
    if chosen.tags:
        return [ClientRow(*row) for row in rows_among(connection, statement, partial(_meet, chosen), Client.id, part)]
    prefix, value, rest = Client.time_zone, chosen.time_zone, replace(chosen, time_zone=None)
    if chosen.operator_code is not None:
        prefix, value, rest = Client.operator_code, chosen.operator_code, replace(chosen, operator_code=None)
    statement = statement.where(*_meet(rest, Client.__table__.c))
    if value is None:
        return [ClientRow(*row) for row in rows_of(connection, statement, Client.id, part)]
    users = User.__table__ if chosen.owner_id is None else None
    if users is not None:
        statement = statement.where(Client.owner_id == users.c.id)
    return [ClientRow(*row) for row in rows_under(connection, statement, prefix, [value], Client.id, part, users)]


def _meet(chosen: ClientFilter, columns: ColumnCollection[str, Any]) -> list[ColumnElement[bool]]:
    """The filter's conditions, but for the owner."""
    conditions = {
        "tags": columns.tags.contains(list(chosen.tags)),
        "operator_code": columns.operator_code == chosen.operator_code,
        "time_zone": columns.time_zone == chosen.time_zone,
        "phone_prefix": columns.phone.startswith(chosen.phone_prefix or "", autoescape=True),
    }
    return [condition for name, condition in conditions.items() if getattr(chosen, name) not in (None, ())]


def _owned(statement: AnySelect, owner_id: int | None) -> AnySelect:
    return statement if owner_id is None else statement.where(Client.owner_id == owner_id)


# One client for each zone and operator code: 24 x 90. The zone's place is in the number, so that the same call finds its own again.
# Ninety tags, tag10 to tag99 by operator code, are for trying out selections by tag.
_ADD_TEST_CLIENTS = text(
    """
    INSERT INTO client (owner_id, phone, operator_code, tags, time_zone)
    SELECT :owner, '+7' || code || lpad(zone.place::text, 7, '0'), code::text, ARRAY['test', 'tag' || right(code::text, 2)], zone.name
    FROM unnest(CAST(:zones AS text[])) WITH ORDINALITY AS zone (name, place)
    CROSS JOIN generate_series(CAST(:first AS int), CAST(:last AS int)) AS code
    ORDER BY zone.place, code
    ON CONFLICT (owner_id, phone) DO NOTHING
    """
)


def add_test_clients(connection: Connection, owner_id: int, zones: Sequence[str], first: int, last: int) -> int:
    """A client for each zone and each operator code from `first` to `last`, unless it is there; returns how many were added."""
    added = connection.execute(_ADD_TEST_CLIENTS, {"owner": owner_id, "zones": list(zones), "first": first, "last": last})
    return added.rowcount
