"""Use cases around mailings: write, read, edit, and the life cycle.

Whatever changes when a mailing may run locks its row first, commits, and then lets queue and schedule follow.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime, time
from typing import Any, Self

from sqlalchemy import Connection, Engine, null

from chalicelib.config import settings
from chalicelib.domain import life_cycle, limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical, tidy
from chalicelib.domain.errors import (
    ConfirmationRequiredError,
    ConflictError,
    FieldCode,
    FieldError,
    InvalidInputError,
    NotFoundError,
)
from chalicelib.domain.mailing_defaults import DURATION, name_from, wall_time_now
from chalicelib.domain.paging import Slice
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MailingStatus, MessageStatus, StartSource
from chalicelib.domain.versions import require_version, version
from chalicelib.domain.window import SendingTimes
from chalicelib.domain.zones import time_zones
from chalicelib.services import history, reachability, schedules, text_checks
from chalicelib.services.history import Change, Kind
from chalicelib.services.ownership import listed_owner, owner_of_new
from chalicelib.storage import mailing_reads, mailings, message_counts, message_edits, messages, progress, providers, zones
from chalicelib.storage.clock import Clock, database_clock
from chalicelib.storage.engine import autocommit
from chalicelib.storage.mailing_reads import MailingFilter, MailingRecord
from chalicelib.storage.mailings import Retry
from chalicelib.storage.paging import AnyRow

__all__ = ["MailingRecord", "NewMailing"]

AT_ONCE = 1_000
"""Messages that are queued again or removed while the caller waits; the rest of a large mailing is left to its runs."""


@dataclass(frozen=True, slots=True)
class NewMailing:
    """What is said of a mailing. Wall times are naive; without `owner_id` it is the asker's.

    Only the text is needed: without a name its first words are the name, without a start it starts now, in every time zone at once,
    and without an end it ends a day after its start.
    """

    name: str | None
    text: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    filter_operator_codes: tuple[str, ...] = ()
    filter_tags: tuple[str, ...] = ()
    time_zone: str | None = None
    send_from: time | None = None
    send_until: time | None = None
    rate_limit: int | None = None
    providers: tuple[str, ...] = ()
    draft: bool = False
    owner_id: int | None = None


def create(
    source: Engine,
    principal: Principal,
    new: NewMailing,
    *,
    confirmed: bool = False,
    clock: Clock = database_clock,
) -> MailingRecord:
    """Writes a mailing, and unless it is a draft lets it start by itself.

    Raises InvalidInputError, or ConfirmationRequiredError if some of the selected clients would get no message.
    """
    with source.begin() as connection:
        now = clock(connection)
        said = _with_defaults(_normalized(asdict(new)), now)
        _refuse_wrong(said)
        _require_providers(connection, said["providers"])
        values = said | {"owner_id": owner_of_new(connection, principal, new.owner_id), "status": str(MailingStatus.DRAFT)}
        del values["draft"]
        mailing_id = mailing_reads.add(connection, values)
        with _confirmations(confirmed=confirmed) as confirmations:
            with confirmations:
                _require_reachable(connection, values, None if new.draft else now)
            with confirmations:
                if not new.draft:
                    _require_values(connection, values)
        if not new.draft:
            _schedule(connection, mailing_id, values["owner_id"], times_of(values), now)
        _note(connection, principal, mailing_id, values["owner_id"], "create")
    return _arranged(source, principal, mailing_id, clock)


def get(source: Engine, principal: Principal, mailing_id: int) -> MailingRecord:
    """The mailing. Raises NotFoundError, also for another's."""
    with autocommit(source) as connection:
        found = mailing_reads.find(connection, principal.owner_filter, mailing_id) if limits.is_id(mailing_id) else None
    if found is None:
        raise NotFoundError("mailing")
    return found


def page(
    source: Engine,
    principal: Principal,
    part: Slice,
    *,
    status: MailingStatus | None = None,
    starts_before: datetime | None = None,
    starts_after: datetime | None = None,
    owner_id: int | None = None,
) -> list[MailingRecord]:
    """A slice of the asker's mailings (a superuser's: everyone's, or `owner_id`'s) that pass the filter. Raises InvalidInputError."""
    chosen = MailingFilter(listed_owner(principal, owner_id), status, starts_before, starts_after)
    with autocommit(source) as connection:
        return mailing_reads.page(connection, chosen, part)


