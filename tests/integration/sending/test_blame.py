"""One message's trouble is one message's; everybody's opens the breaker and costs no message anything."""

from collections.abc import Collection
from datetime import timedelta
from random import Random

import pytest

from chalicelib.domain.blame import MOST_CLAIMS, MOST_REFUSALS
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.services import messages
from tests.world import ACCEPTED, NOW, World

FORBIDDEN = Outcome(OutcomeKind.MISCONFIGURED, "HTTP 403")
EXPIRED = Outcome(OutcomeKind.MISCONFIGURED, "HTTP 401")
DOWN = Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503")


def ids(world: World, mailing_id: int) -> list[int]:
    return [row.id for row in world.sql("SELECT id FROM message WHERE mailing_id = :id ORDER BY id", id=mailing_id)]


def refuse(world: World, poisoned: Collection[int], outcome: Outcome = FORBIDDEN) -> None:
    world.provider.answer = lambda message_id: outcome if message_id in poisoned else ACCEPTED


def is_open(world: World) -> bool:
    return bool(world.sql("SELECT 1 FROM provider_state WHERE opened_at IS NOT NULL"))


def fates(world: World) -> list[tuple[int, str | None, int]]:
    return [tuple(row) for row in world.sql("SELECT id, error_code, attempts FROM message WHERE status = 4 ORDER BY id")]


@pytest.mark.parametrize("places", [[0], [30], [59], [0, 1, 2], [3, 29, 58]], ids=str)
def test_others_do_not_wait_for_a_recipient_that_is_refused_alone(world: World, places: list[int]) -> None:
    world.add_clients(60)
    mailing = world.write()
    world.run(mailing.id)
    poisoned = [ids(world, mailing.id)[place] for place in places]
    refuse(world, poisoned)
    world.work()
    assert world.mailing(mailing.id).counts["sent"] == 60 - len(poisoned), "all others at once"
    while world.mailing(mailing.id).next_run_at is not None:
        world.clock.now = max(world.clock.now, world.mailing(mailing.id).next_run_at or NOW)
        world.run(mailing.id)
        world.work()
        assert not is_open(world)
    assert fates(world) == [(id_, "refused_for_this_message", 0) for id_ in poisoned]
    assert [world.provider.calls.count(id_) for id_ in poisoned] == [MOST_REFUSALS] * len(poisoned)
    assert world.clock.now < NOW + timedelta(minutes=15)


def test_several_of_the_last_chunk_wait_until_others_are_called(world: World) -> None:
    """The token may have expired in the middle of it: nothing is decided before somebody else is accepted."""
    world.add_clients(60)
    mailing = world.write()
    world.run(mailing.id)
    poisoned = ids(world, mailing.id)[55:]
    refuse(world, poisoned)
    world.work()
    for _ in range(60):
        world.clock.advance(seconds=20)
        world.run(mailing.id)
        world.work()
    assert fates(world) == []
    assert is_open(world)
    other = world.write()
    written = world.clock.now
    while world.mailing(other.id).counts["sent"] < 55 and world.clock.now < written + timedelta(minutes=5):
        world.run(mailing.id)
        world.run(other.id)
        world.work()
        world.clock.advance(seconds=1)
    assert world.clock.now <= written + timedelta(seconds=50)
    world.finish(mailing.id)
    assert fates(world) == [(id_, "refused_for_this_message", 0) for id_ in poisoned]


def test_other_mailings_go_on_while_some_recipients_are_always_refused(world: World) -> None:
    world.add_clients(50)
    first = world.write()
    world.run(first.id)
    poisoned = set(ids(world, first.id)[:3])
    refuse(world, poisoned)
    world.work()
    for _ in range(12):
        world.clock.advance(seconds=10)
        other = world.write()
        world.run(other.id)
        world.run(first.id)
        world.work()
        assert not is_open(world)
        assert world.mailing(other.id).counts["sent"] == 50
    assert [row[0] for row in fates(world)] == sorted(poisoned)
    assert world.mailing(first.id).status == "finished"


def test_an_expired_token_burns_nothing_and_is_seen_at_once(world: World) -> None:
    world.add_clients(300)
    mailing = world.write()
    world.run(mailing.id)
    left = [60]

    def until_it_expires(_id: int) -> Outcome:
        left[0] -= 1
        return ACCEPTED if left[0] >= 0 else EXPIRED

    world.provider.answer = until_it_expires
    world.work()
    assert is_open(world)
    assert len(world.provider.calls) <= 60 + 15 + 25, "the chunk in which it expired, and the next"
    for _ in range(180):  # an hour
        world.clock.advance(seconds=20)
        world.run(mailing.id)
        world.work()
    assert fates(world) == []
    assert world.sql("SELECT 1 FROM message WHERE status = 1 AND attempts > 0") == []
    world.provider.answer = lambda _id: ACCEPTED
    mended = world.clock.now
    while world.mailing(mailing.id).counts["sent"] == 60 and world.clock.now < mended + timedelta(seconds=60):
        world.clock.advance(seconds=1)
        world.run(mailing.id)
        world.work()
    assert world.clock.now <= mended + timedelta(seconds=30)
    assert world.finish(mailing.id).counts["sent"] == 300


