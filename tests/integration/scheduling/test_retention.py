"""Phones on the messages of mailings that were finished long ago are cleared."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.services import mailings, messages
from chalicelib.storage import retention
from tests.world import START, World

LONG = {"starts_at": START, "ends_at": START + timedelta(days=400)}


def phones(world: World, mailing_id: int) -> list[str | None]:
    return [row.phone for row in world.sql("SELECT phone FROM message WHERE mailing_id = :id ORDER BY id", id=mailing_id)]


def test_after_so_many_days_and_not_before(world: World) -> None:
    world.add_clients(3)
    mailing = world.write()
    world.finish(mailing.id)
    world.clock.advance(days=90, seconds=-60)
    assert world.reconcile().phones_cleared == 0
    assert None not in phones(world, mailing.id)

    world.clock.advance(seconds=120)
    assert world.reconcile().phones_cleared == 3
    assert phones(world, mailing.id) == [None] * 3
    assert [row.phone for row in world.sql("SELECT phone FROM client")] != [None] * 3
    assert world.reconcile().phones_cleared == 0, "it is not looked at again"
    (first, *_) = [row.id for row in world.sql("SELECT id FROM message ORDER BY id")]
    assert messages.get(world.engine, world.owner, first).phone is None


def test_in_slices_and_the_oldest_first(world: World) -> None:
    world.settings = world.settings.model_copy(update={"plan_slice": 2})
    world.add_clients(3)
    first = world.write()
    world.finish(first.id)
    world.clock.advance(minutes=5)
    second = world.write()
    world.finish(second.id)
    world.clock.advance(days=91)
    assert [world.reconcile().phones_cleared for _ in range(4)] == [2, 1, 2, 1]
    assert phones(world, first.id) + phones(world, second.id) == [None] * 6


def test_never_if_so_set(world: World) -> None:
    world.settings = world.settings.model_copy(update={"phone_days": 0})
    world.add_clients(1)
    mailing = world.write()
    world.finish(mailing.id)
    world.clock.advance(days=10_000)
    assert world.reconcile().phones_cleared == 0


def test_what_has_no_phone_is_not_tried_again(world: World) -> None:
    world.add_clients(2)
    mailing = world.write(**LONG)
    world.provider.answer = lambda _message_id: Outcome(OutcomeKind.REFUSED, "HTTP 400")
    world.finish(mailing.id)
    world.clock.advance(days=91)
    assert world.reconcile().phones_cleared == 2
    (first, _) = [row.id for row in world.sql("SELECT id FROM message ORDER BY id")]
    with pytest.raises(ConflictError, match="phone is not kept"):
        messages.requeue(world.engine, world.owner, first, honours_key=True, clock=world.clock)
    assert mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock).counts["failed"] == 2


def test_a_slice_is_chosen_once_whatever_the_plan(world: World) -> None:
    """A nested loop asks anew for each row whether it is in the slice, and each time would find the next one."""
    world.add_clients(20)
    mailing = world.write()
    world.finish(mailing.id)
    with world.engine.begin() as connection:
        for other in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "memoize"):
            connection.execute(text(f"SET LOCAL enable_{other} = off"))
        assert retention.clear_phones(connection, mailing.id, 5) == 5