def edit(
    source: Engine,
    principal: Principal,
    mailing_id: int,
    changes: Mapping[str, Any],
    *,
    expected: Collection[str] | None = None,
    confirmed: bool = False,
    clock: Clock = database_clock,
) -> MailingRecord:
    """Changes fields of NewMailing by name; those that stay as they are may be named too.

    Raises NotFoundError, InvalidInputError, ConflictError that says which states allow the change, or ConfirmationRequiredError
    if selected clients lack values that the text needs.
    """
    with source.begin() as connection:
        row = _locked(connection, principal, mailing_id)
        require_version("mailing", _written(row._mapping), expected)
        changed = _changed(row, changes)
        if changed:
            status = MailingStatus(row.status)
            life_cycle.require_editable(status, has_run=row.started_at is not None, fields=changed)
            if "owner_id" in changed:
                changed["owner_id"] = owner_of_new(connection, principal, changed["owner_id"])
                if messages.any_of(connection, mailing_id):
                    raise ConflictError("the owner of a mailing changes only while it has no messages")
            differences = history.differences(_shown(row), changed)
            _refuse_wrong({**_shown(row), **changed}, stored=_shown(row))
            _require_providers(connection, changed.get("providers", ()))
            now, after = clock(connection), {**row._mapping, **changed}
            with _confirmations(confirmed=confirmed) as confirmations:
                with confirmations:
                    if changed.keys() & _OF_WINDOWS:
                        _require_reachable(connection, after, None if _stays_draft(row, changed) else now, row)
                with confirmations:
                    if _may_reach_others(row, changed):
                        _require_values(connection, after)
            _apply(connection, row, dict(changed), now)
            _note(connection, principal, mailing_id, changed.get("owner_id", row.owner_id), "update", differences)
    return _arranged(source, principal, mailing_id, clock)


def version_of(record: MailingRecord) -> str:
    """The version of a mailing as it was read: of what people write, not of how far it has come."""
    return version(_written({**asdict(record), "owner_id": record.owner}))


_LISTS = frozenset({"filter_operator_codes", "filter_tags", "providers"})


def _written(row: Mapping[Any, Any]) -> dict[str, Any]:
    names = [each.name for each in fields(NewMailing) if each.name != "draft"]
    return {name: list(row[name]) if name in _LISTS else row[name] for name in names} | {
        "draft": row["status"] == MailingStatus.DRAFT
    }


def _shown(row: AnyRow) -> dict[str, Any]:
    return {**row._mapping, "draft": row.status == MailingStatus.DRAFT}


