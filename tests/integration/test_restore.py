"""A database restored to an earlier moment: what was sent since is not sent again, and no new message has an old one's key."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from chalicelib import manage
from chalicelib.config import read_settings
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.services import mailings
from chalicelib.services.restore import Restored, after_restore
from chalicelib.storage.engine import build_engine
from tests.conftest import POOL
from tests.databases import Migrated
from tests.world import ACCEPTED, NOW, START, World

WEST, EAST = "America/New_York", "Asia/Tokyo"


@pytest.fixture
def backup(world: World, migrated_database: Migrated, _migrated_engine: Engine) -> Iterator["Backup"]:
    made = Backup(world, migrated_database, _migrated_engine)
    yield made
    made.close()


class Backup:
    """Copies of the world's database."""

    def __init__(self, world: World, found: Migrated, service_engine: Engine) -> None:
        self._world, self._found, self._service = world, found, service_engine
        self._engines: list[Engine] = []

    def take(self) -> None:
        self._service.dispose()
        self._world.owner_engine.dispose()
        self._administer("DROP DATABASE IF EXISTS restored WITH (FORCE)", "CREATE DATABASE restored TEMPLATE tests")

    def restored(self, **settings: object) -> World:
        """The world that goes on from the backup, with the same provider and clock."""
        service, owner = (
            build_engine(
                read_settings({"DATABASE_URL": make_url(url).set(database="restored").render_as_string(hide_password=False)}),
                pool_size=POOL,
            )
            for url in (self._found.url, self._found.owner_url)
        )
        self._engines += [service, owner]
        self._world.aws.chunks.clear()
        return replace(self._world, engine=service, owner_engine=owner, settings=self._world.settings.model_copy(update=settings))

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()
        self._administer("DROP DATABASE IF EXISTS restored WITH (FORCE)")

    def _administer(self, *statements: str) -> None:
        url = make_url(self._found.owner_url).set(database="postgres").render_as_string(hide_password=False)
        engine = build_engine(read_settings({"DATABASE_URL": url}))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


def dealt_with(world: World, **more: object) -> Restored:
    """What the operator does."""
    return after_restore(world.owner_engine, world.settings, NOW, clock=world.clock, **more)  # type: ignore[arg-type]  # options by name


def resume_all(world: World) -> None:
    for (mailing,) in world.sql("SELECT id FROM mailing WHERE status = 'paused' ORDER BY id"):
        mailings.resume(world.engine, world.owner, mailing, clock=world.clock)


def deliveries(world: World) -> dict[str, int]:
    """How often each phone was delivered to: once a key, where the provider honours it."""
    calls = set(world.provider.calls) if world.settings.provider_honours_key else world.provider.calls
    found: dict[str, int] = {}
    for id_ in calls:
        found[world.provider.phones[id_]] = found.get(world.provider.phones[id_], 0) + 1
    return found


@pytest.mark.parametrize("honours_key", [False, True])
def test_nothing_that_was_sent_since_is_sent_again(world: World, backup: Backup, honours_key: bool) -> None:
    """One mailing in the middle, one that was to start in the lost time, one whose second zone has not opened yet."""
    world.settings = world.settings.model_copy(update={"provider_honours_key": honours_key})
    world.add_clients(10, tags=("first",))
    world.add_clients(10, first=100, tags=("second",))
    world.add_clients(5, first=200, tags=("third",), zone=EAST)
    world.add_clients(5, first=300, tags=("third",), zone=WEST)
    world.settings = world.settings.model_copy(update={"max_dispatched": 4, "plan_slice": 6})
    middle = world.write(filter_tags=("first",))
    later = world.write(filter_tags=("second",), starts_at=START + timedelta(minutes=10))
    zones = world.write(
        filter_tags=("third",), time_zone=None, starts_at=START.replace(hour=21), ends_at=START + timedelta(days=2)
    )
    world.run(middle.id)
    world.work()
    sent_before = len(world.provider.calls)
    assert 0 < sent_before < 10

    backup.take()
    world.clock.advance(minutes=30)  # 21:00 in Tokyo has come
    for mailing in (middle, later):
        assert world.finish(mailing.id).counts["sent"] == 10
    world.clock.now = max(world.clock.now, NOW + timedelta(minutes=45))
    world.run(zones.id)
    world.work()
    lost_ids = {row.id for row in world.sql("SELECT id FROM message")}
    sent = deliveries(world)
    assert set(sent.values()) == {1}
    assert len(sent) >= 20

    again = backup.restored(provider_honours_key=honours_key)
    done = dealt_with(again)
    assert done.paused == [middle.id, later.id, zones.id]
    assert done.next_message_id > max(lost_ids)
    assert again.run(middle.id) is None or len(again.provider.calls) == len(world.provider.calls), "paused: nothing is sent"
    resume_all(again)
    for mailing in (middle, later, zones):
        again.finish(mailing.id)
    assert set(deliveries(again).values()) == {1}, "nobody twice"

    # Nobody is lost silently: who was not delivered to, as far as this database knows, is unknown and says so.
    for mailing, number in ((middle, 10), (later, 10), (zones, 10)):
        counts = again.mailing(mailing.id).counts
        assert (counts["total"], counts["waiting"], counts["unplanned"]) == (number, 0, 0)
        unknown = again.sql(
            "SELECT count(*) FROM message WHERE mailing_id = :id AND error_code = 'unknown_outcome'", id=mailing.id
        )
        assert counts["sent"] + unknown[0][0] == number
    assert again.mailing(zones.id).counts["sent"] >= 5, "the zone that had not opened is sent to"

    # And what is new has keys of its own, which the provider takes for new.
    new = again.write(filter_tags=("first",))
    assert again.finish(new.id).counts["sent"] == 10
    new_ids = {row.id for row in again.sql("SELECT id FROM message WHERE mailing_id = :id", id=new.id)}
    assert not new_ids & lost_ids
    assert min(new_ids) >= done.next_message_id


