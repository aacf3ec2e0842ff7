"""What may be done to a mailing in which state."""

from collections.abc import Collection
from datetime import datetime, time

from chalicelib.domain.errors import ConflictError, FieldCode, FieldError
from chalicelib.domain.personal_text import TextError, needs
from chalicelib.domain.status import MailingStatus
from chalicelib.domain.window import SendingTimes
from chalicelib.domain.zones import ZoneError, parse_time_zone

BEFORE_THE_FIRST_RUN = frozenset({"filter_operator_codes", "filter_tags", "starts_at", "time_zone", "draft", "owner_id"})
"""Fields that decide who gets the mailing and from when: fixed once a run has planned anyone."""
UNLESS_RUNNING = frozenset({"text", "ends_at", "send_from", "send_until", "rate_limit", "providers"})
"""Fields that may change until the mailing is over, but not while its run is going on: it is paused first."""
ALWAYS_EDITABLE = frozenset({"name"})
YEARS = range(2000, 3000)
"""Years of wall times: near the ends of the calendar there is no telling what another zone's clocks show."""

UNFINISHED = (MailingStatus.DRAFT, MailingStatus.SCHEDULED, MailingStatus.RUNNING, MailingStatus.PAUSED)
"""Selected clients who have no message yet will get one; in the other states nobody is added any more."""
STARTABLE = (MailingStatus.DRAFT, MailingStatus.SCHEDULED)
PAUSABLE = (MailingStatus.SCHEDULED, MailingStatus.RUNNING)
RESUMABLE = (MailingStatus.PAUSED,)
CANCELLABLE = (MailingStatus.DRAFT, MailingStatus.SCHEDULED, MailingStatus.RUNNING, MailingStatus.PAUSED)
DELETABLE = (MailingStatus.DRAFT, MailingStatus.SCHEDULED, MailingStatus.FINISHED, MailingStatus.CANCELLED)
RETRYABLE = (MailingStatus.RUNNING, MailingStatus.PAUSED, MailingStatus.FINISHED)
ADDABLE = (MailingStatus.SCHEDULED, MailingStatus.RUNNING, MailingStatus.PAUSED)


def require(action: str, status: MailingStatus, allowed: Collection[MailingStatus]) -> None:
    """Raises ConflictError, which names the states that allow `action`, in any other."""
    if status not in allowed:
        raise ConflictError(f"a {status} mailing cannot be {action}: it must be {_either(allowed)}")


def require_editable(status: MailingStatus, *, has_run: bool, fields: Collection[str]) -> None:
    """Raises ConflictError where one of `fields` may not change now, and says when it may."""
    if not set(fields) - ALWAYS_EDITABLE:
        return
    unknown = set(fields) - BEFORE_THE_FIRST_RUN - UNLESS_RUNNING - ALWAYS_EDITABLE  # treated like those that are fixed
    if has_run and (fixed := sorted(set(fields) & BEFORE_THE_FIRST_RUN | unknown)):
        raise ConflictError(f"{', '.join(fixed)} can change only before the mailing's first run")
    if "draft" in fields:
        require("drafted", status, STARTABLE)
    require("edited", status, (MailingStatus.DRAFT, MailingStatus.SCHEDULED, MailingStatus.PAUSED))


def _either(states: Collection[MailingStatus]) -> str:
    names = [str(state) for state in MailingStatus if state in states]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def time_problems(times: SendingTimes) -> list[FieldError]:
    """What is wrong with a mailing's times, by field; an empty list if nothing is."""
    found = _type_problems(times)
    if found:
        return found
    try:
        if times.time_zone is not None:
            parse_time_zone(times.time_zone)
    except ZoneError as error:
        found.append(FieldError("time_zone", str(error), FieldCode.WRONG_FORMAT))
    for name, wall in (("starts_at", times.starts_at), ("ends_at", times.ends_at)):
        if wall.year not in YEARS:
            found.append(FieldError(name, f"a wall time of the years {YEARS[0]} to {YEARS[-1]}", FieldCode.OUT_OF_RANGE))
    if times.ends_at <= times.starts_at:
        found.append(FieldError("ends_at", "must be after starts_at", FieldCode.CONTRADICTION))
    if (times.send_from is None) != (times.send_until is None):
        missing = "send_from" if times.send_from is None else "send_until"
        found.append(FieldError(missing, "send_from and send_until are given together or not at all", FieldCode.CONTRADICTION))
    elif times.send_from is not None and times.send_from == times.send_until:
        found.append(
            FieldError("send_until", "must differ from send_from; leave both out to send all day", FieldCode.CONTRADICTION)
        )
    return found


def _type_problems(times: SendingTimes) -> list[FieldError]:
    found = [
        FieldError(name, "must not be empty", FieldCode.REQUIRED)
        if wall is None
        else FieldError(name, "a wall time, without an offset", FieldCode.WRONG_TYPE)
        for name, wall in (("starts_at", times.starts_at), ("ends_at", times.ends_at))
        if not isinstance(wall, datetime) or wall.tzinfo is not None
    ]
    found += [
        FieldError(name, "a time of day, without an offset", FieldCode.WRONG_TYPE)
        for name, hour in (("send_from", times.send_from), ("send_until", times.send_until))
        if hour is not None and (not isinstance(hour, time) or hour.tzinfo is not None)
    ]
    if times.time_zone is not None and not isinstance(times.time_zone, str):
        found.append(FieldError("time_zone", "the name of a time zone", FieldCode.WRONG_TYPE))
    return found


def text_problems(text: str) -> list[FieldError]:
    """What is wrong with the placeholders of a mailing's text, or with what they leave."""
    try:
        asked = needs(text)
    except TextError as error:
        return [FieldError("text", str(error), FieldCode.WRONG_FORMAT)]
    if asked.by_values_alone and not asked.names:
        return [FieldError("text", "has nothing in it that can be seen", FieldCode.BLANK)]
    return []
