"""A person is erased by phone, and what was promised to them still holds."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import ARRAY, Engine, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import JSONB

from chalicelib.domain.access import Principal
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.table import parse_csv
from chalicelib.services import client_import, clients, do_not_contact, idempotency, persons, previews, stored_phones, uploads
from chalicelib.services.client_import import Options
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.idempotency import KeptAnswer
from chalicelib.storage.idempotency import KeyPlace
from chalicelib.storage.models import Base
from tests.world import World

PHONE, OTHER, EARLIER = "+79101234567", "+79107654321", "+79100000042"
NAME, CITY = "Ermengarde", "Xanten-on-the-Rhine"
TRACES = (PHONE[1:], PHONE[2:], EARLIER[1:], NAME, CITY, "asked by letter")


CLEARED = frozenset(
    [
        "client.attributes",
        "client.phone",
        "client.tags",
        "do_not_contact.phone",
        "do_not_contact.reason",
        "history.changes",
        "idempotency_key.answer",
        "idempotency_key.key",
        "idempotency_key.path",
        "message.error_detail",
        "message.phone",
        "message.provider_reference",
        "message_call.detail",
        "provider_state.held_reason",
        "provider_state.reason",
        "upload.header",
        "upload.options",
        "upload.sheet",
        "upload_chunk.preview",
        "upload_chunk.result",
        "upload_chunk.rows",
        "upload_part.body",
        "upload_phone.phone",
    ]
)
"""Columns that may hold something of a person, and hold none of it after an erasure."""
IMPERSONAL = frozenset(
    [
        "api_token.name",
        "api_token.prefix",
        "api_token.secret_sha256",
        "audit_event.address",
        "audit_event.details",
        "audit_event.event",
        "audit_event.username",
        "client.operator_code",
        "client.time_zone",
        "erased_phone.token",
        "erasure_key.key",
        "history.action",
        "history.kind",
        "history.username",
        "idempotency_key.body_sha256",
        "idempotency_key.method",
        "known_place.name",
        "known_place.place",
        "login_attempt.subject",
        "mailing.filter_operator_codes",
        "mailing.filter_tags",
        "mailing.final_counts",
        "mailing.name",
        "mailing.providers",
        "mailing.started_by",
        "mailing.status",
        "mailing.text",
        "mailing.time_zone",
        "mailing_zone.time_zone",
        "message.error_code",
        "message.provider",
        "message.time_zone",
        "message_call.error_code",
        "message_call.kind",
        "message_call.provider",
        "original_row.kind",
        "provider.kind",
        "provider.name",
        "provider.options",
        "provider.sender",
        "provider.url",
        "provider_state.name",
        "recovery_code.code_sha256",
        "second_factor.secret",
        "session.address",
        "session.secret_sha256",
        "session.user_agent",
        "sign_on_identity.claim",
        "sign_on_identity.issuer",
        "sign_on_identity.subject",
        "sign_on_state.state_sha256",
        "user.default_country",
        "user.import_columns",
        "user.password_hash",
        "user.username",
    ]
)
"""Hashes, words of ours, the users' own data, and what people type about no client (docs/privacy.md)."""


def dump(world: World) -> dict[str, str]:
    """Every table as text."""
    return {
        table.name: "\n".join(str(row[0]) for row in world.sql(f'SELECT t::text FROM "{table.name}" t'))
        for table in Base.metadata.sorted_tables
    }


def new(phone: str = PHONE, name: str = NAME) -> NewClient:
    return NewClient(phone, "UTC", attributes={"name": name, "city": CITY if name == NAME else "Ulm"}, tags=("vip",))


def add(world: World, phone: str = PHONE, name: str = NAME) -> int:
    return clients.create(world.engine, world.owner, new(phone, name)).id


