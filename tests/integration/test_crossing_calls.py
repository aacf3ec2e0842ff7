"""Two calls about the same phones, in different orders, at once."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pytest
from sqlalchemy import Engine, event, text

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.table import parse_csv
from chalicelib.services import client_import, clients, do_not_contact
from chalicelib.services.client_import import Options
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from tests.world import World

FIRST, LAST = "+79100000001", "+79100000002"
_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
_Result = TypeVar("_Result")


def crossed(world: World, insert: str, call: Callable[[], _Result]) -> Future[_Result]:
    """`call` begins while another transaction has written the first phone; that one then writes the last, and commits."""
    with ThreadPoolExecutor(1) as pool, world.engine.connect() as other:
        other.execute(text(insert), {"owner": world.owner.user_id, "phone": FIRST})
        answer = pool.submit(call)
        until_it_waits(world.engine)
        other.execute(text(insert), {"owner": world.owner.user_id, "phone": LAST})
        other.commit()
    return answer


def until_it_waits(engine: Engine) -> None:
    with engine.connect() as connection:
        for _ in range(500):
            if connection.execute(_WAITING).scalar_one():
                return
            time.sleep(0.01)
    raise AssertionError("nothing waits for the first phone")


def test_both_calls_put_their_phones_on_the_list(world: World) -> None:
    insert = "INSERT INTO do_not_contact (owner_id, phone, reason) VALUES (:owner, :phone, 'other')"
    entries = [NewEntry(LAST, "mine"), NewEntry(FIRST, "mine")]
    put = crossed(world, insert, lambda: do_not_contact.put(world.engine, world.owner, entries)).result()
    assert [(row.phone, row.reason) for row in put] == [(LAST, "mine"), (FIRST, "mine")]


def test_one_of_two_calls_adds_its_clients_and_the_other_is_told(world: World) -> None:
    insert = (
        "INSERT INTO client (owner_id, phone, operator_code, tags, attributes, time_zone)"
        " VALUES (:owner, :phone, '910', '{}', '{}', 'UTC')"
    )
    new = [NewClient(LAST, "UTC"), NewClient(FIRST, "UTC")]
    added = crossed(world, insert, lambda: clients.create_many(world.engine, world.owner, new))
    with pytest.raises(ConflictError, match="this phone"):
        added.result()


def put_first(world: World) -> None:
    row, added = clients.put(world.engine, world.owner, NewClient(FIRST, "UTC"))
    assert (row.phone, added) == (FIRST, True)


def import_first(world: World) -> None:
    table = parse_csv(f"phone,time_zone\n{FIRST},UTC\n".encode())
    options = Options(("phone", "time_zone"), update=True)
    report = client_import.take_table(world.engine, world.owner, table, options, apply=True)
    assert (report.created, report.updated, report.unchanged, report.errors) == (1, 0, 0, [])


@pytest.mark.parametrize("call", [put_first, import_first])
def test_a_client_deleted_between_the_insertion_and_the_lock_is_added(world: World, call: Callable[[World], None]) -> None:
    """It would be neither among the added nor among the known, and an import would lose it without a word."""
    deleted = clients.create(world.engine, world.owner, NewClient(FIRST, "Asia/Tokyo")).id

    def delete_after_insertion(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if "INSERT INTO client" in statement:
            world.sql("DELETE FROM client WHERE id = :id", id=deleted)

    event.listen(world.engine, "after_cursor_execute", delete_after_insertion)
    try:
        call(world)
    finally:
        event.remove(world.engine, "after_cursor_execute", delete_after_insertion)
    [(client_id, time_zone)] = world.sql("SELECT id, time_zone FROM client")
    assert (client_id != deleted, time_zone) == (True, "UTC")
