"""Use cases around messages: read, count, add by hand, try again, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from chalicelib.domain import life_cycle, limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, FieldError, InvalidInputError, NotFoundError
from chalicelib.domain.paging import Slice
from chalicelib.domain.requeue import Candidate, require_requeueable
from chalicelib.domain.status import ErrorCode, MessageStatus, StartSource
from chalicelib.services import history, schedules
from chalicelib.services.history import Change, Kind
from chalicelib.services.mailings import reopen
from chalicelib.services.ownership import listed_owner
from chalicelib.storage import (
    clients,
    do_not_contact,
    mailing_reads,
    mailings,
    message_calls,
    message_counts,
    message_edits,
    message_reads,
    zones,
)
from chalicelib.storage.clients import ClientRow
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import UNIQUE_VIOLATION, autocommit, sqlstate
from chalicelib.storage.mailings import RunMailing
from chalicelib.storage.message_calls import MessageCall
from chalicelib.storage.message_edits import LockedMessage
from chalicelib.storage.message_reads import MessageFilter, MessageRow
from chalicelib.storage.zones import Zone


def page(source: Engine, principal: Principal, chosen: MessageFilter, part: Slice) -> list[MessageRow]:
    """Return a slice of the asker's messages (a superuser's: everyone's, or the filter's owner's) that pass the filter.

    Raises InvalidInputError.
    """
    chosen = replace(chosen, owner_id=listed_owner(principal, chosen.owner_id))
    with autocommit(source) as connection:
        return message_reads.page(connection, chosen, part)


def counts(source: Engine, principal: Principal) -> Mapping[MessageStatus, int]:
    """How many messages of each status the asker sees, statuses without any included."""
    with autocommit(source) as connection:
        return message_counts.of_owner(connection, principal.owner_filter)


def get(source: Engine, principal: Principal, message_id: int) -> MessageRow:
    """The message. Raises NotFoundError, also for another's and for a deleted one."""
    with autocommit(source) as connection:
        found = message_reads.find(connection, principal.owner_filter, message_id) if limits.is_id(message_id) else None
    if found is None:
        raise NotFoundError("message")
    return found


def calls(source: Engine, message: MessageRow) -> Sequence[MessageCall]:
    """The calls that were made for a message, the earliest first; none if its first one was accepted, or for a message cleared since."""
    with autocommit(source) as connection:
        return message_calls.of_message(connection, message.mailing, message.id)


def add(source: Engine, principal: Principal, mailing_id: int, client_id: int, *, clock: Clock = database_clock) -> MessageRow:
    """Adds one client to a mailing by hand: it ignores the selection, and nothing else.

    Raises NotFoundError, InvalidInputError for a client of another owner, ConflictError for a mailing that is not scheduled,
    running or paused, and for a client who has a message of it.
    """
    with source.begin() as connection:
        mailing = locked_mailing(connection, principal, mailing_id)
        client = clients.lock(connection, principal.owner_filter, client_id) if limits.is_id(client_id) else None
        if client is None:
            raise NotFoundError("client")
        if client.owner != mailing.owner_id:
            raise InvalidInputError(FieldError("client", "belongs to another owner than the mailing"))
        life_cycle.require("added to", mailing.status, life_cycle.ADDABLE)
        message_id = _added(connection, mailing, client, clock(connection))
        _note(connection, principal, mailing, message_id, "add_message")
    schedules.arrange(source, mailing_id, woken_by=StartSource.API, clock=clock)
    return get(source, principal, message_id)


