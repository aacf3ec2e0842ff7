"""The chunk worker: who may claim, what is recorded, and what a dead or late worker leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy import text

from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import Outcome, OutcomeKind, Verdict
from chalicelib.domain.status import MessageStatus
from chalicelib.sending import worker
from chalicelib.sending.worker import Chunk, PoisonError, parse_chunk, send_chunk
from chalicelib.services import clients, mailings
from chalicelib.storage import messages
from chalicelib.storage.engine import autocommit, build_engine
from tests.world import ACCEPTED, NOW, World

LEASE, DEADLINE = timedelta(seconds=30), timedelta(seconds=10)
REFUSED = Outcome(OutcomeKind.REFUSED, "HTTP 400")
LATER = Outcome(OutcomeKind.NOT_DELIVERED, "HTTP 503", 7.0)
UNKNOWN = Outcome(OutcomeKind.UNKNOWN, "HTTP 500")
SENT = Verdict(MessageStatus.SENT, attempts=1, unknown=False)


def dispatched(world: World, clients: int = 25) -> tuple[int, list[int]]:
    """A mailing whose one chunk is dispatched: its id and the ids of its messages."""
    world.add_clients(clients)
    mailing = world.write()
    world.run(mailing.id)
    return mailing.id, [id_ for chunk in world.aws.chunks for id_ in chunk["message_ids"]]


def claim(world: World, mailing_id: int, ids: list[int]) -> messages.ClaimedChunk:
    with autocommit(world.engine) as connection:
        return messages.claim(connection, mailing_id, ids, now=world.clock.now, lease=LEASE, deadline=DEADLINE)


def row(world: World, message_id: int) -> dict[str, object]:
    return dict(world.sql("SELECT * FROM message WHERE id = :id", id=message_id)[0]._mapping)


def test_of_64_rivals_one_wins_each_message(world: World) -> None:
    mailing_id, ids = dispatched(world)
    rivals = build_engine(world.settings, pool_size=64)
    together = Barrier(64)

    def rival(_: int) -> list[int]:
        with autocommit(rivals) as connection:
            together.wait(timeout=30)
            won = messages.claim(connection, mailing_id, ids, now=world.clock.now, lease=LEASE, deadline=DEADLINE)
        return [each.id for each in won.claims]

    with ThreadPoolExecutor(64) as pool:
        won = [id_ for part in pool.map(rival, range(64)) for id_ in part]
    rivals.dispose()
    assert sorted(won) == sorted(ids)


def test_rows_in_the_middle_of_a_claim_are_passed_over(world: World) -> None:
    """Not waited for: whoever waits for a row and then takes it has it beside the one who had it first."""
    mailing_id, ids = dispatched(world)
    take = partial(messages.claim, now=world.clock.now, lease=LEASE, deadline=DEADLINE)
    with world.engine.begin() as first, world.engine.begin() as second:
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        assert len(take(first, mailing_id, ids[:20]).claims) == 20
        assert [each.id for each in take(second, mailing_id, ids).claims] == ids[20:]


def test_every_sqs_message_twice_at_once_is_one_call_each(world: World) -> None:
    _, ids = dispatched(world, 100)
    chunks = world.aws.chunks * 2
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda chunk: world.work([chunk]), chunks))
    assert sorted(world.provider.calls) == sorted(ids)


def test_a_chunk_that_comes_again_later_changes_nothing(world: World) -> None:
    mailing_id, ids = dispatched(world)
    chunks = list(world.aws.chunks)
    world.work(chunks)
    assert [figures.claimed for figures in world.work(chunks)] == [0]
    assert world.finish(mailing_id).counts["sent"] == len(ids) == len(world.provider.calls)
    world.clock.advance(days=30)
    world.work(chunks)
    assert len(world.provider.calls) == len(ids)


def test_a_worker_that_wakes_up_after_its_lease_writes_nothing(world: World) -> None:
    mailing_id, ids = dispatched(world, 1)
    world.settings = world.settings.model_copy(update={"provider_honours_key": True})
    late = claim(world, mailing_id, ids)
    world.clock.advance(seconds=31)
    world.provider.answer = lambda _id: REFUSED
    world.work()
    assert row(world, ids[0])["error_code"] == "unknown_outcome", "the first worker may have delivered"

    with autocommit(world.engine) as connection:
        recorded = messages.record(connection, mailing_id, [(late.claims[0], SENT)], world.clock.now)
    assert recorded.rows == 0
    assert row(world, ids[0])["status"] == 4


def test_a_late_worker_writes_nothing_while_another_has_the_message(world: World) -> None:
    mailing_id, ids = dispatched(world, 1)
    late = claim(world, mailing_id, ids)
    world.clock.advance(seconds=31)
    other = claim(world, mailing_id, ids)
    assert other.claims[0].unknown, "the first worker may have delivered"
    with autocommit(world.engine) as connection:
        assert messages.record(connection, mailing_id, [(late.claims[0], SENT)], world.clock.now).rows == 0
        assert row(world, ids[0])["lease_until"] == world.clock.now + LEASE
        assert messages.record(connection, mailing_id, [(other.claims[0], SENT)], world.clock.now).rows == 1
        assert messages.record(connection, mailing_id, [(other.claims[0], SENT)], world.clock.now).rows == 0, "a repetition"


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("message", "not_before", NOW + timedelta(seconds=1)),
        ("message", "lease_until", NOW + timedelta(seconds=1)),
        ("message", "status", 5),
        ("mailing_zone", "opens_at", NOW + timedelta(seconds=1)),
        ("mailing_zone", "closes_at", NOW),
        ("mailing_zone", "expires_at", NOW + DEADLINE),
        ("mailing", "status", "paused"),
    ],
)
def test_nothing_is_claimed_that_may_not_go_now(world: World, table: str, column: str, value: object) -> None:
    """Whatever a run thought when it dispatched: a copy in the queue may come at any time."""
    mailing_id, ids = dispatched(world, 2)
    world.sql(f"UPDATE {table} SET {column} = :value", value=value)
    assert not claim(world, mailing_id, ids).claims
    world.work()
    assert not world.provider.calls


def test_a_chunk_touches_messages_of_its_own_mailing_only(world: World) -> None:
    mailing_id, ids = dispatched(world, 2)
    other = world.write()
    before = row(world, ids[0])
    assert not claim(world, other.id, ids).claims
    with autocommit(world.engine) as connection:
        messages.hold(connection, other.id, ids, NOW + timedelta(hours=1))
        messages.release(connection, other.id, ids, now=NOW - timedelta(hours=1), deadline=DEADLINE)
    assert row(world, ids[0]) == before
    assert world.finish(mailing_id).counts["sent"] == 2


@pytest.mark.parametrize("honours_key", [True, False])
def test_a_worker_that_died_leaves_an_unknown_fate(world: World, honours_key: bool) -> None:
    mailing_id, ids = dispatched(world, 5)
    world.settings = world.settings.model_copy(update={"provider_honours_key": honours_key})
    claim(world, mailing_id, ids)  # and then the worker is gone
    world.aws.chunks.clear()
    world.run(mailing_id)
    assert not world.aws.chunks

    world.clock.advance(seconds=31)
    assert world.reconcile().messages_rescued == 5
    done = world.finish(mailing_id)

    if honours_key:
        assert done.counts["sent"] == 5
        assert sorted(world.provider.calls) == sorted(ids)
    else:
        assert done.counts["failed"] == 5
        assert not world.provider.calls
        assert row(world, ids[0])["error_code"] == "unknown_outcome"
        assert row(world, ids[0])["attempts"] == 1, "the call that may have been made"


def test_a_refusal_is_final_at_once(world: World) -> None:
    mailing_id, ids = dispatched(world, 3)
    world.provider.answer = lambda message_id: REFUSED if message_id == ids[1] else Outcome(OutcomeKind.ACCEPTED)
    world.work()
    done = world.finish(mailing_id)
    assert (done.counts["sent"], done.counts["failed"]) == (2, 1)
    assert (row(world, ids[1])["error_code"], row(world, ids[1])["error_detail"]) == ("refused", "HTTP 400")


def test_what_was_surely_not_delivered_is_deferred_and_tried_again(world: World) -> None:
    mailing_id, ids = dispatched(world, 2)
    world.provider.answer = lambda _id: LATER
    assert [figures.deferred for figures in world.work()] == [2]
    after = row(world, ids[0])
    assert (after["status"], after["dispatched_at"], after["lease_until"], after["attempts"]) == (1, None, None, 1)
    assert NOW + timedelta(seconds=7) <= after["not_before"] <= NOW + timedelta(seconds=9)  # type: ignore[operator]  # a moment

    world.provider.answer = lambda _id: Outcome(OutcomeKind.ACCEPTED)
    assert world.finish(mailing_id).counts["sent"] == 2


def test_attempts_are_bounded(world: World) -> None:
    mailing_id, ids = dispatched(world, 1)
    world.provider.answer = lambda _id: LATER
    done = world.finish(mailing_id)
    assert done.counts["failed"] == 1
    assert len(world.provider.calls) == world.settings.max_attempts
    assert row(world, ids[0])["error_code"] == "not_delivered"


@pytest.mark.parametrize(("honours_key", "calls", "status"), [(True, 8, 4), (False, 1, 4)])
def test_an_unknown_fate_is_repeated_only_under_a_key_that_is_honoured(
    world: World, honours_key: bool, calls: int, status: int
) -> None:
    mailing_id, ids = dispatched(world, 1)
    world.settings = world.settings.model_copy(update={"provider_honours_key": honours_key})
    world.provider.answer = lambda _id: UNKNOWN
    world.finish(mailing_id)
    assert len(world.provider.calls) == calls
    assert (row(world, ids[0])["status"], row(world, ids[0])["error_code"]) == (status, "unknown_outcome")


def test_our_own_fault_burns_no_attempt(world: World) -> None:
    mailing_id, ids = dispatched(world, 2)
    world.provider.answer = lambda _id: Outcome(OutcomeKind.MISCONFIGURED, "HTTP 401")
    world.work()
    assert row(world, ids[0])["attempts"] == 0
    world.provider.answer = lambda _id: Outcome(OutcomeKind.ACCEPTED)
    assert world.finish(mailing_id).counts["sent"] == 2


def test_nothing_is_sent_when_the_answer_would_come_after_the_end(world: World) -> None:
    mailing_id, ids = dispatched(world, 2)
    world.clock.now = NOW + timedelta(days=1) - DEADLINE
    assert [figures.released for figures in world.work()] == [2]
    assert not world.provider.calls
    assert world.finish(mailing_id).counts["expired"] == len(ids)


def test_a_text_with_a_hole_is_never_sent(world: World) -> None:
    world.add_clients(1, name="Olga")
    world.add_clients(1, first=1)
    mailing = world.write(text="Dear ${name}, ${gift|a surprise} waits", confirmed=True)
    done = world.finish(mailing.id)
    assert (done.counts["sent"], done.counts["failed"]) == (1, 1)
    assert list(world.provider.texts.values()) == ["Dear Olga, a surprise waits"]
    [(code, detail)] = world.sql("SELECT error_code, error_detail FROM message WHERE status = 4")
    assert (code, detail) == ("missing_value", "name")


def test_no_call_starts_when_too_little_of_the_lease_is_left(world: World) -> None:
    mailing_id, ids = dispatched(world, 2)
    moments = iter([0.0, 100.0, 100.0])
    tools = replace(world.worker_tools, monotonic=lambda: next(moments))
    figures = send_chunk(tools, Chunk(mailing_id, ids))
    assert (figures.claimed, figures.deferred) == (2, 2)
    assert not world.provider.calls
    assert row(world, ids[0])["attempts"] == 0


def test_pause_stops_what_is_queued_and_resume_continues(world: World) -> None:
    mailing_id, ids = dispatched(world, 50)
    chunks, world.aws.chunks = world.aws.chunks, []
    world.work(chunks[:1])
    mailings.pause(world.engine, world.owner, mailing_id, clock=world.clock)
    assert [figures.released for figures in world.work(chunks[1:])] == [25]
    world.run(mailing_id)
    assert not world.aws.chunks
    assert len(world.provider.calls) == 25

    world.clock.advance(minutes=5)
    mailings.resume(world.engine, world.owner, mailing_id, clock=world.clock)
    assert world.finish(mailing_id).counts["sent"] == len(ids) == len(world.provider.calls)


def test_cancel_marks_what_waits_and_leaves_what_is_at_the_provider(world: World) -> None:
    mailing_id, ids = dispatched(world, 50)
    held = claim(world, mailing_id, ids[:5])
    mailings.cancel(world.engine, world.owner, mailing_id, clock=world.clock)
    figures = world.run(mailing_id)
    assert figures is not None
    assert figures.cancelled == 45

    with autocommit(world.engine) as connection:
        messages.record(connection, mailing_id, [(each, SENT) for each in held.claims], world.clock.now)
    done = world.finish(mailing_id)
    assert (done.status, done.counts["sent"], done.counts["cancelled"]) == ("cancelled", 5, 45)


@pytest.mark.parametrize("answered", [True, False])
def test_a_cancelled_mailing_is_not_deleted_while_a_call_is_under_way(world: World, answered: bool) -> None:
    mailing_id, ids = dispatched(world, 50)
    held = claim(world, mailing_id, ids[:5])
    mailings.cancel(world.engine, world.owner, mailing_id, clock=world.clock)
    world.run(mailing_id)
    with pytest.raises(ConflictError, match="fate is not known yet"):
        mailings.delete(world.engine, world.owner, mailing_id)

    with autocommit(world.engine) as connection:
        if answered:
            messages.record(connection, mailing_id, [(each, SENT) for each in held.claims], world.clock.now)
        else:  # its worker died
            world.clock.now += LEASE
            messages.cancel(connection, mailing_id, len(ids), world.clock.now)
    if not answered:
        with pytest.raises(ConflictError, match="only record: 5"):
            mailings.delete(world.engine, world.owner, mailing_id)
    mailings.delete(world.engine, world.owner, mailing_id, force=not answered)
    assert not world.sql("SELECT 1 FROM message")


def test_a_cancelled_mailing_is_not_deleted_while_a_message_of_unknown_fate_waits(world: World) -> None:
    world.settings = world.settings.model_copy(update={"provider_honours_key": True})
    mailing_id, ids = dispatched(world, 5)
    world.provider.answer = lambda message_id: UNKNOWN if message_id == ids[0] else ACCEPTED
    world.work()
    mailings.cancel(world.engine, world.owner, mailing_id, clock=world.clock)
    with pytest.raises(ConflictError, match="fate is not known yet"):
        mailings.delete(world.engine, world.owner, mailing_id)
    assert world.finish(mailing_id).counts["failed"] == 1
    with pytest.raises(ConflictError, match="only record: 1"):
        mailings.delete(world.engine, world.owner, mailing_id)
    mailings.delete(world.engine, world.owner, mailing_id, force=True)
    assert not world.sql("SELECT 1 FROM message")


@pytest.mark.parametrize(
    "body",
    ["", "null", "[]", "{", '{"v":2,"mailing_id":1,"message_ids":[1]}', '{"v":1,"mailing_id":"1","message_ids":[1]}',
     '{"v":1,"mailing_id":1,"message_ids":[true]}', '{"v":1,"mailing_id":1}', "[" * 100_000],
)  # fmt: skip
def test_a_body_that_is_no_chunk_is_poison(body: str) -> None:
    with pytest.raises(PoisonError):
        parse_chunk(body)


def test_ids_that_nobody_knows_are_acknowledged(world: World) -> None:
    mailing_id, _ = dispatched(world, 1)
    figures = send_chunk(world.worker_tools, Chunk(mailing_id, [10**15, 10**15 + 1]))
    assert (figures.claimed, figures.released) == (0, 0)


def test_a_client_deleted_while_its_message_was_at_the_provider_is_not_tried_again(world: World) -> None:
    mailing_id, (id_,) = dispatched(world, 1)

    def deleted_meanwhile(_message_id: int) -> Outcome:
        # Deletion looks at the real clock, and the lease must still live there.
        (client_id,) = world.sql("UPDATE message SET lease_until = now() + interval '1 minute' RETURNING client_id")[0]
        clients.delete(world.engine, world.owner, client_id)
        return LATER

    world.provider.answer = deleted_meanwhile
    world.work()
    assert row(world, id_)["status"] == MessageStatus.WAITING
    assert world.finish(mailing_id).counts["failed"] == 1
    assert world.provider.calls == [id_]
    assert row(world, id_)["error_code"] == "client_deleted"


def test_an_error_in_one_call_costs_no_other_message_its_outcome(world: World) -> None:
    _, ids = dispatched(world, 25)

    def answer(message_id: int) -> Outcome:
        if message_id == ids[7]:
            raise ValueError("+79101234567 in a message that no log may hold")
        return Outcome(OutcomeKind.ACCEPTED)

    world.provider.answer = answer
    world.work()
    assert row(world, ids[7])["error_detail"] == "ValueError"
    assert (row(world, ids[7])["status"], row(world, ids[7])["error_code"]) == (4, "unknown_outcome")
    assert world.sql("SELECT count(*) FROM message WHERE status = 2") == [(24,)]
    assert len(world.provider.calls) == 25


def test_a_text_that_cannot_be_rendered_was_surely_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, ids = dispatched(world, 2)
    monkeypatch.setattr(worker, "render", lambda *_: 1 / 0)
    world.work()
    assert not world.provider.calls
    assert row(world, ids[0])["error_code"] == "not_delivered"
