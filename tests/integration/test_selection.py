"""Who is selected: the rule (`domain.selection`) against every statement that selects in SQL."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MailingStatus
from chalicelib.storage import selections
from chalicelib.storage.engine import autocommit
from tests.world import NOW, World

# Few values, so that selections and clients meet; odd ones, as SQL's patterns, arrays and quotes could read them.
CODES = st.sampled_from(["910", "911", "", "0910", "91", "%", "NULL", "{910}"])
TAGS = st.sampled_from(["vip", "old", "vi", "vip,old", "{vip}", "NULL", "null", 'a"b', "a\\b", "%", "вип", "vip "])
CLIENTS = st.lists(
    st.tuples(CODES, st.lists(TAGS, max_size=3, unique=True), st.sampled_from(["UTC", "Europe/Berlin"])), max_size=12
)
SELECTIONS = st.builds(
    Selection, st.lists(CODES, max_size=3, unique=True).map(tuple), st.lists(TAGS, max_size=3, unique=True).map(tuple)
)
_ADD = text(
    "INSERT INTO client (owner_id, phone, operator_code, tags, time_zone) VALUES (:owner, :phone, :code, :tags, :zone) RETURNING id"
)
REUSED_WORLD = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def add(world: World, clients: list[tuple[str, list[str], str]]) -> dict[int, tuple[str, list[str], str]]:
    """The owner's clients are these; by id."""
    world.sql("DELETE FROM message")
    world.sql("DELETE FROM client")
    return {
        world.sql(_ADD.text, owner=world.owner.user_id, phone=f"+7910{place:07}", code=client[0], tags=client[1], zone=client[2])[
            0
        ][0]: client
        for place, client in enumerate(clients)
    }


@REUSED_WORLD
@given(CLIENTS, SELECTIONS)
@example([("910", [], "UTC")], Selection())
@example([("910", [], "UTC"), ("911", ["vip"], "UTC")], Selection(("910",), ("vip",)))
def test_every_count_of_selected_clients_follows_the_rule(
    world: World, clients: list[tuple[str, list[str], str]], selection: Selection
) -> None:
    stored = add(world, clients)
    selected = {id_: client for id_, client in stored.items() if selection.matches(client[0], client[1])}
    with autocommit(world.engine) as connection:
        owner = world.owner.user_id
        by_zone = {zone: sum(client[2] == zone for client in selected.values()) for _, _, zone in selected.values()}
        assert selections.count_by_zone(connection, owner, selection) == by_zone
        assert selections.count(connection, owner, selection) == len(selected)
        first = selections.first(connection, owner, selection)
        assert (first and first.id) == min(selected, default=None)


def is_accepted(selection: Selection) -> bool:
    """May a mailing have it? What is not a code or a tag is refused before anything is selected by it."""
    return all(code.isdigit() for code in selection.operator_codes) and "vip " not in selection.tags


@settings(REUSED_WORLD, max_examples=15)
@given(CLIENTS, SELECTIONS.filter(is_accepted))
@example([("910", ["vip"], "UTC"), ("911", ["vip"], "UTC"), ("910", [], "UTC")], Selection(("910",), ("vip",)))
def test_exactly_the_selected_clients_are_planned_also_those_added_later(
    world: World, clients: list[tuple[str, list[str], str]], selection: Selection
) -> None:
    """Added later: after the mailing has planned, before it is over."""
    world.clock.now = NOW
    stored = add(world, clients[::2])
    mailing = world.write(filter_operator_codes=selection.operator_codes, filter_tags=selection.tags, confirmed=True)
    world.clock.now = max(world.clock.now, world.mailing(mailing.id).next_run_at or world.clock.now)
    world.run(mailing.id)
    if world.mailing(mailing.id).status == MailingStatus.FINISHED:
        clients = []  # nobody was selected, and nothing keeps it open for those who come later
    later = {
        world.sql(_ADD.text, owner=world.owner.user_id, phone=f"+7911{place:07}", code=client[0], tags=client[1], zone=client[2])[
            0
        ][0]: client
        for place, client in enumerate(clients[1::2])
    }
    world.finish(mailing.id)
    messages = {row[0] for row in world.sql("SELECT client_id FROM message WHERE mailing_id = :id", id=mailing.id)}
    assert messages == {id_ for id_, client in (stored | later).items() if selection.matches(client[0], client[1])}
