"""The last look before a mailing is sent: it counts exactly those who will get a message."""

from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConfirmationRequiredError, ConflictError, NotFoundError
from chalicelib.services import clients, do_not_contact, mailings, reviews
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.mailings import NewMailing
from chalicelib.storage.clock import Clock
from tests.world import World

MORNING = datetime(2098, 5, 1, 6, 0)
PEOPLE: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("+79101000001", "Europe/Moscow", {"name": "Anna"}),
    ("+79101000002", "Europe/Moscow", {"name": "Maximiliana"}),
    ("+77011000003", "Asia/Almaty", {}),
    ("+447781000004", "Europe/London", {"name": "Grace"}),
    ("+447911000005", "Europe/London", {"name": "barred"}),
    ("+819012345678", "Asia/Tokyo", {"name": "Кэндзи"}),
)


STRANGER = Principal(999, "stranger", is_superuser=False)


@pytest.fixture
def anna(world: World) -> Principal:
    return world.owner


@pytest.fixture
def mailing(engine: Engine, anna: Principal) -> int:
    clients.create_many(engine, anna, [NewClient(phone, zone, attributes=values) for phone, zone, values in PEOPLE])
    do_not_contact.put(engine, anna, [NewEntry("+447911000005")])
    new = NewMailing("Hi", "Hi ${name|you}", MORNING, MORNING + timedelta(hours=2), time_zone="UTC", rate_limit=2, draft=True)
    return mailings.create(engine, anna, new, confirmed=True).id


def at(moment: datetime) -> Clock:
    return lambda _connection: moment.replace(tzinfo=UTC)


def test_who_gets_it_when_and_what_they_read(engine: Engine, anna: Principal, mailing: int) -> None:
    found = reviews.review(engine, anna, mailing, at_once=False, clock=at(MORNING - timedelta(days=1)))
    assert found.recipients == 5
    assert found.preview.do_not_contact == 1
    assert found.countries == {"RU": 2, "GG": 1, "JP": 1, "KZ": 1}
    assert [(sample.kind, sample.text) for sample in found.samples] == [
        ("shortest", "Hi you"),
        ("longest", "Hi Maximiliana"),
    ]
    assert {zone.time_zone: (f"{zone.local:%H:%M}", zone.at_night) for zone in found.zones} == {
        "Asia/Almaty": ("11:00", False),
        "Asia/Tokyo": ("15:00", False),
        "Europe/London": ("07:00", True),
        "Europe/Moscow": ("09:00", False),
    }
    assert (found.rate, found.duration, found.at_night) == (2, timedelta(seconds=2.5), 1)
    assert not any(zone.runs_out for zone in found.zones)


def test_the_number_is_that_of_the_messages_whatever_keeps_clients_out(engine: Engine, anna: Principal, mailing: int) -> None:
    for text, recipients in (("Hi ${name}", 4), ("Hi ${name|you}", 5), ("${name|}", 4), ("Hi $${name}", 5)):
        mailings.edit(engine, anna, mailing, {"text": text}, confirmed=True)
        found = reviews.review(engine, anna, mailing, at_once=True, clock=at(MORNING))
        assert (text, found.recipients) == (text, recipients)
    hours = {"send_from": time(15), "send_until": time(16)}
    mailings.edit(engine, anna, mailing, hours, confirmed=True)  # between 6 and 8 in UTC it is so late only in Tokyo
    found = reviews.review(engine, anna, mailing, at_once=False, clock=at(MORNING - timedelta(days=1)))
    assert [zone.time_zone for zone in found.zones] == ["Asia/Tokyo"]
    assert sum(zone.clients for zone in found.blocked) == 5


