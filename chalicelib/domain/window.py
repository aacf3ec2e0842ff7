"""When a message may go out.

UTC to local is always unambiguous, local to UTC is not: this module is the one place that converts wall time to instants.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from chalicelib.domain.zones import is_known

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def instant(wall: datetime, zone: str) -> datetime:
    """The UTC instant at which clocks in `zone` show `wall` (naive).

    Where clocks show it twice (an overlap) the first instant is meant, where they never show it (a gap) the instant after the gap.
    """
    tz = ZoneInfo(zone)
    before = wall.replace(tzinfo=tz, fold=0)
    as_utc = before.astimezone(UTC)
    if as_utc.astimezone(tz).replace(tzinfo=None) == wall:
        return as_utc
    return _end_of_gap(wall, tz)


def _end_of_gap(wall: datetime, tz: ZoneInfo) -> datetime:
    # PEP 495: in a gap, fold=1 reads the wall time with the offset after it, which gives an instant before the gap, and fold=0
    # one after it. The transition lies between the two; zoneinfo does not tell where, so halve the stretch.
    low = wall.replace(tzinfo=tz, fold=1).astimezone(UTC)
    high = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    offset_before = low.astimezone(tz).utcoffset()
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        if middle.astimezone(tz).utcoffset() == offset_before:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, from `opens_at` (in it) to `closes_at` (not in it), both UTC."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class Window:
    """The current or next interval of one zone, and the end after which nothing may be delivered there, all UTC."""

    opens_at: datetime
    closes_at: datetime
    expires_at: datetime


class Obstacle(StrEnum):
    """Why no message can be sent in a zone."""

    PAST = "past"
    """Its end is past."""
    SKIPPED = "skipped"
    """Its start and end are the same instant: clocks skip what lies between them."""
    TOO_SHORT = "too_short"
    """From its start (or from now) to its end there is less time than one call may take."""
    HOURS = "hours"
    """Its daily sending hours never open, for longer than one call may take, between its start and its end."""
    UNKNOWN_ZONE = "unknown_time_zone"
    """Its local time cannot be computed here."""


@dataclass(frozen=True, slots=True)
class BlockedZone:
    """A time zone in which nothing can be sent, how many selected clients live there, and why."""

    time_zone: str
    clients: int
    obstacle: Obstacle


_DAYS_OF_HOURS = 10
"""Days on which sending hours are looked for: on one a change of clocks may swallow them, on the next they open."""


@dataclass(frozen=True, slots=True)
class SendingTimes:
    """What a mailing says about time: wall times, the zone they are meant in (None: each client's own), daily sending hours.

    `start_now_at` (UTC) is set once a person started the mailing by hand: it then starts at that instant in every zone.
    """

    starts_at: datetime
    ends_at: datetime
    time_zone: str | None = None
    send_from: time | None = None
    send_until: time | None = None
    start_now_at: datetime | None = None

    def start(self, client_zone: str) -> datetime:
        """The instant (UTC) at which the mailing starts for clients in `client_zone`."""
        return self.start_now_at or instant(self.starts_at, self.time_zone or client_zone)

    def end(self, client_zone: str) -> datetime:
        """The instant (UTC) from which nothing may be delivered to clients in `client_zone`."""
        return instant(self.ends_at, self.time_zone or client_zone)

    def computable(self, client_zone: str) -> bool:
        """Are the zones known here that decide when clients in `client_zone` may be sent to?"""
        if not is_known(self.time_zone or client_zone):
            return False
        return self.send_from is None or is_known(client_zone)

    def obstacle(self, client_zone: str, now: datetime | None, margin: timedelta) -> Obstacle | None:
        """Why no message can be sent to clients in `client_zone` from `now` on (None: ever); None if one can.

        One can if there is an instant at which a call that takes up to `margin` can begin, and be answered before the hours or the
        mailing end.
        """
        if not self.computable(client_zone):
            return Obstacle.UNKNOWN_ZONE
        start, end = self.start(client_zone), self.end(client_zone)
        if now is not None and end <= now:
            return Obstacle.PAST
        now = now or start
        if end <= start:
            return Obstacle.SKIPPED
        if end - max(start, now) <= margin:
            return Obstacle.TOO_SHORT
        return None if self._opens_for(client_zone, now, margin) else Obstacle.HOURS

    def _opens_for(self, client_zone: str, now: datetime, margin: timedelta) -> bool:
        moment = now
        for _ in range(_DAYS_OF_HOURS):
            interval = self.interval(client_zone, moment)
            if interval.closes_at - max(interval.opens_at, now) > margin:
                return True
            if interval.opens_at == interval.closes_at:
                return False
            moment = interval.closes_at
        return False

    def window(self, client_zone: str, now: datetime) -> Window:
        """What a mailing stores of a zone: its current or next interval, and its end.

        For a zone that cannot be computed, an interval that never opens, from the start to the end as clocks in UTC show them.
        """
        if self.computable(client_zone):
            interval = self.interval(client_zone, now)
            return Window(interval.opens_at, interval.closes_at, self.end(client_zone))
        start = self.start_now_at or self.starts_at.replace(tzinfo=UTC)
        return Window(start, start, max(self.ends_at.replace(tzinfo=UTC), start))

    def interval(self, client_zone: str, now: datetime) -> Interval:
        """The current or next stretch in which clients in `client_zone` may be sent to.

        Once no stretch is left, an empty one at the mailing's end: nothing goes out in it, and waiting rows expire there.
        """
        start, end = self.start(client_zone), self.end(client_zone)
        if self.send_from is None or self.send_until is None:
            return Interval(start, end)
        day = max(now, start).astimezone(ZoneInfo(client_zone)).date() - _DAY
        while True:
            hours = self._hours(day, client_zone)
            if hours.opens_at >= end:
                return Interval(end, end)
            opens, closes = max(hours.opens_at, start), min(hours.closes_at, end)
            if opens < closes and closes > now:
                return Interval(opens, closes)
            day += _DAY

    def _hours(self, day: date, zone: str) -> Interval:
        assert self.send_from is not None  # noqa: S101 - for the type checker: interval() looked
        assert self.send_until is not None  # noqa: S101 - the same
        last_day = day if self.send_from < self.send_until else day + _DAY
        return Interval(
            instant(datetime.combine(day, self.send_from), zone), instant(datetime.combine(last_day, self.send_until), zone)
        )
