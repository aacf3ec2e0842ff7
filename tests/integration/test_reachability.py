"""Windows in which nothing can be sent: refused when a mailing is written, shown in its preview, asked about when it starts."""

from datetime import time, timedelta

import pytest

from chalicelib.domain.errors import ConfirmationRequiredError, InvalidInputError
from chalicelib.services import mailings, previews
from chalicelib.services.mailings import MailingRecord, NewMailing
from tests.world import NOW, START, World

HOUR = timedelta(hours=1)


def write(world: World, *, confirmed: bool = False, **fields: object) -> MailingRecord:
    given = {"name": "sale", "text": "hello", "starts_at": START, "ends_at": START + 24 * HOUR}
    new = NewMailing(**{**given, **fields})  # type: ignore[arg-type]  # fields by name
    return mailings.create(world.engine, world.owner, new, confirmed=confirmed, clock=world.clock)


IMPOSSIBLE = {
    "shorter than one call": ({"ends_at": START + timedelta(seconds=10), "time_zone": "UTC"}, "ends_at", "more than 10 seconds"),
    "hours that never come": (
        {"send_from": time(9), "send_until": time(11), "ends_at": START + 20 * HOUR},
        "send_from",
        "never open",
    ),
    "hours of seconds": ({"send_from": time(13), "send_until": time(13, 0, 8)}, "send_from", "never open"),
    "a gap of clocks": (
        {
            "starts_at": START.replace(month=3, day=28, year=2027, hour=2, minute=5),
            "ends_at": START.replace(month=3, day=28, year=2027, hour=2, minute=50),
        },
        "ends_at",
        "clocks skip it",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_can_never_be_sent_is_refused_when_it_is_written_edited_and_drafted(world: World, name: str) -> None:
    fields, field, words = IMPOSSIBLE[name]
    world.add_clients(2, zone="Europe/Berlin")
    for draft in (False, True):
        with pytest.raises(InvalidInputError) as refused:
            write(world, draft=draft, confirmed=True, **fields)  # type: ignore[arg-type]  # fields by name
        assert [(error.field, words in error.message) for error in refused.value.errors] == [(field, True)]
        good = write(world, draft=draft)
        with pytest.raises(InvalidInputError):
            mailings.edit(world.engine, world.owner, good.id, fields, clock=world.clock, confirmed=True)  # type: ignore[arg-type]  # fields by name
    assert world.sql("SELECT count(*) FROM mailing") == [(2,)], "nothing was written of the refused ones"


def test_a_paused_mailing_is_neither_edited_nor_resumed_into_a_window_that_holds_nothing(world: World) -> None:
    world.add_clients(3)
    mailing = write(world)
    world.run(mailing.id)
    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    world.work()
    world.clock.advance(hours=1)
    with pytest.raises(InvalidInputError, match="ends_at"):
        mailings.edit(world.engine, world.owner, mailing.id, {"ends_at": START + HOUR + timedelta(seconds=5)}, clock=world.clock)
    mailings.edit(world.engine, world.owner, mailing.id, {"name": "spring sale"}, clock=world.clock)
    world.clock.now = NOW + 24 * HOUR - timedelta(seconds=5)
    with pytest.raises(InvalidInputError, match="ends_at"):
        mailings.resume(world.engine, world.owner, mailing.id, clock=world.clock)
    assert world.finish(mailing.id).counts["expired"] == 3


def test_where_it_holds_for_some_zones_it_is_shown_asked_and_done_once_confirmed(world: World) -> None:
    world.add_clients(2, zone="Asia/Tokyo")
    world.add_clients(3, first=10, zone="America/New_York")
    fields = {"ends_at": START + HOUR}  # in Tokyo that was hours ago
    with pytest.raises(ConfirmationRequiredError, match="2 of 5; Asia/Tokyo: the end is past"):
        write(world, **fields)  # type: ignore[arg-type]  # fields by name
    draft = write(world, draft=True, **fields)  # type: ignore[arg-type]  # fields by name
    seen = previews.preview(world.engine, world.owner, draft.id, clock=world.clock)
    assert {zone.time_zone: zone.obstacle for zone in seen.zones} == {"Asia/Tokyo": "past", "America/New_York": None}
    with pytest.raises(ConfirmationRequiredError):
        mailings.start(world.engine, world.owner, draft.id, clock=world.clock)
    assert world.mailing(draft.id).status == "draft"
    assert mailings.start(world.engine, world.owner, draft.id, confirmed=True, clock=world.clock).status == "scheduled"
    done = world.finish(draft.id)
    assert (done.counts["sent"], done.counts["expired"]) == (3, 2)


def test_zones_without_a_selected_client_concern_nobody(world: World) -> None:
    world.add_clients(2, zone="Asia/Tokyo")
    world.add_clients(3, first=10, zone="America/New_York", tags=["vip"])
    assert write(world, ends_at=START + HOUR, filter_tags=("vip",)).status == "scheduled"
    world.sql("UPDATE client SET tags = '{vip}' WHERE time_zone = 'Asia/Tokyo'")
    world.sql("UPDATE client SET tags = '{}' WHERE time_zone = 'America/New_York'")
    with pytest.raises(InvalidInputError) as refused:
        write(world, ends_at=START + HOUR, filter_tags=("vip",))
    assert [(error.field, error.code) for error in refused.value.errors] == [("ends_at", "empty_window")]


def test_all_that_has_to_be_confirmed_is_asked_about_at_once(world: World) -> None:
    world.add_clients(2, zone="Asia/Tokyo")
    world.add_clients(3, first=10, zone="America/New_York")
    with pytest.raises(ConfirmationRequiredError) as asked:
        write(world, ends_at=START + HOUR, text="Dear ${name}")
    assert [error.field for error in asked.value.errors] == ["ends_at", "text"]
