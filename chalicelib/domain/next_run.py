"""When a mailing wants its next run."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.status import MailingStatus


@dataclass(frozen=True, slots=True)
class ZoneState:
    """One zone of a mailing as a run leaves it. `earliest` is the first moment of its waiting rows that are not dispatched."""

    opens_at: datetime
    closes_at: datetime
    expires_at: datetime
    planned: bool
    earliest: datetime | None


@dataclass(frozen=True, slots=True)
class MailingState:
    """A whole mailing as a run leaves it. `dispatched`: does SQS or a worker hold a row that waits?"""

    status: MailingStatus
    zones: Sequence[ZoneState]
    dispatched: bool
    held_until: datetime | None = None
    """While the provider's breaker is open: the moment of its next probe."""


def next_run(state: MailingState, *, now: datetime, pause: timedelta, deadline: timedelta) -> datetime | None:
    """The earliest moment at which a run finds something to do; None when nothing is left (the mailing is finished).

    `pause` is the least distance from `now` (zero for a run that stopped at its budget), `deadline` a provider call's: a row that
    could not be answered before the end waits for the end, to expire there.
    """
    moments = [moment for zone in state.zones if (moment := _zone_moment(zone, state, now, deadline)) is not None]
    if state.dispatched:
        moments.append(now)
    if not moments:
        return None
    return max(min(moments), now + pause)


def _zone_moment(zone: ZoneState, state: MailingState, now: datetime, deadline: timedelta) -> datetime | None:
    if state.status is MailingStatus.CANCELLED:
        return now if zone.earliest else None
    if state.status is MailingStatus.PAUSED:
        return zone.expires_at if zone.earliest or not zone.planned else None
    if not zone.planned:
        return zone.opens_at
    if zone.earliest is None:
        return None
    return _first_chance(zone, max(zone.earliest, state.held_until or zone.earliest), deadline)


def _first_chance(zone: ZoneState, earliest: datetime, deadline: timedelta) -> datetime:
    moment = max(earliest, zone.opens_at)
    if moment >= zone.expires_at - deadline:
        return zone.expires_at
    return min(moment, zone.closes_at)