def _changed(row: AnyRow, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that make a difference, as they are stored; what is named as it is stored stays so, also if it is older than a rule."""
    now = _shown(row)
    return {name: value for name, value in _normalized(changes, now).items() if now[name] != value}


def _may_reach_others(row: AnyRow, changed: Mapping[str, Any]) -> bool:
    """Is the mailing not a draft (any more), and are its text, its clients or its being a draft other than before?"""
    draft = changed.get("draft", row.status == MailingStatus.DRAFT)
    return not draft and bool(changed.keys() & {"text", "filter_operator_codes", "filter_tags", "owner_id", "draft"})


_OF_WINDOWS = frozenset(
    {"starts_at", "ends_at", "time_zone", "send_from", "send_until", "filter_operator_codes", "filter_tags", "draft", "owner_id"}
)
"""Fields that decide whom a mailing can reach."""


def _stays_draft(row: AnyRow, changed: Mapping[str, Any]) -> bool:
    return bool(changed.get("draft", row.status == MailingStatus.DRAFT)) and row.status != MailingStatus.PAUSED


def _normalized(values: Mapping[str, Any], stored: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Fields in the form in which they are stored. Raises InvalidInputError for names of fields that there are not.

    A text that is stored so already, and words that are, stay as they are.
    """
    before = stored or {}
    unknown = values.keys() - {each.name for each in fields(NewMailing)}
    if unknown:
        raise InvalidInputError(*(FieldError(str(name), "no such field", FieldCode.UNKNOWN_FIELD) for name in sorted(unknown)))
    found = dict(values)
    if isinstance(found.get("name"), str) and found["name"] != before.get("name"):
        found["name"] = tidy(found["name"])
    if isinstance(found.get("text"), str) and found["text"] != before.get("text"):
        found["text"] = found["text"].replace("\r\n", "\n")
    for name in before.keys() & found.keys() & {"starts_at", "ends_at", "send_from", "send_until"}:
        if before[name] is not None and found[name] == before[name].replace(microsecond=0):
            found[name] = before[name]  # as it is shown
    for name, change in (("filter_operator_codes", str), ("filter_tags", canonical)):
        if isinstance(found.get(name), list | tuple) and all(isinstance(each, str) for each in found[name]):
            kept = before.get(name, ())
            found[name] = list(dict.fromkeys(each if each in kept else change(each) for each in found[name]))
    if isinstance(found.get("providers"), list | tuple):
        found["providers"] = list(found["providers"])
    return found


def _with_defaults(said: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A new mailing with what was left out of it."""
    found: dict[str, Any] = {**said, "start_now_at": None}
    if found["name"] is None and isinstance(found["text"], str):
        found["name"] = name_from(found["text"])
    if found["starts_at"] is None:
        zone = found["time_zone"]
        found["starts_at"] = wall_time_now(now, zone if zone in time_zones() else None)  # a wrong one is refused further on
        found["start_now_at"] = None if found["draft"] else now
    if found["ends_at"] is None and isinstance(found["starts_at"], datetime) and found["starts_at"].year in life_cycle.YEARS:
        found["ends_at"] = found["starts_at"] + DURATION
    return found


def _apply(connection: Connection, row: AnyRow, changed: dict[str, Any], now: datetime) -> None:
    draft = changed.pop("draft", row.status == MailingStatus.DRAFT)
    if row.started_at is None and row.start_now_at is not None and ("starts_at" in changed or draft):
        changed["start_now_at"] = None  # the start that was asked for by hand is taken back
    after = {**row._mapping, **changed}
    if "starts_at" in changed:  # a start that was "now" is another from here on
        changed["start_now_at"] = after["start_now_at"] = None
    times = times_of(after)
    if changed:
        mailing_reads.change(connection, row.id, changed)
    if draft and row.status in (MailingStatus.DRAFT, MailingStatus.SCHEDULED):
        mailing_reads.change(connection, row.id, {"status": str(MailingStatus.DRAFT), "next_run_at": None})
    elif row.status in (MailingStatus.DRAFT, MailingStatus.SCHEDULED):
        _schedule(connection, row.id, after["owner_id"], times, now)
    elif row.status == MailingStatus.PAUSED:
        _rewrite_windows(connection, row.id, times, now)
        mailing_reads.change(connection, row.id, {"next_run_at": now})


def start(
    source: Engine, principal: Principal, mailing_id: int, *, confirmed: bool = False, clock: Clock = database_clock
) -> MailingRecord:
    """Starts a draft or scheduled mailing now, in every zone; one that has started already is left as it is.

    Raises NotFoundError, ConflictError for one that is over, or whose end is past, or ConfirmationRequiredError if selected clients
    lack values that the text needs.
    """
    with source.begin() as connection:
        row = _locked(connection, principal, mailing_id)
        if row.status != MailingStatus.RUNNING:
            life_cycle.require("started", MailingStatus(row.status), life_cycle.STARTABLE)
            now = clock(connection)
            with _confirmations(confirmed=confirmed) as confirmations:
                with confirmations:
                    _require_reachable(connection, {**row._mapping, "start_now_at": now}, now)
                with confirmations:
                    _require_values(connection, row._mapping)
            mailing_reads.change(connection, mailing_id, {"start_now_at": now})
            times = times_of({**row._mapping, "start_now_at": now})
            _schedule(connection, mailing_id, row.owner_id, times, now)
            _note(connection, principal, mailing_id, row.owner_id, "start")
    return _arranged(source, principal, mailing_id, clock)


def duplicate(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> MailingRecord:
    """Write a draft with all that is said in a mailing, except its times if their end is past. Raises NotFoundError, InvalidInputError."""
    found = get(source, principal, mailing_id)
    with autocommit(source) as connection:
        now = clock(connection)
    past = {} if found.ends_at > wall_time_now(now, found.time_zone) else {"starts_at": None, "ends_at": None}
    same = {each.name: getattr(found, each.name) for each in fields(NewMailing) if each.name not in ("draft", "owner_id")}
    same |= {name: tuple(same[name]) for name in _LISTS}
    new = NewMailing(**(same | past), draft=True, owner_id=found.owner if principal.is_superuser else None)
    return create(source, principal, new, confirmed=True, clock=clock)


def pause(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> MailingRecord:
    """Stops a mailing where it is: no call starts later than a few seconds after. Raises NotFoundError, ConflictError."""
    return _move(source, principal, mailing_id, "pause", life_cycle.PAUSABLE, MailingStatus.PAUSED, clock)


def cancel(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> MailingRecord:
    """Ends a mailing for good: what waits becomes 5, what is at the provider is answered. Raises NotFoundError, ConflictError."""
    return _move(source, principal, mailing_id, "cancel", life_cycle.CANCELLABLE, MailingStatus.CANCELLED, clock)


def _move(
    source: Engine,
    principal: Principal,
    mailing_id: int,
    action: str,
    allowed: tuple[MailingStatus, ...],
    goal: MailingStatus,
    clock: Clock,
) -> MailingRecord:
    """Only the status changes at once; the next run, wanted now, sees to the rows."""
    with source.begin() as connection:
        row = _locked(connection, principal, mailing_id)
        if row.status != goal:
            life_cycle.require(str(goal), MailingStatus(row.status), allowed)
            mailing_reads.change(connection, mailing_id, {"status": str(goal), "next_run_at": clock(connection)})
            if goal is MailingStatus.CANCELLED:
                mailing_reads.keep_retry(connection, mailing_id, None)
            _note(connection, principal, mailing_id, row.owner_id, action)
    return _arranged(source, principal, mailing_id, clock)


def resume(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> MailingRecord:
    """Lets a paused mailing continue where it was.

    Raises NotFoundError, ConflictError, or InvalidInputError if nothing can be sent any more to anybody who is left.
    """
    with source.begin() as connection:
        row = _locked(connection, principal, mailing_id)
        if row.status not in (MailingStatus.RUNNING, MailingStatus.SCHEDULED):
            life_cycle.require("resumed", MailingStatus(row.status), life_cycle.RESUMABLE)
            now = clock(connection)
            with _confirmations(confirmed=True) as confirmations, confirmations:
                _require_reachable(connection, {**row._mapping}, now, row)
            if row.started_at is None:
                _schedule(connection, mailing_id, row.owner_id, times_of({**row._mapping}), now)
            else:
                mailing_reads.change(connection, mailing_id, {"status": str(MailingStatus.RUNNING), "next_run_at": now})
            _note(connection, principal, mailing_id, row.owner_id, "resume")
    return _arranged(source, principal, mailing_id, clock)


def retry_failed(source: Engine, principal: Principal, mailing_id: int, *, clock: Clock = database_clock) -> MailingRecord:
    """Has every message that has failed by now tried again for which that is possible and cannot become a second delivery.

    The rule is that of a single requeue (`domain.requeue`), less expired messages, which are retried one by one; a finished mailing
    runs again. The first slice is queued at once, what is left by the mailing's runs; `retrying_since` says so. Asked again meanwhile
    it changes nothing. Raises NotFoundError, or ConflictError for a mailing whose state allows no requeue.
    """
    with source.begin() as connection:
        row = _locked(connection, principal, mailing_id)
        life_cycle.require("tried again", MailingStatus(row.status), life_cycle.RETRYABLE)
        now = clock(connection)
        if row.retrying_since is None:
            times = times_of({**row._mapping})
            zones.add_missing(connection, mailing_id, row.owner_id, times, now)
            requeued, left = message_edits.requeue_failed(
                connection,
                mailing_id,
                Retry(now, 0),
                now,
                honours_key=settings().provider_honours_key,
                provider=settings().provider_name,
                size=AT_ONCE,
                unknown_zones=zones.unknown(connection, mailing_id, times),
            )
            mailing_reads.keep_retry(connection, mailing_id, left)
            if requeued or left is not None:
                reopen(connection, mailing_id, MailingStatus(row.status), now)
                number = requeued if left is None else f"{requeued}+"
                _note(connection, principal, mailing_id, row.owner_id, "retry_failed", {"messages": [None, number]})
    return _arranged(source, principal, mailing_id, clock)


def reopen(connection: Connection, mailing_id: int, status: MailingStatus, now: datetime) -> None:
    """Lets a mailing that has waiting messages again run again; its row is locked by the caller."""
    if status is MailingStatus.FINISHED:
        again = {"status": str(MailingStatus.RUNNING), "finished_at": None, "final_counts": null()}
        mailing_reads.change(connection, mailing_id, again)
    mailings.lower_next_run(connection, mailing_id, now)


def delete(source: Engine, principal: Principal, mailing_id: int, *, force: bool = False, clock: Clock = database_clock) -> None:
    """Deletes a mailing with its messages, unless it runs or is paused. Raises NotFoundError, ConflictError.

    It is seen nowhere from now on. The messages of a large one are removed by its runs, slice by slice, and the mailing with the last. A
    cancelled one stays until the calls that were under way are answered: their outcomes would be lost with it. Its final counts stay
    in the owner's statistics and in its history. Messages of unknown outcome are the only record of what may have been delivered: they are
    deleted only by `force`.
    """
    with source.begin() as connection:
        row = _locked(connection, principal, mailing_id)
        life_cycle.require("deleted", MailingStatus(row.status), life_cycle.DELETABLE)
        if messages.any_undecided(connection, mailing_id):
            raise ConflictError("messages of it are being sent, or may have been delivered: their fate is not known yet")
        unknown = message_counts.unknown_outcomes(connection, mailing_id)
        if unknown and not force:
            raise ConflictError(f"messages that may have been delivered, of which this is the only record: {unknown}")
        counted = row.final_counts or message_counts.of_messages(connection, mailing_id)
        final = {status: counted[status.key] for status in MessageStatus if status.final and counted.get(status.key)}
        message_counts.keep(connection, row.owner_id, final)
        kept = {status.key: [number, None] for status, number in final.items()} | (
            {"unknown": [unknown, None]} if unknown else {}
        )
        _note(connection, principal, mailing_id, row.owner_id, "delete", kept)
        now = clock(connection)
        more = message_edits.remove(connection, mailing_id, AT_ONCE, now)
        if more:  # a cancelled mailing plans and sends nothing, and its runs go on until it is gone
            deleting = {"status": str(MailingStatus.CANCELLED), "deleting_since": now, "next_run_at": now}
            mailing_reads.change(connection, mailing_id, deleting)
        else:
            mailing_reads.remove(connection, mailing_id)
    if more:
        schedules.arrange(source, mailing_id, woken_by=StartSource.API, clock=clock)
    else:
        schedules.forget(mailing_id, row.schedule_at)


def _note(
    connection: Connection,
    principal: Principal,
    mailing_id: int,
    owner_id: int,
    action: str,
    changes: Mapping[str, list[Any]] | None = None,
) -> None:
    history.note(connection, principal, Change(Kind.MAILING, mailing_id, owner_id, action, changes or {}))


def _locked(connection: Connection, principal: Principal, mailing_id: int) -> AnyRow:
    row = mailing_reads.lock_owned(connection, principal.owner_filter, mailing_id) if limits.is_id(mailing_id) else None
    if row is None:
        raise NotFoundError("mailing")
    return row


def times_of(row: Mapping[str, Any]) -> SendingTimes:
    """What the columns of a mailing say about time."""
    return SendingTimes(
        row["starts_at"], row["ends_at"], row["time_zone"], row["send_from"], row["send_until"], row["start_now_at"]
    )


class _Confirmations:
    """Collects what has to be confirmed, so that a confirmation is given to all of it or to none."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, ConfirmationRequiredError):
            self.errors += error.errors
            return True
        return False


@contextmanager
def _confirmations(*, confirmed: bool) -> Iterator[_Confirmations]:
    """Raises ConfirmationRequiredError with all that was collected, unless it is `confirmed`."""
    found = _Confirmations()
    yield found
    if found.errors and not confirmed:
        raise ConfirmationRequiredError(*found.errors)


def _require_reachable(
    connection: Connection, values: Mapping[str, Any], now: datetime | None, row: AnyRow | None = None
) -> None:
    """Raises InvalidInputError if nothing could be sent to anybody, ConfirmationRequiredError if not to some. `row`: as it was."""
    times, selection = times_of(values), Selection(tuple(values["filter_operator_codes"]), tuple(values["filter_tags"]))
    if row is not None and row.started_at is not None:
        names = [zone.time_zone for zone in progress.waiting_zones(connection, row.id)]
        if not names:  # nothing is to come anywhere
            return
    else:
        names = zones.of_owner(connection, values["owner_id"])
    places = names or [times.time_zone or zones.FALLBACK_ZONE]
    reachability.require_reachable(connection, values["owner_id"], selection, times, places, now, clients_known=bool(names))


_CONTRADICTORY = (frozenset({"starts_at", "ends_at"}), frozenset({"send_from", "send_until"}))
"""Fields that can be wrong together: a contradiction is a matter of each that changes."""


def _refuse_wrong(said: Mapping[str, Any], *, stored: Mapping[str, Any] | None = None) -> None:
    """Raises InvalidInputError for what is wrong; fields that are `stored` so already are not checked: they may be older than a rule."""
    found = limits.mailing_problems(
        said["name"], said["text"], said["filter_operator_codes"], said["filter_tags"], said["rate_limit"], stored=stored
    )
    if stored is None or said["providers"] != list(stored["providers"]):
        found += limits.providers_problems(said["providers"])
    if not any(error.field == "text" for error in found):
        found += life_cycle.text_problems(said["text"])
    found += life_cycle.time_problems(times_of({"start_now_at": None, **said}))
    found += limits.flag_problems(draft=said.get("draft", False))
    if stored is not None:
        new = {name for name in said.keys() & stored.keys() if said[name] != stored[name]}
        together = {name for group in _CONTRADICTORY if group & new for name in group}
        found = [each for each in found if each.field in (together if each.code == FieldCode.CONTRADICTION else new)]
    if found:
        raise InvalidInputError(*found)


def _require_providers(connection: Connection, names: Sequence[str]) -> None:
    """Raises InvalidInputError for the name of a provider that there is not."""
    missing = providers.missing(connection, names) if names else []
    if missing:
        known = ", ".join(providers.names(connection)) or "none"
        why = f"no provider has the name {', '.join(missing)}; there are: {known}"
        raise InvalidInputError(FieldError("providers", why, FieldCode.NOT_ALLOWED))


def _require_values(connection: Connection, row: Mapping[Any, Any]) -> None:
    selection = Selection(tuple(row["filter_operator_codes"]), tuple(row["filter_tags"]))
    text_checks.require_values(connection, row["owner_id"], selection, row["text"])


def _schedule(connection: Connection, mailing_id: int, owner_id: int, times: SendingTimes, now: datetime) -> None:
    """Gives a mailing that has not run yet its zones and windows, and the moment of its first run."""
    zones.add_missing(connection, mailing_id, owner_id, times, now)
    _rewrite_windows(connection, mailing_id, times, now)
    found = zones.read(connection, mailing_id)
    first = max(min(zone.opens_at for zone in found), now)
    mailing_reads.change(connection, mailing_id, {"status": str(MailingStatus.SCHEDULED), "next_run_at": first})


def _rewrite_windows(connection: Connection, mailing_id: int, times: SendingTimes, now: datetime) -> None:
    zones.rewrite(connection, mailing_id, [zone.time_zone for zone in zones.read(connection, mailing_id)], times, now)


def _arranged(source: Engine, principal: Principal, mailing_id: int, clock: Clock) -> MailingRecord:
    schedules.arrange(source, mailing_id, woken_by=StartSource.API, clock=clock)
    return get(source, principal, mailing_id)
