"""Mailings as people read and write them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from chalicelib.domain.paging import Slice
from chalicelib.storage import message_counts
from chalicelib.storage.mailings import Retry
from chalicelib.storage.models import Mailing
from chalicelib.storage.paging import AnyRow, AnySelect, rows_of


@dataclass(frozen=True, slots=True)
class MailingRecord:
    """A mailing with its counts: messages by status, clients who have none yet (`unplanned`), and their total."""

    id: int
    owner: int
    name: str
    text: str
    filter_operator_codes: Sequence[str]
    filter_tags: Sequence[str]
    starts_at: datetime
    ends_at: datetime
    time_zone: str | None
    send_from: time | None
    send_until: time | None
    rate_limit: int | None
    providers: Sequence[str]
    status: str
    next_run_at: datetime | None
    start_now_at: datetime | None
    started_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    created_at: datetime
    retrying_since: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MailingFilter:
    """Which mailings a list is about; None asks for nothing. The owner has no default: to list everyone's has to be said."""

    owner_id: int | None
    status: str | None = None
    starts_before: datetime | None = None
    starts_after: datetime | None = None


_COLUMNS = (
    Mailing.id,
    Mailing.owner_id,
    Mailing.name,
    Mailing.text,
    Mailing.filter_operator_codes,
    Mailing.filter_tags,
    Mailing.starts_at,
    Mailing.ends_at,
    Mailing.time_zone,
    Mailing.send_from,
    Mailing.send_until,
    Mailing.rate_limit,
    Mailing.providers,
    Mailing.status,
    Mailing.next_run_at,
    Mailing.start_now_at,
    Mailing.started_by,
    Mailing.started_at,
    Mailing.finished_at,
    Mailing.created_at,
    Mailing.retrying_since,
)


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Inserts a mailing and returns its id."""
    return connection.execute(insert(Mailing).values(values).returning(Mailing.id)).scalar_one()


def change(connection: Connection, mailing_id: int, values: Mapping[str, Any]) -> None:
    """Writes columns of a mailing."""
    connection.execute(update(Mailing).where(Mailing.id == mailing_id).values(values))


def keep_retry(connection: Connection, mailing_id: int, retry: Retry | None) -> None:
    """Keeps how far the failed messages of a mailing are queued again; None: all are."""
    since, cursor = (None, None) if retry is None else (retry.since, retry.cursor)
    change(connection, mailing_id, {"retrying_since": since, "retry_cursor": cursor})


def remove(connection: Connection, mailing_id: int) -> None:
    """Deletes a mailing with its zones, once its messages are removed."""
    connection.execute(delete(Mailing).where(Mailing.id == mailing_id))


def find(connection: Connection, owner_id: int | None, mailing_id: int) -> MailingRecord | None:
    """The mailing, if the owner (None: anyone) has it."""
    statement = _owned(select(*_COLUMNS, Mailing.final_counts).where(Mailing.id == mailing_id), owner_id)
    found = _with_counts(connection, list(connection.execute(statement)))
    return found[0] if found else None


def page(connection: Connection, chosen: MailingFilter, part: Slice) -> list[MailingRecord]:
    """A slice of the mailings that pass the filter."""
    statement = _owned(select(*_COLUMNS, Mailing.final_counts), chosen.owner_id)
    if chosen.status is not None:
        statement = statement.where(Mailing.status == chosen.status)
    if chosen.starts_before is not None:
        statement = statement.where(Mailing.starts_at < chosen.starts_before)
    if chosen.starts_after is not None:
        statement = statement.where(Mailing.starts_at > chosen.starts_after)
    return _with_counts(connection, rows_of(connection, statement, Mailing.id, part))


def row(connection: Connection, owner_id: int | None, mailing_id: int) -> AnyRow | None:
    """All columns of the mailing, if the owner (None: anyone) has it."""
    return connection.execute(_whole(owner_id, mailing_id)).one_or_none()


def lock_owned(connection: Connection, owner_id: int | None, mailing_id: int) -> AnyRow | None:
    """The same, the row locked until the transaction ends."""
    return connection.execute(_whole(owner_id, mailing_id).with_for_update(key_share=True)).one_or_none()


def _whole(owner_id: int | None, mailing_id: int) -> AnySelect:
    return _owned(select(*Mailing.__table__.columns).where(Mailing.id == mailing_id), owner_id)


def _owned(statement: AnySelect, owner_id: int | None) -> AnySelect:
    statement = statement.where(Mailing.deleting_since.is_(None))
    return statement if owner_id is None else statement.where(Mailing.owner_id == owner_id)


def _with_counts(connection: Connection, rows: Sequence[AnyRow]) -> list[MailingRecord]:
    counts = message_counts.of_mailings(connection, rows)
    return [_record(row, counts[row.id]) for row in rows]


def _record(row: AnyRow, counts: Mapping[str, int]) -> MailingRecord:
    values = {**row._mapping, "owner": row.owner_id, "counts": counts}
    del values["owner_id"], values["final_counts"]
    return MailingRecord(**values)