def test_a_rate_that_does_not_do(engine: Engine, anna: Principal) -> None:
    clients.create_many(engine, anna, [NewClient(f"+7910200{place:04}", "UTC") for place in range(200)])
    new = NewMailing("Hi", "Hi", MORNING, MORNING + timedelta(minutes=1), time_zone="UTC", rate_limit=1, draft=True)
    found = reviews.review(engine, anna, mailings.create(engine, anna, new).id, at_once=False, clock=at(MORNING))
    assert [zone.runs_out for zone in found.zones] == [True]


def test_it_is_sent_only_as_it_was_seen(engine: Engine, anna: Principal, mailing: int) -> None:
    with pytest.raises(ConflictError, match="changed to 5"):
        reviews.send(engine, anna, mailing, at_once=False, confirmed=True, reviewed=4)
    with pytest.raises(ConfirmationRequiredError, match="at night: 1"):
        reviews.send(engine, anna, mailing, at_once=False, confirmed=False, reviewed=5)
    with pytest.raises(NotFoundError):
        reviews.send(engine, STRANGER, mailing, at_once=False, confirmed=True, reviewed=5)
    assert mailings.get(engine, anna, mailing).status == "draft"
    assert reviews.send(engine, anna, mailing, at_once=False, confirmed=True, reviewed=5).status == "scheduled"


def test_a_duplicate_is_a_draft_and_leaves_times_that_are_past_behind(engine: Engine, anna: Principal, mailing: int) -> None:
    before = mailings.get(engine, anna, mailing)
    copy = mailings.duplicate(engine, anna, mailing)
    assert copy.id != mailing
    assert (copy.status, copy.text, copy.rate_limit, copy.starts_at) == ("draft", before.text, 2, before.starts_at)
    later = mailings.duplicate(engine, anna, mailing, clock=at(MORNING + timedelta(days=2)))
    assert later.starts_at > before.ends_at


def test_a_duplicate_says_all_that_the_mailing_says(world: World, engine: Engine, anna: Principal) -> None:
    """Field by field, so that one which comes later is not forgotten; only what is past is chosen anew."""
    world.sql("INSERT INTO provider (name, kind) VALUES ('first', 'contract'), ('second', 'contract')")
    new = NewMailing(
        "Hi", "Hi ${name|you}", MORNING, MORNING + timedelta(hours=5), ("910",), ("vip",), "Europe/Moscow", time(7), time(11), 5,
        ("second", "first"),
    )  # fmt: skip
    assert all(getattr(new, each.name) != each.default for each in fields(NewMailing) if each.name not in ("draft", "owner_id"))
    made = mailings.create(engine, anna, new, confirmed=True)
    copy = mailings.duplicate(engine, anna, made.id, clock=at(MORNING - timedelta(days=1)))
    assert mailings.version_of(replace(copy, status=made.status)) == mailings.version_of(made)
    assert (copy.status, copy.id == made.id) == ("draft", False)
    later = mailings.duplicate(engine, anna, made.id, clock=at(MORNING + timedelta(days=1)))
    assert (later.starts_at > made.ends_at, later.text, later.providers) == (True, made.text, made.providers)


def test_the_review_names_the_mailings_own_providers_and_the_rate_of_the_first(
    world: World, engine: Engine, anna: Principal, mailing: int
) -> None:
    world.sql("INSERT INTO provider (name, kind, rate) VALUES ('slow', 'contract', 1), ('fast', 'contract', 50)")

    def reviewed() -> tuple[tuple[str, ...], float | None]:
        found = reviews.review(engine, anna, mailing, at_once=True, clock=at(MORNING))
        return tuple(found.providers), found.rate

    assert reviewed()[1] == 2, "the mailing's own limit"
    for order, rate in ((("slow", "fast"), 1), (("fast", "slow"), 2)):
        mailings.edit(engine, anna, mailing, {"providers": order}, confirmed=True)
        assert reviewed() == (order, rate)
    world.sql("UPDATE provider SET enabled = false WHERE name = 'fast'")
    assert reviewed() == (("slow",), 1), "the next one takes over"
    world.sql("UPDATE provider SET enabled = false")
    assert reviewed()[0] == ()
