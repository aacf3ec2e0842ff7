"""What holds sending back: the provider's breaker, rates, the do-not-contact list."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import Connection

from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.pace import FREE, Pace, rate_at
from chalicelib.sending import gate
from chalicelib.services import mailings
from chalicelib.storage import gates
from chalicelib.storage.engine import autocommit
from tests.world import ACCEPTED, NOW, START, World

DOWN = Outcome(OutcomeKind.NOT_DELIVERED, "ConnectTimeout")
NO_JWT = Outcome(OutcomeKind.MISCONFIGURED, "HTTP 401")


def admitted(connection: Connection, world: World, mailing_id: int, ids: list[int], now: datetime) -> gate.Admission:
    [found] = gates.read(connection, mailing_id, "default")
    return gate.admit(connection, world.settings, mailing_id, ids, now, found)


def breaker(world: World) -> tuple[datetime | None, datetime | None]:
    found = world.sql("SELECT opened_at, probe_at FROM provider_state")
    return tuple(found[0]) if found else (None, None)


@pytest.mark.parametrize("trouble", [DOWN, NO_JWT, Outcome(OutcomeKind.UNKNOWN, "HTTP 500")])
def test_a_dead_provider_is_called_a_few_times_a_minute_and_then_resumed(world: World, trouble: Outcome) -> None:
    world.settings = world.settings.model_copy(update={"provider_honours_key": True})
    world.add_clients(500)
    mailing = world.write()
    world.provider.answer = lambda _id: trouble
    calls = []
    while world.clock.now < NOW + timedelta(minutes=10):
        before = len(world.provider.calls)
        world.clock.now = max(world.clock.now, world.mailing(mailing.id).next_run_at or world.clock.now)
        world.run(mailing.id)
        world.work()
        calls += [world.clock.now] * (len(world.provider.calls) - before)
    assert breaker(world)[0] is not None
    first_minute = [moment for moment in calls if moment < NOW + timedelta(minutes=1)]
    assert len(first_minute) <= 25 + 3, "one chunk found out, then probes"
    assert 25 <= len(calls) - len(first_minute) <= 9 * 3 + 1

    world.provider.answer = lambda _id: ACCEPTED
    back = world.clock.now
    done = world.finish(mailing.id)
    assert done.counts["sent"] == 500
    assert breaker(world) == (None, None)
    assert world.clock.now - back <= timedelta(minutes=11), "rows that were called wait for their backoff, the others do not"
    [(resumed,)] = world.sql("SELECT count(*) FROM message WHERE sent_at <= :soon", soon=back + timedelta(seconds=30))
    assert resumed >= 450
    # Not by id: which of the messages that are due together goes out first is not promised.
    [(again,)] = world.sql("SELECT count(*) FROM message WHERE attempts > 1")
    assert again <= 60, "the breaker spends no attempts of those it holds back"


def test_the_first_failures_are_counted_as_numbers(world: World) -> None:
    world.add_clients(5)
    mailing = world.write()
    world.provider.answer = lambda _id: DOWN
    world.run(mailing.id)
    world.work()
    assert world.sql("SELECT failures FROM provider_state") == [(5,)]
    assert breaker(world)[0] is None, "five are fewer than twenty"


def test_a_provider_that_fails_for_some_is_not_given_up(world: World) -> None:
    world.add_clients(200)
    mailing = world.write()
    world.provider.answer = lambda message_id: DOWN if message_id % 3 else ACCEPTED
    world.run(mailing.id)
    world.work()
    assert breaker(world)[0] is None


def test_one_worker_probes_at_a_time(world: World) -> None:
    world.add_clients(100)
    mailing = world.write()
    world.run(mailing.id)
    world.sql("INSERT INTO provider_state (name, failures, opened_at, probe_at) VALUES ('default', 20, :now, :now)", now=NOW)
    assert [figures.claimed for figures in world.work()] == [1, 25, 25, 25], "its success opens the way for the rest"
    assert world.finish(mailing.id).counts["sent"] == 100


def test_what_dead_workers_left_behind_says_nothing_of_the_provider(world: World) -> None:
    world.add_clients(75)
    mailing = world.write()
    world.run(mailing.id)
    world.die_after_claim(world.aws.chunks[0])
    world.clock.advance(seconds=world.settings.lease_seconds)
    world.work()
    assert breaker(world)[0] is None
    done = world.finish(mailing.id)
    assert (done.counts["sent"], done.counts["failed"], len(world.provider.calls)) == (50, 25, 50)
    assert world.clock.now < NOW + timedelta(minutes=1)


def test_a_probe_that_was_not_made_is_left_to_the_next(world: World) -> None:
    """A stale copy, and what a dead worker left behind: each takes the right to the probe and makes no call."""
    world.add_clients(75)
    mailing = world.write()
    world.run(mailing.id)
    dead, copy, waiting = world.aws.chunks
    world.work([copy])
    world.die_after_claim(dead)
    world.clock.advance(seconds=world.settings.lease_seconds)
    world.sql("INSERT INTO provider_state (name, failures, opened_at, probe_at) VALUES ('default', 20, :now, :now)", now=NOW)
    figures = world.work([copy, dead, copy, waiting])
    assert [each.claimed for each in figures] == [0, 1, 0, 1]
    assert len(world.provider.calls) == 25 + 1
    assert breaker(world) == (None, None)


def test_messages_that_are_not_called_for_do_not_keep_a_breaker_open(world: World) -> None:
    world.add_clients(60)
    mailing = world.write()
    world.run(mailing.id)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) SELECT owner_id, phone FROM client ORDER BY id LIMIT 10")
    world.sql("INSERT INTO provider_state (name, failures, opened_at, probe_at) VALUES ('default', 20, :now, :now)", now=NOW)
    back = world.clock.now
    assert world.finish(mailing.id).counts["sent"] == 50
    assert world.clock.now <= back + timedelta(seconds=60)


def sent_each_second(world: World, mailing_id: int, seconds: int) -> Counter[int]:
    """Lets a second pass at a time, with a run in each, and counts calls by second."""
    begun, calls = world.clock.now, Counter[int]()
    for second in range(seconds):
        world.clock.now = begun + timedelta(seconds=second)
        before = len(world.provider.calls)
        world.run(mailing_id)
        world.work()
        calls[second] += len(world.provider.calls) - before
    return calls


def test_a_mailing_keeps_its_rate_over_any_ten_seconds(world: World) -> None:
    world.add_clients(500)
    mailing = world.write(rate_limit=10)
    calls = sent_each_second(world, mailing.id, 40)
    for second in range(31):
        assert 90 <= sum(calls[second + each] for each in range(10)) <= 111

    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    assert sum(sent_each_second(world, mailing.id, 20).values()) == 0
    mailings.resume(world.engine, world.owner, mailing.id, clock=world.clock)
    after = sent_each_second(world, mailing.id, 8)
    assert after.total() <= 8 * 10 + 11, "a stall saves nothing up"
    assert world.finish(mailing.id, turns=500).counts["sent"] == 500


def test_a_providers_rate_is_kept_across_mailings(world: World) -> None:
    world.settings = world.settings.model_copy(update={"provider_rate": 10})
    world.add_clients(200)
    one, other = world.write(), world.write(rate_limit=100)
    calls, order = Counter[int](), Random(1)
    for second in range(20):
        world.clock.now = NOW + timedelta(seconds=second)
        before = len(world.provider.calls)
        world.run(one.id)
        world.run(other.id)
        order.shuffle(world.aws.chunks)  # SQS keeps no order
        world.work()
        calls[second] = len(world.provider.calls) - before
    assert 190 <= calls.total() <= 211
    [(first,), (second_,)] = world.sql("SELECT count(*) FILTER (WHERE status = 2) FROM message GROUP BY mailing_id")
    assert min(first, second_) >= 40, "neither starves the other"


@pytest.mark.parametrize("objected", [False, True])
def test_unused_permits_of_a_provider_that_objected_are_not_given_back(world: World, objected: bool) -> None:
    """Others hold permits for later moments: what is given back would be called for beside them. The mailing's own come back."""
    world.settings = world.settings.model_copy(update={"provider_rate": 10})
    world.add_clients(1)
    mailing = world.write(rate_limit=100)
    ids = list(range(1, 26))
    with autocommit(world.engine) as connection:
        gates.set_pace(connection, "default", Pace(5, NOW, 60, 5), None)
        admission = admitted(connection, world, mailing.id, ids, NOW)
        assert admission.permits == 11, "five a second for two seconds, and one"
        gate.refund(connection, world.settings, mailing.id, admission, 4, NOW, objected=objected)
        again = admitted(connection, world, mailing.id, ids, NOW)
    assert again.permits == (0 if objected else 7)
    [(own,)] = world.sql("SELECT rate_tat FROM mailing")
    assert own == NOW + timedelta(seconds=(4 if objected else 11) / 100)


