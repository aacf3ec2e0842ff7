"""Use cases around clients."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from dataclasses import replace as revised
from enum import StrEnum
from typing import Any, TypedDict

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from chalicelib.config import settings
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import ConflictError, FieldCode, FieldError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.domain.personal_text import attribute_name
from chalicelib.domain.phone import CountryError, PhoneError, corrected, operator_code, parse_phone
from chalicelib.domain.versions import require_version, version
from chalicelib.domain.zones import ZoneError, parse_time_zone
from chalicelib.services import history
from chalicelib.services.history import Change, Kind
from chalicelib.services.ownership import listed_owner, owner_of_new
from chalicelib.storage import client_import, clients, message_edits
from chalicelib.storage.clients import ClientFilter, ClientRow
from chalicelib.storage.engine import DEADLOCK, UNIQUE_VIOLATION, autocommit, sqlstate

_SLICE = 100
"""Clients that are deleted in one transaction, with what waits for them."""
_SECONDS_AT_ONCE = 8.0
"""How long a request deletes clients."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """What is said of a client; without `operator_code` it is derived from the phone, without `owner_id` it is the asker.

    `phone` is as typed; without its `+` it is a number of `country` (ISO 3166). What is stored is E.164.
    """

    phone: str
    time_zone: str
    operator_code: str | None = None
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    owner_id: int | None = None
    country: str | None = None


class ClientChanges(TypedDict, total=False):
    """Fields of NewClient that are to change."""

    phone: str
    time_zone: str
    operator_code: str | None
    tags: tuple[str, ...]
    attributes: Mapping[str, str | int]
    owner_id: int | None
    country: str | None


def create(source: Engine, principal: Principal, new: NewClient) -> ClientRow:
    """Adds a client. Raises InvalidInputError, or ConflictError if the owner has the phone already."""
    new = _accepted(new)
    with source.begin() as connection:
        owner_id = owner_of_new(connection, principal, new.owner_id)
        return _add(connection, principal, [row_values(new, owner_id)])[0]


class OnConflict(StrEnum):
    """What happens to a client whose phone the owner has already."""

    FAIL = "fail"
    SKIP = "skip"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Many:
    """The clients of one call, in its order, and how many were added and updated; the others are as they were."""

    rows: list[ClientRow]
    created: int
    updated: int = 0


def create_many(
    source: Engine, principal: Principal, new: Sequence[NewClient], *, on_conflict: OnConflict = OnConflict.FAIL
) -> Many:
    """Add all or none; of clients that the owner has already, `on_conflict` says what happens.

    Raises InvalidInputError that names each bad row by its place: a phone that stands twice in the call, and with FAIL one that is taken.
    """
    if len(new) > limits.AT_ONCE:
        raise InvalidInputError(FieldError("clients", f"at most {limits.AT_ONCE} clients at once", FieldCode.WRONG_LENGTH))
    wrong = [_at(place, each) for place, client in enumerate(new) for each in problems(client)]
    if on_conflict is OnConflict.FAIL:
        _refuse_wrong(wrong)
    with source.begin() as connection:
        owners = {each.owner_id: owner_of_new(connection, principal, each.owner_id) for each in new}
        stored: Mapping[int, ClientRow] = {}
        if wrong:
            stored = stored_for(connection, [(owners[each.owner_id], each) for each in new])
            _refuse_wrong([_at(place, each) for place, client in enumerate(new) for each in problems(client, stored.get(place))])
        settled_rows = [settled(each, stored.get(place)) for place, each in enumerate(new)]
        rows = [row_values(each, owners[each.owner_id]) for each in settled_rows]
        if on_conflict is OnConflict.FAIL:
            _refuse_wrong(_phones_taken(connection, rows))
            added = _add(connection, principal, rows)
            return Many(added, len(added))
        _refuse_wrong(_twice(rows))
        return _add_or_keep(connection, principal, rows, update=on_conflict is OnConflict.UPDATE)


def put(source: Engine, principal: Principal, new: NewClient) -> tuple[ClientRow, bool]:
    """Add a client, or replace the one that the owner has with this phone; was it added? Raises InvalidInputError."""
    wrong = problems(new)
    with source.begin() as connection:
        owner_id = owner_of_new(connection, principal, new.owner_id)
        new = _accepted(new, stored_for(connection, [(owner_id, new)]).get(0) if wrong else None)
        found = _add_or_keep(connection, principal, [row_values(new, owner_id)], update=True)
    return found.rows[0], found.created == 1


def _add_or_keep(connection: Connection, principal: Principal, rows: Sequence[dict[str, Any]], *, update: bool) -> Many:
    """Add what is new, and with `update` replace what is not: in the order of phones, so that two such calls do not wait in a ring."""
    stored: dict[tuple[int, str], ClientRow] = {}
    created, changes = 0, list[Change]()
    for owner_id in sorted({row["owner_id"] for row in rows}):
        own = {row["phone"]: row for row in rows if row["owner_id"] == owner_id}
        added, known = client_import.add_or_lock(connection, owner_id, list(own.values()))
        different = (
            {row.id: found for row in known if (found := history.differences(_shown(row), own[row.phone]))} if update else {}
        )
        client_import.rewrite(connection, [{"id": row.id, **own[row.phone]} for row in known if row.id in different])
        created += len(added)
        changes += [Change(Kind.CLIENT, client_id, owner_id, "create") for client_id in added.values()]
        changes += [Change(Kind.CLIENT, client_id, owner_id, "update", found) for client_id, found in different.items()]
        stored |= {(owner_id, row.phone): row for row in clients.with_phones(connection, owner_id, list(own))}
    history.note(connection, principal, *changes)
    updated = sum(change.action == "update" for change in changes)
    return Many([stored[row["owner_id"], row["phone"]] for row in rows], created, updated)


def _twice(rows: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Phones that stand twice in the call."""
    seen: set[tuple[int, str]] = set()
    found = []
    for place, row in enumerate(rows):
        key = (row["owner_id"], row["phone"])
        if key in seen:
            found.append(_at(place, FieldError("phone", "stands twice in this call", FieldCode.GIVEN_TWICE)))
        seen.add(key)
    return found


