"""Exporting and erasing a person from the command line."""

import json

import pytest

from chalicelib import manage
from chalicelib.services import users
from chalicelib.services.clients import NewClient, create
from tests.world import World

PHONE = "+79101234567"


def test_a_superuser_exports_and_erases(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    users.ensure_superuser(world.engine, "root", "correct horse battery")
    create(world.engine, world.owner, NewClient(PHONE, "UTC", attributes={"name": "Ermengarde"}))
    who = ["--phone", PHONE, "--username", "ROOT"]
    assert manage.main(["export", *who]) == 0
    assert json.loads(capsys.readouterr().out)["clients"][0]["attributes"] == {"name": "Ermengarde"}
    assert manage.main(["erase", *who]) == 0
    assert json.loads(capsys.readouterr().out)["clients"] == 1
    assert world.sql("SELECT 1 FROM client") == []
    written = world.sql("SELECT username FROM history WHERE action = 'erase_person' AND kind = 'user'")
    assert [row[0] for row in written] == ["root"]


def test_nobody_else_does(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    create(world.engine, world.owner, NewClient(PHONE, "UTC"))
    for command in ("export", "erase"):
        assert manage.main([command, "--phone", PHONE, "--username", world.owner.username]) == 1
        assert "no such superuser" in capsys.readouterr().err
        assert "error" in manage.handle({"command": command, "username": "olga", "phone": PHONE})
    assert len(world.sql("SELECT 1 FROM client")) == 1
