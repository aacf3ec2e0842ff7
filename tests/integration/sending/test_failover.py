"""Several providers: the next one takes over from one that fails, and never what that one may have accepted."""

from datetime import timedelta

import pytest

from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from tests.world import ACCEPTED, NOW, Ledger, World

DOWN = Outcome(OutcomeKind.NOT_DELIVERED, "ConnectTimeout")
LOST = Outcome(OutcomeKind.UNKNOWN, "ReadTimeout")


def providers_of(world: World, mailing_id: int, status: int = 2) -> dict[str, int]:
    rows = world.sql(
        "SELECT provider, count(*) FROM message WHERE mailing_id = :mailing AND status = :status GROUP BY 1 ORDER BY 1",
        mailing=mailing_id,
        status=status,
    )
    return dict(map(tuple, rows))


def calls_of(*ledgers: Ledger) -> list[int]:
    return [message_id for ledger in ledgers for message_id in ledger.calls]


def test_the_first_that_a_mailing_names_sends_it(world: World) -> None:
    first, second = world.add_provider("first"), world.add_provider("second")
    world.add_clients(30)
    mailing = world.write(providers=("second", "first"))
    assert list(mailing.providers) == ["second", "first"]
    assert world.finish(mailing.id).counts["sent"] == 30
    assert (len(first.calls), len(second.calls), world.provider.calls) == (0, 30, [])
    assert providers_of(world, mailing.id) == {"second": 30}


def test_without_names_they_are_tried_by_position(world: World) -> None:
    late, early = world.add_provider("late", position=9), world.add_provider("early", position=-1)
    world.add_clients(5)
    assert world.finish(world.write().id).counts["sent"] == 5
    assert (len(early.calls), len(late.calls), world.provider.calls) == (5, 0, [])


def test_a_provider_that_is_not_enabled_is_not_called(world: World) -> None:
    first, second = world.add_provider("first"), world.add_provider("second")
    world.sql("UPDATE provider SET enabled = false WHERE name = 'first'")
    world.add_clients(5)
    assert world.finish(world.write(providers=("first", "second")).id).counts["sent"] == 5
    assert (first.calls, len(second.calls)) == ([], 5)


@pytest.mark.parametrize("clients", [3, 500])
def test_another_takes_over_when_the_first_fails_and_gives_back_when_it_recovers(world: World, clients: int) -> None:
    first, second = world.add_provider("first"), world.add_provider("second")
    first.answer = lambda _id: DOWN
    world.add_clients(clients)
    mailing = world.write(providers=("first", "second"))
    done = world.finish(mailing.id)
    assert done.counts["sent"] == clients
    assert world.clock.now < NOW + timedelta(minutes=2)
    assert providers_of(world, mailing.id) == {"second": clients}
    assert sorted(second.calls) == sorted(set(second.calls))

    first.answer = lambda _id: ACCEPTED
    world.clock.advance(seconds=60)
    again = world.write(providers=("first", "second"))
    assert world.finish(again.id).counts["sent"] == clients
    by_provider = providers_of(world, again.id)
    assert by_provider["first"] >= clients - 50, "one probe opens the way"
    assert len(calls_of(second)) + sum(world.mailing(again.id).counts.values()) >= clients


@pytest.mark.parametrize("honours_key", [False, True])
def test_a_message_whose_outcome_is_unknown_stays_with_its_provider(world: World, honours_key: bool) -> None:
    world.settings = world.settings.model_copy(update={"provider_honours_key": honours_key, "backoff_cap_seconds": 30})
    first, second = world.add_provider("first"), world.add_provider("second")
    first.answer = lambda _id: LOST
    world.add_clients(300)
    mailing = world.write(providers=("first", "second"))
    done = world.finish(mailing.id, turns=2_000)
    assert not set(first.calls) & set(second.calls)
    unknown = set(first.calls)
    assert done.counts["sent"] == 300 - len(unknown) == len(second.calls)
    assert providers_of(world, mailing.id, status=4) == {"first": len(unknown)}
    assert world.sql("SELECT DISTINCT error_code FROM message WHERE status = 4") == [("unknown_outcome",)]
    if honours_key:
        assert len(first.calls) > len(unknown), "its own provider is called again under the same key"
    else:
        assert len(first.calls) == len(unknown)


def test_an_unknown_message_is_settled_by_its_provider_when_that_recovers(world: World) -> None:
    world.settings = world.settings.model_copy(update={"provider_honours_key": True})
    first, second = world.add_provider("first"), world.add_provider("second")
    first.answer = lambda _id: LOST if world.clock.now < NOW + timedelta(seconds=30) else ACCEPTED
    world.add_clients(200)
    mailing = world.write(providers=("first", "second"))
    done = world.finish(mailing.id, turns=2_000)
    assert done.counts["sent"] == 200
    assert not set(first.calls) & set(second.calls)


def test_when_all_fail_nothing_is_lost_and_the_first_to_recover_sends(world: World) -> None:
    first, second = world.add_provider("first"), world.add_provider("second")
    first.answer = lambda _id: DOWN
    second.answer = lambda _id: DOWN if world.clock.now < NOW + timedelta(minutes=5) else ACCEPTED
    world.add_clients(200)
    mailing = world.write(providers=("first", "second"))
    done = world.finish(mailing.id, turns=2_000)
    assert done.counts["sent"] == 200
    assert providers_of(world, mailing.id) == {"second": 200}


def test_what_a_worker_that_died_may_have_sent_goes_to_nobody_else(world: World) -> None:
    """Killed between the stamp and the call: nobody can tell whether the call was made."""
    world.add_provider("default", position=0)
    second = world.add_provider("second")
    del world.others["default"]
    world.add_clients(50)
    mailing = world.write(providers=("default", "second"))
    world.run(mailing.id)
    claimed = {claim.id for claim in world.die_after_claim(world.aws.chunks[0]).claims}
    world.sql(
        "INSERT INTO provider_state (name, failures, opened_at, probe_at) VALUES ('default', 20, :now, :at)",
        now=NOW,
        at=NOW + timedelta(days=2),
    )
    world.clock.advance(seconds=world.settings.lease_seconds)
    world.work()
    done = world.finish(mailing.id)
    assert claimed
    assert not claimed & set(calls_of(second, world.provider))
    assert (done.counts["sent"], done.counts["failed"]) == (50 - len(claimed), len(claimed))


def test_a_name_that_no_provider_has_is_refused(world: World) -> None:
    world.add_provider("first")
    with pytest.raises(InvalidInputError) as refused:
        world.write(providers=("first", "frist"))
    [error] = refused.value.errors
    assert (error.field, error.message) == ("providers", "no provider has the name frist; there are: first")


def test_a_provider_whose_credential_is_missing_is_left_out(world: World) -> None:
    world.sql("INSERT INTO provider (name, kind, position) VALUES ('bare', 'twilio', -1)")
    world.add_clients(5)
    assert world.finish(world.write().id).counts["sent"] == 5
    assert len(world.provider.calls) == 5


def test_rates_are_each_providers_own(world: World) -> None:
    first = world.add_provider("first")
    world.settings = world.settings.model_copy(update={"provider_rate": 5})
    world.add_clients(50)
    world.finish(world.write(providers=("first",)).id)
    assert len(first.calls) == 50
    assert world.clock.now >= NOW + timedelta(seconds=8)
    assert world.sql("SELECT name FROM provider_state") == [("first",)]
