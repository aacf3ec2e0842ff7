"""Pause and resume of a large mailing, in the middle of planning and of sending: what they cost does not grow with the mailing.

`PAUSE_ROWS=300000 pytest -s` shows how long each takes; it sends only what is queued, not all.
"""

import os
import time
from collections.abc import Callable
from itertools import count

import pytest

from chalicelib.services import mailings
from tests.world import World

ROWS = int(os.environ.get("PAUSE_ROWS", "3000"))
QUEUED = min(ROWS // 10, 10_000)
SENT_BEFORE = min(ROWS // 3, 10_000)


def fingerprint(world: World, mailing_id: int) -> object:
    """Changes if any message of the mailing is written to, even with what it held before."""
    return world.sql(
        "SELECT count(*), sum(hashtextextended(m.ctid::text || m::text, 0)) FROM message m WHERE mailing_id = :id", id=mailing_id
    )


def timed(what: str, work: Callable[[], object]) -> None:
    begun = time.perf_counter()
    work()
    print(f"{what}: {1000 * (time.perf_counter() - begun):,.0f} ms")


def in_the_middle_of_planning(world: World, mailing_id: int) -> None:
    """A run has time for a part of the clients; the first messages of it are queued."""
    original, ticks = world.clock.monotonic, count()
    world.clock.monotonic = lambda: float(next(ticks))  # type: ignore[method-assign]  # the test's clock
    world.settings = world.settings.model_copy(update={"run_budget_seconds": 3})
    world.run(mailing_id)
    world.clock.monotonic = original  # type: ignore[method-assign]  # the test's clock
    assert 0 < world.sql("SELECT count(*) FROM message")[0][0] < ROWS


def in_the_middle_of_sending(world: World, mailing_id: int) -> None:
    """All are planned, a third is sent (of many, the first ones), and the queue is full again."""
    while len(world.provider.calls) < SENT_BEFORE:
        world.clock.now = max(world.clock.now, world.mailing(mailing_id).next_run_at or world.clock.now)
        world.run(mailing_id)
        world.work()
    world.clock.now = max(world.clock.now, world.mailing(mailing_id).next_run_at or world.clock.now)
    world.run(mailing_id)
    assert world.sql("SELECT count(*) FROM message")[0][0] == ROWS


@pytest.mark.timeout(0 if ROWS > 10_000 else 60)
@pytest.mark.parametrize("moment", [in_the_middle_of_planning, in_the_middle_of_sending], ids=lambda moment: moment.__name__)
def test_a_large_mailing_stops_at_once_and_goes_on_where_it_was(world: World, moment: Callable[[World, int], None]) -> None:
    world.settings = world.settings.model_copy(update={"plan_slice": ROWS // 30, "max_dispatched": QUEUED})
    world.add_clients(ROWS)
    mailing_id = world.write().id
    moment(world, mailing_id)
    queued = sum(len(chunk["message_ids"]) for chunk in world.aws.chunks)
    assert 0 < queued <= QUEUED
    rows, called = fingerprint(world, mailing_id), len(world.provider.calls)

    timed("pause", lambda: mailings.pause(world.engine, world.owner, mailing_id, clock=world.clock))
    assert fingerprint(world, mailing_id) == rows, "no message is written to"
    timed("run while paused", lambda: world.run(mailing_id))
    assert fingerprint(world, mailing_id) == rows, "nobody is planned or dispatched"
    timed(f"{queued:,} messages that were queued go back", world.work)
    assert len(world.provider.calls) == called, "nobody is called"
    assert world.sql("SELECT count(*) FROM message WHERE status = 1 AND dispatched_at IS NOT NULL")[0][0] == 0
    world.clock.advance(hours=1)
    world.reconcile()
    world.run(mailing_id)
    assert not world.aws.chunks

    rows = fingerprint(world, mailing_id)
    timed("resume", lambda: mailings.resume(world.engine, world.owner, mailing_id, clock=world.clock))
    assert fingerprint(world, mailing_id) == rows, "no message is written to"
    timed("the run after that", lambda: world.run(mailing_id))
    assert 0 < sum(len(chunk["message_ids"]) for chunk in world.aws.chunks) <= QUEUED
    world.work()
    assert len(world.provider.calls) == len(set(world.provider.calls)) > called
    if SENT_BEFORE == ROWS // 3:
        assert world.finish(mailing_id).counts["sent"] == ROWS
        assert len(world.provider.calls) == len(set(world.provider.calls)) == ROWS
