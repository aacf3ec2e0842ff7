"""The trail of a message: which calls are kept, what its row says of them, and when they go."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import WORKER_DIED, Outcome, OutcomeKind
from chalicelib.domain.status import MessageStatus
from chalicelib.services import clients, mailings, messages
from chalicelib.storage.mailings import Retry
from chalicelib.storage.message_calls import FIRST_KEPT, LAST_KEPT
from chalicelib.storage.message_edits import requeue_failed
from tests.world import ACCEPTED, NOW, START, World

LATER = Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503")
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, "HTTP 500")
BLAMED = Outcome(OutcomeKind.MISCONFIGURED, "HTTP 401")
REFUSED = Outcome(OutcomeKind.REFUSED, "HTTP 400")
DUPLICATE = Outcome(OutcomeKind.ALREADY_ACCEPTED, "HTTP 200, 23")


@pytest.fixture
def honoured(world: World) -> World:
    """A provider that honours the key."""
    world.settings = world.settings.model_copy(update={"provider_honours_key": True})
    return world


def calls(world: World, columns: str = "attempt, kind, error_code, detail") -> list[tuple[Any, ...]]:
    return [tuple(row) for row in world.sql(f"SELECT {columns} FROM message_call ORDER BY message_id, claim_no")]


def reason(world: World) -> tuple[Any, ...]:
    [row] = world.sql("SELECT status, error_code, error_detail, attempted_at FROM message")
    return tuple(row)


def answered(world: World, *outcomes: Outcome) -> int:
    """One message that the provider answers like this, one call after the other; the id of its mailing."""
    left = list(outcomes)
    world.provider.answer = lambda _id: left.pop(0) if left else ACCEPTED
    world.add_clients(1)
    return world.write().id


def test_nothing_is_kept_of_what_is_accepted_at_once(world: World) -> None:
    mailing = answered(world)
    assert world.finish(mailing).counts["sent"] == 1
    assert calls(world) == []
    assert reason(world) == (2, None, None, None)


def test_every_call_of_a_message_whose_first_was_not_accepted(honoured: World) -> None:
    mailing = answered(honoured, LATER, UNKNOWN, LATER)
    assert honoured.finish(mailing).counts["sent"] == 1
    assert calls(honoured) == [
        (1, "not_delivered", "not_delivered", "HTTP 503"),
        (2, "unknown", "unknown_outcome", "HTTP 500"),
        (3, "not_delivered", "unknown_outcome", "HTTP 503"),
        (4, "accepted", None, None),
    ]
    moments = [row[0] for row in calls(honoured, "at")]
    assert moments == sorted(moments)
    assert moments[0] == NOW
    assert {row[0] for row in calls(honoured, "provider")} == {"default"}
    [row] = honoured.sql("SELECT id FROM message")
    shown = messages.get(honoured.engine, honoured.owner, row.id)
    assert shown.last_attempted_at == shown.sent_at
    assert [call.kind for call in messages.calls(honoured.engine, shown)] == [
        "not_delivered",
        "unknown",
        "not_delivered",
        "accepted",
    ]


def test_a_duplicates_refusal_is_an_acceptance(honoured: World) -> None:
    """After an unknown call, and as the first answer that there is: it is kept, without a reason, and as no failure."""
    mailing = answered(honoured, UNKNOWN, DUPLICATE)
    assert honoured.finish(mailing).counts["sent"] == 1
    assert calls(honoured)[1:] == [(2, "already_accepted", None, "HTTP 200, 23")]
    assert reason(honoured)[:3] == (2, None, None)
    assert [row[0] for row in honoured.sql("SELECT attempted_at FROM message")] == [row[0] for row in calls(honoured, "at")][:1]


def test_a_duplicates_refusal_of_a_first_call_is_kept(world: World) -> None:
    mailing = answered(world, DUPLICATE)
    assert world.finish(mailing).counts["sent"] == 1
    assert calls(world) == [(1, "already_accepted", None, "HTTP 200, 23")]
    assert reason(world) == (2, None, None, None)


def stamp(world: World) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in world.sql("SELECT status, provider, provider_reference, segments FROM message ORDER BY id")]


def other_provider(world: World, *, honours_key: bool = True) -> None:
    """From now on the settings name another provider."""
    world.settings = world.settings.model_copy(update={"provider_name": "infobip", "provider_honours_key": honours_key})


def test_an_accepted_message_keeps_who_took_it_under_which_id(world: World) -> None:
    mailing = answered(world, Outcome(OutcomeKind.ACCEPTED, reference="SM1", segments=2))
    world.finish(mailing)
    assert stamp(world) == [(2, "default", "SM1", 2)]
    shown = messages.get(world.engine, world.owner, world.sql("SELECT id FROM message")[0].id)
    assert (shown.provider, shown.provider_reference, shown.segments) == ("default", "SM1", 2)


def test_a_reference_of_an_answer_that_is_no_acceptance_is_not_kept(world: World) -> None:
    world.finish(answered(world, Outcome(OutcomeKind.REFUSED, "HTTP 400", reference="SM1", segments=2)))
    assert stamp(world) == [(4, "default", None, None)]


ODD = [
    Outcome(OutcomeKind.ACCEPTED, reference="SM\0"),
    Outcome(OutcomeKind.ACCEPTED, reference="\ud800"),
    Outcome(OutcomeKind.ACCEPTED, reference=""),
    Outcome(OutcomeKind.ACCEPTED, reference="9" * 101),
    Outcome(OutcomeKind.ACCEPTED, segments=32_768),
    Outcome(OutcomeKind.ACCEPTED, segments=-1),
    Outcome(OutcomeKind.ACCEPTED, segments=10**400),
    Outcome(OutcomeKind.ALREADY_ACCEPTED, "\0\udfff", reference="\0", segments=2**31),
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_what_no_column_holds_of_an_answer_spoils_nothing(world: World, odd: Outcome) -> None:
    """One such answer must not keep the outcomes of its chunk from being recorded: their messages would be sent again."""
    world.add_clients(3)
    mailing = world.write()
    world.provider.answer = lambda id_: odd if id_ == 2 else Outcome(OutcomeKind.ACCEPTED, reference="SM1", segments=1)
    assert world.finish(mailing.id).counts["sent"] == 3
    assert sorted(row.id for row in world.sql("SELECT id FROM message WHERE provider_reference = 'SM1' AND segments = 1")) == [
        1,
        3,
    ]
    assert stamp(world).count((2, "default", None, None)) == 1
    assert len(world.provider.calls) == 3


def test_what_no_column_holds_of_a_refusals_words_is_replaced(world: World) -> None:
    world.finish(answered(world, Outcome(OutcomeKind.REFUSED, "HTTP 400, \0\ud800!")))
    assert reason(world)[:3] == (4, "refused", "HTTP 400, \ufffd\ufffd!")


@pytest.mark.parametrize("last", [LATER, BLAMED, Outcome(OutcomeKind.THROTTLED, "HTTP 429")])
def test_what_was_surely_not_sent_goes_to_another_provider(honoured: World, last: Outcome) -> None:
    mailing = answered(honoured, last)
    honoured.run(mailing)
    honoured.work()
    other_provider(honoured)
    assert honoured.finish(mailing).counts["sent"] == 1
    assert stamp(honoured) == [(2, "infobip", None, None)]
    assert [row[0] for row in calls(honoured, "provider")] == ["default", "infobip"]


@pytest.mark.parametrize("honours_key", [True, False])
@pytest.mark.parametrize("last", [(UNKNOWN,), (UNKNOWN, LATER), (UNKNOWN, BLAMED)])
def test_an_unknown_fate_never_goes_to_another_provider(honoured: World, last: tuple[Outcome, ...], honours_key: bool) -> None:
    """Both honour keys: but each only its own."""
    mailing = answered(honoured, *last)
    honoured.run(mailing)
    honoured.work()
    for _ in last[1:]:
        honoured.clock.advance(minutes=1)
        honoured.run(mailing)
        honoured.work()
    made = len(honoured.provider.calls)
    assert made == len(last)
    other_provider(honoured, honours_key=honours_key)
    assert honoured.finish(mailing).counts["failed"] == 1
    assert len(honoured.provider.calls) == made
    assert stamp(honoured) == [(4, "default", None, None)]
    assert reason(honoured)[1] == "unknown_outcome"


def test_what_a_dead_worker_may_have_sent_stays_with_its_provider(honoured: World) -> None:
    mailing = answered(honoured)
    honoured.run(mailing)
    honoured.die_after_claim(honoured.aws.chunks.pop())
    other_provider(honoured)
    honoured.clock.advance(seconds=honoured.settings.lease_seconds)
    honoured.reconcile()
    assert honoured.finish(mailing).counts["failed"] == 1
    assert honoured.provider.calls == []
    assert stamp(honoured) == [(4, "default", None, None)]
    assert {row[0] for row in calls(honoured, "provider")} == {"default"}


@pytest.mark.parametrize("name", ["default", "infobip"])
def test_an_unknown_fate_is_tried_again_by_hand_only_with_its_own_provider(honoured: World, name: str) -> None:
    mailing = answered(honoured, *[UNKNOWN] * 20)
    assert honoured.finish(mailing).counts["failed"] == 1
    [row] = honoured.sql("SELECT id FROM message")
    requeue = partial(messages.requeue, honours_key=True, provider=name, clock=honoured.clock)
    if name == "default":
        assert requeue(honoured.engine, honoured.owner, row.id).status == 1
    else:
        with pytest.raises(ConflictError, match="may have been delivered"):
            requeue(honoured.engine, honoured.owner, row.id)
        now = honoured.clock.now
        with honoured.engine.begin() as connection:
            retry = Retry(now, 0)
            done, _ = requeue_failed(connection, mailing, retry, now, honours_key=True, provider=name, size=10)
            assert done == 0
            done, _ = requeue_failed(connection, mailing, retry, now, honours_key=True, provider="default", size=10)
            assert done == 1


@pytest.mark.parametrize("later", [BLAMED, LATER, REFUSED, Outcome(OutcomeKind.NOT_CALLED)])
def test_an_unknown_fate_keeps_its_reason_whatever_comes_later(honoured: World, later: Outcome) -> None:
    mailing = answered(honoured, UNKNOWN, *[later] * 3000)
    honoured.run(mailing)
    honoured.work()
    honoured.clock.advance(minutes=5)
    honoured.run(mailing)
    honoured.work()
    assert reason(honoured)[1:3] == ("unknown_outcome", "HTTP 500")
    honoured.clock.now = (START + timedelta(days=1, seconds=1)).replace(tzinfo=NOW.tzinfo)
    assert honoured.finish(mailing).counts["failed"] == 1
    assert reason(honoured)[:3] == (4, "unknown_outcome", "HTTP 500")


def test_a_reason_is_not_overwritten_by_none(world: World) -> None:
    mailing = answered(world, LATER, Outcome(OutcomeKind.NOT_CALLED))
    world.run(mailing)
    world.work()
    world.clock.advance(minutes=1)
    world.run(mailing)
    world.work()
    assert reason(world)[:3] == (1, "not_delivered", "HTTP 503")


def test_a_refusal_without_a_detail_does_not_borrow_one(world: World) -> None:
    world.finish(answered(world, LATER, Outcome(OutcomeKind.REFUSED)))
    assert reason(world)[:3] == (4, "refused", None)


@pytest.mark.parametrize("closing", ["claim", "cancel", "expire", "delete client"])
def test_a_call_that_a_dead_worker_may_have_made(world: World, closing: str) -> None:
    mailing = answered(world)
    world.run(mailing)
    world.die_after_claim(world.aws.chunks.pop())
    ended = NOW + timedelta(seconds=world.settings.lease_seconds)
    world.clock.now = ended
    if closing == "cancel":
        mailings.cancel(world.engine, world.owner, mailing, clock=world.clock)
    elif closing == "expire":
        world.clock.now = (START + timedelta(days=1, seconds=1)).replace(tzinfo=NOW.tzinfo)
    elif closing == "delete client":
        [(client,)] = world.sql("SELECT id FROM client")
        clients.delete(world.engine, world.owner, client)
    world.reconcile()
    assert world.finish(mailing).counts["failed"] == 1
    assert calls(world, "claim_no, attempt, at, provider, kind, error_code, detail, milliseconds") == [
        (1, 1, ended, "default", "unknown", "unknown_outcome", WORKER_DIED, None)
    ]
    assert reason(world) == (4, "unknown_outcome", WORKER_DIED, ended)


def test_the_dead_worker_of_a_message_that_is_sent_again(honoured: World) -> None:
    mailing = answered(honoured, LATER)
    honoured.run(mailing)
    honoured.work()
    honoured.clock.advance(minutes=1)
    honoured.run(mailing)
    honoured.die_after_claim(honoured.aws.chunks.pop())
    honoured.clock.advance(seconds=honoured.settings.lease_seconds)
    honoured.reconcile()
    assert honoured.finish(mailing).counts["sent"] == 1
    assert [row[:2] for row in calls(honoured)] == [(1, "not_delivered"), (2, "unknown"), (3, "accepted")]


def test_a_message_without_attempts_left_that_surely_was_not_delivered_is_not_unknown(world: World) -> None:
    """Somebody lowers the setting while a message waits for another attempt."""
    mailing = answered(world, *[LATER] * 5)
    for _ in range(3):
        world.run(mailing)
        world.work()
        world.clock.advance(minutes=10)
    world.settings = world.settings.model_copy(update={"max_attempts": 2})
    world.finish(mailing)
    assert reason(world)[:3] == (4, "not_delivered", "HTTP 503")
    assert len(calls(world)) == len(world.provider.calls) == 3


def test_the_number_of_calls_kept_is_bounded(world: World) -> None:
    world.settings = world.settings.model_copy(update={"max_attempts": 1_000, "breaker_failures": 10_000})
    mailing = answered(world, *[LATER] * 70)
    world.finish(mailing, turns=300)
    kept = [row[0] for row in calls(world, "claim_no")]
    assert kept == [*range(1, FIRST_KEPT + 1), *range(71 - LAST_KEPT + 1, 72)]
    assert calls(world)[-1][:2] == (71, "accepted")


def test_they_go_with_the_mailing_and_with_its_phones(world: World) -> None:
    world.settings = world.settings.model_copy(update={"plan_slice": 2})
    world.add_clients(3)
    world.provider.answer = lambda _id: REFUSED
    first, second = world.write().id, world.write().id
    world.finish(first)
    world.finish(second)
    assert len(calls(world)) == 6
    mailings.delete(world.engine, world.owner, first)
    assert len(calls(world)) == 3
    world.clock.advance(days=91)
    for _ in range(3):
        world.reconcile()
    assert calls(world) == []
    assert world.sql("SELECT 1 FROM mailing WHERE phones_cleared_at IS NULL") == []


def test_a_requeue_keeps_the_trail_and_begins_with_no_reason(world: World) -> None:
    mailing = answered(world, REFUSED, LATER)
    world.finish(mailing)
    [(message,)] = world.sql("SELECT id FROM message")
    messages.requeue(world.engine, world.owner, message, honours_key=False, clock=world.clock)
    assert reason(world)[:3] == (MessageStatus.WAITING, None, None)
    world.finish(mailing)
    assert [row[:2] for row in calls(world)] == [(1, "refused"), (1, "not_delivered"), (2, "accepted")]
    assert reason(world)[:3] == (2, None, None)


def test_a_requeue_keeps_the_reason_of_an_unknown_fate(honoured: World) -> None:
    mailing = answered(honoured, *[UNKNOWN] * 8, REFUSED)
    honoured.finish(mailing)
    [(message,)] = honoured.sql("SELECT id FROM message")
    messages.requeue(honoured.engine, honoured.owner, message, honours_key=True, clock=honoured.clock)
    honoured.finish(mailing)
    assert reason(honoured)[:3] == (4, "unknown_outcome", "HTTP 500"), "and not that of the refusal"
