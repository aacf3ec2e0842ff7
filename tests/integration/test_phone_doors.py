"""Whatever door a phone comes through, what is stored is the E.164 form of the number that was parsed, or nothing."""

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberFormat
from sqlalchemy import select

from chalicelib.domain.errors import InvalidInputError
from chalicelib.domain.paging import Slice
from chalicelib.domain.phone import PhoneError, operator_code, parse_phone
from chalicelib.services import clients, do_not_contact, previews
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.storage.clients import ClientFilter
from chalicelib.storage.models import Client, DoNotContact
from tests.phones import mobile, trunk_regions
from tests.world import World


def stored(world: World, table: type[Client | DoNotContact]) -> list[str]:
    with world.engine.connect() as connection:
        return list(connection.execute(select(table.phone).order_by(table.id)).scalars())


def wrong_and_right() -> tuple[dict[str, str], list[str]]:
    """For each region with a trunk prefix, a mobile number with the prefix after the calling code, and as it should be; those refused."""
    found, refused = {}, []
    for region in trunk_regions():
        plan = PhoneMetadata.metadata_for_region(region)
        assert plan is not None
        canonical, national = mobile(region)
        wrong = f"+{plan.country_code}{plan.national_prefix}{national}"
        try:
            parse_phone(wrong)
            found[wrong] = canonical
        except PhoneError:
            refused.append(wrong)
    return found, refused


def e164(phone: str) -> str:
    return phonenumbers.format_number(phonenumbers.parse(phone), PhoneNumberFormat.E164)


def test_all_regions_with_a_trunk_prefix_at_every_door(world: World) -> None:
    """Create, bulk, replace, change and the do-not-contact list store the canonical number, and then refuse it as taken."""
    pairs, refused = wrong_and_right()
    assert len(pairs) + len(refused) >= 135  # some share a calling code and an example
    assert len(refused) < 3
    for wrong in refused:
        with pytest.raises(InvalidInputError):
            clients.create(world.engine, world.owner, NewClient(wrong, "UTC"))
        with pytest.raises(InvalidInputError):
            do_not_contact.put(world.engine, world.owner, [NewEntry(wrong)])
    made = clients.create_many(world.engine, world.owner, [NewClient(wrong, "UTC") for wrong in list(pairs)[::2]]).rows
    for wrong in list(pairs)[1::2]:
        made.append(clients.create(world.engine, world.owner, NewClient(wrong, "UTC")))
    assert {row.phone for row in made} == set(pairs.values())
    assert all(row.operator_code == operator_code(row.phone) for row in made)
    for row, (wrong, canonical) in zip(made, [*list(pairs.items())[::2], *list(pairs.items())[1::2]], strict=True):
        assert clients.change(world.engine, world.owner, row.id, {"phone": wrong}).phone == canonical
        assert clients.replace(world.engine, world.owner, row.id, NewClient(wrong, "UTC")).phone == canonical
    entries = do_not_contact.put(world.engine, world.owner, [NewEntry(wrong) for wrong in pairs])
    assert [row.phone for row in entries] == list(pairs.values())
    for wrong, canonical in pairs.items():
        [entry] = do_not_contact.page(world.engine, world.owner, wrong, Slice(limit=2))
        assert entry.phone == canonical
    for table in (Client, DoNotContact):
        assert all(phone == e164(phone) for phone in stored(world, table))


def test_a_phone_on_the_list_is_not_sent_to_whatever_its_spelling(world: World) -> None:
    do_not_contact.put(world.engine, world.owner, [NewEntry("+7 8 912 123-45-67")])
    clients.create(world.engine, world.owner, NewClient("+789121234567", "UTC"))
    mailing = world.write()
    world.finish(mailing.id)
    assert world.provider.calls == []
    with pytest.raises(Exception, match="do-not-contact"):
        previews.send_test(world.engine, world.owner, mailing.id, "8 912 123-45-67", world.provider, country="RU")


def test_a_client_that_an_earlier_version_stored_is_barred_with_its_phone(world: World) -> None:
    world.sql(
        "INSERT INTO client (owner_id, phone, operator_code, time_zone) VALUES (:owner, '+789121234567', '912', 'UTC')",
        owner=world.owner.user_id,
    )
    do_not_contact.put(world.engine, world.owner, [NewEntry("+79121234567", "asked")])
    assert stored(world, DoNotContact) == ["+789121234567", "+79121234567"]
    world.finish(world.write().id)
    assert world.provider.calls == []


def test_what_is_not_about_the_phone_leaves_a_wrongly_stored_one_alone(world: World) -> None:
    world.sql(
        "INSERT INTO client (owner_id, phone, operator_code, time_zone) VALUES (:owner, '+789121234567', '912', 'UTC')",
        owner=world.owner.user_id,
    )
    [row] = clients.page(world.engine, world.owner, ClientFilter(None), Slice(limit=2))
    assert clients.change(world.engine, world.owner, row.id, {"tags": ("vip",)}).phone == "+789121234567"
    assert clients.change(world.engine, world.owner, row.id, {"phone": row.phone}).phone == "+789121234567"
    assert clients.change(world.engine, world.owner, row.id, {"phone": "+7 912 123-45-67"}).phone == "+79121234567"


@pytest.mark.parametrize("phone", ["9261234567", "8 (495) 123-45-67", "79121230017"])
def test_a_national_number_needs_its_country_at_every_door(world: World, phone: str) -> None:
    mailing = world.write()
    with pytest.raises(InvalidInputError, match="can belong to any country"):
        clients.create(world.engine, world.owner, NewClient(phone, "UTC"))
    with pytest.raises(InvalidInputError, match="can belong to any country"):
        do_not_contact.put(world.engine, world.owner, [NewEntry(phone)])
    with pytest.raises(InvalidInputError, match="can belong to any country"):
        previews.send_test(world.engine, world.owner, mailing.id, phone, world.provider)
    with pytest.raises(InvalidInputError, match="ISO 3166"):
        clients.create(world.engine, world.owner, NewClient(phone, "UTC", country="UK"))
    made = clients.create(world.engine, world.owner, NewClient(phone, "UTC", country="RU"))
    [entry] = do_not_contact.put(world.engine, world.owner, [NewEntry(phone, country="RU")])
    assert made.phone == entry.phone == f"+7{phone.translate(str.maketrans('', '', ' ()-'))[-10:]}"
