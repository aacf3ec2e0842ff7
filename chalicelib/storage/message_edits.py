"""What people do to single messages: add by hand, try again, hide. The mailing's row is locked before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, case, func, insert, select, text, update

from chalicelib.domain.status import ErrorCode, MessageStatus
from chalicelib.storage import message_calls
from chalicelib.storage.clients import ClientRow
from chalicelib.storage.mailings import Retry
from chalicelib.storage.models import Client, Mailing, Message
from chalicelib.storage.paging import AnySelect
from chalicelib.storage.planning import NEVER_CALLED


@dataclass(frozen=True, slots=True)
class LockedMessage:
    """A message whose row is locked until the transaction ends."""

    id: int
    mailing: int
    owner: int
    client: int | None
    phone: str | None
    time_zone: str
    status: int
    error_code: str | None
    lease_until: datetime | None
    unknown: bool
    provider: str | None


_COLUMNS = (
    Message.id,
    Message.mailing_id,
    Message.owner_id,
    Message.client_id,
    Message.phone,
    Message.time_zone,
    Message.status,
    Message.error_code,
    Message.lease_until,
    Message.unknown,
    Message.provider,
)


def lock(connection: Connection, message_id: int) -> LockedMessage | None:
    """The message as it stands, unless it was deleted."""
    wanted: AnySelect = (
        select(*_COLUMNS).where(Message.id == message_id, Message.deleted_at.is_(None)).with_for_update(key_share=True)
    )
    row = connection.execute(wanted).one_or_none()
    return LockedMessage(*row) if row is not None else None


def add(
    connection: Connection,
    mailing_id: int,
    client: ClientRow,
    status: MessageStatus,
    not_before: datetime,
    error_code: ErrorCode | None = None,
) -> int:
    """A message of a mailing to a client; the unique keys refuse a second one."""
    values = {
        "mailing_id": mailing_id,
        "owner_id": client.owner,
        "client_id": client.id,
        "phone": client.phone,
        "time_zone": client.time_zone,
        "status": int(status),
        "not_before": not_before,
        "error_code": error_code and str(error_code),
    }
    return connection.execute(insert(Message).values(values).returning(Message.id)).scalar_one()


# Each looked up in its unique key, whatever PostgreSQL's statistics know.
_BY_CLIENT = "(SELECT own.id FROM message own WHERE own.mailing_id = :mailing AND own.client_id = :client)"
_BY_PHONE = "(SELECT other.id FROM message other WHERE other.mailing_id = :mailing AND other.phone = :phone)"
_ADOPT = text(
    f"""
    UPDATE message m SET client_id = :client, phone = :phone, time_zone = :zone, status = :status, not_before = :not_before,
      error_code = :code, error_detail = NULL, dispatched_at = NULL, deleted_at = NULL
    WHERE m.id = coalesce({_BY_CLIENT}, {_BY_PHONE}) AND coalesce({_BY_PHONE}, m.id) = m.id
      AND m.status <> 1 AND {NEVER_CALLED} AND (m.client_id = :client OR m.client_id IS NULL)
    RETURNING m.id
    """  # noqa: S608 - constants only
)


def adopt(
    connection: Connection,
    mailing_id: int,
    client: ClientRow,
    status: MessageStatus,
    not_before: datetime,
    error_code: ErrorCode | None = None,
) -> int | None:
    """The client's message of a mailing begins again if it has one that is final and was never called for; its id.

    Also one that was deleted, and one that a deleted client of the same phone left behind.
    """
    values = {
        "mailing": mailing_id,
        "client": client.id,
        "phone": client.phone,
        "zone": client.time_zone,
        "status": int(status),
        "not_before": not_before,
        "code": error_code and str(error_code),
    }
    found: int | None = connection.execute(_ADOPT, values).scalar_one_or_none()
    return found


_RELINK = text(
    """
    UPDATE message m SET client_id = c.id FROM client c
    WHERE m.id = :message AND m.client_id IS NULL AND c.owner_id = m.owner_id AND c.phone = m.phone COLLATE "C"
      AND (SELECT own.id FROM message own WHERE own.mailing_id = m.mailing_id AND own.client_id = c.id) IS NULL
    """
)


def relink(connection: Connection, message_id: int) -> bool:
    """Give a message whose client was deleted to the client who has its phone now; False if there is none."""
    return connection.execute(_RELINK, {"message": message_id}).rowcount == 1


# A phone that only a deleted client's row holds, which was never called for, is free again. coalesce: by IS NULL, planned without
# statistics, the index of clients would be read for what all deleted clients left behind in all mailings.
_FREE_PHONE = text(
    f"""
    UPDATE message m SET phone = NULL
    WHERE m.id = ANY(ARRAY(
        SELECT (SELECT other.id FROM message other WHERE other.mailing_id = own.mailing_id AND other.phone = :phone)
        FROM message own WHERE own.client_id = :client))
      AND coalesce(m.client_id, 0) = 0 AND m.status <> 1 AND {NEVER_CALLED}
    """  # noqa: S608 - constants only
)
_FOLLOW_PHONE = text(
    f"""
    UPDATE message m SET phone = :phone
    WHERE m.client_id = :client AND m.phone <> :phone AND {NEVER_CALLED}
      AND (SELECT other.id FROM message other WHERE other.mailing_id = m.mailing_id AND other.phone = :phone) IS NULL
    """  # noqa: S608 - constants only
)
_REFUSE_PHONE = text(
    f"""
    UPDATE message m SET status = 4, error_code = 'duplicate_phone', phone = NULL, dispatched_at = NULL
    WHERE m.client_id = :client AND m.phone <> :phone AND m.status = 1 AND {NEVER_CALLED}
    """  # noqa: S608 - constants only
)


def follow_phone(connection: Connection, client_id: int, phone: str) -> None:
    """A client's messages that were never called for go to the new phone, unless the mailing has a message to that already.

    What was called for keeps its phone with its key: another call under the same key must be the same message.
    """
    for statement in (_FREE_PHONE, _FOLLOW_PHONE, _REFUSE_PHONE):
        connection.execute(statement, {"client": client_id, "phone": phone})


def requeue(connection: Connection, message_id: int, not_before: datetime) -> None:
    """Lets a message wait again, its budget of attempts full. claim_no only grows; an unknown fate stays, with its reason."""
    waiting = {
        "status": int(MessageStatus.WAITING),
        "attempts": 0,
        "own_refusals": 0,
        "not_before": not_before,
        "dispatched_at": None,
        "lease_until": None,
        "error_code": case((Message.unknown, Message.error_code)),
        "error_detail": case((Message.unknown, Message.error_detail)),
    }
    connection.execute(update(Message).where(Message.id == message_id).values(waiting))


def postpone(connection: Connection, message_id: int, not_before: datetime) -> None:
    """Let a message wait until this moment; what the queue holds of it already meets `not_before` and does nothing."""
    connection.execute(update(Message).where(Message.id == message_id).values(not_before=not_before, dispatched_at=None))


def cancel(connection: Connection, message_id: int) -> None:
    """Make a message that waits 5, cancelled."""
    connection.execute(update(Message).where(Message.id == message_id).values(status=int(MessageStatus.CANCELLED)))


_CANDIDATES = 5


def mailings_named(connection: Connection, owner_id: int | None, name: str) -> list[tuple[int, str]]:
    """Id and name of up to five mailings of this name, the newest first; of those that contain it if none has it."""
    mine = select(Mailing.id, Mailing.name).order_by(Mailing.id.desc()).limit(_CANDIDATES)
    mine = mine if owner_id is None else mine.where(Mailing.owner_id == owner_id)
    exactly = [(row[0], row[1]) for row in connection.execute(mine.where(func.lower(Mailing.name) == name.lower()))]
    if exactly:
        return exactly
    return [(row[0], row[1]) for row in connection.execute(mine.where(Mailing.name.icontains(name, autoescape=True)))]


def clients_named(connection: Connection, owner_id: int | None, phone: str | None, name: str) -> list[tuple[int, str, str]]:
    """Id, phone and attribute `name` of up to five clients of this phone, or else of those whose name contains this."""
    called = Client.attributes["name"].astext
    mine = select(Client.id, Client.phone, func.coalesce(called, "")).order_by(Client.id.desc()).limit(_CANDIDATES)
    mine = mine if owner_id is None else mine.where(Client.owner_id == owner_id)
    chosen = Client.phone == phone if phone is not None else called.icontains(name, autoescape=True)
    return [(row[0], row[1], row[2]) for row in connection.execute(mine.where(chosen))]


# domain.requeue says of one message what these two say of all. The next failed messages of a mailing:
_NEXT_FAILED = """
      SELECT f.id, f.owner_id, f.client_id, f.phone, f.error_code FROM message f
      WHERE f.mailing_id = :mailing AND (f.status, f.id) > (4, CAST(:after AS bigint)) AND f.status <= 4 AND f.deleted_at IS NULL
        AND (f.attempted_at IS NULL OR f.attempted_at <= :since)
      ORDER BY f.status, f.id LIMIT :size
