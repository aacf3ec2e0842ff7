"""Who decides about a mailing, a message or a client holds its row while deciding: nobody changes it in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic, sleep

import pytest
from sqlalchemy import Connection

from chalicelib.domain.status import StartSource
from chalicelib.scheduling.run import advance_mailing
from chalicelib.services import clients, mailings
from chalicelib.services import messages as by_hand
from chalicelib.storage import clients as stored_clients
from chalicelib.storage import message_edits, messages
from tests.world import World


@dataclass
class Watching:
    """A clock that looks, each time it is asked, whether the mailing's row is locked."""

    world: World
    locked: list[bool] = field(default_factory=list)

    def __call__(self, _connection: Connection) -> datetime:
        self.locked.append(not self.world.sql("SELECT 1 FROM mailing FOR NO KEY UPDATE SKIP LOCKED"))
        return self.world.clock.now


def test_a_run_plans_and_ends_under_the_lock_of_its_mailing(world: World) -> None:
    """Or a client added by hand in the last moment would be left waiting in a mailing that is finished."""
    world.add_clients(2)
    mailing = world.write()
    clock = Watching(world)
    advance_mailing(replace(world.run_tools, clock=clock), mailing.id, StartSource.SCHEDULE)
    assert clock.locked == [False, False, False, True, False, True], "lease, zones, ends, planning, dispatch, what is next"


@pytest.mark.parametrize(
    ("status", "action"),
    [
        ("scheduled", mailings.start),
        ("running", mailings.pause),
        ("paused", mailings.resume),
        ("running", mailings.cancel),
        ("running", mailings.retry_failed),
        ("running", lambda engine, who, id_, clock: by_hand.add(engine, who, id_, 2, clock=clock)),
        ("running", lambda engine, who, _, clock: by_hand.requeue(engine, who, 1, honours_key=False, clock=clock)),
        ("running", lambda engine, who, _, clock: by_hand.delete(engine, who, 1, clock=clock)),
    ],
)
def test_people_decide_under_the_lock_of_the_mailing(world: World, status: str, action: Callable[..., object]) -> None:
    world.add_clients(1)
    mailing = world.write()
    world.run(mailing.id)
    world.add_clients(1, first=1)
    world.sql("UPDATE message SET status = 4, error_code = 'refused'")
    world.sql("UPDATE mailing SET status = :status", status=status)
    clock = Watching(world)
    action(world.engine, world.owner, mailing.id, clock=clock)
    assert clock.locked[0]


def test_a_message_and_a_client_that_are_read_to_be_changed_are_locked(world: World) -> None:
    world.add_clients(1)
    world.run(world.write().id)
    with world.engine.begin() as connection:
        assert message_edits.lock(connection, 1)
        assert stored_clients.lock(connection, None, 1)
        assert not world.sql("SELECT 1 FROM message FOR NO KEY UPDATE SKIP LOCKED")
        assert not world.sql("SELECT 1 FROM client FOR KEY SHARE SKIP LOCKED"), "planning has to wait"


def test_a_client_deleted_in_the_moment_of_a_claim_leaves_the_message_to_its_worker(world: World) -> None:
    """The deletion waits for the claim, and then looks again: the call is made, and its outcome is recorded."""
    world.add_clients(1)
    mailing = world.write()
    world.run(mailing.id)
    lease, deadline = timedelta(days=3650), timedelta(seconds=10)
    with ThreadPoolExecutor(1) as pool, world.engine.begin() as connection:
        [held] = messages.claim(connection, mailing.id, [1], now=world.clock.now, lease=lease, deadline=deadline).claims
        deletion = pool.submit(clients.delete, world.engine, world.owner, 1)
        _wait_for_waiting(world)
        connection.commit()
        deletion.result(timeout=30)
    assert world.sql("SELECT status, lease_until IS NOT NULL, claim_no FROM message") == [(1, True, held.claim_no)]


def _wait_for_waiting(world: World) -> None:
    gives_up = monotonic() + 30
    while not world.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):
        assert monotonic() < gives_up
        sleep(0.01)
