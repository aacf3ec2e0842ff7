"""Messages that were never called for are tombstones of nothing: they follow the client, the phone and the end of the mailing."""

from collections.abc import Callable
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy.exc import DBAPIError

from chalicelib.domain.errors import ConflictError, ServiceError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.services import clients, do_not_contact, mailings, messages
from chalicelib.services.clients import NewClient
from tests.world import NOW, START, World

LATER = START + timedelta(days=2)


def paused(world: World, number: int = 5, **fields: object) -> int:
    """A mailing whose clients are planned and dispatched, paused before anything was called for."""
    world.add_clients(number)
    mailing_id = world.write(ends_at=LATER, **fields).id
    world.run(mailing_id)
    mailings.pause(world.engine, world.owner, mailing_id, clock=world.clock)
    world.work()  # a worker hands the chunks back
    return mailing_id


def one_called_for(world: World) -> tuple[int, int]:
    """A running mailing of which one phone has been called for (its number), and nothing else."""
    mailing_id = world.write(ends_at=LATER).id
    world.run(mailing_id)
    (chunk,) = world.aws.chunks
    world.work([{**chunk, "message_ids": chunk["message_ids"][:1]}])
    (number,) = [int(called[-7:]) for called in world.provider.phones.values()]
    return mailing_id, number


def resume(world: World, mailing_id: int) -> None:
    mailings.resume(world.engine, world.owner, mailing_id, clock=world.clock)


def phone(number: int) -> str:
    return f"+7910{number:07}"


def client_of(world: World, number: int) -> int:
    return int(world.sql("SELECT id FROM client WHERE phone = :phone", phone=phone(number))[0][0])


def delete(world: World, number: int) -> None:
    clients.delete(world.engine, world.owner, client_of(world, number))


def message_of(world: World, number: int) -> tuple[int, int, str | None, int | None]:
    """Id, status, code and client of the message to a phone."""
    (row,) = world.sql("SELECT id, status, error_code, client_id FROM message WHERE phone = :phone", phone=phone(number))
    return tuple(row)


def every_client_has_one_row(world: World) -> None:
    missing = world.sql("SELECT c.phone FROM client c WHERE (SELECT count(*) FROM message m WHERE m.client_id = c.id) <> 1")
    assert not missing


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_phones_that_were_deleted_and_imported_again_while_paused_all_get_their_message(world: World, zone: str) -> None:
    mailing_id = paused(world)
    before = [message_of(world, number)[0] for number in range(5)]
    for number in range(3):
        delete(world, number)
    world.add_clients(3, zone=zone)
    resume(world, mailing_id)
    done = world.finish(mailing_id)
    assert (done.status, done.counts["sent"], done.counts["total"]) == ("finished", 5, 5)
    assert [message_of(world, number)[0] for number in range(5)] == before, "the rows, and so their keys, are the same"
    assert len(set(world.provider.calls)) == len(world.provider.calls) == 5
    every_client_has_one_row(world)


def test_a_slice_of_planning_adopts_as_catching_up_does(world: World) -> None:
    """Its first clients are deleted, and come back behind the cursor of a zone that is not planned to its end."""
    mailing_id = paused(world, 6)
    world.sql("DELETE FROM message WHERE phone > :phone", phone=phone(1))
    world.sql("UPDATE mailing_zone SET planned_at = NULL, cursor = :last", last=client_of(world, 1))
    delete(world, 0)
    delete(world, 1)
    world.add_clients(2)
    resume(world, mailing_id)
    figures = world.run(mailing_id)
    assert figures is not None
    assert (figures.planned, figures.caught_up) == (6, 0)
    done = world.finish(mailing_id)
    assert (done.counts["sent"], done.counts["total"]) == (6, 6)
    every_client_has_one_row(world)


def test_the_new_client_takes_over_what_was_called_for_without_another_call(world: World) -> None:
    world.add_clients(3)
    mailing_id, number = one_called_for(world)
    delete(world, number)
    world.add_clients(1, first=number)
    done = world.finish(mailing_id)
    assert (done.counts["sent"], done.counts["total"]) == (3, 3)
    assert len(set(world.provider.phones.values())) == len(world.provider.calls) == 3
    assert message_of(world, number)[3] == client_of(world, number)


