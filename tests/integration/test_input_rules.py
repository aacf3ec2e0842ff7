"""Every rule of input is the service's: called directly with hostile values it refuses them by a typed error, or stores what is allowed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from chalicelib.auth.passwords import PasswordError
from chalicelib.auth.throttle import Limit, TooManyAttemptsError
from chalicelib.domain import life_cycle, limits
from chalicelib.domain.access import Principal
from chalicelib.domain.characters import canonical
from chalicelib.domain.errors import InvalidInputError, NotFoundError, ServiceError
from chalicelib.domain.paging import Slice
from chalicelib.services import (
    accounts,
    clients,
    do_not_contact,
    history,
    logins,
    mailings,
    messages,
    previews,
    providers,
    tokens,
    users,
)
from chalicelib.services.accounts import Account
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.history import Kind
from chalicelib.services.logins import LoginRules
from chalicelib.services.mailings import NewMailing
from chalicelib.services.providers import NewProvider
from chalicelib.storage.engine import autocommit
from tests.world import START, World

HOSTILE: tuple[Any, ...] = (
    None, "", " ", "\u200b", "x" * 5_000, "x\0y", "\ud800", "\ufffd", "a\nb", "İ" * 60, "ﷺ" * 50, "${", "  ${a|} ", "+7", "Mars/Olympus",
    0, -1, 10**7, 2**63, 10**30, True, 1.5, float("nan"), b"x", object(),
    (), ("",), ("x" * 60,), ("\0",), ("\ufffd",), ("910",) * 501, tuple(map(str, range(501))), (None,), ("ﷺ" * 50,), [["x"]], "vip",
    {}, {"a b": "x"}, {"имя": "x"}, {"a": None}, {"a": 2**60}, {"a": True}, {"a": "\0"}, {"a": "\ufffd"}, {"a": "x" * 501}, {"x" * 70: "1"},
    {f"n{number}": 1 for number in range(51)}, {1: "x"},
    datetime.min, datetime.max, datetime(2030, 1, 1, tzinfo=UTC), datetime(1999, 1, 1),
    time(9, tzinfo=UTC), time(9), timedelta(days=10**6),
)  # fmt: skip
ROOT = "correct horse battery"
CLIENT = NewClient("+79101234567", "UTC")
MAILING = NewMailing("sale", "hello", START, START + timedelta(days=1), time_zone="UTC", draft=True)


@dataclass
class Door:
    """A call of a service with one of its fields set to a value."""

    name: str
    call: Callable[[str, Any], object]
    fields: tuple[str, ...]


def kinds(of: type) -> tuple[str, ...]:
    return tuple(each.name for each in fields(of))


def doors(world: World, root: Principal) -> Iterator[Door]:
    engine, owner = world.engine, world.owner
    client = clients.create(engine, owner, CLIENT).id
    mailing = mailings.create(engine, owner, MAILING, clock=world.clock).id
    other = NewClient("+79107654321", "UTC")

    def with_(base: Any, field: str, value: Any) -> Any:
        return type(base)(**{**{name: getattr(base, name) for name in kinds(type(base))}, field: value})

    new = kinds(NewMailing)
    yield Door("clients.create", lambda f, v: clients.create(engine, root, with_(other, f, v)), kinds(NewClient))
    yield Door("clients.create_many", lambda f, v: clients.create_many(engine, root, [with_(other, f, v)]), kinds(NewClient))
    yield Door("clients.replace", lambda f, v: clients.replace(engine, root, client, with_(CLIENT, f, v)), kinds(NewClient))
    yield Door("clients.change", lambda f, v: clients.change(engine, root, client, {f: v}), kinds(NewClient))  # type: ignore[misc]  # any field, any value: what is tested
    yield Door("mailings.create", lambda f, v: mailings.create(engine, root, with_(MAILING, f, v), clock=world.clock), new)
    yield Door(
        "mailings.edit", lambda f, v: mailings.edit(engine, root, mailing, {f: v}, clock=world.clock), (*new, "status", "id")
    )
    entry = NewEntry("+79100000000")
    yield Door("do_not_contact.put", lambda f, v: do_not_contact.put(engine, root, [with_(entry, f, v)]), kinds(NewEntry))
    chosen, provider = world.settings, NewProvider("second", "contract", "http://127.0.0.1:9")
    account_id = providers.create(engine, root, chosen, provider).id
    yield Door("providers.create", lambda f, v: providers.create(engine, root, chosen, with_(provider, f, v)), kinds(NewProvider))
    yield Door("providers.edit", lambda f, v: providers.edit(engine, root, chosen, account_id, {f: v}), kinds(NewProvider))
    yield Door("providers.get", lambda _, v: providers.get(engine, root, chosen, v), ("id",))
    days = timedelta(days=1)
    yield Door("tokens.create", lambda _, v: tokens.create(engine, owner, v, days), ("name",))
    yield Door("tokens.create", lambda _, v: tokens.create(engine, owner, "x", v), ("lifetime",))
    account = Account("boris")
    yield Door("accounts.create", lambda f, v: accounts.create(engine, root, with_(account, f, v), ROOT), kinds(Account))
    yield Door("accounts.create", lambda _, v: accounts.create(engine, root, Account("vera"), v), ("password",))
    yield Door("accounts.change", lambda f, v: accounts.change(engine, root, owner.user_id, with_(account, f, v)), kinds(Account))
    yield Door("users.ensure_superuser", lambda _, v: users.ensure_superuser(engine, v, ROOT), ("username",))
    rules = LoginRules(days, Limit(10**6, 900))
    yield Door("logins.login", lambda _, v: logins.login(engine, v, ROOT, "192.0.2.1", rules), ("username",))
    for name, ask in {
        "clients.get": clients.get,
        "clients.delete": clients.delete,
        "mailings.get": mailings.get,
        "mailings.start": mailings.start,
        "mailings.delete": mailings.delete,
        "messages.get": messages.get,
        "messages.delete": messages.delete,
        "do_not_contact.get": do_not_contact.get,
        "do_not_contact.remove": do_not_contact.remove,
        "tokens.revoke": tokens.revoke,
        "accounts.get": accounts.get,
        "previews.preview": previews.preview,
    }.items():
        yield Door(name, lambda _, v, ask=ask: ask(engine, root, v), ("id",))  # type: ignore[misc]  # any field, any value: what is tested
    yield Door("messages.add", lambda _, v: messages.add(engine, root, mailing, v), ("client",))
    yield Door("messages.add", lambda _, v: messages.add(engine, root, v, client), ("mailing",))
    yield Door("history.page", lambda _, v: history.page(engine, root, Kind.CLIENT, v, Slice(limit=5)), ("id",))


def test_no_service_stores_what_is_out_of_bounds(world: World) -> None:
    users.ensure_superuser(world.engine, "root", ROOT)
    [(root_id,)] = world.sql("""SELECT id FROM "user" WHERE username = 'root'""")
    root = Principal(root_id, "root", is_superuser=True)
    escaped = []
    for door in doors(world, root):
        for field in door.fields:
            for value in HOSTILE:
                if door.name.endswith(("delete", "revoke", "remove")) and type(value) is bool:
                    continue
                try:
                    door.call(field, value)
                except (ServiceError, PasswordError, TooManyAttemptsError):
                    continue
                except Exception as error:  # noqa: BLE001 - what this test is after
                    escaped.append(
                        f"{door.name}({field}={type(value).__name__} {value!r:.30}) {type(error).__name__} {error!s:.60}"
                    )
    assert escaped == []
    assert_all_within_limits(world)


def assert_all_within_limits(world: World) -> None:
    for row in world.sql("SELECT operator_code, tags, attributes FROM client"):
        assert limits.client_problems(*row) == []
        assert all(tag == canonical(tag) for tag in row.tags)
    for row in world.sql("SELECT * FROM mailing"):
        assert limits.mailing_problems(row.name, row.text, row.filter_operator_codes, row.filter_tags, row.rate_limit) == []
        assert life_cycle.text_problems(row.text) == []
        assert life_cycle.time_problems(mailings.times_of(row._mapping)) == []
        assert all(tag == canonical(tag) for tag in row.filter_tags)
        assert limits.providers_problems(list(row.providers)) == []
    for row in world.sql("SELECT * FROM provider"):
        assert limits.PROVIDER_NAME.fullmatch(row.name)
        assert len(row.url) <= limits.PROVIDER_URL_LENGTH
        assert limits.text_problems("sender", row.sender, limits.PROVIDER_SENDER_LENGTH) == []
        assert 0 <= row.rate <= limits.RATE
    for (reason,) in world.sql("SELECT reason FROM do_not_contact"):
        assert limits.text_problems("reason", reason, limits.REASON_LENGTH) == []
    for (name,) in world.sql("SELECT name FROM api_token"):
        assert limits.name_problems("name", name, limits.TOKEN_NAME_LENGTH) == []
    for (name,) in world.sql('SELECT username FROM "user"'):
        assert limits.username_problems(name) == []
        assert name == canonical(name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 5_000),
        ("rate_limit", 10_000_000),
        ("filter_tags", ("",)),
        ("text", "\u200b"),
        ("text", "x" * 2_001),
    ],
)
def test_a_mailing_out_of_bounds_is_refused_by_its_field(world: World, field: str, value: Any) -> None:
    mailing = world.write(draft=True)
    with pytest.raises(InvalidInputError) as edited:
        mailings.edit(world.engine, world.owner, mailing.id, {field: value}, clock=world.clock)
    with pytest.raises(InvalidInputError) as written:
        world.write(**{field: value})
    for refused in (edited, written):
        assert {error.field for error in refused.value.errors} == {field}
        assert all(error.code for error in refused.value.errors)


def test_tags_are_one_whatever_their_case_at_every_door(world: World) -> None:
    made = clients.create(world.engine, world.owner, NewClient("+79101234567", "UTC", tags=("VIP", "vip ", "\u200bVip", "new")))
    assert made.tags == ["vip", "new"]
    mailing = world.write(filter_tags=("Vip",), draft=True)
    assert list(mailing.filter_tags) == ["vip"]
    assert previews.preview(world.engine, world.owner, mailing.id, clock=world.clock).clients == 1
    assert clients.change(world.engine, world.owner, made.id, {"tags": ("NEW",)}).tags == ["new"]


@pytest.mark.usefixtures("settings")
def test_a_user_is_the_same_whatever_the_case_of_the_name(engine: Engine) -> None:
    assert users.ensure_superuser(engine, "  İnci ", ROOT)
    assert not users.ensure_superuser(engine, "inci", ROOT)
    with autocommit(engine) as connection:
        assert connection.exec_driver_sql('SELECT username FROM "user"').scalars().all() == ["inci"]
    rules = LoginRules(timedelta(days=1), Limit(3, 900))
    for name in ("INCI", "İNCİ", "inci\u200b"):
        assert logins.login(engine, name, ROOT, "192.0.2.1", rules).token
    # Spellings of one name share their attempts.
    for name in ("İnci", "INCI", "inci "):
        with pytest.raises(logins.LoginError):
            logins.login(engine, name, "wrong password", "192.0.2.1", rules)
    with pytest.raises(TooManyAttemptsError):
        logins.login(engine, "İNCI", "wrong password", "192.0.2.1", rules)
    with pytest.raises(NotFoundError):
        clients.get(engine, Principal(1, "inci", is_superuser=True), 2**63)