def _added(connection: Connection, mailing: RunMailing, client: ClientRow, now: datetime) -> int:
    zones.add_missing(connection, mailing.id, mailing.owner_id, mailing.times, now)
    zone = _zone(connection, mailing.id, client.time_zone)
    status, code, moment = MessageStatus.WAITING, None, max(zone.opens_at, now)
    if not mailing.times.computable(client.time_zone):
        status, code = MessageStatus.FAILED, ErrorCode.UNKNOWN_TIME_ZONE
    elif zone.expires_at <= now:
        status = MessageStatus.EXPIRED
    elif do_not_contact.listed(connection, client.owner, client.phone):
        status, code = MessageStatus.FAILED, ErrorCode.DO_NOT_CONTACT
    try:
        message_id = message_edits.adopt(connection, mailing.id, client, status, moment, code)
        if message_id is None:
            message_id = message_edits.add(connection, mailing.id, client, status, moment, code)
    except DBAPIError as error:
        if sqlstate(error) == UNIQUE_VIOLATION:
            raise ConflictError("this client, or this phone, has a message of this mailing already") from None
        raise
    mailings.lower_next_run(connection, mailing.id, moment)
    return message_id


def requeue(
    source: Engine,
    principal: Principal,
    message_id: int,
    *,
    honours_key: bool,
    provider: str = "default",
    clock: Clock = database_clock,
) -> MessageRow:
    """Has a failed or expired message tried again, under its old key; one that waits is left as it is.

    `provider` is the one that would be called; it honours the key only of messages that it was called for before.

    Raises NotFoundError, or ConflictError where another try is not possible or could become a second delivery.
    """
    with source.begin() as connection:
        mailing, message = _locked(connection, principal, message_id)
        if message.status != MessageStatus.WAITING:
            same = message.provider in (None, provider)
            _requeue(connection, mailing, message, honours_key and same, clock(connection))
            _note(connection, principal, mailing, message_id, "requeue_message")
    schedules.arrange(source, mailing.id, woken_by=StartSource.API, clock=clock)
    return get(source, principal, message_id)


def _requeue(connection: Connection, mailing: RunMailing, message: LockedMessage, honours_key: bool, now: datetime) -> None:
    life_cycle.require("tried again", mailing.status, life_cycle.RETRYABLE)
    if message.client is None and message_edits.relink(connection, message.id):
        message = message_edits.lock(connection, message.id) or message
    if message.error_code == ErrorCode.UNKNOWN_TIME_ZONE:
        message_edits.follow_time_zone(connection, message.id)
        zones.add_missing(connection, mailing.id, mailing.owner_id, mailing.times, now)
        message = message_edits.lock(connection, message.id) or message
    zone = _zone(connection, mailing.id, message.time_zone)
    candidate = Candidate(
        status=MessageStatus(message.status),
        error_code=ErrorCode(message.error_code) if message.error_code else None,
        unknown=message.unknown,
        client_deleted=message.client is None,
        do_not_contact=message.phone is not None and do_not_contact.listed(connection, message.owner, message.phone),
        phone_cleared=message.phone is None,
        end_is_past=zone.expires_at <= now,
        zone_is_unknown=not mailing.times.computable(message.time_zone),
    )
    require_requeueable(candidate, honours_key=honours_key)
    message_edits.requeue(connection, message.id, max(zone.opens_at, now))
    reopen(connection, mailing.id, mailing.status, now)


def delete(source: Engine, principal: Principal, message_id: int, *, clock: Clock = database_clock) -> None:
    """Takes a message out of sight; a waiting one is cancelled first.

    Raises NotFoundError, or ConflictError while it is being sent and while nobody can tell whether it was delivered.
    """
    with source.begin() as connection:
        mailing, message = _locked(connection, principal, message_id)
        waits = message.status == MessageStatus.WAITING
        if waits and (message.lease_until is not None or message.unknown):
            raise ConflictError("it is being sent, or may have been delivered: its fate is not known yet")
        status = MessageStatus.CANCELLED if waits else MessageStatus(message.status)
        message_edits.hide(connection, message_id, status, clock(connection))
        message_edits.recount(connection, mailing.id, message_counts.of_messages(connection, mailing.id))
        _note(connection, principal, mailing, message_id, "delete_message")
        if waits:  # it may have been the last one
            mailings.lower_next_run(connection, mailing.id, clock(connection))
    if waits:
        schedules.arrange(source, mailing.id, woken_by=StartSource.API, clock=clock)