def live(world: World, mailing_id: int) -> None:
    """A client with a past, in all tables that can know of one."""
    raw = f"phone,time_zone,attributes.name\n{PHONE},UTC,{NAME}\n".encode()
    upload_id = uploads.begin(world.engine, world.owner, len(raw))
    uploads.put_part(world.engine, world.owner, upload_id, 0, raw)
    uploads.read(world.engine, world.owner, upload_id)
    uploads.choose(world.engine, world.owner, upload_id, Options(("phone", "time_zone", "attributes.name")))
    uploads.take(world.engine, world.owner, upload_id, 0, apply=False)
    client = add(world, EARLIER)
    clients.change(world.engine, world.owner, client, {"phone": PHONE, "attributes": {"name": NAME + "!", "city": CITY}})
    world.provider.answer = lambda key: Outcome(OutcomeKind.NOT_DELIVERED, f"cannot reach {world.provider.phones[key]}")
    world.run(mailing_id)
    world.work()
    world.provider.answer = lambda key: Outcome(OutcomeKind.REFUSED, f"{world.provider.phones[key]} is no number of ours")
    world.clock.advance(hours=1)
    world.run(mailing_id)
    world.work()
    do_not_contact.put(world.engine, world.owner, [NewEntry(PHONE, "asked by letter")])
    other = world.write(text="Dear ${name}", draft=True)
    with pytest.raises(ConflictError):
        previews.send_test(world.engine, world.owner, other.id, PHONE, world.provider, client_id=client)
    previews.send_test(world.engine, world.owner, other.id, OTHER, world.provider, client_id=client)
    for number, body in enumerate(
        (
            {"id": client, "owner": world.owner.user_id, "phone": EARLIER, "attributes": {"name": NAME}},
            [{"id": client, "owner": world.owner.user_id, "phone": PHONE, "attributes": {"city": CITY}}],
        )
    ):
        place = KeyPlace(world.owner.user_id, "POST", "/api/v1/client", f"key {number}")
        idempotency.begin(world.engine, place, b"x" * 32)
        idempotency.finish(world.engine, place, KeptAnswer(201, json.dumps(body, separators=(",", ":"))))
    place = KeyPlace(world.owner.user_id, "POST", "/api/v1/mailing/1/test", f"to {PHONE}")
    idempotency.begin(world.engine, place, b"x" * 32)
    idempotency.finish(world.engine, place, KeptAnswer(200, json.dumps({"text": f"Dear {NAME}"})))


def test_every_column_that_may_hold_text_is_cleared_or_impersonal(world: World) -> None:
    """A new column is put into one of the two lists here, and into docs/privacy.md."""
    kinds = (String, ARRAY, JSONB, LargeBinary)
    columns = {
        f"{table.name}.{each.name}"
        for table in Base.metadata.sorted_tables
        for each in table.columns
        if isinstance(each.type, kinds)
    }
    assert columns == CLEARED | IMPERSONAL
    assert set() == CLEARED & IMPERSONAL
    assert columns == CLEARED | IMPERSONAL
    live(world, world.write().id)
    # What nothing above has written there, and might.
    world.sql("UPDATE provider_state SET reason = :it, held_reason = :it", it=f"cannot reach {PHONE}")
    world.sql("UPDATE idempotency_key SET path = :it WHERE key = 'key 0'", it=f"/api/v1/client/{PHONE}")
    world.sql("UPDATE client SET tags = ARRAY[:name]", name=NAME)
    world.sql("UPDATE message SET provider_reference = :it WHERE phone IS NOT NULL", it=f"to-{PHONE}")
    document = json.dumps([NAME])
    world.sql(
        "UPDATE upload SET header = CAST(:it AS jsonb), options = CAST(:it AS jsonb), sheet = :name", it=document, name=NAME
    )
    world.sql("UPDATE upload_chunk SET result = CAST(:it AS jsonb)", it=document)
    found = holding(world, columns)
    assert found == CLEARED, "nothing else holds the person, and each of these does before"
    persons.erase(world.engine, world.owner, PHONE)
    assert holding(world, columns) == set()


@pytest.mark.parametrize("first_call", [True, False])
def test_an_answer_that_comes_after_the_erasure_leaves_none_of_the_providers_words(world: World, first_call: bool) -> None:
    add(world)
    mailing_id = world.write().id
    if not first_call:
        world.provider.answer = lambda key: Outcome(OutcomeKind.NOT_DELIVERED, f"cannot reach {world.provider.phones[key]}")
        world.run(mailing_id)
        world.work()
        world.clock.advance(hours=1)

    def erased_meanwhile(key: int) -> Outcome:
        phone = world.provider.phones[key]
        persons.erase(world.engine, world.owner, PHONE)
        return Outcome(OutcomeKind.REFUSED, f"{phone} is no number of ours")

    world.provider.answer = erased_meanwhile
    world.run(mailing_id)
    world.work()
    assert [row[0] for row in world.sql("SELECT status FROM message")] == [4]
    assert len(world.sql("SELECT kind FROM message_call")) == (1 if first_call else 2)
    found = {(name, trace) for name, content in dump(world).items() for trace in TRACES if trace in content}
    assert found == set()


def holding(world: World, columns: set[str]) -> set[str]:
    """The columns in which the person is found."""
    found = set()
    for name in columns:
        table, column = name.split(".")
        text_of = f"""encode("{column}", 'escape')""" if name == "upload_part.body" else f'"{column}"::text'
        content = "\n".join(str(row[0]) for row in world.sql(f'SELECT {text_of} FROM "{table}"'))
        if any(trace in content for trace in TRACES):
            found.add(name)
    return found