def test_a_message_of_unknown_fate_is_never_begun_anew(world: World) -> None:
    world.add_clients(1)
    mailing_id = world.write().id
    world.run(mailing_id)
    world.die_after_claim(world.aws.chunks[0])
    world.clock.advance(seconds=world.settings.lease_seconds + 1)
    world.sql("UPDATE message SET lease_until = now() - interval '1 second'")
    delete(world, 0)
    world.add_clients(1)
    done = world.finish(mailing_id)
    assert (done.counts["failed"], message_of(world, 0)[2]) == (1, "unknown_outcome")
    assert not world.provider.calls


def test_a_client_who_is_not_selected_adopts_nothing(world: World) -> None:
    world.add_clients(2, tags=["vip"])
    mailing_id = world.write(filter_tags=("vip",), ends_at=LATER).id
    world.run(mailing_id)
    delete(world, 0)
    world.add_clients(1)
    assert world.finish(mailing_id).counts["sent"] == 1
    assert message_of(world, 0)[1:] == (4, "client_deleted", None)


def test_a_deleted_message_stays_deleted_until_its_client_is_added_by_hand(world: World) -> None:
    mailing_id = paused(world, 2)
    id_ = message_of(world, 0)[0]
    messages.delete(world.engine, world.owner, id_, clock=world.clock)
    delete(world, 0)
    world.add_clients(1)
    resume(world, mailing_id)
    world.run(mailing_id)
    assert world.statuses(mailing_id)["total"] == 1, "a person took it out: planning does not bring it back"
    added = messages.add(world.engine, world.owner, mailing_id, client_of(world, 0), clock=world.clock)
    assert (added.id, added.status) == (id_, 1)
    assert world.finish(mailing_id).counts["sent"] == 2
    with pytest.raises(ConflictError):
        messages.add(world.engine, world.owner, mailing_id, client_of(world, 0), clock=world.clock)


def test_a_deleted_message_that_was_called_for_is_not_added_again(world: World) -> None:
    world.add_clients(2)
    mailing_id, number = one_called_for(world)
    messages.delete(world.engine, world.owner, message_of(world, number)[0], clock=world.clock)
    with pytest.raises(ConflictError, match="has a message"):
        messages.add(world.engine, world.owner, mailing_id, client_of(world, number), clock=world.clock)


def test_a_phone_taken_off_the_list_is_sent_to_once_somebody_asks(world: World) -> None:
    world.add_clients(2)
    entry = do_not_contact.put(world.engine, world.owner, [do_not_contact.NewEntry(phone(0))])[0]
    mailing_id = world.write(ends_at=LATER).id
    world.run(mailing_id)
    assert message_of(world, 0)[1:3] == (4, "do_not_contact")
    do_not_contact.remove(world.engine, world.owner, entry.id)
    added = messages.add(world.engine, world.owner, mailing_id, client_of(world, 0), clock=world.clock)
    assert added.status == 1
    assert world.finish(mailing_id).counts["sent"] == 2


def test_what_was_never_called_for_goes_to_the_clients_new_phone(world: World) -> None:
    mailing_id = paused(world, 3)
    clients.change(world.engine, world.owner, client_of(world, 0), {"phone": phone(100)})
    resume(world, mailing_id)
    assert world.finish(mailing_id).counts["sent"] == 3
    assert set(world.provider.phones.values()) == {phone(100), phone(1), phone(2)}


def test_numbers_that_are_swapped_are_swapped_in_the_messages(world: World) -> None:
    mailing_id = paused(world, 2)
    one, other = client_of(world, 0), client_of(world, 1)
    for client_id, number in ((one, 100), (other, 0), (one, 1)):
        clients.change(world.engine, world.owner, client_id, {"phone": phone(number)})
    resume(world, mailing_id)
    assert world.finish(mailing_id).counts["sent"] == 2
    assert dict(world.sql("SELECT client_id, phone FROM message")) == {one: phone(1), other: phone(0)}
    assert sorted(world.provider.phones.values()) == [phone(0), phone(1)]


