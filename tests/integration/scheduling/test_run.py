"""One run of a mailing: planning, dispatch, chaining, finishing."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy import event

from chalicelib.domain.status import StartSource
from chalicelib.scheduling.run import advance_mailing
from chalicelib.services import clients, mailings
from chalicelib.services import messages as by_hand
from chalicelib.storage import messages
from chalicelib.storage.engine import autocommit
from tests.world import NOW, START, World


def test_a_mailing_is_planned_dispatched_sent_and_finished(world: World) -> None:
    world.add_clients(60)
    mailing = world.write()

    figures = world.run(mailing.id)

    assert figures is not None
    assert (figures.planned, figures.dispatched) == (60, 60)
    assert [len(chunk["message_ids"]) for chunk in world.aws.chunks] == [25, 25, 10]
    world.work()
    done = world.finish(mailing.id)
    assert (done.status, done.started_by, done.started_at) == ("finished", "schedule", NOW)
    assert world.statuses(mailing.id) == {"sent": 60, "total": 60}
    assert sorted(world.provider.calls) == sorted(set(world.provider.calls))
    assert len(world.provider.calls) == 60


def test_a_run_before_its_moment_or_beside_another_does_nothing(world: World) -> None:
    world.add_clients(1)
    mailing = world.write(starts_at=START + timedelta(hours=1))
    assert world.run(mailing.id) is None

    world.clock.advance(hours=1)
    world.sql("UPDATE mailing SET run_lease_until = :until", until=world.clock.now + timedelta(seconds=5))
    assert world.run(mailing.id) is None

    world.clock.advance(seconds=6)
    assert world.run(mailing.id) is not None


def test_a_second_chain_of_runs_dies_out(world: World) -> None:
    world.add_clients(30)
    mailing = world.write()
    assert world.run(mailing.id) is not None
    assert world.run(mailing.id, StartSource.RECONCILE) is None, "the first run moved the moment on"


def test_only_the_selection_is_planned(world: World) -> None:
    world.add_clients(3, tags=["vip", "old"])
    world.add_clients(4, first=3, tags=["old"])
    world.add_clients(5, first=7)
    assert world.finish(world.write(filter_tags=("vip",)).id).counts["total"] == 3
    assert world.finish(world.write(filter_tags=("vip", "old")).id).counts["total"] == 7
    assert world.finish(world.write(filter_operator_codes=("911",)).id).counts["total"] == 0
    assert world.finish(world.write(filter_operator_codes=("910", "911"), filter_tags=("old",)).id).counts["total"] == 7


def test_who_has_a_message_already_is_passed_over(world: World) -> None:
    """Added by hand, in the third slice; in the fifth, one whose client was deleted since and imported again is taken over."""
    world.add_clients(50)
    world.settings = world.settings.model_copy(update={"plan_slice": 10})
    mailing = world.write(starts_at=START + timedelta(hours=1))
    ids = [row[0] for row in world.sql("SELECT id FROM client ORDER BY id")]
    for client_id in (ids[25], ids[44]):
        by_hand.add(world.engine, world.owner, mailing.id, client_id, clock=world.clock)
    clients.delete(world.engine, world.owner, ids[44])
    world.add_clients(1, first=44)
    world.clock.advance(hours=1)

    figures = world.run(mailing.id)

    assert figures is not None
    assert figures.planned == 49, "one was there, and one begins anew: it was never called for"
    assert world.sql("SELECT count(*), count(DISTINCT phone) FROM message") == [(50, 50)]
    world.finish(mailing.id)
    assert world.statuses(mailing.id) == {"sent": 50, "total": 50}


def test_planning_goes_in_slices_and_repeats_harmlessly(world: World) -> None:
    world.add_clients(25)
    world.settings = world.settings.model_copy(update={"plan_slice": 10})
    mailing = world.write()
    assert world.run(mailing.id)
    world.sql("UPDATE mailing_zone SET cursor = 0, planned_at = NULL")
    world.work()
    world.sql("UPDATE mailing SET next_run_at = :now", now=world.clock.now)
    figures = world.run(mailing.id)
    assert figures is not None
    assert figures.planned == 0
    assert world.finish(mailing.id).counts == world.mailing(mailing.id).counts
    assert len(world.provider.calls) == 25


def test_the_queue_stays_short(world: World) -> None:
    world.add_clients(50)
    world.settings = world.settings.model_copy(update={"max_dispatched": 20, "dispatch_batch": 15})
    mailing = world.write()
    figures = world.run(mailing.id)
    assert figures is not None
    assert figures.dispatched == 20
    assert world.mailing(mailing.id).next_run_at == NOW + timedelta(seconds=1)
    assert world.finish(mailing.id).counts["sent"] == 50


def test_rows_that_postgresql_has_no_statistics_of_are_chosen_once(world: World) -> None:
    world.add_clients(3_000)
    world.write()
    world.sql("UPDATE mailing SET status = 'running'")
    world.sql("DELETE FROM message")
    world.sql("ANALYZE message")
    world.sql(
        "INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status)"
        " SELECT g.id, c.owner_id, c.id, c.phone, c.time_zone, :now, 1 FROM client c, mailing g",
        now=world.clock.now,
    )
    statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {messages._MARK_DISPATCHED.text}"
    times = {"now": world.clock.now, "answered_by": world.clock.now}
    [([plan],)] = world.sql(statement, mailing=world.sql("SELECT id FROM mailing")[0][0], size=100, **times)
    assert most_loops(plan["Plan"]) <= 100


def most_loops(node: dict[str, Any]) -> int:
    return max([int(node["Actual Loops"]), *(most_loops(each) for each in node.get("Plans", []))])


def test_what_sqs_refused_is_dispatched_again(world: World) -> None:
    world.add_clients(60)
    mailing = world.write()
    world.aws.refuse = lambda position: position == 1
    figures = world.run(mailing.id)
    assert figures is not None
    assert figures.dispatched == 35
    world.aws.refuse = lambda _position: False
    assert world.finish(mailing.id).counts["sent"] == 60
    assert len(world.provider.calls) == 60


def test_sqs_that_is_away_loses_nothing(world: World) -> None:
    world.add_clients(10)
    mailing = world.write()
    world.aws.down = True
    figures = world.run(mailing.id)
    assert figures is not None
    assert figures.dispatched == 0
    world.aws.down = False
    assert world.finish(mailing.id).counts["sent"] == 10


def test_a_client_added_meanwhile_is_caught_before_the_end(world: World) -> None:
    world.add_clients(5)
    mailing = world.write()
    world.run(mailing.id)
    world.add_clients(2, first=100)
    assert world.finish(mailing.id).counts["sent"] == 7


def test_a_client_moved_between_two_waves_is_sent_to_once(world: World) -> None:
    world.add_clients(3, zone="Asia/Tokyo")
    world.add_clients(3, first=10, zone="Europe/Berlin")
    mailing = world.write(time_zone=None, starts_at=START + timedelta(days=1), ends_at=START + timedelta(days=2))
    world.clock.now = world.mailing(mailing.id).next_run_at or NOW
    world.run(mailing.id)
    world.work()
    assert world.mailing(mailing.id).counts["sent"] == 3
    world.sql("UPDATE client SET time_zone = 'Europe/Berlin' WHERE time_zone = 'Asia/Tokyo'")
    done = world.finish(mailing.id)
    assert done.counts["sent"] == 6
    assert len(world.provider.calls) == 6


def test_zones_are_planned_as_they_open_and_the_schedule_moves_on(world: World) -> None:
    world.add_clients(2, zone="Asia/Tokyo")
    world.add_clients(3, first=10, zone="Europe/Berlin")
    day = START + timedelta(days=1)
    mailing = world.write(time_zone=None, starts_at=day, ends_at=day + timedelta(hours=2))
    tokyo, berlin = NOW + timedelta(days=1, hours=-9), NOW + timedelta(days=1, hours=-2)
    assert mailing.next_run_at == tokyo
    assert list(world.aws.schedules) == [f"mailing-{mailing.id}-{tokyo.timestamp():.0f}"]

    world.clock.now = tokyo
    figures = world.run(mailing.id)
    assert figures is not None
    assert figures.planned == 2
    world.work()
    world.clock.advance(seconds=2)
    world.run(mailing.id)

    assert world.mailing(mailing.id).next_run_at == berlin
    assert list(world.aws.schedules) == [f"mailing-{mailing.id}-{berlin.timestamp():.0f}"]
    world.finish(mailing.id)
    assert world.statuses(mailing.id) == {"sent": 5, "total": 5}


def test_whose_end_has_passed_gets_a_row_that_says_so(world: World) -> None:
    world.add_clients(2, zone="Asia/Tokyo")
    world.add_clients(3, first=10, zone="America/Los_Angeles")
    mailing = world.write(
        time_zone=None, confirmed=True, starts_at=START - timedelta(hours=6), ends_at=START + timedelta(hours=6)
    )
    done = world.finish(mailing.id)
    assert world.statuses(mailing.id) == {"sent": 3, "expired": 2, "total": 5}
    assert done.status == "finished"


def test_a_mailing_without_clients_starts_and_ends(world: World) -> None:
    assert world.finish(world.write().id).counts["total"] == 0


def test_who_came_after_a_mailing_was_cancelled_gets_none(world: World) -> None:
    world.add_clients(2)
    mailing = world.write()
    world.run(mailing.id)
    world.add_clients(1, first=2)
    mailings.cancel(world.engine, world.owner, mailing.id, clock=world.clock)
    assert world.finish(mailing.id).status == "cancelled"
    assert world.statuses(mailing.id) == {"cancelled": 2, "total": 2}


def test_mailings_that_run_share_the_providers_rate(world: World) -> None:
    world.settings = world.settings.model_copy(update={"provider_rate": 10})
    world.add_clients(100)
    one, other = world.write(), world.write()
    dispatched = []
    for mailing in (one, other):
        figures = world.run(mailing.id)
        assert figures is not None
        dispatched.append(figures.dispatched)
    assert dispatched == [30, 15], "three seconds' worth: of the whole rate, and of half of it"


def test_each_mailing_has_a_group_of_its_own_in_the_queue(world: World) -> None:
    """By which SQS lets one whose calls take long be passed by the others."""
    world.add_clients(60)
    one, other = world.write().id, world.write().id
    for mailing_id in (one, other):
        world.run(mailing_id)
    assert world.aws.groups == {(one, f"mailing-{one}"), (other, f"mailing-{other}")}


def test_a_run_whose_time_is_up_goes_on_at_once_in_the_next(world: World) -> None:
    world.add_clients(50)
    world.settings = world.settings.model_copy(update={"plan_slice": 10})
    mailing = world.write()
    ticks = count()
    tools = replace(world.run_tools, monotonic=lambda: float(next(ticks)))
    figures = advance_mailing(tools, mailing.id, StartSource.SCHEDULE, seconds=2.5)
    assert figures is not None
    assert (figures.out_of_time, figures.planned) == (True, 30)
    assert world.mailing(mailing.id).next_run_at == NOW
    assert world.finish(mailing.id).counts["sent"] == 50


def test_what_leaves_the_queue_while_a_run_ends_keeps_its_mailing_from_being_finished(world: World) -> None:
    """Held back by a worker, or found lost by reconcile, just after the run looked at one side of the account."""
    world.add_clients(5)
    mailing = world.write()
    world.run(mailing.id)
    [chunk] = world.aws.chunks
    world.clock.advance(seconds=5)

    def hold(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "AS earliest" in statement:
            with autocommit(world.owner_engine) as connection:
                messages.hold(connection, mailing.id, chunk["message_ids"], world.clock.now)

    event.listen(world.engine, "after_cursor_execute", hold)
    try:
        world.run(mailing.id)
    finally:
        event.remove(world.engine, "after_cursor_execute", hold)
    assert world.mailing(mailing.id).status == "running"
    assert world.finish(mailing.id).counts["sent"] == 5
