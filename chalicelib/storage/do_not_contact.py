"""Queries on the do-not-contact list."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, literal, select, text

from chalicelib.domain.paging import Slice
from chalicelib.storage.models import DoNotContact
from chalicelib.storage.paging import AnySelect, rows_of


@dataclass(frozen=True, slots=True)
class DoNotContactRow:
    """One phone on one owner's list."""

    id: int
    owner: int
    phone: str
    reason: str
    created_at: datetime


_COLUMNS = (DoNotContact.id, DoNotContact.owner_id, DoNotContact.phone, DoNotContact.reason, DoNotContact.created_at)

# A phone that is on the list already stays there once, with the newer reason. Rows are taken in one order, whatever that of the call:
# two calls with the same phones in different orders would wait for each other for ever.
_PUT = text(
    """
    INSERT INTO do_not_contact (owner_id, phone, reason)
    SELECT owner_id, phone, reason
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS new (owner_id bigint, phone text, reason text)
    ORDER BY owner_id, phone
    ON CONFLICT (owner_id, phone) DO UPDATE SET reason = excluded.reason
    RETURNING id, owner_id, phone, reason, created_at
    """
)

_REASONS = text(
    """
    SELECT owner_id, phone, entry.reason
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS asked (owner_id bigint, phone text) JOIN do_not_contact entry USING (owner_id, phone)
    """
)


def put(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> list[DoNotContactRow]:
    """Puts phones on lists, each once, and returns them in the same order."""
    found = [DoNotContactRow(*row) for row in connection.execute(_PUT, {"rows": json.dumps(list(entries))})]
    by_phone = {(row.owner, row.phone): row for row in found}
    return [by_phone[entry["owner_id"], entry["phone"]] for entry in entries]


def find(connection: Connection, owner_id: int | None, entry_id: int) -> DoNotContactRow | None:
    """The entry, if the owner (None: anyone) has it."""
    row = connection.execute(_owned(select(*_COLUMNS).where(DoNotContact.id == entry_id), owner_id)).one_or_none()
    return DoNotContactRow(*row) if row is not None else None


def page(connection: Connection, owner_id: int | None, phone: str | None, part: Slice) -> list[DoNotContactRow]:
    """A slice of the list, or of the lists of everyone; with `phone`, whether it is on them."""
    statement = _owned(select(*_COLUMNS), owner_id)
    if phone is not None:
        statement = statement.where(_is(phone))
    return [DoNotContactRow(*row) for row in rows_of(connection, statement, DoNotContact.id, part)]


def reasons(connection: Connection, entries: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], str]:
    """The reasons of those of these entries (`owner_id`, `phone`) that are on lists."""
    rows = connection.execute(_REASONS, {"rows": json.dumps(list(entries))})
    return {(owner_id, phone): reason for owner_id, phone, reason in rows}


def remove(connection: Connection, owner_id: int | None, entry_id: int) -> DoNotContactRow | None:
    """Takes an entry off the owner's (None: anyone's) list and returns it; None if it is not there."""
    statement = delete(DoNotContact).where(DoNotContact.id == entry_id).returning(*_COLUMNS)
    if owner_id is not None:
        statement = statement.where(DoNotContact.owner_id == owner_id)
    row = connection.execute(statement).one_or_none()
    return DoNotContactRow(*row) if row is not None else None


def listed(connection: Connection, owner_id: int, phone: str) -> bool:
    """Is the phone on the owner's list?"""
    wanted = select(DoNotContact.id).where(DoNotContact.owner_id == owner_id, _is(phone)).limit(1)
    return connection.execute(wanted).one_or_none() is not None


def _is(phone: str) -> ColumnElement[bool]:
    """The phone, or the hash that an erased person left of it."""
    return DoNotContact.phone.in_([literal(phone), select(func.erased_token(phone)).scalar_subquery()])


def _owned(statement: AnySelect, owner_id: int | None) -> AnySelect:
    return statement if owner_id is None else statement.where(DoNotContact.owner_id == owner_id)