def test_a_phone_that_was_called_for_is_not_called_for_its_next_holder(world: World) -> None:
    world.add_clients(2)
    mailing_id, called = one_called_for(world)
    holder, other = client_of(world, called), client_of(world, 1 - called)
    clients.change(world.engine, world.owner, holder, {"phone": phone(100)})
    clients.change(world.engine, world.owner, other, {"phone": phone(called)})
    world.add_clients(1, first=1 - called)
    done = world.finish(mailing_id)
    assert sorted(world.provider.phones.values()) == [phone(0), phone(1)], "the phone that became free is the new client's"
    assert world.sql("SELECT status, error_code, phone FROM message WHERE client_id = :id", id=other) == [
        (4, "duplicate_phone", None)
    ]
    assert done.counts["total"] == 3
    every_client_has_one_row(world)


def test_a_new_client_with_a_called_phone_of_another_gets_a_row_that_says_so(world: World) -> None:
    world.add_clients(2)
    mailing_id, called = one_called_for(world)
    clients.change(world.engine, world.owner, client_of(world, called), {"phone": phone(100)})
    world.add_clients(1, first=called)
    done = world.finish(mailing_id)
    assert (done.counts["sent"], done.counts["failed"]) == (2, 1)
    assert world.sql("SELECT error_code FROM message WHERE client_id = :id", id=client_of(world, called)) == [
        ("duplicate_phone",)
    ]
    every_client_has_one_row(world)


def test_a_message_that_was_called_for_and_deferred_keeps_its_phone(world: World) -> None:
    world.add_clients(1)
    mailing_id = world.write(ends_at=LATER).id
    world.provider.answer = lambda _id: Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503", 5)
    world.run(mailing_id)
    world.work()
    clients.change(world.engine, world.owner, client_of(world, 0), {"phone": phone(100)})
    world.provider.answer = lambda _id: Outcome(OutcomeKind.ACCEPTED)
    assert world.finish(mailing_id).counts["sent"] == 1
    assert set(world.provider.phones.values()) == {phone(0)}


def test_an_end_that_is_moved_brings_back_what_expired_without_a_call(world: World) -> None:
    """Tokyo's end is past while New York's is not; a paused mailing's end is moved by a day."""
    world.clock.now = NOW - timedelta(hours=12)
    world.add_clients(3, zone="Asia/Tokyo")
    world.add_clients(2, first=10, zone="America/New_York")
    mailing_id = world.write(time_zone=None, starts_at=START - timedelta(hours=14), ends_at=START).id
    world.run(mailing_id)
    mailings.pause(world.engine, world.owner, mailing_id, clock=world.clock)
    world.work()  # a worker hands the chunks back
    world.clock.now = NOW - timedelta(hours=2)
    world.run(mailing_id)
    assert world.statuses(mailing_id)["expired"] == 3
    mailings.edit(world.engine, world.owner, mailing_id, {"ends_at": START + timedelta(days=1)}, clock=world.clock)
    resume(world, mailing_id)
    done = world.finish(mailing_id)
    assert (done.counts["sent"], done.counts["total"]) == (5, 5)


def test_a_message_whose_client_was_deleted_can_be_retried_by_the_phones_new_client(world: World) -> None:
    world.add_clients(2)
    mailing_id = world.write(ends_at=LATER).id
    world.provider.answer = lambda _id: Outcome(OutcomeKind.REFUSED, "HTTP 400")
    assert world.finish(mailing_id).counts["failed"] == 2
    id_ = message_of(world, 0)[0]
    delete(world, 0)
    with pytest.raises(ConflictError, match="client was deleted"):
        messages.requeue(world.engine, world.owner, id_, honours_key=False, clock=world.clock)
    world.add_clients(1)
    assert messages.requeue(world.engine, world.owner, id_, honours_key=False, clock=world.clock).status == 1


