"""Sending hours, ends, changes of clocks and edits, from the run's side."""

from datetime import UTC, datetime, time, timedelta

import pytest

from chalicelib.domain.errors import ConflictError, InvalidInputError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.services import mailings
from tests.world import NOW, START, World

HOUR = timedelta(hours=1)


def schedules(world: World) -> list[datetime]:
    return sorted(datetime.fromtimestamp(int(name.rsplit("-", 1)[1]), UTC) for name in world.aws.schedules)


def test_messages_wait_for_the_next_opening(world: World) -> None:
    world.add_clients(60)
    world.settings = world.settings.model_copy(update={"max_dispatched": 25})
    mailing = world.write(send_from=time(9), send_until=time(12, 0, 30), starts_at=START, ends_at=START + timedelta(days=3))
    world.run(mailing.id)
    world.work()
    world.clock.advance(seconds=31)
    world.run(mailing.id)
    assert world.statuses(mailing.id) == {"waiting": 35, "sent": 25, "total": 60}
    assert world.mailing(mailing.id).next_run_at == NOW + timedelta(hours=21)
    assert schedules(world) == [NOW + timedelta(hours=21)]

    done = world.finish(mailing.id)
    assert done.counts["sent"] == 60
    assert world.clock.now >= NOW + timedelta(hours=21)


def test_hours_that_do_not_come_before_the_end_expire(world: World) -> None:
    world.add_clients(5)
    mailing = world.write(send_from=time(9), send_until=time(11), ends_at=START + timedelta(hours=22))
    world.sql("UPDATE mailing SET ends_at = :end", end=START + timedelta(hours=20))  # none would be accepted so
    world.sql("DELETE FROM mailing_zone")
    done = world.finish(mailing.id)
    assert done.counts["expired"] == 5
    assert not world.provider.calls
    assert world.clock.now >= NOW + timedelta(hours=20)


def test_the_end_comes_in_the_middle_of_retries(world: World) -> None:
    world.add_clients(5)
    mailing = world.write(ends_at=START + HOUR)
    world.provider.answer = lambda _id: Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503", 3000.0)
    world.run(mailing.id)
    world.work()
    world.settings = world.settings.model_copy(update={"max_attempts": 100})
    done = world.finish(mailing.id)
    assert done.counts["expired"] == 5
    [(error_code,)] = set(world.sql("SELECT error_code FROM message"))
    assert error_code == "not_delivered", "why it was still waiting"


def test_an_end_in_the_middle_of_unknown_fates_is_not_called_expired(world: World) -> None:
    world.add_clients(5)
    world.settings = world.settings.model_copy(
        update={"provider_honours_key": True, "backoff_base_seconds": 9000, "backoff_cap_seconds": 90000}
    )
    mailing = world.write(ends_at=START + timedelta(minutes=1))
    world.provider.answer = lambda _id: Outcome(OutcomeKind.UNKNOWN, "HTTP 500")
    done = world.finish(mailing.id)
    assert (done.counts["expired"], done.counts["failed"]) == (0, 5)
    assert set(world.sql("SELECT error_code FROM message")) == {("unknown_outcome",)}


@pytest.mark.parametrize(
    ("zone", "wall", "opens"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30)),
        ("America/New_York", datetime(2027, 3, 14, 2, 30), datetime(2027, 3, 14, 7, 0)),
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 15), datetime(2026, 10, 3, 15, 30)),
        ("Asia/Kathmandu", datetime(2026, 10, 4, 12), datetime(2026, 10, 4, 6, 15)),
        ("Pacific/Kiritimati", datetime(2026, 10, 4, 12), datetime(2026, 10, 3, 22)),
    ],
)
def test_a_wave_opens_when_clocks_there_say_so(world: World, zone: str, wall: datetime, opens: datetime) -> None:
    world.add_clients(1, zone=zone)
    mailing = world.write(time_zone=None, starts_at=wall, ends_at=wall + HOUR * 5)
    assert mailing.next_run_at == opens.replace(tzinfo=UTC)
    assert world.finish(mailing.id).counts["sent"] == 1


def test_zones_that_share_an_instant_share_a_wave(world: World) -> None:
    for number, zone in enumerate(("Europe/Berlin", "Europe/Paris", "Africa/Lagos", "UTC")):
        world.add_clients(1, first=number, zone=zone)
    mailing = world.write(time_zone=None, starts_at=datetime(2026, 12, 1, 12), ends_at=datetime(2026, 12, 2))
    world.clock.now = mailing.next_run_at or NOW
    figures = world.run(mailing.id)
    assert figures is not None
    assert figures.planned == 3


def test_moving_the_start_moves_the_schedule_and_deleting_removes_it(world: World) -> None:
    world.add_clients(1)
    mailing = world.write(starts_at=START + HOUR)
    assert schedules(world) == [NOW + HOUR]
    moved = mailings.edit(world.engine, world.owner, mailing.id, {"starts_at": START + 2 * HOUR}, clock=world.clock)
    assert (moved.next_run_at, schedules(world)) == (NOW + 2 * HOUR, [NOW + 2 * HOUR])
    draft = mailings.edit(world.engine, world.owner, mailing.id, {"draft": True}, clock=world.clock)
    assert (draft.status, draft.next_run_at, schedules(world)) == ("draft", None, [])
    again = mailings.edit(world.engine, world.owner, mailing.id, {"draft": False}, clock=world.clock)
    assert (again.status, schedules(world)) == ("scheduled", [NOW + 2 * HOUR])
    mailings.delete(world.engine, world.owner, mailing.id)
    assert schedules(world) == []


