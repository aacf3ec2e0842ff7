"""Import the tables of the original, a Django project, into ours: users, clients, mailings and messages with their owners and statuses.

A dry run does all of it in a transaction that is rolled back. Nothing is guessed silently: what cannot be taken as it is stands in the
report with its id. Nothing that the original sent, or may have sent, is ever sent by us:

- a mailing that is over is finished here, and its messages are final;
- one that is under way is paused, its sent messages are final, and only those that the original says still wait may go out, once a
  person resumes it. A message that failed there has no phone here, so that nobody can have it tried again: the provider would take it
  for another message;
- one that has not begun is a draft.
"""

import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, func, or_, select, text, update

from chalicelib.auth.passwords import hash_password
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import ServiceError
from chalicelib.domain.limits import CODE_LENGTH, MAILING_TEXT_LENGTH, TAG_LENGTH, USERNAME_LENGTH, unfit
from chalicelib.domain.mailing_defaults import name_from
from chalicelib.domain.phone import PhoneError, parse_phone
from chalicelib.domain.status import ErrorCode, MailingStatus, MessageStatus
from chalicelib.domain.window import SendingTimes
from chalicelib.domain.zones import parse_time_zone
from chalicelib.services.history import Change, Kind
from chalicelib.storage import history as history_storage
from chalicelib.storage import message_counts, original, zones
from chalicelib.storage.models import Client, Mailing, MailingZone, Message, User
from chalicelib.storage.original import OriginalTables

_STATUSES = {0: MessageStatus.WAITING, 1: MessageStatus.SENT, 2: MessageStatus.EXPIRED, 3: MessageStatus.FAILED}
_DOLLARS = re.compile(r"(\$+)\{")
_FURTHEST_BEHIND = timedelta(hours=12)
"""So long after a moment of UTC's clock the last clock on earth has shown it."""

_OVER = {MailingStatus.FINISHED: MessageStatus.EXPIRED, MailingStatus.CANCELLED: MessageStatus.CANCELLED}


class OriginalError(ServiceError):
    """The import cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How the original is read, and whether anything is written."""

    tables: OriginalTables = field(default_factory=OriginalTables)
    zones: Mapping[int, str] = field(default_factory=dict)
    """IANA names for hours of the original (3: Europe/Moscow); hours that are not named become `Etc/GMT±n`."""
    apply: bool = False
    original_is_stopped: bool = False


@dataclass(slots=True)
class ImportReport:
    """What was, or would be, imported; and every row that could not be taken as it is."""

    applied: bool
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """By kind of row: how many were read, imported, there already, left out …"""
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, what: str, number: int = 1) -> None:
        self.counts.setdefault(kind, Counter())[what] += number

    def note(self, kind: str, row_id: int, why: str) -> None:
        self.notes.append(f"{kind} {row_id}: {why}")

    def lines(self) -> list[str]:
        """The report for people."""
        told = ["imported" if self.applied else "dry run: nothing was written"]
        for kind, counted in self.counts.items():
            told.append(f"{kind:<8} " + ", ".join(f"{what} {number:,}" for what, number in counted.items()))
        return [*told, *self.notes]


@dataclass(slots=True)
class _Ours:
    """Which row of the original is which of ours."""

    users: dict[int, int] = field(default_factory=dict)
    clients: dict[int, int] = field(default_factory=dict)
    mailings: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Import:
    source: Connection
    target: Connection
    options: ImportOptions
    report: ImportReport
    ours: _Ours
    now: datetime

    def pages(self, kind: str) -> Iterable[list[Any]]:
        for page in original.rows(self.source, self.options.tables, kind):
            self.report.add(kind, "read", len(page))
            yield page

    def left_out(self, kind: str, row_id: int, why: str) -> None:
        self.report.add(kind, "left out")
        self.report.note(kind, row_id, f"left out: {why}")