"""
_HEIR = """(SELECT c.id FROM client c WHERE c.owner_id = m.owner_id AND c.phone = m.phone COLLATE "C")"""
# First, messages whose client was deleted go to the client who has the phone now, and those that failed for an unknown time zone to their
# client's present one. FOR KEY SHARE keeps that client from being deleted meanwhile.
_RELINK_FAILED = text(
    f"""
    WITH failed AS ({_NEXT_FAILED}), relinked AS MATERIALIZED (
      SELECT f.id FROM failed f CROSS JOIN LATERAL (
        SELECT c.id FROM client c WHERE c.owner_id = f.owner_id AND c.phone = f.phone COLLATE "C" LIMIT 1 FOR KEY SHARE) c
      WHERE f.client_id IS NULL AND f.phone IS NOT NULL
        AND (SELECT own.id FROM message own WHERE own.mailing_id = :mailing AND own.client_id = c.id) IS NULL
    )
    UPDATE message m SET client_id = coalesce(m.client_id, {_HEIR}),
      time_zone = CASE WHEN m.error_code = 'unknown_time_zone'
        THEN coalesce((SELECT c.time_zone FROM client c WHERE c.id = coalesce(m.client_id, {_HEIR})), m.time_zone) ELSE m.time_zone END
    WHERE m.id = ANY(ARRAY(SELECT id FROM relinked
      UNION ALL SELECT id FROM failed WHERE error_code = 'unknown_time_zone' AND client_id IS NOT NULL))
    """  # noqa: S608 - constants only
)
# Then: not what may have been delivered by a provider that would deliver again, not what would expire, fail or be withheld at once. They
# wait from now on; a window that opens later holds them back by itself, and an edit of it has no rows of these to rewrite.
_REQUEUE_FAILED = text(
    f"""
    WITH failed AS ({_NEXT_FAILED}), requeued AS (
      UPDATE message m SET status = 1, attempts = 0, own_refusals = 0, not_before = :now, dispatched_at = NULL, lease_until = NULL,
        error_code = CASE WHEN m.unknown THEN m.error_code END, error_detail = CASE WHEN m.unknown THEN m.error_detail END
      FROM mailing_zone z
      WHERE m.id = ANY(ARRAY(SELECT id FROM failed))
        AND m.status + 0 = 4 AND m.client_id IS NOT NULL AND m.phone IS NOT NULL AND m.error_code IS DISTINCT FROM 'duplicate_phone'
        AND z.mailing_id = :mailing AND z.time_zone = m.time_zone AND z.expires_at > :now
        AND z.time_zone <> ALL(CAST(:unknown AS text[]))
        AND (:honours_key AND (m.provider IS NULL OR m.provider = :provider) OR NOT (m.unknown OR m.error_code = 'unknown_outcome'))
        AND (SELECT d.id FROM do_not_contact d WHERE d.owner_id = m.owner_id AND d.phone = m.phone) IS NULL
      RETURNING 1
    )
    SELECT (SELECT count(*) FROM failed), (SELECT max(id) FROM failed), (SELECT count(*) FROM requeued)
    """  # noqa: S608 - constants only
)
# In the order of an index that has every row. What the dashboard's last days showed of them, they go on showing.
_REMOVE = text(
    """
    WITH gone AS (
      DELETE FROM message
      WHERE id = ANY(ARRAY(SELECT id FROM message WHERE mailing_id = :mailing ORDER BY phone LIMIT :size))
      RETURNING owner_id, coalesce(sent_at, created_at) AS at, status, deleted_at
    ), kept AS (
      INSERT INTO deleted_period AS p (owner_id, begins_at, status, messages)
      SELECT owner_id, date_bin('15 minutes', at, '2000-01-01 00:00Z') AS begins_at, status, count(*) FROM gone
      WHERE status > 1 AND deleted_at IS NULL AND at >= :since
      GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      ON CONFLICT (owner_id, begins_at, status) DO UPDATE SET messages = p.messages + excluded.messages
    )
    SELECT count(*) FROM gone
    """
)
KEPT_DAYS = timedelta(days=16)
"""How long `deleted_period` keeps its counts: the dashboard shows fourteen days."""
_FORGET_OLD_PERIODS = text("DELETE FROM deleted_period WHERE begins_at < :before")


def requeue_failed(
    connection: Connection,
    mailing_id: int,
    retry: Retry,
    now: datetime,
    *,
    honours_key: bool,
    provider: str,
    size: int,
    unknown_zones: Sequence[str] = (),
) -> tuple[int, Retry | None]:
    """Let the next failed messages of a mailing wait again, except those that must not: looks at up to `size`.

    Returns how many, and where to go on; None once all are done. The mailing's row is locked by the caller, who keeps that.
    `unknown_zones` are time zones of the mailing whose local times cannot be computed.
    """
    part = {"mailing": mailing_id, "after": retry.cursor, "since": retry.since, "size": size}
    connection.execute(_RELINK_FAILED, part)
    rules = {"now": now, "honours_key": honours_key, "provider": provider, "unknown": list(unknown_zones)}
    looked_at, last, requeued = connection.execute(_REQUEUE_FAILED, part | rules).one()
    return requeued, Retry(retry.since, last) if looked_at == size else None


def remove(connection: Connection, mailing_id: int, size: int, now: datetime) -> bool:
    """Delete up to `size` messages of a mailing with their kept calls; True if there may be more."""
    calls = message_calls.clear(connection, mailing_id, size)
    parameters = {"mailing": mailing_id, "size": size, "since": now - KEPT_DAYS}
    return max(calls, int(connection.execute(_REMOVE, parameters).scalar_one())) == size


def forget_old_periods(connection: Connection, now: datetime) -> int:
    """Delete the counts of deleted mailings by day that no page shows any more; how many."""
    return connection.execute(_FORGET_OLD_PERIODS, {"before": now - KEPT_DAYS}).rowcount


_FOLLOW_TIME_ZONE = text(
    """
    UPDATE message m SET time_zone = coalesce((SELECT c.time_zone FROM client c WHERE c.id = m.client_id), m.time_zone)
    WHERE m.id = :message AND m.error_code = 'unknown_time_zone'
    """
)


def follow_time_zone(connection: Connection, message_id: int) -> None:
    """Move a message that failed for an unknown time zone to its client's present one."""
    connection.execute(_FOLLOW_TIME_ZONE, {"message": message_id})


def hide(connection: Connection, message_id: int, status: MessageStatus, now: datetime) -> None:
    """Takes a message out of sight; its row goes on refusing a second one to the same client."""
    connection.execute(update(Message).where(Message.id == message_id).values(status=int(status), deleted_at=now))


def recount(connection: Connection, mailing_id: int, counts: Mapping[str, int]) -> None:
    """Corrects the counts that a finished mailing keeps."""
    finished = update(Mailing).where(Mailing.id == mailing_id, Mailing.finished_at.is_not(None))
    connection.execute(finished.values(final_counts=dict(counts)))
