"""Pages of messages and clients, whatever is asked for: the same as reading everything, filtering and sorting it."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise, product
from random import Random
from typing import Protocol

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from chalicelib.domain.paging import Slice
from chalicelib.domain.status import MessageStatus
from chalicelib.storage import clients, message_reads, paging
from chalicelib.storage.clients import ClientFilter
from chalicelib.storage.engine import autocommit
from chalicelib.storage.message_reads import MessageFilter
from chalicelib.storage.models import Client, Mailing, Message, User
from tests.world import NOW, START

LIMIT = 4
ZONES = ("UTC", "Europe/Berlin")
ANY = None


class HasId(Protocol):
    @property
    def id(self) -> int: ...


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Two owners, eight clients each in two zones, four mailings, messages of all statuses in mixed order, some of them deleted."""
    random = Random(5)
    with Session(engine) as session, session.begin():
        owners = [User(username=name, password_hash="") for name in ("anna", "boris")]
        session.add_all(owners)
        session.flush()
        people = [
            Client(
                owner_id=owner.id,
                phone=f"+7910000{owner.id}{n:02}",
                operator_code=f"91{n % 2}",
                tags=["a"] if n % 3 else [],
                time_zone=ZONES[n % 3 % 2],
            )
            for owner in owners
            for n in range(8)
        ]
        mailings = [
            Mailing(owner_id=owner.id, name="m", text="t", starts_at=START, ends_at=START.replace(year=2027), status="running")
            for owner in owners * 2
        ]
        session.add_all([*people, *mailings])
        session.flush()
        pairs = [(client, mailing) for client, mailing in product(people, mailings) if client.owner_id == mailing.owner_id]
        random.shuffle(pairs)
        for number, (client, mailing) in enumerate(pairs):
            session.add(
                Message(
                    mailing_id=mailing.id,
                    owner_id=client.owner_id,
                    client_id=client.id,
                    phone=client.phone,
                    time_zone="UTC",
                    status=random.randint(1, 4),  # nothing is cancelled
                    not_before=NOW,
                    deleted_at=NOW if number % 7 == 0 else None,
                )
            )
            session.flush()
    return engine


def walk(page: Callable[[Slice], Sequence[HasId]], *, descending: bool) -> list[int]:
    """All ids, page by page; and on the way back the same pages."""
    found: list[int] = []
    pages = []
    while part := page(Slice(LIMIT, after=found[-1] if found else None, descending=descending)):
        pages.append([each.id for each in part])
        found += pages[-1]
    for before, following in pairwise(pages):
        back = page(Slice(LIMIT, before=following[0], descending=descending))
        assert [each.id for each in back] == before
    return found


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("owner", [ANY, 0, 1])
def test_messages(filled: Engine, owner: int | None, descending: bool) -> None:
    with Session(filled) as session:
        everything = session.query(Message).order_by(Message.id).all()
        owners = [user.id for user in session.query(User).order_by(User.id)]
    owner_id = owners[owner] if owner is not ANY else None
    mailings, people = ({getattr(each, name) for each in everything} for name in ("mailing_id", "client_id"))
    for mailing_id, client_id, status in product([ANY, *mailings], [ANY, min(people)], [ANY, *MessageStatus]):
        chosen = MessageFilter(owner_id, mailing_id, client_id, status)
        wanted = [
            each.id
            for each in everything
            if each.deleted_at is None
            and owner_id in (ANY, each.owner_id)
            and mailing_id in (ANY, each.mailing_id)
            and client_id in (ANY, each.client_id)
            and status in (ANY, each.status)
        ]
        with autocommit(filled) as connection:
            found = walk(partial(message_reads.page, connection, chosen), descending=descending)
        assert found == (wanted[::-1] if descending else wanted), chosen


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("near", [2, 3_000])
def test_clients(filled: Engine, descending: bool, near: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "_NEAR", near)
    with Session(filled) as session:
        everything = session.query(Client).order_by(Client.id).all()
    owner = everything[0].owner_id
    prefixes = [ANY, f"+7910000{owner}"]
    for owner_id, tag, code, zone, prefix in product([ANY, owner], [ANY, "a", "b"], [ANY, "910", "912"], [ANY, *ZONES], prefixes):
        chosen = ClientFilter(
            owner_id=owner_id, tags=() if tag is None else (tag,), operator_code=code, time_zone=zone, phone_prefix=prefix
        )
        wanted = [
            each.id
            for each in everything
            if owner_id in (ANY, each.owner_id)
            and (tag is ANY or tag in each.tags)
            and code in (ANY, each.operator_code)
            and zone in (ANY, each.time_zone)
            and each.phone.startswith(prefix or "")
        ]
        with autocommit(filled) as connection:
            found = walk(partial(clients.page, connection, chosen), descending=descending)
        assert found == (wanted[::-1] if descending else wanted), chosen
