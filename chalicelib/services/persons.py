"""Use cases around a person behind a phone: all that is known of them, and erasing it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.domain.phone import misspellings
from chalicelib.services import audit, history
from chalicelib.services.audit import Event
from chalicelib.services.history import Change, Kind
from chalicelib.services.phones import typed_phone
from chalicelib.storage import clients, erasure, uploads
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.erasure import Person, Rows

_SENT_TO_NOBODY = ("claim_no", "dispatched_at", "lease_until", "not_before")  # the queue's business, not the person's


@dataclass(frozen=True, slots=True)
class PersonData:
    """All that is known of a phone, as it is stored."""

    phone: str
    exported_at: datetime
    clients: Rows
    messages: Rows
    calls: Rows
    do_not_contact: Rows
    history: Rows


@dataclass(frozen=True, slots=True)
class Erased:
    """From how many rows something was erased."""

    clients: int
    messages: int
    do_not_contact: int
    history: int
    kept_answers: int


def export(
    source: Engine, principal: Principal, phone: str, *, country: str | None = None, clock: Clock = database_clock
) -> PersonData:
    """What the asker's data say of the phone (a superuser: everyone's). Raises InvalidInputError."""
    person = _person(principal, phone, country)
    with source.begin() as connection:
        found = erasure.clients(connection, person)
        ids = [row["id"] for row in found]
        messages = erasure.messages(connection, person, ids)
        data = PersonData(
            phone=person.phones[0],
            exported_at=clock(connection),
            clients=found,
            messages=[_without(row, _SENT_TO_NOBODY) for row in messages],
            calls=erasure.calls(connection, [row["id"] for row in messages]),
            do_not_contact=erasure.listed(connection, person),
            history=erasure.history(connection, person, [*ids, *erasure.deleted_clients(connection, person)]),
        )
        rows = len(data.clients) + len(data.messages) + len(data.do_not_contact) + len(data.history)
        _note(connection, principal, "export_person", found, {"rows": rows})
        audit.record(connection, Event.EXPORTED, user_id=principal.user_id, what="person", rows=rows)
    return data


def erase(source: Engine, principal: Principal, phone: str, *, country: str | None = None) -> Erased:
    """Erases the person behind the phone from the asker's data (a superuser: everyone's). Raises InvalidInputError.

    Clients are deleted, and what waits for them is not sent. Messages and do-not-contact entries keep a keyed hash in the place of the
    phone: a client added again with it gets no message twice, and none if it opted out. Changes in the history lose their values, kept
    answers their content.
    """
    person = _person(principal, phone, country)
    with source.begin() as connection:
        erasure.lock(connection)
        found = erasure.clients(connection, person)
        ids = [row["id"] for row in found]
        gone = [*ids, *erasure.deleted_clients(connection, person)]
        messages = [row["id"] for row in erasure.messages(connection, person, ids)]
        uploads.drop(connection, person.owner_id)
        clients.remove(connection, ids, settings().provider_name)
        counts = Erased(
            clients=len(ids),
            messages=erasure.hash_messages(connection, messages),
            do_not_contact=erasure.hash_listed(connection, person),
            history=erasure.erase_history(connection, person, gone),
            kept_answers=erasure.erase_answers(connection, person, gone),
        )
        erasure.clear_provider_words(connection, person)
        erasure.forget_columns(connection, person)
        _note(connection, principal, "erase_person", found, asdict(counts))
        audit.record(connection, Event.ERASED, user_id=principal.user_id, **asdict(counts))
    return counts


def _person(principal: Principal, phone: str, country: str | None) -> Person:
    parsed = typed_phone(phone, country)
    return Person([parsed, *misspellings(parsed)], principal.owner_filter)


def _note(connection: Connection, principal: Principal, action: str, found: Rows, counts: Mapping[str, int]) -> None:
    """In the history of each client and of the user who asked: that it was done, and nothing of what there was."""
    changes = [Change(Kind.CLIENT, row["id"], row["owner_id"], action) for row in found]
    numbers: dict[str, list[Any]] = {name: [None, number] for name, number in counts.items()}
    history.note(connection, principal, *changes, Change(Kind.USER, principal.user_id, principal.user_id, action, numbers))


def _without(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
