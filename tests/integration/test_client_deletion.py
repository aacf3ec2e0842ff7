"""Selected clients are deleted in slices: no transaction holds all of them, and the answer says how far it came."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy import text

from chalicelib.domain.access import Principal
from chalicelib.domain.limits import BIGGEST_ID
from chalicelib.services import clients
from chalicelib.services.clients import Deleted
from tests.world import World


@pytest.fixture
def ids(world: World) -> list[int]:
    world.add_clients(250)
    return [row.id for row in world.sql("SELECT id FROM client ORDER BY id")]


def left(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM client")[0][0])


def test_what_there_is_no_time_for_is_told_and_a_second_call_deletes_it(world: World, ids: list[int]) -> None:
    mailing = world.write()
    world.run(mailing.id)
    clock = count()
    done = clients.delete_many(world.engine, world.owner, ids, seconds=2, monotonic=lambda: next(clock))
    assert done == Deleted(200, 0, 50)
    assert left(world) == 50
    assert clients.delete_many(world.engine, world.owner, ids) == Deleted(50, 200, 0)
    assert left(world) == 0
    assert world.statuses(mailing.id) == {"failed": 250, "total": 250}
    assert world.sql("SELECT DISTINCT error_code FROM message") == [("client_deleted",)]
    assert world.sql("SELECT count(*), count(DISTINCT object_id) FROM history WHERE action = 'delete'") == [(250, 250)]


def test_there_is_always_time_for_one_slice(world: World, ids: list[int]) -> None:
    assert clients.delete_many(world.engine, world.owner, ids, seconds=0) == Deleted(100, 0, 150)


def test_only_those_of_the_asker_are_deleted(world: World, ids: list[int]) -> None:
    stranger = Principal(world.owner.user_id + 1, "stranger", is_superuser=False)
    assert clients.delete_many(world.engine, stranger, ids) == Deleted(0, 250, 0)
    given = [*ids[:3], ids[0], -1, 0, BIGGEST_ID + 1, BIGGEST_ID]
    assert clients.delete_many(world.engine, world.owner, given) == Deleted(3, 4, 0)
    assert clients.delete_many(world.engine, world.owner, []) == Deleted(0, 0, 0)
    assert left(world) == 247


def test_a_client_that_is_locked_holds_up_one_slice_and_the_others_are_deleted_already(world: World, ids: list[int]) -> None:
    with world.owner_engine.begin() as other, ThreadPoolExecutor(1) as pool:
        other.execute(text("SELECT 1 FROM client WHERE id = :last FOR KEY SHARE"), {"last": ids[-1]})
        pending = pool.submit(clients.delete_many, world.engine, world.owner, ids)
        ends = time.monotonic() + 20
        while left(world) > 50 and time.monotonic() < ends:
            time.sleep(0.02)
        assert left(world) == 50
        other.rollback()
        assert pending.result() == Deleted(250, 0, 0)