@pytest.mark.parametrize("seed", range(25))
def test_whatever_happens_to_clients_nobody_is_lost_and_no_phone_called_twice(world: World, seed: int) -> None:
    """Deletes, adds, imports, changes of phone and zone, the do-not-contact list, pause and resume, deleted messages, at random."""
    random = Random(seed)
    world.settings = world.settings.model_copy(update={"plan_slice": 3, "chunk_size": 2, "max_dispatched": 4})
    world.provider.answer = lambda _id: random.choice(
        [Outcome(OutcomeKind.ACCEPTED)] * 6
        + [Outcome(OutcomeKind.REFUSED, "HTTP 400"), Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503", 3)]
        + [Outcome(OutcomeKind.UNKNOWN, "HTTP 500")]
    )
    world.add_clients(8)
    world.add_clients(4, first=8, zone="Asia/Tokyo")
    mailing_id = world.write(time_zone=None, starts_at=START - timedelta(hours=1), ends_at=LATER, rate_limit=2).id
    operations = _operations(world, mailing_id, random)
    hidden: set[int] = set()
    for _ in range(40):
        operation = random.choice(operations)
        try:
            operation()
        except ServiceError:
            pass  # what is refused changes nothing
        except DBAPIError as error:
            raise AssertionError(operation.__name__) from error
    if world.mailing(mailing_id).status == "paused":
        resume(world, mailing_id)
    done = world.finish(mailing_id)
    assert done.status == "finished"
    hidden |= {row[0] for row in world.sql("SELECT client_id FROM message WHERE deleted_at IS NOT NULL")}
    every_client_has_one_row(world)
    assert not world.sql("SELECT 1 FROM message WHERE status = 1")
    assert not world.sql("SELECT 1 FROM message WHERE status = 4 AND error_code IS NULL")
    accepted = [phone for id_, phone in world.provider.phones.items() if id_ in _accepted(world)]
    assert len(accepted) == len(set(accepted))
    by_phone: dict[str, set[int]] = {}
    for id_, called in world.provider.phones.items():
        by_phone.setdefault(called, set()).add(id_)
    assert all(len(ids) == 1 for ids in by_phone.values()), "a phone is only ever called under one key"


def _accepted(world: World) -> set[int]:
    return {row[0] for row in world.sql("SELECT id FROM message WHERE status = 2")}


def _operations(world: World, mailing_id: int, random: Random) -> list[Callable[[], None]]:  # noqa: C901 - a list of small ones
    def some_client() -> int:
        return int(random.choice([row[0] for row in world.sql("SELECT id FROM client ORDER BY id")]))

    def delete_client() -> None:
        clients.delete(world.engine, world.owner, some_client())

    def add_client() -> None:
        zone = random.choice(["UTC", "Asia/Tokyo", "America/New_York"])
        clients.create(world.engine, world.owner, NewClient(phone(random.randrange(14)), zone))

    def change_phone() -> None:
        clients.change(world.engine, world.owner, some_client(), {"phone": phone(random.randrange(14))})

    def change_zone() -> None:
        clients.change(world.engine, world.owner, some_client(), {"time_zone": random.choice(["UTC", "Asia/Tokyo"])})

    def list_phone() -> None:
        do_not_contact.put(world.engine, world.owner, [do_not_contact.NewEntry(phone(random.randrange(14)))])

    def unlist_phone() -> None:
        world.sql("DELETE FROM do_not_contact WHERE id = (SELECT max(id) FROM do_not_contact)")

    def pause() -> None:
        mailings.pause(world.engine, world.owner, mailing_id, clock=world.clock)

    def go_on() -> None:
        resume(world, mailing_id)

    def add_by_hand() -> None:
        messages.add(world.engine, world.owner, mailing_id, some_client(), clock=world.clock)

    def delete_message() -> None:
        ids = [row[0] for row in world.sql("SELECT id FROM message ORDER BY id")]
        if ids:
            messages.delete(world.engine, world.owner, random.choice(ids), clock=world.clock)

    def run() -> None:
        world.clock.advance(seconds=2)
        world.run(mailing_id)

    def work() -> None:
        chunks, world.aws.chunks = world.aws.chunks[:1], world.aws.chunks[1:]
        world.work(chunks)

    once = [delete_message, add_by_hand, list_phone, unlist_phone, change_zone, pause]
    return [*once, *[delete_client, add_client, change_phone, go_on] * 2, *[run, work] * 3]
