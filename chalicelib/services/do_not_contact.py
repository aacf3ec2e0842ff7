"""Use cases around the phones that are left alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import FieldError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.domain.phone import PhoneError, parse_phone
from chalicelib.services.ownership import owner_of_new
from chalicelib.storage import do_not_contact
from chalicelib.storage.do_not_contact import DoNotContactRow
from chalicelib.storage.engine import autocommit


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A phone to be left alone; without `owner_id` by the asker's mailings."""

    phone: str
    reason: str = ""
    owner_id: int | None = None


def put(source: Engine, principal: Principal, entries: Sequence[NewEntry], *, prefix: str = "") -> list[DoNotContactRow]:
    """Puts phones on the list; one that is there stays there once. Raises InvalidInputError that names fields behind `prefix`."""
    problems = [error for place, entry in enumerate(entries) for error in _problems(entry, prefix.format(place=place))]
    if problems:
        raise InvalidInputError(*problems)
    with source.begin() as connection:
        owners = {each.owner_id: owner_of_new(connection, principal, each.owner_id) for each in entries}
        rows = {(owners[each.owner_id], each.phone): each.reason for each in entries}
        return do_not_contact.put(
            connection,
            [{"owner_id": owner_id, "phone": phone, "reason": reason} for (owner_id, phone), reason in rows.items()],
        )


def _problems(entry: NewEntry, prefix: str) -> list[FieldError]:
    found = limits.text_problems(f"{prefix}reason", entry.reason, limits.REASON_LENGTH)
    try:
        parse_phone(entry.phone)
    except PhoneError as error:
        found.append(FieldError(f"{prefix}phone", str(error)))
    return found


def page(source: Engine, principal: Principal, phone: str | None, part: Slice) -> list[DoNotContactRow]:
    """A slice of the asker's list (a superuser's: of everyone's)."""
    with autocommit(source) as connection:
        return do_not_contact.page(connection, principal.owner_filter, phone, part)


def get(source: Engine, principal: Principal, entry_id: int) -> DoNotContactRow:
    """One entry. Raises NotFoundError."""
    with autocommit(source) as connection:
        found = do_not_contact.find(connection, principal.owner_filter, entry_id)
    if found is None:
        raise NotFoundError("do-not-contact entry")
    return found


def remove(source: Engine, principal: Principal, entry_id: int) -> None:
    """Takes an entry off the list. Raises NotFoundError."""
    with autocommit(source) as connection:
        if not do_not_contact.remove(connection, principal.owner_filter, entry_id):
            raise NotFoundError("do-not-contact entry")
