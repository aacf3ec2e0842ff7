"""Phones that earlier versions stored with a trunk prefix: found, reported, corrected where nothing collides."""

from runpy import run_path

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from chalicelib import manage
from chalicelib.manage import MIGRATIONS
from chalicelib.services import clients, stored_phones
from chalicelib.services.clients import NewClient
from chalicelib.services.stored_phones import Verdict
from tests.world import World

WRONG, RIGHT = "+789121234567", "+79121234567"


def old_client(world: World, phone: str = WRONG) -> int:
    with world.owner_engine.begin() as connection:
        statement = text(
            "INSERT INTO client (owner_id, phone, operator_code, time_zone) VALUES (:owner, :phone, '912', 'UTC') RETURNING id"
        )
        client_id: int = connection.execute(statement, {"owner": world.owner.user_id, "phone": phone}).scalar_one()
        return client_id


def phones(world: World, table: str) -> list[str]:
    statements = {
        "client": "SELECT phone FROM client ORDER BY id",
        "message": "SELECT phone FROM message ORDER BY id",
        "do_not_contact": "SELECT phone FROM do_not_contact ORDER BY id",
    }
    with world.engine.connect() as connection:
        return list(connection.execute(text(statements[table])).scalars())


def verdicts(world: World, *, apply: bool = False) -> list[tuple[str, Verdict]]:
    return [(each.table, each.verdict) for each in stored_phones.check(world.engine, apply=apply).findings]


def test_a_report_changes_nothing_and_apply_corrects(world: World) -> None:
    client_id = old_client(world)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, '+4407700900982')", owner=world.owner.user_id)
    clients.create(world.engine, world.owner, NewClient("+79100000001", "UTC"))
    expected = [("do_not_contact", Verdict.CORRECTABLE), ("client", Verdict.CORRECTABLE)]
    assert verdicts(world) == expected == verdicts(world)
    assert [verdict for _table, verdict in verdicts(world, apply=True)] == [Verdict.CORRECTED] * 2
    assert verdicts(world) == []
    assert (phones(world, "client"), phones(world, "do_not_contact")) == ([RIGHT, "+79100000001"], ["+447700900982"])
    with world.engine.connect() as connection:
        [row] = connection.execute(text("SELECT object_id, username, changes FROM history WHERE action = 'update'")).all()
    assert tuple(row) == (client_id, "check-phones", {"phone": [WRONG, RIGHT]})


def test_two_clients_of_one_number_are_reported_and_left_alone(world: World) -> None:
    wrong = old_client(world)
    right = clients.create(world.engine, world.owner, NewClient(RIGHT, "UTC")).id
    [finding] = stored_phones.check(world.engine, apply=True).findings
    assert str(finding) == f"client {wrong}: collides with client {right}"
    assert phones(world, "client") == [WRONG, RIGHT]


def test_a_client_corrected_deleted_and_imported_again_in_mid_mailing_is_not_sent_to_twice(world: World) -> None:
    """The message that was sent to the wrong form takes the right one, and the mailing's unique key refuses a second."""
    client_id = old_client(world)
    mailing = world.write()
    world.run(mailing.id)
    world.work()
    assert len(world.provider.calls) == 1
    assert verdicts(world, apply=True) == [("message", Verdict.CORRECTED), ("client", Verdict.CORRECTED)]
    clients.delete(world.engine, world.owner, client_id)
    clients.create(world.engine, world.owner, NewClient(RIGHT, "Asia/Tokyo"))
    world.finish(mailing.id)
    assert phones(world, "message") == [RIGHT]
    assert len(world.provider.calls) == 1


def test_a_message_that_was_called_and_waits_keeps_what_its_key_stands_for(world: World) -> None:
    old_client(world)
    mailing = world.write()
    world.run(mailing.id)
    [chunk] = world.aws.chunks
    world.die_after_claim(chunk)
    assert verdicts(world, apply=True) == [("message", Verdict.WAITS), ("client", Verdict.WAITS)]
    assert phones(world, "message") == [WRONG]
    world.clock.advance(days=2)
    world.finish(mailing.id)
    assert world.provider.calls == []
    assert verdicts(world, apply=True) == [("message", Verdict.CORRECTED), ("client", Verdict.CORRECTED)]


def test_a_message_not_called_yet_is_corrected_and_one_that_collides_is_not(world: World) -> None:
    old_client(world)
    mailing = world.write()
    world.run(mailing.id)
    assert verdicts(world, apply=True)[0] == ("message", Verdict.CORRECTED)
    world.work()
    assert list(world.provider.phones.values()) == [RIGHT]
    other = old_client(world)
    world.sql(
        "INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, status, not_before)"
        " SELECT :mailing, owner_id, id, phone, 'UTC', 2, now() FROM client WHERE id = :id",
        mailing=mailing.id,
        id=other,
    )
    assert ("message", Verdict.COLLIDES) in verdicts(world, apply=True)


def test_the_command_line_prints_rows_and_no_phones(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    client_id = old_client(world)
    assert manage.main(["check-phones"]) == 0
    printed = capsys.readouterr().out
    assert f"client {client_id}: can be corrected\nchecked: client 1\nclient: can be corrected: 1\n" == printed
    assert WRONG not in printed
    assert manage.handle({"command": "check-phones", "apply": True})["found"] == {"client: corrected": 1}
    assert manage.handle({"command": "check-phones"})["found"] == {}


def test_the_migration_makes_the_list_hold_and_prints_a_count(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    old_client(world)
    for phone in (RIGHT, "+4407700900982", "+79100000001"):
        world.sql("INSERT INTO do_not_contact (owner_id, phone) VALUES (:owner, :phone)", owner=world.owner.user_id, phone=phone)
    migration = run_path(str(MIGRATIONS / "versions" / "0008_phones_on_the_list.py"))
    with world.owner_engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        migration["upgrade"]()
    assert set(phones(world, "do_not_contact")) == {"+4407700900982", "+447700900982", "+79100000001", RIGHT, WRONG}
    assert "1 clients, 1 do-not-contact entries; 2 entries were added" in capsys.readouterr().out