def test_start_now_opens_every_zone_and_is_idempotent(world: World) -> None:
    world.add_clients(1, zone="Asia/Tokyo")
    world.add_clients(1, first=1, zone="America/Los_Angeles")
    tomorrow = START + timedelta(days=1)
    mailing = world.write(time_zone=None, starts_at=tomorrow, ends_at=tomorrow + HOUR)
    world.aws.runs.clear()
    mailings.start(world.engine, world.owner, mailing.id, clock=world.clock)
    assert world.aws.runs == [({"mailing_id": mailing.id, "source": "api", "hop": 0}, 0)]
    assert schedules(world) == []
    world.run(mailing.id)
    assert mailings.start(world.engine, world.owner, mailing.id, clock=world.clock).status == "running"
    done = world.finish(mailing.id)
    assert (done.counts["sent"], world.clock.now < NOW + HOUR) == (2, True)
    with pytest.raises(ConflictError, match="draft or scheduled"):
        mailings.start(world.engine, world.owner, mailing.id, clock=world.clock)


def test_the_end_may_move_while_paused_and_the_start_may_not(world: World) -> None:
    world.add_clients(40)
    world.settings = world.settings.model_copy(update={"max_dispatched": 20})
    mailing = world.write(ends_at=START + HOUR)
    world.run(mailing.id)
    world.work()
    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    world.run(mailing.id)
    with pytest.raises(ConflictError, match="only before the mailing's first run"):
        mailings.edit(world.engine, world.owner, mailing.id, {"starts_at": START + HOUR}, clock=world.clock)
    with pytest.raises(InvalidInputError, match="ends_at"):
        mailings.edit(world.engine, world.owner, mailing.id, {"ends_at": START}, clock=world.clock)
    mailings.edit(world.engine, world.owner, mailing.id, {"ends_at": START + 3 * HOUR, "text": "still there?"}, clock=world.clock)
    world.clock.advance(hours=2)
    mailings.resume(world.engine, world.owner, mailing.id, clock=world.clock)
    done = world.finish(mailing.id)
    assert done.counts["sent"] == 40
    assert set(world.provider.texts.values()) == {"hello", "still there?"}


def test_an_end_past_in_every_zone_is_refused(world: World) -> None:
    world.add_clients(1, zone="Asia/Tokyo")
    with pytest.raises(InvalidInputError, match="ends_at: is past in every time zone"):
        world.write(time_zone=None, starts_at=START, ends_at=START + 5 * HOUR)
    world.add_clients(1, first=1, zone="America/Los_Angeles")
    assert world.write(time_zone=None, confirmed=True, starts_at=START, ends_at=START + 5 * HOUR).status == "scheduled"


def test_each_verb_is_idempotent_and_legal_only_where_it_makes_sense(world: World) -> None:
    world.add_clients(1)
    mailing = world.write(starts_at=START + HOUR)
    who = (world.engine, world.owner, mailing.id)
    for verb, status in (
        (mailings.pause, "paused"),
        (mailings.resume, "scheduled"),
        (mailings.pause, "paused"),
        (mailings.cancel, "cancelled"),
    ):
        assert verb(*who, clock=world.clock).status == status
        assert verb(*who, clock=world.clock).status == status
    for verb in (mailings.pause, mailings.resume, mailings.start):
        with pytest.raises(ConflictError, match="a cancelled mailing cannot be"):
            verb(*who, clock=world.clock)
    world.finish(mailing.id)
    actions = [row[0] for row in world.sql("SELECT action FROM history ORDER BY id")]
    assert actions == ["create", "pause", "resume", "pause", "cancel"], "what changed nothing is not written down"
    mailings.delete(*who)


def test_a_paused_mailing_whose_end_is_moved_nearer_expires_then(world: World) -> None:
    world.add_clients(2)
    mailing = world.write()
    world.run(mailing.id)
    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    world.work()
    world.clock.advance(seconds=2)
    world.run(mailing.id)
    assert world.mailing(mailing.id).next_run_at == NOW + timedelta(days=1)
    mailings.edit(world.engine, world.owner, mailing.id, {"ends_at": START + HOUR}, clock=world.clock)
    assert world.finish(mailing.id).counts["expired"] == 2
    assert world.clock.now < NOW + 2 * HOUR


def test_windows_and_ends_are_each_mailings_and_each_zones_own(world: World) -> None:
    world.add_clients(1, zone="Asia/Tokyo")
    world.add_clients(1, first=1)
    early = world.write(time_zone=None, confirmed=True, starts_at=START - 9 * HOUR, ends_at=START + HOUR)
    other = world.write(time_zone=None, starts_at=START + 2 * HOUR, ends_at=START + 30 * HOUR)
    ends = "SELECT expires_at FROM mailing_zone WHERE mailing_id = :id ORDER BY time_zone"
    assert world.sql(ends, id=early.id) == [(NOW - 8 * HOUR,), (NOW + HOUR,)]
    assert world.sql(ends, id=other.id) == [(NOW + 21 * HOUR,), (NOW + 30 * HOUR,)]
    mailings.edit(world.engine, world.owner, other.id, {"ends_at": START + 31 * HOUR}, clock=world.clock)
    assert world.sql(ends, id=early.id) == [(NOW - 8 * HOUR,), (NOW + HOUR,)]
    world.sql("UPDATE mailing_zone SET expires_at = :end WHERE time_zone = 'UTC'", end=NOW + HOUR)
    for _ in range(2):
        world.sql("UPDATE mailing SET next_run_at = :now", now=world.clock.now)
        assert world.run(early.id) is not None
    assert world.statuses(early.id) == {"waiting": 1, "expired": 1, "total": 2}