def get(source: Engine, principal: Principal, client_id: int) -> ClientRow:
    """The client. Raises NotFoundError, also for another's."""
    with autocommit(source) as connection:
        found = clients.find(connection, principal.owner_filter, client_id) if limits.is_id(client_id) else None
    if found is None:
        raise NotFoundError("client")
    return found


def page(source: Engine, principal: Principal, chosen: ClientFilter, part: Slice) -> list[ClientRow]:
    """Return a slice of the asker's clients (a superuser's: everyone's, or the filter's owner's) that pass the filter.

    Raises InvalidInputError.
    """
    chosen = revised(chosen, owner_id=listed_owner(principal, chosen.owner_id))
    with autocommit(source) as connection:
        return clients.page(connection, chosen, part)


def version_of(row: ClientRow) -> str:
    """The version of a client as stored."""
    return version(_written(row))


def _written(row: ClientRow) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name not in ("id", "created_at")}


def replace(
    source: Engine, principal: Principal, client_id: int, new: NewClient, *, expected: Collection[str] | None = None
) -> ClientRow:
    """Replace a client. Raises NotFoundError, InvalidInputError, ConflictError, VersionError if it is none of those `expected`."""
    with source.begin() as connection:
        row = _locked(connection, principal, client_id)
        require_version("client", _written(row), expected)
        return _rewrite(connection, principal, row, _accepted(new, row))


def change(
    source: Engine, principal: Principal, client_id: int, changes: ClientChanges, *, expected: Collection[str] | None = None
) -> ClientRow:
    """Changes what is named; a new phone without an operator code has it derived. Raises like `replace`."""
    with source.begin() as connection:
        row = _locked(connection, principal, client_id)
        require_version("client", _written(row), expected)
        new = revised(NewClient(row.phone, row.time_zone, row.operator_code, tuple(row.tags), row.attributes), **changes)
        new = _accepted(new, row)
        if new.phone != row.phone and "operator_code" not in changes:
            new = revised(new, operator_code=None)
        return _rewrite(connection, principal, row, new)


