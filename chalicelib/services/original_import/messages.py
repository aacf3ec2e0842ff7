"""The original's messages, with their statuses: what was sent, or may have been, stays as it is."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from chalicelib.domain.status import ErrorCode, MailingStatus, MessageStatus
from chalicelib.services.original_import.job import ImportJob
from chalicelib.storage import message_counts, original
from chalicelib.storage.models import Client, Mailing, MailingZone, Message
from chalicelib.storage.paging import AnyRow

_STATUSES = {0: MessageStatus.WAITING, 1: MessageStatus.SENT, 2: MessageStatus.EXPIRED, 3: MessageStatus.FAILED}
_OVER = {MailingStatus.FINISHED: MessageStatus.EXPIRED, MailingStatus.CANCELLED: MessageStatus.CANCELLED}


def take(job: ImportJob) -> None:
    """Import messages, and give the mailings that are over the counts that they keep."""
    # Those that were sent first: of two messages to one phone the one that counts is the one that went out.
    for sent in (True, False):
        for page in job.pages("message", sent=sent):
            known = original.imported(job.target, "message", [row.id for row in page])
            _meanwhile(job, [(known[row.id], row) for row in page if row.id in known])
            _add(job, [row for row in page if row.id not in known])
    while uncounted := original.uncounted(job.target):
        for mailing_id in uncounted:
            counts = dict(message_counts.of_messages(job.target, mailing_id))
            job.target.execute(update(Mailing).where(Mailing.id == mailing_id).values(final_counts=counts))


def _add(job: ImportJob, rows: list[AnyRow]) -> None:
    mailing_ids = original.imported(job.target, "mailing", {row.mailing_id for row in rows})
    mailings = _mailings(job, mailing_ids.values())
    clients = _clients(job, {row.client_id for row in rows})
    read: dict[int, tuple[AnyRow, _Mailing, _Client | None]] = {}
    for row in rows:
        if row.mailing_id not in mailing_ids:
            job.left_out("message", row.id, f"its mailing {row.mailing_id} is not imported")
        elif row.status not in _STATUSES:
            job.left_out("message", row.id, f"its status {row.status} is none")
        else:
            mailing, client = mailings[mailing_ids[row.mailing_id]], clients.get(row.client_id)
            # A client counts only if the mailing's owner is the client's owner, too.
            read[row.id] = row, mailing, client if client is not None and client.owner == mailing.owner else None
    taken = original.messages_there(job.target, [(mailing.id, client.id) for _, mailing, client in read.values() if client])
    new: dict[int, dict[str, Any]] = {}
    for row, mailing, client in read.values():
        if client is not None and (mailing.id, client.id) in taken:
            why = "another message of this mailing to the same phone is imported, the one that was sent, if any"
            job.left_out("message", row.id, why)
            continue
        if client is not None:
            taken.add((mailing.id, client.id))
        new[row.id] = _values(job, row, mailing, client)
        job.report.add("message", f"imported as {MessageStatus(new[row.id]['status']).key}")
    added = original.add_all(job.target, Message, list(new.values()))
    original.remember(job.target, "message", dict(zip(new, added, strict=True)))
    original.forget_counts(job.target, {values["mailing_id"] for values in new.values()})


@dataclass(frozen=True, slots=True)
class _Client:
    id: int
    owner: int
    phone: str
    time_zone: str


def _clients(job: ImportJob, original_ids: Collection[int]) -> dict[int, _Client]:
    """Our clients, by the original's ids; one that was deleted here is missing."""
    ids = original.imported(job.target, "client", original_ids)
    wanted = select(Client.id, Client.owner_id, Client.phone, Client.time_zone).where(Client.id.in_(set(ids.values())))
    ours = {row[0]: _Client(*row) for row in job.target.execute(wanted)}
    return {original_id: ours[client_id] for original_id, client_id in ids.items() if client_id in ours}


@dataclass(frozen=True, slots=True)
class _Mailing:
    id: int
    owner: int
    status: str
    any_zone: str
    """For messages whose client is not imported."""


def _mailings(job: ImportJob, mailing_ids: Collection[int]) -> dict[int, _Mailing]:
    zone = select(func.min(MailingZone.time_zone)).where(MailingZone.mailing_id == Mailing.id).scalar_subquery()
    wanted = select(Mailing.id, Mailing.owner_id, Mailing.status, zone).where(Mailing.id.in_(set(mailing_ids)))
    return {row[0]: _Mailing(*row) for row in job.target.execute(wanted)}


def _values(job: ImportJob, row: AnyRow, mailing: _Mailing, client: _Client | None) -> dict[str, Any]:
    status = _STATUSES[row.status]
    if status is MessageStatus.WAITING and mailing.status in _OVER:
        status = _OVER[MailingStatus(mailing.status)]
        job.report.add("message", "waited in a mailing that is over")
    end = _end_of(row, status)
    if status is MessageStatus.WAITING and client is None:
        status, end = MessageStatus.FAILED, {**end, "error_code": str(ErrorCode.CLIENT_DELETED)}
        job.note("message", row.id, "waited for a client who is not imported: failed here")
    return {
        "mailing_id": mailing.id,
        "owner_id": mailing.owner,
        "client_id": client.id if client else None,
        "phone": client.phone if client and end["keeps_phone"] else None,
        "time_zone": client.time_zone if client else mailing.any_zone,
        "status": int(status),
        # What is final here is as if a worker had held it: planning and adding by hand revive only rows that none ever held.
        "claim_no": 0 if status is MessageStatus.WAITING else 1,
        "not_before": job.now,
        "sent_at": end["sent_at"],
        "attempts": end["attempts"],
        "error_code": end["error_code"],
        "error_detail": end["error_detail"],
        "created_at": min(row.date_time_of_dispatch, job.now),
    }


def _end_of(row: AnyRow, status: MessageStatus) -> dict[str, Any]:
    """What goes with a status. What failed may have been delivered all the same, for all that is known here."""
    failed = status is MessageStatus.FAILED
    return {
        "sent_at": row.date_time_of_dispatch if status is MessageStatus.SENT else None,
        "attempts": 1 if status in (MessageStatus.SENT, MessageStatus.FAILED) else 0,
        "error_code": str(ErrorCode.UNKNOWN_OUTCOME) if failed else None,
        "error_detail": "error of the provider, before the import" if failed else None,
        "keeps_phone": not failed,
    }


def _meanwhile(job: ImportJob, known: Collection[tuple[int, AnyRow]]) -> None:
    """Messages that were imported before, by our ids: those that the original has sent since do not wait any more."""
    ends = []
    for message_id, row in known:
        status = _STATUSES.get(row.status, MessageStatus.WAITING)
        if status is not MessageStatus.WAITING:
            ends.append({"id": message_id, "status": int(status), **_end_of(row, status)})
    settled = original.settle(job.target, ends)
    job.report.add("message", "sent or given up by the original since the last import", settled)
    job.report.add("message", "there already", len(known) - settled)
