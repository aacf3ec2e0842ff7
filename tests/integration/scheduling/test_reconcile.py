"""What got lost is found."""

from datetime import timedelta

import pytest

from chalicelib.domain.status import StartSource
from chalicelib.scheduling.reconcile import schedules_of
from chalicelib.services import mailings
from chalicelib.storage import mailings as mailings_stored
from chalicelib.storage.engine import autocommit
from tests.world import NOW, START, World

LATER = START + timedelta(hours=1)


def test_a_schedule_that_never_fires(world: World) -> None:
    world.add_clients(3)
    mailing = world.write(starts_at=LATER)
    world.clock.now = NOW + timedelta(hours=1, seconds=59)
    assert world.reconcile().runs_woken == 0, "the schedule may still fire"
    world.clock.advance(seconds=2)
    world.aws.runs.clear()
    assert world.reconcile().runs_woken == 1
    assert world.aws.runs == [({"mailing_id": mailing.id, "source": "reconcile", "hop": 0}, 0)]
    world.run(mailing.id, StartSource.RECONCILE)
    assert world.mailing(mailing.id).started_by == "reconcile"
    assert world.finish(mailing.id).counts["sent"] == 3


def test_chunks_that_sqs_lost_are_dispatched_again(world: World) -> None:
    world.add_clients(30)
    mailing = world.write()
    world.run(mailing.id)
    world.aws.chunks.clear()
    world.clock.advance(seconds=539)
    assert world.reconcile().messages_rescued == 0
    world.clock.advance(seconds=2)
    assert world.reconcile().messages_rescued == 30
    assert world.finish(mailing.id).counts["sent"] == 30


def test_a_run_that_died_with_its_lease(world: World) -> None:
    world.add_clients(3)
    mailing = world.write()
    world.sql("UPDATE mailing SET status = 'running', run_lease_until = :until", until=NOW + timedelta(seconds=100))
    world.clock.advance(seconds=99)
    assert world.reconcile().runs_woken == 0
    world.clock.advance(seconds=2)
    assert world.reconcile().runs_woken == 1
    assert world.finish(mailing.id).counts["sent"] == 3


def test_schedules_come_to_agree_with_what_mailings_want(world: World) -> None:
    world.aws.down = True
    mailing = world.write(starts_at=LATER)
    assert not world.aws.schedules
    world.aws.down = False
    assert world.reconcile().schedules_moved == 1
    wanted = f"mailing-{mailing.id}-{(NOW + timedelta(hours=1)).timestamp():.0f}"
    assert list(world.aws.schedules) == [wanted]

    world.aws.schedules["mailing-99-1"] = {}
    assert world.reconcile().schedules_orphaned == 1
    world.aws.schedules.clear()
    assert world.reconcile().schedules_remade == 1
    assert list(world.aws.schedules) == [wanted]
    repairs = world.reconcile()
    assert (repairs.schedules_moved, repairs.schedules_orphaned, repairs.schedules_remade) == (0, 0, 0)


def test_a_zone_new_to_the_clients_joins_the_mailing(world: World) -> None:
    world.add_clients(1, zone="America/Los_Angeles")
    mailing = world.write(time_zone=None, starts_at=LATER, ends_at=LATER + timedelta(days=2))
    world.add_clients(1, first=1, zone="Asia/Tokyo")
    assert world.reconcile().zones_added == 1
    assert world.mailing(mailing.id).next_run_at == NOW, "one o'clock has struck in Tokyo"
    assert world.finish(mailing.id).counts["sent"] == 2


def test_a_paused_mailing_still_expires(world: World) -> None:
    world.add_clients(30)
    mailing = world.write(ends_at=START + timedelta(hours=2))
    world.run(mailing.id)
    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    done = world.finish(mailing.id)
    assert world.clock.now >= NOW + timedelta(hours=2)
    assert (done.status, done.counts["expired"]) == ("finished", 30)
    assert not world.provider.calls


def test_a_mailing_that_wants_no_run_though_it_has_work(world: World) -> None:
    world.add_clients(3)
    mailing = world.write()
    world.sql("UPDATE mailing SET next_run_at = NULL")
    assert world.reconcile().mailings_stranded == 1
    assert world.finish(mailing.id).counts["sent"] == 3


def test_every_lost_row_is_rescued_however_many_and_its_mailing_woken_at_once(world: World) -> None:
    world.add_clients(5)
    mailing = world.write()
    world.run(mailing.id)
    world.aws.chunks.clear()
    world.settings = world.settings.model_copy(update={"plan_slice": 2})
    world.clock.advance(seconds=world.settings.visibility_seconds)
    world.sql("UPDATE mailing SET next_run_at = :later", later=world.clock.now + timedelta(hours=1))
    world.aws.runs.clear()
    repairs = world.reconcile()
    assert (repairs.messages_rescued, repairs.runs_woken) == (5, 1)
    assert world.mailing(mailing.id).next_run_at == world.clock.now
    assert [body["mailing_id"] for body, _ in world.aws.runs] == [mailing.id]


