"""Tags, names of users and texts that earlier versions stored: rewritten once, and what was rewritten is told."""

from runpy import run_path

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.characters import canonical
from chalicelib.domain.personal_text import render
from chalicelib.manage import MIGRATIONS
from tests.world import World

[FILE] = (MIGRATIONS / "versions").glob("*_names_and_texts.py")


def run(world: World, step: str) -> None:
    with world.owner_engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        run_path(str(FILE))[step]()


def test_what_was_stored_is_rewritten_and_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add_clients(1, tags=["VIP", "vip", " New ", "old"])
    world.add_clients(1, first=1, tags=["old"])
    world.add_clients(1, first=2, tags=["\u200b", "ＶＩＰ"])
    world.sql("""INSERT INTO "user" (username, password_hash) VALUES ('OLGA ', '-'), ('Anna', '-'), ('İnci', '-')""")
    mailing = world.write(filter_tags=("vip",), draft=True).id
    plain = world.write(text="costs $${x} and $5 ${name|friend}", draft=True).id
    world.sql(
        "UPDATE mailing SET filter_tags = ARRAY['VIP', 'Vip'], text = 'Price: $$${price} $$$$${x}' WHERE id = :id", id=mailing
    )

    run(world, "upgrade")

    tags = [row.tags for row in world.sql("SELECT tags FROM client ORDER BY id")]
    assert tags == [["vip", "new", "old"], ["old"], ["vip"]]
    names = [row.username for row in world.sql('SELECT username FROM "user" ORDER BY id')]
    assert names == ["olga", f"olga-{world.owner.user_id + 1}", "anna", "inci"]
    row = world.sql("SELECT filter_tags, text FROM mailing WHERE id = :id", id=mailing)[0]
    assert row.filter_tags == ["vip"]
    assert render(row.text, {"price": 5}) == "Price: $${price} $$$${x}", "what the old rules made of it"
    assert world.mailing(plain).text == "costs $${x} and $5 ${name|friend}"
    told = capsys.readouterr().out
    assert "client: tags of 2 rows" in told
    assert f"user {world.owner.user_id + 1}: another user has this name already" in told
    assert f"mailing {mailing}: dollar signs" in told
    assert f"mailing {plain}" not in told

    run(world, "downgrade")
    assert world.mailing(mailing).text == "Price: $$${price} $$$$${x}"


@given(st.text(max_size=60))
def test_the_migration_knows_the_form_of_names(name: str) -> None:
    found = run_path(str(FILE))["_canonical"](name)
    assert found == canonical(found)