@pytest.mark.parametrize(
    ("configured", "pace", "rate"),
    [(10, 50.0, 10), (10, 5.0, 5), (10, FREE, 10), (10, None, 10), (0, 50.0, 50), (0, FREE, None), (1, 0.2, 0.2)],
)
def test_a_configured_rate_is_a_ceiling_for_the_pace(
    world: World, configured: int, pace: float | None, rate: float | None
) -> None:
    world.settings = world.settings.model_copy(update={"provider_rate": configured})
    world.add_clients(1)
    mailing = world.write()
    granted = 0
    for second in range(60):
        now = NOW + timedelta(seconds=second)
        with autocommit(world.engine) as connection:
            if pace is not None and second == 0:
                gates.set_pace(connection, "default", Pace(pace, NOW, 3_600, pace), None)
            admission = admitted(connection, world, mailing.id, list(range(25 * 60)), now)
        assert admission.shared_rate == rate
        if rate is None or admission.permits is None:
            assert rate is admission.permits is None
            continue
        assert admission.spacing is None or admission.spacing.apart == pytest.approx(1 / rate)
        granted += admission.permits
    if rate is not None:
        assert rate * 59 <= granted <= rate * 62 + 1


def test_a_pace_that_grows_past_the_configured_rate_stays_below_it(world: World) -> None:
    world.settings = world.settings.model_copy(update={"provider_rate": 10})
    world.add_clients(1)
    mailing = world.write()
    grows, rates = Pace(5, NOW, 0, 5), []
    with autocommit(world.engine) as connection:
        gates.set_pace(connection, "default", grows, None)
        for second in range(40):
            now = NOW + timedelta(seconds=second)
            rates.append(admitted(connection, world, mailing.id, [1], now).shared_rate)
            assert rates[-1] == pytest.approx(min(rate_at(grows, now), 10))
    assert (rates[0], rates[-1]) == (5, 10)
    assert world.sql("SELECT pace FROM provider_state") == [(None,)], "the pace has ended, the configured rate stays"


def test_phones_on_the_do_not_contact_list_are_left_alone(world: World) -> None:
    world.add_clients(10)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, '+79100000003')", owner=world.owner.user_id)
    mailing = world.write()
    world.run(mailing.id)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, '+79100000004')", owner=world.owner.user_id)
    done = world.finish(mailing.id)
    assert (done.counts["sent"], done.counts["failed"]) == (8, 2)
    assert {row[0] for row in world.sql("SELECT error_code FROM message WHERE status = 4")} == {"do_not_contact"}
    assert "+79100000003" not in world.provider.phones.values()
    assert "+79100000004" not in world.provider.phones.values()


def test_a_listed_client_who_comes_late_is_left_alone_too(world: World) -> None:
    world.add_clients(1)
    mailing = world.write(starts_at=START, ends_at=START + timedelta(hours=2))
    world.run(mailing.id)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, '+79100000007')", owner=world.owner.user_id)
    world.add_clients(1, first=7)
    assert world.finish(mailing.id).counts == world.mailing(mailing.id).counts
    assert world.statuses(mailing.id) == {"sent": 1, "failed": 1, "total": 2}