def run(source: Engine, target: Engine, options: ImportOptions) -> ImportReport:
    """Import all that is not there yet; all or nothing. Raises OriginalError."""
    report = ImportReport(options.apply)
    with source.connect() as reading, target.connect() as writing:
        reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        if lacking := original.missing(reading, options.tables):
            raise OriginalError(
                f"the original's database lacks {', '.join(lacking)}: name its app by --app and its users by --users"
            )
        writing.execute(text("SET LOCAL statement_timeout = 0"))
        writing.execute(text("SELECT pg_advisory_xact_lock(7105083)"))  # two imports at once must not import a row twice
        now = writing.execute(select(func.now())).scalar_one()
        work = _Import(reading, writing, options, report, _Ours(), now)
        _users(work)
        _clients(work)
        unfinished = _mailings(work)
        _count(work, _messages(work))
        if options.apply:
            if unfinished and not options.original_is_stopped:
                raise OriginalError(
                    f"{unfinished} mailings are not over, and the original would send them, too: stop it (web, Celery workers and beat),"
                    " then say so by --original-is-stopped"
                )
            original.skip_message_ids(writing, original.highest_message_id(reading, options.tables))
            writing.commit()
        else:
            writing.rollback()
    return report


# Users


def _users(work: _Import) -> None:
    known = original.imported(work.target, "user")
    taken = {canonical(name): user_id for user_id, name in work.target.execute(select(User.id, User.username))}
    made: dict[int, int] = {}
    for page in work.pages("user"):
        for row in page:
            name = canonical(row.username)
            if row.id in known:
                work.report.add("user", "there already")
            elif not 0 < len(name) <= USERNAME_LENGTH or not name.isprintable():
                work.left_out(
                    "user", row.id, "its name cannot be a username; neither are its clients, mailings and messages imported"
                )
            elif name in taken and taken[name] in {*known.values(), *made.values()}:
                work.left_out("user", row.id, "another user of the original has this name but for capital letters")
            elif name in taken:
                made[row.id] = taken[name]
                work.report.add("user", "the same name is there")
                work.report.note(
                    "user",
                    row.id,
                    f"is taken for our user {made[row.id]}, who has the same name and keeps password and rights",
                )
            else:
                values = {"username": name, "is_superuser": row.is_superuser, "is_active": row.is_active}
                # Of a password that nobody knows: the original's hashes are not taken over.
                (made[row.id],) = original.add_all(work.target, User, [{**values, "password_hash": _nobodys_password()}])
                taken[name] = made[row.id]
                work.report.add("user", "imported")
                work.report.note("user", row.id, f"is our user {made[row.id]} and needs a new password from a superuser")
                _note(work, Change(Kind.USER, made[row.id], made[row.id], "import"))
    original.remember(work.target, "user", made)
    work.ours.users = {**known, **made}


def _nobodys_password() -> str:
    return hash_password(secrets.token_urlsafe(32))


# Clients


def _clients(work: _Import) -> None:
    known = original.imported(work.target, "client")
    there = {
        (owner, phone): client_id
        for owner, phone, client_id in work.target.execute(select(Client.owner_id, Client.phone, Client.id))
    }
    unknown_hours: Counter[int] = Counter()
    for page in work.pages("client"):
        found: dict[int, dict[str, Any]] = {}
        same: dict[int, tuple[int, str]] = {}
        for row in page:
            if row.id in known:
                work.report.add("client", "there already")
                continue
            values = _client(work, row, unknown_hours)
            if values is None:
                continue
            key = (values["owner_id"], values["phone"])
            if key in there:
                same[row.id] = key
                work.report.add("client", "the same phone is there")
                continue
            there[key] = 0  # filled in below
            found[row.id] = values
        made = dict(zip(found, original.add_all(work.target, Client, list(found.values())), strict=True))
        for old, new in made.items():
            there[(found[old]["owner_id"], found[old]["phone"])] = new
        for old, key in same.items():
            made[old] = there[key]
            work.report.note(
                "client", old, f"is our client {made[old]}, who has the same phone; its tag and time zone are not taken over"
            )
        work.report.add("client", "imported", len(found))
        original.remember(work.target, "client", made)
        known |= made
    for hours, number in sorted(unknown_hours.items()):
        work.report.notes.append(
            f"time_zone {hours}: {number} clients left out, for no time zone is {hours} hours ahead of UTC: name one by --zone {hours}=…"
        )
    work.ours.clients = known