@pytest.mark.parametrize("clients", [1, 2, 7])
def test_a_small_mailing_outlives_an_expired_token(world: World, clients: int) -> None:
    """Nobody is accepted, so that nobody is refused alone."""
    world.add_clients(clients)
    mailing = world.write()
    world.provider.answer = lambda _id: EXPIRED
    for _ in range(200):
        world.run(mailing.id)
        world.work()
        world.clock.advance(seconds=20)
    assert is_open(world), "which raises the alarm"
    assert len(world.provider.calls) <= 200 + clients
    assert fates(world) == []
    world.provider.answer = lambda _id: ACCEPTED
    mended = world.clock.now
    assert world.finish(mailing.id).counts["sent"] == clients
    assert world.clock.now <= mended + timedelta(seconds=60)


def test_a_probe_is_not_always_the_same_message(world: World) -> None:
    """One that is refused alone has the lowest id, and is what opened the breaker: the first probes, and nothing else was accepted."""
    world.add_clients(1)
    poisoned = world.write()
    world.run(poisoned.id)
    refuse(world, ids(world, poisoned.id))
    world.work()
    world.clock.advance(seconds=30)
    world.run(poisoned.id)
    world.work()
    assert is_open(world)
    world.add_clients(30, first=1)
    other = world.write()
    written = world.clock.now
    while world.mailing(other.id).counts["sent"] < 30 and world.clock.now < written + timedelta(minutes=5):
        world.run(poisoned.id)
        world.run(other.id)
        world.work()
        world.clock.advance(seconds=1)
    assert world.clock.now <= written + timedelta(seconds=50), "the second probe at the latest"


def test_a_message_refused_alone_may_be_tried_again_by_a_person(world: World) -> None:
    world.add_clients(30)
    mailing = world.write()
    world.run(mailing.id)
    [poisoned] = ids(world, mailing.id)[4:5]
    refuse(world, [poisoned])
    world.finish(mailing.id)
    refuse(world, [])
    messages.requeue(world.engine, world.owner, poisoned, honours_key=False, clock=world.clock)
    assert world.sql("SELECT own_refusals FROM message WHERE id = :id", id=poisoned) == [(0,)]
    assert world.finish(mailing.id).counts["sent"] == 30


def test_a_recipient_that_is_always_throttled_ends_and_slows_down_nobody(world: World) -> None:
    world.add_clients(30)
    mailing = world.write(ends_at=NOW.replace(tzinfo=None) + timedelta(days=5))
    world.run(mailing.id)
    poisoned = ids(world, mailing.id)[:1]
    refuse(world, poisoned, Outcome(OutcomeKind.THROTTLED, "HTTP 429", 7_200.0))
    world.work()
    assert world.mailing(mailing.id).counts["sent"] == 29
    world.finish(mailing.id, turns=400)
    assert fates(world) == [(poisoned[0], "refused_for_this_message", 0)] or world.statuses(mailing.id)["expired"] == 1
    assert len(world.provider.calls) <= 30 + MOST_CLAIMS
    assert world.sql("SELECT 1 FROM provider_state WHERE pace IS NOT NULL OR held_until IS NOT NULL") == []


@pytest.mark.parametrize("seed", range(6))
def test_whoever_is_refused_and_whenever_the_token_expires_only_the_refused_fail(world: World, seed: int) -> None:
    random = Random(seed)
    world.settings = world.settings.model_copy(update={"chunk_size": random.choice([1, 3, 10, 25])})
    world.add_clients(80)
    mailing = world.write()
    world.run(mailing.id)
    every = ids(world, mailing.id)
    poisoned = set(random.sample(every, random.choice([0, 1, 4, 9])))
    begins = NOW + timedelta(seconds=random.choice([0, 1, 5]))
    ends = begins + timedelta(minutes=random.choice([1, 30]))

    def answer(message_id: int) -> Outcome:
        if begins <= world.clock.now < ends:
            return EXPIRED
        return FORBIDDEN if message_id in poisoned else ACCEPTED

    world.provider.answer = answer
    world.finish(mailing.id, turns=3_000)
    failed = {row[0] for row in fates(world)}
    assert failed <= poisoned, "an expired token costs nobody their message"
    assert world.mailing(mailing.id).counts["sent"] == 80 - len(poisoned)


@pytest.mark.parametrize("outcome", [DOWN, Outcome(OutcomeKind.UNEXPECTED_REFUSAL, "HTTP 409")])
def test_a_recipient_that_always_fails_opens_no_breaker(world: World, outcome: Outcome) -> None:
    world.add_clients(60)
    mailing = world.write()
    world.run(mailing.id)
    refuse(world, ids(world, mailing.id)[::30], outcome)
    world.work()
    assert world.mailing(mailing.id).counts["sent"] == 58
    world.finish(mailing.id)
    assert not is_open(world)
    assert {row[2] for row in fates(world)} == {world.settings.max_attempts}
