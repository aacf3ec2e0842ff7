"""When a message may go out.

UTC to local is always unambiguous, local to UTC is not: this module is the one place that converts wall time to instants.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

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
        assert self.send_until is not None  # noqa: S101
        last_day = day if self.send_from < self.send_until else day + _DAY
        return Interval(
            instant(datetime.combine(day, self.send_from), zone), instant(datetime.combine(last_day, self.send_until), zone)
        )