def _client(work: _Import, row: Any, unknown_hours: Counter[int]) -> dict[str, Any] | None:
    owner = work.ours.users.get(row.user_id)
    zone = zone_of(row.time_zone, work.options.zones)
    try:
        phone = parse_phone(f"+{row.phone_number.strip().removeprefix('+')}")
    except PhoneError as error:
        work.left_out("client", row.id, str(error))
        return None
    code = row.operator_code.strip()
    if owner is None:
        work.left_out("client", row.id, f"its user {row.user_id} is not imported")
    elif zone is None:
        work.report.add("client", "left out")
        unknown_hours[row.time_zone] += 1
    elif not (code.isascii() and code.isdecimal() and len(code) <= CODE_LENGTH):
        work.left_out("client", row.id, "its operator code is not made of digits")
    else:
        tag = canonical(row.tag)
        tags = [tag] if tag and len(tag) <= TAG_LENGTH and not unfit(tag) else []
        if tag and not tags:
            work.report.note("client", row.id, f"its tag is longer than {TAG_LENGTH} characters and not taken over")
        return {"owner_id": owner, "phone": phone, "operator_code": code, "tags": tags, "time_zone": zone}
    return None


def parse_zones(given: Iterable[str]) -> dict[int, str]:
    """Read `3=Europe/Moscow`. Raises OriginalError."""
    found = {}
    for each in given:
        hours, _, name = each.partition("=")
        try:
            found[int(hours)] = parse_time_zone(name)
        except ValueError as error:
            raise OriginalError(f"--zone {each}: {error}; write it like 3=Europe/Moscow") from None
    return found


def zone_of(hours: int, given: Mapping[int, str]) -> str | None:
    """The time zone for the original's hours ahead of UTC; None for hours that no zone has.

    In the names of `Etc/GMT±n` the sign is turned around: `Etc/GMT-3` is three hours ahead of UTC.
    """
    if hours in given:
        return given[hours]
    if not -12 <= hours <= 14:
        return None
    return "UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"


# Mailings


def _mailings(work: _Import) -> int:
    """Import mailings, and return how many of them are not over."""
    known = original.imported(work.target, "mailing")
    begun = _begun(work)
    unfinished = 0
    for page in work.pages("mailing"):
        made: dict[int, int] = {}
        for row in page:
            if row.id in known:
                work.report.add("mailing", "there already")
                continue
            values = _mailing(work, row, has_messages=row.id in begun)
            if values is None:
                continue
            (made[row.id],) = original.add_all(work.target, Mailing, [values])
            work.report.add("mailing", f"imported as {values['status']}")
            unfinished += values["status"] != MailingStatus.FINISHED
            times = SendingTimes(values["starts_at"], values["ends_at"], values["time_zone"])
            zones.add_missing(work.target, made[row.id], values["owner_id"], times, work.now)
            if values["status"] == MailingStatus.PAUSED:
                work.report.note(
                    "mailing", row.id, f"is under way: our mailing {made[row.id]} is paused; resume it to send what waits"
                )
            elif values["status"] == MailingStatus.DRAFT:
                work.report.note(
                    "mailing", row.id, f"has not begun: our mailing {made[row.id]} is a draft; start it, or it is not sent"
                )
            _note(work, Change(Kind.MAILING, made[row.id], values["owner_id"], "import"))
        original.remember(work.target, "mailing", made)
        known |= made
    work.ours.mailings = known
    return unfinished


def _begun(work: _Import) -> set[int]:
    """Which mailings of the original have messages."""
    return {row.mailing_id for page in original.rows(work.source, work.options.tables, "message") for row in page}