@pytest.mark.parametrize("status", ["scheduled", "running", "paused", "cancelled"])
def test_a_stranded_mailing_is_woken_at_once(world: World, status: str) -> None:
    world.add_clients(3)
    mailing = world.write()
    world.run(mailing.id)
    world.sql("UPDATE mailing SET next_run_at = NULL, status = :status", status=status)
    world.aws.runs.clear()
    repairs = world.reconcile()
    assert (repairs.mailings_stranded, repairs.runs_woken) == (1, 1)
    assert [body["mailing_id"] for body, _ in world.aws.runs] == [mailing.id]


def test_schedules_that_are_just_being_made_or_left_are_nobodys_orphans(world: World) -> None:
    """The new one is made before it is confirmed; the old one is deleted after."""
    mailing = world.write(starts_at=LATER)
    hour, day = NOW + timedelta(hours=1), NOW + timedelta(days=1)
    for next_run_at, schedule_at in ((day, hour), (hour, day)):
        world.aws.schedules = {f"mailing-{mailing.id}-{moment.timestamp():.0f}": {} for moment in (hour, day)}
        world.sql("UPDATE mailing SET next_run_at = :one, schedule_at = :other", one=next_run_at, other=schedule_at)
        with autocommit(world.engine) as connection:
            (times,) = mailings_stored.all_run_times(connection).values()
        assert schedules_of(mailing.id, times) == set(world.aws.schedules)


def test_only_schedules_that_are_still_wanted_are_made_again(world: World) -> None:
    mailing = world.write(starts_at=LATER)
    world.aws.schedules.clear()
    world.clock.advance(hours=1, seconds=-1)
    assert world.reconcile().schedules_remade == 0, "it is firing just now"
    world.sql("UPDATE mailing SET next_run_at = :later", later=NOW + timedelta(days=1))
    repairs = world.reconcile()
    assert (repairs.schedules_moved, repairs.schedules_remade) == (1, 0)
    assert list(world.aws.schedules) == [f"mailing-{mailing.id}-{(NOW + timedelta(days=1)).timestamp():.0f}"]


def test_a_scheduler_that_is_away_stops_nothing_else(world: World) -> None:
    world.add_clients(3)
    world.write(starts_at=LATER)
    world.sql("UPDATE mailing SET next_run_at = NULL")
    world.aws.down = True
    assert world.reconcile().mailings_stranded == 1


def test_a_zone_new_to_the_clients_joins_a_paused_mailing_too(world: World) -> None:
    world.add_clients(1)
    mailing = world.write(starts_at=LATER)
    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    world.add_clients(1, first=1, zone="Asia/Tokyo")
    assert world.reconcile().zones_added == 1


def test_a_schedule_that_nobody_wants_any_more_is_taken_away(world: World) -> None:
    mailing = world.write(starts_at=LATER)
    world.sql("UPDATE mailing SET status = 'draft', next_run_at = NULL")
    assert world.reconcile().schedules_moved == 1
    assert not world.aws.schedules
    assert world.sql("SELECT schedule_at FROM mailing WHERE id = :id", id=mailing.id) == [(None,)]


def _schedule_of(world: World, mailing_id: int) -> str:
    (moment,) = world.sql("SELECT schedule_at FROM mailing WHERE id = :id", id=mailing_id)[0]
    return f"mailing-{mailing_id}-{moment.timestamp():.0f}"


def test_no_pass_lists_more_than_two_thousand_schedules_and_all_are_compared_in_turn(world: World) -> None:
    missing, kept = world.write(starts_at=LATER), world.write(starts_at=LATER)
    orphans = {f"mailing-{10**6 + number}-1900000000" for number in range(4_500)}
    world.aws.schedules = {name: {} for name in (*orphans, _schedule_of(world, kept.id), "somebody-elses", f"mailing-{10**19}-1")}
    repairs = [world.reconcile() for _ in range(4)]
    # What is removed is gone from the next listing, which starts behind it all the same.
    assert world.aws.listed == [2_000, 2_000, 503, 2]
    assert sum(one.schedules_orphaned for one in repairs) == 4_502
    assert [one.schedules_remade for one in repairs] == [1, 0, 0, 0], "what exists is not counted as made"
    assert set(world.aws.schedules) == {_schedule_of(world, missing.id), _schedule_of(world, kept.id)}


def test_where_not_all_schedules_are_listed_the_missing_ones_are_made_mailing_by_mailing(world: World) -> None:
    mailings_made = [world.write(starts_at=LATER).id for _ in range(120)]
    wanted = {_schedule_of(world, mailing_id) for mailing_id in mailings_made}
    world.aws.schedules = {f"mailing-{10**6 + number}-1900000000": {} for number in range(10_000)}
    remade = [world.reconcile().schedules_remade for _ in range(3)]
    assert remade == [50, 50, 20]
    assert wanted <= set(world.aws.schedules)


def test_a_token_that_has_expired_begins_the_listing_anew(world: World) -> None:
    mailing = world.write(starts_at=LATER)
    world.aws.schedules["mailing-99-1"] = {}
    world.progress.token = "expired"
    repairs = world.reconcile()
    assert (world.aws.listed, repairs.schedules_orphaned) == ([], 0)
    assert world.reconcile().schedules_orphaned == 1
    assert set(world.aws.schedules) == {_schedule_of(world, mailing.id)}