def test_without_it_people_would_be_sent_to_twice(world: World, backup: Backup) -> None:
    """That the test above can fail."""
    world.add_clients(5)
    mailing = world.write()
    backup.take()
    assert world.finish(mailing.id).counts["sent"] == 5
    again = backup.restored()
    again.finish(mailing.id)
    assert set(deliveries(again).values()) == {2}


def test_what_was_started_early_is_parked_by_its_id(world: World, backup: Backup) -> None:
    world.add_clients(5)
    mailing = world.write(starts_at=START + timedelta(hours=5))
    backup.take()
    mailings.start(world.engine, world.owner, mailing.id, clock=world.clock)
    assert world.finish(mailing.id).counts["sent"] == 5
    again = backup.restored()
    assert dealt_with(again).clients_parked == 0
    assert dealt_with(again, park=[mailing.id]).clients_parked == 5
    assert dealt_with(again, park=[mailing.id]).clients_parked == 0, "harmless to repeat"
    resume_all(again)
    assert again.finish(mailing.id).counts["failed"] == 5
    assert set(deliveries(again).values()) == {1}


@pytest.mark.parametrize("honours_key", [False, True])
def test_failed_ones_that_were_tried_again_meanwhile(world: World, backup: Backup, honours_key: bool) -> None:
    world.settings = world.settings.model_copy(update={"provider_honours_key": honours_key})
    world.add_clients(3)
    world.provider.answer = lambda _id: Outcome(OutcomeKind.REFUSED, "HTTP 400")
    mailing = world.write()
    world.finish(mailing.id)
    world.provider.answer = lambda _id: ACCEPTED
    world.provider.calls.clear()
    backup.take()
    mailings.retry_failed(world.engine, world.owner, mailing.id, clock=world.clock)
    assert world.finish(mailing.id).counts["sent"] == 3
    again = backup.restored(provider_honours_key=honours_key)
    assert dealt_with(again).failed_parked == (0 if honours_key else 3)
    mailings.retry_failed(again.engine, again.owner, mailing.id, clock=again.clock)
    again.finish(mailing.id)
    assert set(deliveries(again).values()) == {1}


def test_ids_never_pass_what_json_readers_keep(world: World) -> None:
    with pytest.raises(ValueError, match="2\\^53"):
        dealt_with(world, id_jump=2**53)
    assert world.sql("SELECT nextval(pg_get_serial_sequence('message', 'id'))")[0][0] < 10, "nor are they moved"


def test_as_a_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add_clients(2)
    mailing = world.write()
    monkeypatch.setattr(manage, "engine", lambda: world.owner_engine)
    assert "instant with its offset" in manage.handle({"command": "after-restore", "restored_to": "2026-06-01T12:00:00"})["error"]
    assert "restored_to" in manage.handle({"command": "after-restore"})["error"]
    done = manage.handle({"command": "after-restore", "restored_to": "2026-06-01T12:00:00Z", "id_jump": 1_000})
    assert (done["paused"], done["next_message_id"] > 1_000) == ([mailing.id], True)