def _mailing(work: _Import, row: Any, *, has_messages: bool) -> dict[str, Any] | None:
    owner = work.ours.users.get(row.user_id)
    starts, ends = (_utc(moment) for moment in (row.date_time_start_sending, row.date_time_end_sending))
    over = ends + _FURTHEST_BEHIND <= work.now.astimezone(UTC).replace(tzinfo=None)
    codes, tags = _words(row.filter_operator_code), [canonical(word) for word in _words(row.filter_tag)]
    bad = [word for word in codes if not (word.isascii() and word.isdecimal() and len(word) <= CODE_LENGTH)]
    bad += [word for word in tags if len(word) > TAG_LENGTH]
    message_text = _DOLLARS.sub(lambda found: f"{2 * found[1]}{{", row.text)  # the original has no placeholders
    why = ""
    if owner is None:
        why = f"its user {row.user_id} is not imported"
    elif not (2000 <= starts.year <= 2999 and 2000 <= ends.year <= 2999):
        why = "its times are not of the years 2000 to 2999"
    elif not 0 < len(message_text) <= MAILING_TEXT_LENGTH or unfit(message_text):
        why = f"its text does not have 1 to {MAILING_TEXT_LENGTH} characters"
    elif bad and not over:
        why = "its filters have words that ours cannot have; without them it would be for more clients"
    elif ends <= starts and not over:
        why = "it ends before it starts"
    if why:
        work.left_out("mailing", row.id, f"{why}; neither are its messages imported")
        return None
    if bad:
        work.report.note("mailing", row.id, "some words of its filters are not taken over; it is over")
    if ends <= starts:
        work.report.note("mailing", row.id, "ended before it started: here it ends a second after its start")
        ends = starts + timedelta(seconds=1)
    status = MailingStatus.FINISHED if over else MailingStatus.PAUSED if has_messages else MailingStatus.DRAFT
    return {
        "owner_id": owner,
        "name": name_from(row.text),
        "text": message_text,
        "filter_operator_codes": [word for word in codes if word not in bad],
        "filter_tags": [word for word in tags if word not in bad],
        "starts_at": starts,
        "ends_at": ends,
        "time_zone": "UTC",  # the original's moments are instants
        "status": str(status),
        "next_run_at": work.now if status is MailingStatus.PAUSED else None,
        "started_at": None if status is MailingStatus.DRAFT else starts.replace(tzinfo=UTC),
        "finished_at": min(ends.replace(tzinfo=UTC), work.now) if over else None,
    }


def _utc(moment: datetime) -> datetime:
    """The moment as wall time in UTC."""
    return (moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment).replace(microsecond=0)


def _words(value: str) -> list[str]:
    """The original writes `900;901;902`."""
    return list(dict.fromkeys(word for word in (each.strip() for each in value.split(";")) if word))


# Messages


def _messages(work: _Import) -> set[int]:
    """Import messages, and return the mailings of ours that have new ones."""
    known = original.imported(work.target, "message")
    clients = _ClientCards(work)
    there = select(Message.mailing_id, Message.client_id).where(Message.client_id.is_not(None))
    seen: set[tuple[int, int | None]] = {
        (row[0], row[1]) for row in work.target.execute(there.where(Message.mailing_id.in_(work.ours.mailings.values())))
    }
    touched: set[int] = set()
    # Those that were sent first: of two messages to one phone the one that counts is the one that went out.
    for sent in (True, False):
        for page in original.rows(work.source, work.options.tables, "message"):
            chosen = [row for row in page if (row.status == 1) is sent]
            work.report.add("message", "read", len(chosen))
            touched |= _messages_of(work, chosen, known, clients, seen)
    return touched


def _messages_of(
    work: _Import, rows: list[Any], known: dict[int, int], clients: "_ClientCards", seen: set[tuple[int, int | None]]
) -> set[int]:
    found: dict[int, dict[str, Any]] = {}
    parents = _parents(work, {work.ours.mailings[row.mailing_id] for row in rows if row.mailing_id in work.ours.mailings})
    for row in rows:
        if row.id in known:
            _meanwhile(work, row, known[row.id])
            continue
        mailing_id = work.ours.mailings.get(row.mailing_id)
        if mailing_id is None or row.status not in _STATUSES:
            why = f"its mailing {row.mailing_id} is not imported" if mailing_id is None else f"its status {row.status} is none"
            work.left_out("message", row.id, why)
            continue
        parent = parents[mailing_id]
        card = clients.of(row.client_id, parent.owner)
        if card is not None and (mailing_id, card.id) in seen:
            work.left_out(
                "message", row.id, "another message of this mailing to the same phone is imported, the one that was sent, if any"
            )
            continue
        values = _message(work, row, parent, card)
        if card is not None:
            seen.add((mailing_id, card.id))
        found[row.id] = values
        work.report.add("message", f"imported as {MessageStatus(values['status']).key}")
    made = dict(zip(found, original.add_all(work.target, Message, list(found.values())), strict=True))
    original.remember(work.target, "message", made)
    known |= made
    return {values["mailing_id"] for values in found.values()}


@dataclass(frozen=True, slots=True)
class _Card:
    id: int
    owner: int
    phone: str
    time_zone: str


