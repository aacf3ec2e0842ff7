"""Wall times to instants, and the intervals in which a message may go out."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.window import Interval, Obstacle, SendingTimes, instant
from chalicelib.domain.zones import time_zones

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Pacific/Tongatapu",
    "Pacific/Kiritimati", "America/St_Johns", "Africa/Casablanca", "Asia/Tokyo", "Pacific/Pago_Pago", "Atlantic/Azores",
]  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "shown", "expected"),
    [
        ("UTC", "2026-06-01T12:00", "2026-06-01T12:00"),
        ("Asia/Kathmandu", "2026-06-01T12:00", "2026-06-01T06:15"),
        ("Pacific/Kiritimati", "2026-06-01T12:00", "2026-05-31T22:00"),
        ("Pacific/Tongatapu", "2026-06-01T12:00", "2026-05-31T23:00"),
        # Gaps: the instant after them.
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T02:59:59", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T07:00"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
        ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00"),
        # Overlaps: the first of the two.
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),
        ("America/New_York", "2026-11-01T01:30", "2026-11-01T05:30"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45"),
    ],
)
def test_instants_at_real_transitions(zone: str, shown: str, expected: str) -> None:
    assert instant(wall(shown), zone) == utc(expected)


@given(st.datetimes(wall("2005-01-01"), wall("2035-01-01")), st.sampled_from(ZONES))
def test_an_instant_is_the_first_at_which_clocks_show_that_time_or_later(shown: datetime, zone: str) -> None:
    shown = shown.replace(microsecond=0, fold=0)
    found = instant(shown, zone)
    assert found == brute_force(shown, zone)


def brute_force(shown: datetime, zone: str) -> datetime:
    """Walks the UTC line in seconds within each stretch of one offset: slow, and by no rule of the code under test."""
    tz = ZoneInfo(zone)
    moment = shown.replace(tzinfo=UTC) - timedelta(hours=30)
    while True:
        shows = moment.astimezone(tz).replace(tzinfo=None, fold=0)
        if shows >= shown:
            return moment
        missing = shown - shows
        step = missing if (moment + missing).astimezone(tz).utcoffset() == moment.astimezone(tz).utcoffset() else None
        moment += step if step is not None else max(timedelta(seconds=1), _to_transition(moment, missing, tz))


def _to_transition(moment: datetime, most: timedelta, tz: ZoneInfo) -> timedelta:
    for unit in (timedelta(hours=1), timedelta(minutes=1)):
        if unit <= most and (moment + unit).astimezone(tz).utcoffset() == moment.astimezone(tz).utcoffset():
            return unit
    return timedelta(seconds=1)


@given(
    st.datetimes(wall("2024-01-01"), wall("2030-01-01")),
    st.timedeltas(timedelta(minutes=1), timedelta(days=5)),
    st.times(),
    st.times(),
    st.sampled_from(ZONES),
    st.timedeltas(timedelta(days=-1), timedelta(days=6)),
)
def test_what_is_inside_an_interval_is_inside_window_and_hours(
    start: datetime, length: timedelta, send_from: time, send_until: time, zone: str, later: timedelta
) -> None:
    send_from, send_until = send_from.replace(second=0, microsecond=0), send_until.replace(second=0, microsecond=0)
    if send_from == send_until:
        return
    times = SendingTimes(start, start + length, None, send_from, send_until)
    now = times.start(zone) + later
    interval = times.interval(zone, now)

    assert interval.opens_at <= interval.closes_at
    if interval.opens_at < interval.closes_at:
        assert times.start(zone) <= interval.opens_at
        assert interval.closes_at <= times.end(zone)
        assert interval.closes_at > now
        assert _within(interval.opens_at.astimezone(ZoneInfo(zone)), send_from, send_until)
    else:
        assert interval.opens_at == times.end(zone)


def _within(local: datetime, send_from: time, send_until: time) -> bool:
    shows = local.time()
    # A change of clocks may carry the opening past a gap; the hours it opens in are then still those of the day's part.
    return shows >= send_from if send_from < send_until else (shows >= send_from or shows < send_until)


MARGIN = timedelta(seconds=10)


@given(
    st.sampled_from(ZONES),
    st.sampled_from(["2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-10-04", "2026-04-05", "2026-06-15"]),
    st.integers(0, 30 * 60),
    st.sampled_from([5, 9, 10, 11, 12, 40, 1800, 3600, 3601, 7200, 30 * 3600, 70 * 3600]),
    st.none() | st.tuples(st.integers(0, 23 * 60 + 59), st.sampled_from([1, 7, 30, 60, 600, 1200, 1439])),
    st.sampled_from([None, -3600, 0, 5, 1795, 3595, 7195, 29 * 3600]),
)
def test_an_obstacle_is_found_exactly_where_no_claim_could_ever_happen(
    zone: str, day: str, minute: int, length: int, hours: tuple[int, int] | None, now_after: int | None
) -> None:
    start = wall(day) + timedelta(minutes=minute)
    send_from = send_until = None
    if hours is not None:
        send_from, send_until = (
            (datetime(2000, 1, 1) + timedelta(minutes=at)).time() for at in (hours[0], (hours[0] + hours[1]) % 1440)
        )
    times = SendingTimes(start, start + timedelta(seconds=length), None, send_from, send_until)
    now = None if now_after is None else times.start(zone) + timedelta(seconds=now_after)
    assert (times.obstacle(zone, now, MARGIN) is None) is _some_claim(times, zone, now)


def _some_claim(times: SendingTimes, zone: str, now: datetime | None) -> bool:
    """Looks at each instant near a minute, in which anything can open or close: is its window open, and for longer than a call?"""
    moment = times.start(zone) if now is None else now
    end = times.end(zone)
    while moment < end:
        window = times.window(zone, moment)
        if window.opens_at <= moment and moment + MARGIN < min(window.closes_at, window.expires_at):
            return True
        moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return False


@pytest.mark.parametrize(
    ("zone", "start", "end", "hours", "obstacle"),
    [
        ("UTC", "2026-06-01T12:00", "2026-06-01T12:00:10", None, Obstacle.TOO_SHORT),
        ("UTC", "2026-06-01T12:00", "2026-06-01T12:00:11", None, None),
        ("Europe/Berlin", "2026-03-29T02:05", "2026-03-29T02:55", None, Obstacle.SKIPPED),
        ("Europe/Berlin", "2026-03-29T02:05", "2026-03-29T03:00:05", None, Obstacle.TOO_SHORT),
        ("Europe/London", "2026-03-29T02:05", "2026-03-29T02:55", None, None),
        ("UTC", "2026-06-01T12:00", "2026-06-02T08:00", ("09:00", "11:00"), Obstacle.HOURS),
        ("UTC", "2026-06-01T12:00", "2026-06-05T08:00", ("09:00", "09:00:08"), Obstacle.HOURS),
        ("Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00", ("02:05", "02:55"), Obstacle.HOURS),
        ("Europe/Berlin", "2026-03-28T12:00", "2026-03-30T12:00", ("02:05", "02:55"), None),
        ("Mars/Olympus", "2026-06-01T12:00", "2026-06-02T12:00", None, Obstacle.UNKNOWN_ZONE),
    ],
)
def test_obstacles_by_name(zone: str, start: str, end: str, hours: tuple[str, str] | None, obstacle: Obstacle | None) -> None:
    send_from, send_until = (None, None) if hours is None else map(time.fromisoformat, hours)
    times = SendingTimes(wall(start), wall(end), None, send_from, send_until)
    assert times.obstacle(zone, utc("2026-01-01T00:00"), MARGIN) is obstacle
    past = None if obstacle is Obstacle.UNKNOWN_ZONE else Obstacle.PAST
    assert times.obstacle(zone, utc("2027-01-01T00:00"), MARGIN) is (past or obstacle)


def test_hours_that_cross_midnight() -> None:
    times = SendingTimes(wall("2026-06-01T12:00"), wall("2026-06-04T12:00"), None, time(22), time(6))
    tokyo = "Asia/Tokyo"
    assert times.interval(tokyo, utc("2026-06-01T00:00")) == Interval(utc("2026-06-01T13:00"), utc("2026-06-01T21:00"))
    assert times.interval(tokyo, utc("2026-06-01T20:59")) == Interval(utc("2026-06-01T13:00"), utc("2026-06-01T21:00"))
    assert times.interval(tokyo, utc("2026-06-01T21:00")) == Interval(utc("2026-06-02T13:00"), utc("2026-06-02T21:00"))


def test_a_start_within_the_hours_opens_at_the_start_and_an_end_within_them_closes() -> None:
    times = SendingTimes(wall("2026-06-01T12:00"), wall("2026-06-02T10:00"), None, time(9), time(18))
    assert times.interval("UTC", utc("2026-06-01T00:00")) == Interval(utc("2026-06-01T12:00"), utc("2026-06-01T18:00"))
    assert times.interval("UTC", utc("2026-06-01T18:00")) == Interval(utc("2026-06-02T09:00"), utc("2026-06-02T10:00"))
    assert times.interval("UTC", utc("2026-06-02T10:00")) == Interval(utc("2026-06-02T10:00"), utc("2026-06-02T10:00"))


def test_a_named_zone_rules_start_and_end_but_not_the_hours() -> None:
    times = SendingTimes(wall("2026-06-01T00:00"), wall("2026-06-02T00:00"), "UTC", time(9), time(18))
    assert times.interval("Asia/Tokyo", utc("2026-06-01T00:00")) == Interval(utc("2026-06-01T00:00"), utc("2026-06-01T09:00"))


def test_started_by_hand_it_starts_at_that_instant_everywhere() -> None:
    moment = utc("2026-05-20T08:00")
    times = SendingTimes(wall("2026-06-01T00:00"), wall("2026-06-02T00:00"), start_now_at=moment)
    assert {times.start(zone) for zone in ZONES} == {moment}


@pytest.mark.parametrize(
    "odd", ["localtime", "+03", "Etc/GMT+3", "posixrules", "Factory", "right/UTC", "EST", "", "europe/berlin"]
)
def test_odd_zones_are_none(odd: str) -> None:
    assert odd not in time_zones()


def test_ordinary_zones_are_there() -> None:
    assert set(ZONES) <= time_zones()
