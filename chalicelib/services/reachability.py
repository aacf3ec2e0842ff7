"""Which selected clients a mailing can reach at all: in whose time zones there is a moment at which a message can be sent."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chalicelib.config import settings
from chalicelib.domain.errors import ConfirmationRequiredError, FieldCode, FieldError, InvalidInputError
from chalicelib.domain.selection import Selection
from chalicelib.domain.window import BlockedZone, Obstacle, SendingTimes
from chalicelib.domain.words import counted
from chalicelib.storage import selections

_EVERYWHERE = (Obstacle.PAST, Obstacle.TOO_SHORT)
_MOST_NAMED = 5  # zones in one sentence


def obstacle(times: SendingTimes, zone: str, now: datetime | None) -> Obstacle | None:
    """Why nothing can be sent in the zone from `now` on; None if something can."""
    return times.obstacle(zone, now, _margin())


def _margin() -> timedelta:
    return timedelta(seconds=settings().provider_deadline_seconds)


def require_reachable(
    connection: Connection,
    owner_id: int,
    selection: Selection,
    times: SendingTimes,
    zones: Collection[str],
    now: datetime | None,
    *,
    clients_known: bool = True,
) -> None:
    """Raise InvalidInputError if nothing can be sent in any of the zones in which selected clients live.

    If nothing can be sent in some of them, raise ConfirmationRequiredError. Without a selected client all
    `zones` count. `now` is None for a mailing that nobody has scheduled yet. While there are
    no clients (`clients_known`), only what will hold wherever they live counts.
    """
    reasons = {zone: reason for zone in zones if (reason := obstacle(times, zone, now)) is not None}
    if not clients_known:
        reasons = {zone: reason for zone, reason in reasons.items() if reason in _EVERYWHERE}
    if not reasons:
        return
    counts = selections.count_by_zone(connection, owner_id, selection)
    concerned = {zone: counts.get(zone, 0) for zone in zones if counts.get(zone)} or dict.fromkeys(zones, 0)
    blocked = [BlockedZone(zone, concerned[zone], reason) for zone, reason in sorted(reasons.items()) if zone in concerned]
    if len(blocked) == len(concerned):
        raise InvalidInputError(*_field_errors({zone.obstacle for zone in blocked}))
    if blocked:
        number = sum(zone.clients for zone in blocked)
        message = f"clients to whom nothing can be sent: {number} of {sum(concerned.values())}; {describe(blocked)}"
        raise ConfirmationRequiredError(FieldError("ends_at", message, FieldCode.EMPTY_WINDOW))


def describe(blocked: Collection[BlockedZone]) -> str:
    """The zones and their reasons, as one line."""
    named = [f"{zone.time_zone}: {WORDS[zone.obstacle]}" for zone in list(blocked)[:_MOST_NAMED]]
    more = len(blocked) - len(named)
    return "; ".join([*named, f"and {counted(more, 'more time zone')}"] if more else named)


WORDS = {
    Obstacle.PAST: "the end is past",
    Obstacle.SKIPPED: "the clocks skip the time between start and end",
    Obstacle.TOO_SHORT: "less time between start and end than a call may take",
    Obstacle.HOURS: "the sending hours never open between start and end",
    Obstacle.UNKNOWN_ZONE: "unknown time zone",
}
"""Each obstacle in a few words."""


def _field_errors(obstacles: Collection[Obstacle]) -> list[FieldError]:
    seconds = _margin().total_seconds()
    margin = counted(int(seconds) if seconds.is_integer() else seconds, "second")
    errors = {
        Obstacle.PAST: ("ends_at", "is past in every time zone of the clients"),
        Obstacle.SKIPPED: ("ends_at", "in no time zone of the clients is there any time between start and end: clocks skip it"),
        Obstacle.TOO_SHORT: (
            "ends_at",
            f"must be more than {margin} after the start, and after now: one call may take that long",
        ),
        Obstacle.HOURS: (
            "send_from",
            f"the sending hours never open for more than {margin} between the start and the end",
        ),
        Obstacle.UNKNOWN_ZONE: ("time_zone", "no selected client is in a time zone that is known here"),
    }
    return [FieldError(*errors[each], FieldCode.EMPTY_WINDOW) for each in Obstacle if each in obstacles]