def test_after_an_erasure_no_table_knows_the_person(world: World) -> None:
    """Not the phone, nor the one before, nor the name or any attribute, in any column; others are not changed."""
    bystander = add(world, OTHER, "Bystander")
    mailing = world.write()
    live(world, mailing.id)
    deleted = add(world, "+79105550000")
    clients.change(world.engine, world.owner, deleted, {"attributes": {"name": NAME}})
    clients.change(world.engine, world.owner, deleted, {"attributes": {"name": "gone"}})
    clients.delete(world.engine, world.owner, deleted)
    before = dump(world)
    for trace in TRACES:
        assert any(trace in content for content in before.values()), trace

    counts = persons.erase(world.engine, world.owner, PHONE)
    assert (counts.clients, counts.do_not_contact) == (1, 1)
    assert counts.messages >= 1
    persons.erase(world.engine, world.owner, "+79105550000")
    after = dump(world)
    found = {(name, trace) for name, content in after.items() for trace in TRACES if trace in content}
    assert found == set()
    assert "79105550000" not in str(after)
    assert "Bystander" in after["client"]
    assert clients.get(world.engine, world.owner, bystander).phone == OTHER
    assert world.mailing(mailing.id).counts["total"] == 2, "statistics stay"
    actions = world.sql("SELECT action, changes FROM history WHERE kind = 'user' AND action = 'erase_person' ORDER BY id")
    assert actions[0][1]["clients"] == [None, 1]
    assert [row.event for row in world.sql("SELECT event FROM audit_event ORDER BY id")] == ["erased", "erased"]


def by_service(world: World) -> None:
    add(world)


def by_import(world: World) -> None:
    table = parse_csv(f"phone,time_zone\n{PHONE},UTC\n".encode())
    options = Options(("phone", "time_zone"), update=True)
    assert client_import.take_table(world.engine, world.owner, table, options, apply=True).created == 1


def by_new_phone(world: World) -> None:
    client = add(world, "+79109999999")
    clients.change(world.engine, world.owner, client, {"phone": PHONE})


def by_sql(world: World) -> None:
    world.sql(
        "INSERT INTO client (owner_id, phone, operator_code, time_zone) VALUES (:owner, :phone, '910', 'UTC')",
        owner=world.owner.user_id,
        phone=PHONE,
    )


@pytest.mark.parametrize("again", [by_service, by_import, by_new_phone, by_sql])
def test_who_is_added_again_gets_no_message_twice(world: World, again: Callable[[World], None]) -> None:
    """In a mailing that is still running, whatever writes the client."""
    add(world)
    add(world, OTHER)
    mailing = world.write()
    world.run(mailing.id)
    world.work()
    assert sorted(world.provider.phones.values()) == sorted([PHONE, OTHER])
    persons.erase(world.engine, world.owner, PHONE)
    again(world)
    other = world.write()
    for each in (mailing.id, other.id):
        world.reconcile()
        world.finish(each)
    assert list(world.provider.phones.values()).count(PHONE) == 2, "once in each mailing"
    assert len(world.provider.calls) == 4


def test_what_waits_for_an_erased_person_is_not_sent(world: World) -> None:
    add(world)
    mailing = world.write()
    world.run(mailing.id)
    persons.erase(world.engine, world.owner, PHONE)
    world.work()
    assert world.provider.calls == []
    assert world.finish(mailing.id).counts["failed"] == 1


@pytest.mark.parametrize("again", [by_service, by_import, by_new_phone, by_sql])
def test_who_opted_out_stays_so_after_an_erasure(world: World, again: Callable[[World], None]) -> None:
    """For mailings, test messages, and when asked; erased twice, too."""
    do_not_contact.put(world.engine, world.owner, [NewEntry(PHONE)])
    persons.erase(world.engine, world.owner, PHONE)
    do_not_contact.put(world.engine, world.owner, [NewEntry(PHONE)])
    persons.erase(world.engine, world.owner, PHONE)
    assert len(world.sql("SELECT 1 FROM do_not_contact")) == 1
    draft = world.write(draft=True)
    with pytest.raises(ConflictError, match="do-not-contact"):
        previews.send_test(world.engine, world.owner, draft.id, PHONE, world.provider)
    again(world)
    mailing = world.write()
    world.finish(mailing.id)
    assert world.provider.calls == []


