"""Whose things a list shows is decided in the service, from the principal: no filter and no default means everyone."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

from chalicelib import services, storage
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import FieldCode, InvalidInputError
from chalicelib.domain.paging import Slice
from chalicelib.services import clients, do_not_contact, mailings, messages
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.storage.clients import ClientFilter
from chalicelib.storage.message_reads import MessageFilter
from tests.world import World

Lister = Callable[[World, Principal, int | None], Sequence[Any]]
LISTS: dict[str, Lister] = {
    "clients": lambda world, who, owner: clients.page(world.engine, who, ClientFilter(owner), Slice(10)),
    "clients of a zone": lambda world, who, owner: clients.page(
        world.engine, who, ClientFilter(owner, time_zone="UTC"), Slice(10)
    ),
    "mailings": lambda world, who, owner: mailings.page(world.engine, who, Slice(10), owner_id=owner),
    "messages": lambda world, who, owner: messages.page(world.engine, who, MessageFilter(owner), Slice(10)),
    "messages of a status": lambda world, who, owner: messages.page(world.engine, who, MessageFilter(owner, status=1), Slice(10)),
    "messages of a mailing": lambda world, who, owner: messages.page(
        world.engine, who, MessageFilter(owner, mailing_id=1), Slice(10)
    ),
    "the do-not-contact list": lambda world, who, owner: do_not_contact.page(world.engine, who, None, Slice(10), owner_id=owner),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_shows_the_askers_own_and_everyones_only_to_a_superuser(world: World, name: str) -> None:
    listed, owner = LISTS[name], world.owner
    world.add_clients(1)
    assert world.write().id == 1
    world.run(1)
    do_not_contact.put(world.engine, owner, [NewEntry("+79200000000")])
    other_id = world.sql("""INSERT INTO "user" (username, password_hash) VALUES ('somebody', '') RETURNING id""")[0][0]
    other, root = Principal(other_id, "somebody", is_superuser=False), Principal(other_id, "root", is_superuser=True)
    for who, asked, number in (
        *((owner, None, 1), (owner, owner.user_id, 1)),
        *((other, None, 0), (other, other_id, 0)),
        *((root, None, 1), (root, owner.user_id, 1), (root, other_id, 0)),
    ):
        assert len(listed(world, who, asked)) == number, (who, asked)
    for who, asked in ((owner, other_id), (other, owner.user_id), (owner, 987_654), (owner, 0)):
        with pytest.raises(InvalidInputError) as refused:
            listed(world, who, asked)
        assert [(error.field, error.code) for error in refused.value.errors] == [("owner", FieldCode.NOT_ALLOWED)]


def members(package: Any) -> list[tuple[str, Any]]:
    found = []
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        own = vars(import_module(module.name)).items()
        found += [(f"{module.name}.{name}", each) for name, each in own if getattr(each, "__module__", "") == module.name]
    return found


def test_no_filter_of_owners_has_a_default() -> None:
    filters = [each for name, each in members(storage) if name.endswith("Filter") and is_dataclass(each)]
    assert len(filters) >= 3
    for each in filters:
        for field in fields(each):
            assert field.name != "owner_id" or field.default is MISSING, each


def test_every_list_of_a_service_is_told_who_asks() -> None:
    pages = [(name, each) for name, each in members(services) if name.rpartition(".")[2] in ("page", "listed", "counts")]
    assert len(pages) >= 8
    for name, each in pages:
        assert "principal" in inspect.signature(each).parameters, name
