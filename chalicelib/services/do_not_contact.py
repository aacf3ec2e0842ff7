"""Use cases around the do-not-contact list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine

from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import tidy
from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.domain.phone import CountryError, PhoneError, misspellings, parse_phone
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.services.ownership import listed_owner, owner_of_new
from chalicelib.services.phones import typed_phone
from chalicelib.storage import clients, do_not_contact
from chalicelib.storage.do_not_contact import DoNotContactRow
from chalicelib.storage.engine import autocommit


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A phone to be sent nothing, as typed (without its `+` a number of `country`); without `owner_id` by the asker's mailings."""

    phone: str
    reason: str = ""
    owner_id: int | None = None
    country: str | None = None


def put(source: Engine, principal: Principal, entries: Sequence[NewEntry], *, prefix: str = "") -> list[DoNotContactRow]:
    """Puts phones on the list; one that is there stays there once. Raises InvalidInputError that names fields behind `prefix`."""
    if len(entries) > limits.AT_ONCE:
        raise InvalidInputError(FieldError("phones", f"at most {limits.AT_ONCE} phones at once", FieldCode.WRONG_LENGTH))
    entries = [replace(each, reason=tidy(each.reason) if isinstance(each.reason, str) else each.reason) for each in entries]
    problems = [error for place, entry in enumerate(entries) for error in _problems(entry, prefix.format(place=place))]
    if problems:
        raise InvalidInputError(*problems)
    with source.begin() as connection:
        owners = {each.owner_id: owner_of_new(connection, principal, each.owner_id) for each in entries}
        rows = {(owners[each.owner_id], parse_phone(each.phone, each.country)): each.reason for each in entries}
        _put(connection, principal, _misspelled(connection, rows))
        return _put(connection, principal, rows)


def _put(connection: Connection, principal: Principal, rows: Mapping[tuple[int, str], str]) -> list[DoNotContactRow]:
    before = do_not_contact.reasons(connection, _values(rows))
    entries = do_not_contact.put(connection, _values(rows))
    for row in entries:
        found = before.get((row.owner, row.phone))
        if found is None:
            _note(connection, principal, row, "create", {"reason": [None, row.reason]})
        elif found != row.reason:
            _note(connection, principal, row, "update", {"reason": [found, row.reason]})
    return entries


def _note(connection: Connection, principal: Principal, row: DoNotContactRow, action: str, changes: dict[str, list[Any]]) -> None:
    """Write down who changed the entry, with the phone, by which this is exported and erased with the person.

    The hash of an erased one is left out: it may outlive the entry nowhere.
    """
    if not row.phone.startswith("#"):
        changes["phone"] = [None if action == "create" else row.phone, None if action == "delete" else row.phone]
    history.note(connection, principal, Change(Kind.DO_NOT_CONTACT, row.id, row.owner, action, changes))


def _values(rows: Mapping[tuple[int, str], str]) -> list[dict[str, Any]]:
    return [{"owner_id": owner_id, "phone": phone, "reason": reason} for (owner_id, phone), reason in rows.items()]


def _misspelled(connection: Connection, rows: Mapping[tuple[int, str], str]) -> dict[tuple[int, str], str]:
    """Clients stored by an earlier version may have the same phone with a trunk prefix: it is put on the list with the phone."""
    meant = {(owner_id, other): reason for (owner_id, phone), reason in rows.items() for other in misspellings(phone)}
    known = {
        (owner_id, phone)
        for owner_id in {owner_id for owner_id, _phone in meant}
        for phone in clients.taken_phones(connection, owner_id, [phone for owner, phone in meant if owner == owner_id])
    }
    return {key: reason for key, reason in meant.items() if key in known}


def _problems(entry: NewEntry, prefix: str) -> list[FieldError]:
    found = limits.text_problems(f"{prefix}reason", entry.reason, limits.REASON_LENGTH)
    try:
        parse_phone(entry.phone, entry.country)
    except PhoneError as error:
        found.append(FieldError(f"{prefix}phone", str(error), FieldCode.WRONG_FORMAT))
    except CountryError as error:
        found.append(FieldError("default_country", str(error), FieldCode.WRONG_FORMAT))
    return found


def page(
    source: Engine,
    principal: Principal,
    phone: str | None,
    part: Slice,
    *,
    country: str | None = None,
    owner_id: int | None = None,
) -> list[DoNotContactRow]:
    """A slice of the asker's list (a superuser's: of everyone's), or the entry of one phone as typed. Raises InvalidInputError."""
    if phone is not None:
        phone = typed_phone(phone, country)
    owner = listed_owner(principal, owner_id)
    with autocommit(source) as connection:
        return do_not_contact.page(connection, owner, phone, part)


def get(source: Engine, principal: Principal, entry_id: int) -> DoNotContactRow:
    """One entry. Raises NotFoundError."""
    with autocommit(source) as connection:
        found = do_not_contact.find(connection, principal.owner_filter, entry_id) if limits.is_id(entry_id) else None
    if found is None:
        raise NotFoundError("do-not-contact entry")
    return found


def remove(source: Engine, principal: Principal, entry_id: int) -> None:
    """Takes an entry off the list. Raises NotFoundError."""
    with source.begin() as connection:
        row = do_not_contact.remove(connection, principal.owner_filter, entry_id) if limits.is_id(entry_id) else None
        if row is None:
            raise NotFoundError("do-not-contact entry")
        _note(connection, principal, row, "delete", {"reason": [row.reason, None]})
