"""What a preview says of a text over all selected clients, and when a mailing asks before it starts."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as statement

from chalicelib.domain.characters import is_blank
from chalicelib.domain.errors import ConfirmationRequiredError, InvalidInputError
from chalicelib.domain.personal_text import UnsendableTextError, placeholders, render
from chalicelib.domain.selection import Selection
from chalicelib.services import mailings, previews, text_checks
from chalicelib.services.previews import Preview
from tests.world import World


def preview(world: World, text: str, **more: object) -> Preview:
    mailing = world.write(text=text, draft=True, **more)
    return previews.preview(world.engine, world.owner, mailing.id, clock=world.clock)


@pytest.fixture
def clients(world: World) -> World:
    """Three with a name, one of which has a gift; a blank name; none at all; and one who is not selected."""
    world.add_clients(2, name="Olga", tags=["vip"])
    world.add_clients(1, first=2, name="Анна-Мария", gift="tea", tags=["vip"])
    world.add_clients(1, first=3, name=" \u200b", tags=["vip"])
    world.add_clients(1, first=4, tags=["vip"])
    world.add_clients(1, first=5, Name="x")
    return world


def test_who_lacks_what_is_counted_over_all_selected_clients(clients: World) -> None:
    found = preview(clients, "Dear ${name}, ${gift|a surprise} ${gift}", filter_tags=("VIP",)).text
    assert {each.name: (each.clients, each.has_default, each.unknown) for each in found.lacked} == {
        "name": (2, False, False),
        "gift": (4, False, False),
    }
    assert found.failing == 4
    assert list(found.known_names) == ["gift", "name"]


def test_an_unknown_name_is_told_with_the_nearest(clients: World) -> None:
    [lacked] = preview(clients, "Dear ${nmae}", filter_tags=("vip",)).text.lacked
    assert (lacked.name, lacked.clients, lacked.unknown, lacked.nearest) == ("nmae", 5, True, "name")
    [lacked] = preview(clients, "Dear ${Name|friend}", filter_tags=("vip",)).text.lacked
    assert (lacked.unknown, lacked.nearest, lacked.has_default) == (True, "name", True)


def test_a_text_that_is_nothing_without_values_fails_for_who_has_none(clients: World) -> None:
    found = preview(clients, " ${name|} ${gift|}", filter_tags=("vip",)).text
    assert found.failing == 2
    assert preview(clients, "Hello ${name|}", filter_tags=("vip",)).text.failing == 0


def test_the_size_is_of_the_longest_values(clients: World) -> None:
    found = preview(clients, "x" * 60 + "${name|}", filter_tags=("vip",)).text.longest
    assert (found.encoding, found.characters, found.segments, found.odd) == ("UCS-2", 70, 1, "А")
    found = preview(clients, "x" * 61 + "${name|}", filter_tags=("vip",)).text.longest
    assert (found.segments, found.odd_name) == (2, "U+0410 CYRILLIC CAPITAL LETTER A")
    plain = preview(clients, "x" * 156 + "${Name|}").text.longest
    assert (plain.encoding, plain.segments) == ("GSM-7", 1)


def test_a_shorter_value_that_is_not_gsm_counts(world: World) -> None:
    world.add_clients(1, name="x" * 100)
    world.add_clients(1, first=1, name="Я" * 40)
    found = preview(world, "x" * 40 + "${name}").text.longest
    assert (found.encoding, found.segments) == ("UCS-2", 2)


def test_starting_and_scheduling_ask_before_clients_get_nothing(clients: World) -> None:
    text = "Dear ${nmae}"
    with pytest.raises(ConfirmationRequiredError, match=r"lack a value: 6; lacked values: nmae \(do you mean name\?\)"):
        clients.write(text=text)
    draft = clients.write(text=text, draft=True)
    engine, owner, clock = clients.engine, clients.owner, clients.clock
    with pytest.raises(ConfirmationRequiredError):
        mailings.start(engine, owner, draft.id, clock=clock)
    with pytest.raises(ConfirmationRequiredError):
        mailings.edit(engine, owner, draft.id, {"draft": False}, clock=clock)
    assert mailings.get(engine, owner, draft.id).status == "draft"
    scheduled = mailings.edit(engine, owner, draft.id, {"draft": False}, confirmed=True, clock=clock)
    assert scheduled.status == "scheduled"
    mailings.edit(engine, owner, draft.id, {"name": "other"}, clock=clock)
    with pytest.raises(ConfirmationRequiredError):
        mailings.edit(engine, owner, draft.id, {"text": "Hello ${nmae}"}, clock=clock)
    mailings.edit(engine, owner, draft.id, {"text": "Hello ${nmae|friend}"}, clock=clock)
    done = clients.finish(draft.id)
    assert (done.counts["sent"], done.counts["failed"]) == (6, 0)


def test_texts_that_come_to_nothing_or_too_much_are_final_with_a_reason(world: World) -> None:
    world.add_clients(1, nick=" ")
    world.add_clients(1, first=1, nick="x" * 500)
    world.add_clients(1, first=2, nick="ok")
    mailing = world.write(text="${nick|}" * 5, confirmed=True)
    done = world.finish(mailing.id)
    assert (done.counts["sent"], done.counts["failed"]) == (1, 2)
    assert list(world.provider.texts.values()) == ["ok" * 5]
    codes = world.sql("SELECT error_code, error_detail, attempts FROM message WHERE status = 4 ORDER BY id")
    assert [tuple(code) for code in codes] == [("empty_text", None, 0), ("text_too_long", "2,500 characters", 0)]


@pytest.mark.parametrize("text", ["   ", "\u200b", "\n", "\u2800", "\ufeff"])
def test_a_text_with_nothing_visible_is_refused_when_it_is_written(world: World, text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        world.write(text=text, draft=True)
    assert [(error.field, error.code) for error in refused.value.errors] == [("text", "blank")]


_NAMES = ["имя", "Имя", "\u0439", "и\u0306", "名前", "नाम", "name"]
_HELD = st.dictionaries(
    st.sampled_from([n for n in _NAMES if n != "и\u0306"]), st.sampled_from(["Анна", "x", " ", "\u200b", "\u2800"]), max_size=4
)
_ASKED = [*(f"${{{name}}}" for name in _NAMES), *(f"${{{name}|}}" for name in _NAMES)]
_PIECES = st.lists(st.sampled_from([*_ASKED, "${name|друг}", " ", "a", "$${имя}"]), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(_HELD, min_size=1, max_size=4), _PIECES)
def test_the_preview_counts_in_sql_whom_the_worker_would_refuse(
    world: World, held: list[dict[str, str]], pieces: list[str]
) -> None:
    text = "".join(pieces)
    with world.engine.connect() as connection:
        for place, attributes in enumerate(held):
            connection.execute(
                statement(
                    "INSERT INTO client (owner_id, phone, operator_code, tags, attributes, time_zone)"
                    " VALUES (:owner, :phone, '910', '{}', CAST(:attributes AS jsonb), 'UTC')"
                ),
                {"owner": world.owner.user_id, "phone": f"+791000001{place:02}", "attributes": json.dumps(attributes)},
            )
        found = text_checks.check(connection, world.owner.user_id, Selection(), text)
        connection.rollback()
    failing = 0
    for attributes in held:
        try:
            render(text, attributes)
        except UnsendableTextError:
            failing += 1
    assert found.failing == failing
    lacking = {name: sum(is_blank(attributes.get(name, "")) for attributes in held) for name in placeholders(text)}
    assert {each.name: each.clients for each in found.lacked} == {name: number for name, number in lacking.items() if number}


@pytest.mark.parametrize("text", ["Dear ${name}", "${name|}", "Dear ${name|friend}", "Hello"])
def test_a_selection_of_nobody_lacks_nothing(world: World, text: str) -> None:
    found = preview(world, text)
    assert (found.clients, found.text.failing, found.text.lacked) == (0, 0, [])
    assert found.text.longest.segments == 1
    world.write(text=text)  # and nothing is asked before it starts