def postpone(
    source: Engine, principal: Principal, message_id: int, not_before: datetime, *, clock: Clock = database_clock
) -> MessageRow:
    """Let a message that waits wait until another moment; one that is past means now, in the window of its client.

    Raises NotFoundError, ConflictError for one that does not wait or is being sent, and InvalidInputError for a moment past its end.
    """
    with source.begin() as connection:
        mailing, message = _locked(connection, principal, message_id)
        _require_waiting(message)
        zone = _zone(connection, mailing.id, message.time_zone)
        moment = max(not_before, zone.opens_at, clock(connection))
        if moment >= zone.expires_at:
            raise InvalidInputError(FieldError("not_before", "the mailing's end is past then where the client lives"))
        message_edits.postpone(connection, message_id, moment)
        _note(connection, principal, mailing, message_id, "postpone_message")
        mailings.lower_next_run(connection, mailing.id, moment)
    schedules.arrange(source, mailing.id, woken_by=StartSource.API, clock=clock)
    return get(source, principal, message_id)


def cancel(source: Engine, principal: Principal, message_id: int, *, clock: Clock = database_clock) -> MessageRow:
    """Cancel one message that waits; only adding its client again by hand revives it. Raises NotFoundError, ConflictError."""
    with source.begin() as connection:
        mailing, message = _locked(connection, principal, message_id)
        _require_waiting(message)
        if message.unknown:
            raise ConflictError("it is being sent, or may have been delivered: its fate is not known yet")
        message_edits.cancel(connection, message_id)
        _note(connection, principal, mailing, message_id, "cancel_message")
        mailings.lower_next_run(connection, mailing.id, clock(connection))  # it may have been the last one
    schedules.arrange(source, mailing.id, woken_by=StartSource.API, clock=clock)
    return get(source, principal, message_id)


def _note(connection: Connection, principal: Principal, mailing: RunMailing, message_id: int, action: str) -> None:
    """Write into the mailing's history who changed which message; not whose it is, which would have to be erased."""
    history.note(
        connection, principal, Change(Kind.MAILING, mailing.id, mailing.owner_id, action, {"message": [None, message_id]})
    )


def _require_waiting(message: LockedMessage) -> None:
    if message.status != MessageStatus.WAITING:
        raise ConflictError("only a message that waits can be moved or cancelled")
    if message.lease_until is not None:
        raise ConflictError("it is being sent, or may have been delivered: its fate is not known yet")


def find_mailings(source: Engine, principal: Principal, name: str) -> list[tuple[int, str]]:
    """Return id and name of the asker's mailings of this name, or, if none has it, of those that contain it; up to five."""
    with autocommit(source) as connection:
        return message_edits.mailings_named(connection, principal.owner_filter, name)


def find_clients(source: Engine, principal: Principal, phone: str | None, name: str) -> list[tuple[int, str, str]]:
    """Return id, phone and name of the asker's clients of this phone, or with this in their attribute `name`; up to five."""
    with autocommit(source) as connection:
        return message_edits.clients_named(connection, principal.owner_filter, phone, name)


def locked_mailing(connection: Connection, principal: Principal, mailing_id: int) -> RunMailing:
    """Return the asker's mailing, its row locked until the transaction ends. Raises NotFoundError."""
    visible = mailing_reads.lock_owned(connection, principal.owner_filter, mailing_id) if limits.is_id(mailing_id) else None
    found = mailings.lock(connection, mailing_id) if visible is not None else None
    if found is None:
        raise NotFoundError("mailing")
    return found


def _locked(connection: Connection, principal: Principal, message_id: int) -> tuple[RunMailing, LockedMessage]:
    """The mailing first, as everywhere; then the message, read again behind the locks."""
    seen = message_reads.find(connection, principal.owner_filter, message_id) if limits.is_id(message_id) else None
    if seen is not None:
        mailing = mailings.lock(connection, seen.mailing)
        message = message_edits.lock(connection, message_id)
        if mailing is not None and message is not None:
            return mailing, message
    raise NotFoundError("message")


def _zone(connection: Connection, mailing_id: int, name: str) -> Zone:
    return next(zone for zone in zones.read(connection, mailing_id) if zone.time_zone == name)
