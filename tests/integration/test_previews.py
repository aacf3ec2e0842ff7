"""Looking before sending, and trying again after."""

from datetime import timedelta

import pytest

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError, InvalidInputError, NotFoundError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.services import mailings, previews
from tests.world import ACCEPTED, NOW, START, World

STRANGER = Principal(999, "stranger", is_superuser=False)


def test_a_preview_counts_by_zone_and_wave_and_renders_a_sample(world: World) -> None:
    world.add_clients(2, zone="Asia/Tokyo", name="Akira")
    world.add_clients(3, first=10, zone="Europe/Berlin")
    world.add_clients(1, first=20, zone="UTC", tags=["old"])
    world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, '+79100000001')", owner=world.owner.user_id)
    tomorrow = START + timedelta(days=1)
    mailing = world.write(
        text="Dear ${name}", time_zone=None, starts_at=tomorrow, ends_at=tomorrow + timedelta(hours=3), draft=True
    )
    seen = previews.preview(world.engine, world.owner, mailing.id, clock=world.clock)
    assert (seen.clients, seen.do_not_contact) == (6, 1)
    assert [(zone.time_zone, zone.clients) for zone in seen.zones] == [("Asia/Tokyo", 2), ("Europe/Berlin", 3), ("UTC", 1)]
    assert seen.zones[0].opens_at == NOW + timedelta(hours=15)
    assert seen.sample is not None
    assert (seen.sample.text, seen.sample.length) == ("Dear Akira", 10)
    assert not world.sql("SELECT id FROM message")
    assert not world.provider.calls

    narrowed = mailings.edit(world.engine, world.owner, mailing.id, {"filter_tags": ("old",)}, clock=world.clock)
    seen = previews.preview(world.engine, world.owner, narrowed.id, clock=world.clock)
    assert seen.clients == 1
    assert seen.sample is not None
    assert (seen.sample.text, seen.sample.missing) == (None, "name")
    with pytest.raises(NotFoundError):
        previews.preview(world.engine, STRANGER, mailing.id, clock=world.clock)


def test_a_test_send_touches_no_statistics(world: World) -> None:
    world.add_clients(1, name="Olga")
    world.add_clients(1, first=5)
    mailing = world.write(text="Dear ${name}", draft=True)
    sent = previews.send_test(world.engine, world.owner, mailing.id, "+491701234567", world.provider, client_id=None)
    assert (sent.outcome, sent.text) == (ACCEPTED, "Dear Olga")
    assert world.provider.phones == {sent.message_id: "+491701234567"}
    assert not world.sql("SELECT id FROM message")
    mailings.start(world.engine, world.owner, mailing.id, confirmed=True, clock=world.clock)
    world.finish(mailing.id)
    assert len(set(world.provider.calls)) == len(world.provider.calls) == 2, "no client's message has the test's key"

    [(holeless,)] = world.sql("SELECT id FROM client WHERE attributes = '{}'")
    for phone, client_id, wrong in (("+7910", None, "phone"), ("+491701234567", holeless, "client")):
        with pytest.raises(InvalidInputError, match=wrong):
            previews.send_test(world.engine, world.owner, mailing.id, phone, world.provider, client_id=client_id)
    with pytest.raises(NotFoundError):
        previews.send_test(world.engine, world.owner, mailing.id, "+491701234567", world.provider, client_id=10**9)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, '+491701234567')", owner=world.owner.user_id)
    with pytest.raises(ConflictError):
        previews.send_test(world.engine, world.owner, mailing.id, "+491701234567", world.provider, client_id=None)


def test_failed_messages_are_tried_again_but_never_delivered_twice(world: World) -> None:
    world.add_clients(6)
    mailing = world.write()
    kinds = {0: OutcomeKind.REFUSED, 1: OutcomeKind.UNKNOWN, 2: OutcomeKind.REFUSED}
    world.provider.answer = lambda message_id: Outcome(kinds.get(message_id % 6, OutcomeKind.ACCEPTED))
    assert world.finish(mailing.id).counts["failed"] == 3
    world.sql(
        "DELETE FROM client WHERE id = (SELECT client_id FROM message WHERE status = 4 AND NOT unknown ORDER BY id LIMIT 1)"
    )

    world.provider.answer = lambda _id: ACCEPTED
    again = mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock)
    assert (again.status, again.counts["waiting"], again.finished_at) == ("running", 1, None)
    done = world.finish(mailing.id)
    assert (done.status, done.counts["sent"], done.counts["failed"]) == ("finished", 4, 2)
    assert mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock).status == "finished"

    world.clock.advance(days=2)
    assert mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock).counts["failed"] == 2
    mailing = world.write(starts_at=START + timedelta(days=9), ends_at=START + timedelta(days=10))
    with pytest.raises(ConflictError, match="must be running, paused or finished"):
        mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock)