class _ClientCards:
    """What messages need of clients, by the original's ids."""

    def __init__(self, work: _Import) -> None:
        columns = (Client.id, Client.owner_id, Client.phone, Client.time_zone)
        ours = {row[0]: _Card(*row) for row in work.target.execute(select(*columns))}
        self._cards = {old: ours[new] for old, new in work.ours.clients.items() if new in ours}

    def of(self, original_id: int, owner: int) -> _Card | None:
        """The client, if it is imported and its mailing's owner is its owner, too."""
        card = self._cards.get(original_id)
        return card if card is not None and card.owner == owner else None


@dataclass(frozen=True, slots=True)
class _Parent:
    id: int
    owner: int
    status: str
    any_zone: str
    """For messages whose client is not imported."""


def _parents(work: _Import, mailing_ids: set[int]) -> dict[int, _Parent]:
    zone = select(func.min(MailingZone.time_zone)).where(MailingZone.mailing_id == Mailing.id).scalar_subquery()
    wanted = select(Mailing.id, Mailing.owner_id, Mailing.status, zone).where(Mailing.id.in_(mailing_ids))
    return {row[0]: _Parent(*row) for row in work.target.execute(wanted)}


def _message(work: _Import, row: Any, parent: _Parent, card: _Card | None) -> dict[str, Any]:
    status = _STATUSES[row.status]
    if status is MessageStatus.WAITING and parent.status in _OVER:
        status = _OVER[MailingStatus(parent.status)]
        work.report.add("message", "waited in a mailing that is over")
    end = _end_of(row, status)
    if status is MessageStatus.WAITING and card is None:
        status, end = MessageStatus.FAILED, {**end, "error_code": str(ErrorCode.CLIENT_DELETED)}
        work.report.note("message", row.id, "waited for a client who is not imported: failed here")
    return {
        "mailing_id": parent.id,
        "owner_id": parent.owner,
        "client_id": card.id if card else None,
        "phone": card.phone if card and end["keeps_phone"] else None,
        "time_zone": card.time_zone if card else parent.any_zone,
        "status": int(status),
        # What is final here is as if a worker had held it: planning and adding by hand revive only rows that none ever held.
        "claim_no": 0 if status is MessageStatus.WAITING else 1,
        "not_before": work.now,
        "sent_at": end["sent_at"],
        "attempts": end["attempts"],
        "error_code": end["error_code"],
        "error_detail": end["error_detail"],
        "created_at": min(row.date_time_of_dispatch, work.now),
    }


def _end_of(row: Any, status: MessageStatus) -> dict[str, Any]:
    """What goes with a status. What failed may have been delivered all the same, for all that is known here."""
    failed = status is MessageStatus.FAILED
    return {
        "sent_at": row.date_time_of_dispatch if status is MessageStatus.SENT else None,
        "attempts": 1 if status in (MessageStatus.SENT, MessageStatus.FAILED) else 0,
        "error_code": str(ErrorCode.UNKNOWN_OUTCOME) if failed else None,
        "error_detail": "error of the provider, before the import" if failed else None,
        "keeps_phone": not failed,
    }


def _meanwhile(work: _Import, row: Any, message_id: int) -> None:
    """A message that was imported before: if the original has sent it since, it does not wait any more."""
    status = _STATUSES.get(row.status)
    if status is None or status is MessageStatus.WAITING:
        work.report.add("message", "there already")
        return
    end = _end_of(row, status)
    values = {"status": int(status), **{name: end[name] for name in ("sent_at", "error_code", "error_detail", "keeps_phone")}}
    if original.settle(work.target, message_id, values):
        work.report.add("message", "sent or given up by the original since the last import")
    else:
        work.report.add("message", "there already")


def _count(work: _Import, touched: set[int]) -> None:
    """Give the mailings that are over the counts that they keep."""
    over = select(Mailing.id).where(Mailing.id.in_(work.ours.mailings.values()), Mailing.status.in_([*map(str, _OVER)]))
    wanted = over.where(or_(Mailing.final_counts.is_(None), Mailing.id.in_(touched)))
    for mailing_id in list(work.target.execute(wanted).scalars()):
        counts = dict(message_counts.of_messages(work.target, mailing_id))
        work.target.execute(update(Mailing).where(Mailing.id == mailing_id).values(final_counts=counts))


def _note(work: _Import, change: Change) -> None:
    history_storage.add(
        work.target,
        None,
        "import-original",
        [
            {
                "kind": str(change.kind),
                "object_id": change.object_id,
                "owner_id": change.owner_id,
                "action": change.action,
                "changes": {},
            }
        ],
    )