def test_everyone_erases_their_own_and_a_superuser_everybodys(world: World) -> None:
    add(world)
    other_id = world.sql("""INSERT INTO "user" (username, password_hash) VALUES ('boris', '-') RETURNING id""")[0][0]
    root_id = world.sql("""INSERT INTO "user" (username, password_hash, is_superuser) VALUES ('root', '-', true) RETURNING id""")[
        0
    ][0]
    other, root = Principal(other_id, "boris", is_superuser=False), Principal(root_id, "root", is_superuser=True)
    clients.create(world.engine, other, new())
    assert persons.erase(world.engine, other, PHONE).clients == 1
    assert [row[0] for row in world.sql("SELECT owner_id FROM client")] == [world.owner.user_id]
    assert persons.export(world.engine, other, PHONE).clients == []
    assert len(persons.export(world.engine, root, PHONE).clients) == 1
    assert persons.erase(world.engine, root, PHONE).clients == 1
    assert world.sql("SELECT 1 FROM client") == []


def test_an_export_holds_all_that_is_known(world: World) -> None:
    mailing = world.write()
    live(world, mailing.id)
    found: dict[str, Any] = json.loads(json.dumps(vars_of(persons.export(world.engine, world.owner, PHONE)), default=str))
    for trace in (PHONE, NAME, CITY, "asked by letter", EARLIER):
        assert trace in json.dumps(found, ensure_ascii=False), trace
    assert [len(found[name]) for name in ("clients", "do_not_contact")] == [1, 1]
    assert len(found["messages"]) >= 1
    persons.erase(world.engine, world.owner, PHONE)
    empty = persons.export(world.engine, world.owner, PHONE)
    assert (empty.clients, empty.messages, empty.do_not_contact) == ([], [], [])


def vars_of(data: persons.PersonData) -> dict[str, Any]:
    return {name: getattr(data, name) for name in data.__dataclass_fields__}


def test_an_erased_answer_is_not_given_again_nor_is_its_call_done_again(world: World) -> None:
    live(world, world.write().id)
    persons.erase(world.engine, world.owner, PHONE)
    kept = idempotency.begin(world.engine, KeyPlace(world.owner.user_id, "POST", "/api/v1/client", "key 0"), b"x" * 32)
    assert kept is not None
    assert kept.status == 410
    assert NAME not in kept.body


def test_the_functions_cannot_read_the_key_of_the_hashes(engine: Engine) -> None:
    for statement in ("SELECT * FROM erasure_key", "SELECT erasure_key()"):
        with engine.connect() as connection, pytest.raises(Exception, match="permission denied"):
            connection.execute(text(statement))


def test_nobodys_temporary_table_takes_the_place_of_a_real_one(world: World) -> None:
    """With a trigger of its own it would run that as the owner of the tables."""
    client = add(world)
    clients.change(world.engine, world.owner, client, {"phone": OTHER})
    with world.engine.begin() as connection:
        connection.execute(text("CREATE TEMP TABLE erasure_key (id smallint PRIMARY KEY, key bytea) ON COMMIT DROP"))
        for table in ("history", "audit_event", "erased_phone", "message"):
            connection.execute(text(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS) ON COMMIT DROP"))
        connection.execute(text("INSERT INTO pg_temp.erasure_key (id, key) VALUES (1, 'mine')"))
        mine = connection.execute(text("SELECT '#' || left(encode(sha256('mine' || convert_to('x', 'UTF8')), 'base64'), 15)"))
        assert connection.execute(text("SELECT erased_token('x')")).scalar_one() != mine.scalar_one()
        changed = text("SELECT erase_history(NULL, ARRAY[CAST(:client AS bigint)], ARRAY[]::text[])")
        assert connection.execute(changed, {"client": client}).scalar_one() == 1
    with world.owner_engine.connect() as connection:
        functions = connection.execute(text("SELECT proname, proconfig::text FROM pg_proc WHERE prosecdef")).all()
    assert len(functions) >= 5
    assert [name for name, settings in functions if "pg_temp" not in str(settings).split(",")[-1]] == []


def test_what_is_left_is_no_wrong_phone_for_the_check_of_stored_ones(world: World) -> None:
    live(world, world.write().id)
    persons.erase(world.engine, world.owner, PHONE)
    assert stored_phones.check(world.engine, apply=False).findings == []


def test_kept_answers_are_dropped_by_reconcile(world: World) -> None:
    live(world, world.write().id)
    world.sql("UPDATE idempotency_key SET created_at = created_at - interval '25 hours'")
    world.sql("INSERT INTO login_attempt (subject, at) VALUES ('x', :at)", at=world.clock.now - timedelta(hours=2))
    world.sql("INSERT INTO known_place (name, place, seen_at) VALUES ('x', 'y', :at)", at=world.clock.now - timedelta(days=91))
    world.reconcile()
    for table in ("idempotency_key", "login_attempt", "known_place"):
        assert world.sql(f"SELECT 1 FROM {table}") == [], table