def delete(source: Engine, principal: Principal, client_id: int) -> None:
    """Deletes a client; its waiting messages become 4 `client_deleted`. Raises NotFoundError."""
    with source.begin() as connection:
        row = _locked(connection, principal, client_id)
        clients.remove(connection, [client_id], settings().provider_name)
        history.note(connection, principal, _deletion(row))


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many of the clients were deleted, how many the asker does not have (any more), and how many there was no time for."""

    deleted: int
    missing: int
    remaining: int


def delete_many(
    source: Engine,
    principal: Principal,
    client_ids: Collection[int],
    *,
    seconds: float = _SECONDS_AT_ONCE,
    monotonic: Callable[[], float] = time.monotonic,
) -> Deleted:
    """Delete clients in slices, each in a transaction of its own, until all are deleted or the time is over.

    A run or worker that waits for one of the clients waits for one slice and not for all of them.
    """
    ends, deleted, looked_at = monotonic() + seconds, 0, 0
    ids = sorted(set(client_ids))
    known = list(filter(limits.is_id, ids))
    while some := known[looked_at : looked_at + _SLICE]:
        if looked_at and monotonic() >= ends:
            return Deleted(deleted, len(ids) - len(known) + looked_at - deleted, len(known) - looked_at)
        with source.begin() as connection:
            rows = clients.lock_among(connection, principal.owner_filter, some)
            clients.remove(connection, [row.id for row in rows], settings().provider_name)
            history.note(connection, principal, *map(_deletion, rows))
        deleted += len(rows)
        looked_at += len(some)
    return Deleted(deleted, len(ids) - deleted, 0)


def _deletion(row: ClientRow) -> Change:
    """With the phone, by which this history is found when the person is to be erased."""
    return Change(Kind.CLIENT, row.id, row.owner, "delete", {"phone": [row.phone, None]})


def _locked(connection: Connection, principal: Principal, client_id: int) -> ClientRow:
    row = clients.lock(connection, principal.owner_filter, client_id) if limits.is_id(client_id) else None
    if row is None:
        raise NotFoundError("client")
    return row


def _rewrite(connection: Connection, principal: Principal, row: ClientRow, new: NewClient) -> ClientRow:
    owner_id = row.owner if new.owner_id in (None, row.owner) else owner_of_new(connection, principal, new.owner_id)
    if owner_id != row.owner and clients.has_messages(connection, row.id):
        raise ConflictError("the owner of a client changes only while it has no messages")
    values = row_values(new, owner_id)
    changes = history.differences(_shown(row), values)
    if not changes:
        return row
    try:
        changed = clients.change(connection, row.id, values)
        if changed.phone != row.phone:
            message_edits.follow_phone(connection, row.id, changed.phone)
    except DBAPIError as error:
        raise _taken(error) from None
    history.note(connection, principal, Change(Kind.CLIENT, row.id, owner_id, "update", changes))
    return changed


def _shown(row: ClientRow) -> dict[str, Any]:
    values = asdict(row)
    return {**values, "owner_id": values["owner"]}


def row_values(new: NewClient, owner_id: int) -> dict[str, Any]:
    """The columns of a client whose phone is canonical."""
    return {
        "owner_id": owner_id,
        "phone": new.phone,
        "operator_code": operator_code(new.phone) if new.operator_code is None else new.operator_code,
        "tags": list(new.tags),
        "attributes": dict(new.attributes),
        "time_zone": new.time_zone,
    }


def stored_for(connection: Connection, given: Sequence[tuple[int, NewClient]]) -> dict[int, ClientRow]:
    """The stored clients that are meant by clients as given, each with its owner: by the place of each that is stored.

    A stored phone that today's rules refuse is found by its exact text.
    """
    phones = [(owner_id, _phone_or_text(new)) for owner_id, new in given]
    stored = {
        (owner_id, row.phone): row
        for owner_id in {owner_id for owner_id, _ in phones}
        for row in clients.with_phones(connection, owner_id, [phone for owner, phone in phones if owner == owner_id and phone])
    }
    return {place: stored[key] for place, key in enumerate(phones) if key in stored}


def _phone_or_text(new: NewClient) -> str:
    try:
        return parse_phone(new.phone, new.country)
    except (PhoneError, CountryError):
        return new.phone if isinstance(new.phone, str) and not limits.unfit(new.phone) else ""


def settled(new: NewClient, stored: ClientRow | None = None) -> NewClient:
    """A client without problems in the form in which it is stored; what it has already (`stored`) is left as it is."""
    new = revised(_normalized(new, stored), phone=_canonical_phone(new, stored))
    unreadable = stored is not None and new.phone == stored.phone and corrected(stored.phone) is None
    if stored is not None and unreadable and new.operator_code is None:  # it cannot be taken from the phone
        new = revised(new, operator_code=stored.operator_code)
    return new


def problems(new: NewClient, stored: ClientRow | None = None) -> list[FieldError]:
    """What is wrong with a client as given, by field.

    Values that it has already (`stored`) are not checked: they may be older than a rule, or were imported.
    """
    new = _normalized(new, stored)
    before = asdict(stored) if stored is not None else {}
    found = limits.client_problems(new.operator_code, new.tags, new.attributes, stored=before)
    if stored is None or new.time_zone != stored.time_zone:
        try:
            parse_time_zone(new.time_zone)
        except ZoneError as error:
            found.append(FieldError("time_zone", str(error), FieldCode.WRONG_FORMAT))
    try:
        _canonical_phone(new, stored)
    except PhoneError as error:
        found.append(FieldError("phone", str(error), FieldCode.WRONG_FORMAT, error.code))
    except CountryError as error:
        found.append(FieldError("default_country", str(error), FieldCode.WRONG_FORMAT))
    return found


def _accepted(new: NewClient, stored: ClientRow | None = None) -> NewClient:
    """The client in the form in which it is stored. Raises InvalidInputError."""
    _refuse_wrong(problems(new, stored))
    return settled(new, stored)


def _canonical_phone(new: NewClient, stored: ClientRow | None) -> str:
    return stored.phone if stored is not None and new.phone == stored.phone else parse_phone(new.phone, new.country)


def _normalized(new: NewClient, stored: ClientRow | None) -> NewClient:
    """Tags and names of attributes that people take for the same are the same. What has no such form stays, to be refused."""
    tags, names = (stored.tags, stored.attributes.keys()) if stored is not None else ((), ())
    if isinstance(new.tags, list | tuple) and all(isinstance(tag, str) for tag in new.tags):
        new = revised(new, tags=tuple(dict.fromkeys(tag if tag in tags else canonical(tag) for tag in new.tags)))
    if isinstance(new.attributes, Mapping) and all(isinstance(name, str) for name in new.attributes):
        named = {name if name in names else attribute_name(name): value for name, value in new.attributes.items()}
        new = new if len(named) < len(new.attributes) else revised(new, attributes=named)
    return new


def _refuse_wrong(problems: Sequence[FieldError]) -> None:
    if problems:
        raise InvalidInputError(*problems)


def _at(place: int, error: FieldError) -> FieldError:
    return revised(error, field=f"clients.{place}.{error.field}")


def _phones_taken(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Phones that the owner has, or that stand twice in the call."""
    seen = {
        (owner, phone)
        for owner in {row["owner_id"] for row in rows}
        for phone in clients.taken_phones(connection, owner, [row["phone"] for row in rows])
    }
    found = []
    for place, row in enumerate(rows):
        key = (row["owner_id"], row["phone"])
        if key in seen:
            found.append(_at(place, FieldError("phone", "the owner has a client with this phone", FieldCode.TAKEN)))
        seen.add(key)
    return found


def _add(connection: Connection, principal: Principal, rows: Sequence[dict[str, Any]]) -> list[ClientRow]:
    try:
        added = clients.add(connection, rows)
    except DBAPIError as error:
        raise _taken(error) from None
    history.note(connection, principal, *(Change(Kind.CLIENT, row.id, row.owner, "create") for row in added))
    return added


def _taken(error: DBAPIError) -> Exception:
    # A deadlock here is two calls that add the same phones in different orders: the other one has them now.
    if sqlstate(error) in (UNIQUE_VIOLATION, DEADLOCK):
        return ConflictError("the owner has a client with this phone already")
    return error
