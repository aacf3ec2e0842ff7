"""An owner who is deactivated while their mailings run."""

from datetime import timedelta

from chalicelib.domain.access import Principal
from chalicelib.domain.paging import Slice
from chalicelib.services import accounts, history, mailings
from chalicelib.services.accounts import AccountChanges
from chalicelib.services.history import Kind
from tests.world import START, World


def test_deactivating_an_owner_pauses_their_mailings(world: World) -> None:
    root_id = world.sql("""INSERT INTO "user" (username, password_hash, is_superuser) VALUES ('root', '-', true) RETURNING id""")[
        0
    ][0]
    root = Principal(root_id, "root", is_superuser=True)
    world.add_clients(30)
    running = world.write(ends_at=START + timedelta(days=2)).id
    scheduled = world.write(starts_at=START + timedelta(days=1), ends_at=START + timedelta(days=2)).id
    draft = world.write(draft=True).id
    over = world.finish(world.write().id).id
    world.provider.calls.clear()
    world.run(running)
    accounts.edit(world.engine, root, world.owner.user_id, AccountChanges(is_active=False))
    world.sql("UPDATE mailing SET next_run_at = :now WHERE next_run_at > :now", now=world.clock.now)
    world.work()
    assert not world.provider.calls, "nothing is sent for somebody who has no access"
    states = [world.mailing(id_).status for id_ in (running, scheduled, draft, over)]
    assert states == ["paused", "paused", "draft", "finished"]
    for mailing_id in (running, scheduled):
        newest = history.page(world.engine, root, Kind.MAILING, mailing_id, Slice(limit=1, descending=True))[0]
        assert (newest.action, newest.username, newest.changes) == ("pause", "root", {"reason": [None, "owner deactivated"]})

    accounts.edit(world.engine, root, world.owner.user_id, AccountChanges(is_active=True))
    assert [world.mailing(id_).status for id_ in (running, scheduled)] == ["paused", "paused"], "a person resumes, nobody else"
    mailings.resume(world.engine, root, running, clock=world.clock)
    assert world.finish(running).counts["sent"] == 30
