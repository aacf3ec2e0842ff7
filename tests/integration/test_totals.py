"""The total of a mailing: each person once, and the same wherever it is shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from chalicelib.admin.progress import stacked
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import PARTS, MailingStatus
from chalicelib.services import clients, mailings, messages, previews, progress
from chalicelib.storage import message_counts
from chalicelib.storage.models import Mailing
from tests.world import ACCEPTED, START, World

REFUSED = Outcome(OutcomeKind.REFUSED, "HTTP 400")
WEST, EAST = "America/New_York", "Asia/Tokyo"


def client_ids(world: World) -> list[int]:
    return [row.id for row in world.sql("SELECT id FROM client ORDER BY id")]


def delete_and_import_again(world: World, number: int, **fields: Any) -> None:
    for id_ in client_ids(world)[:number]:
        clients.delete(world.engine, world.owner, id_)
    world.add_clients(number, **fields)


def scheduled(world: World) -> int:
    """Nobody is planned: 4 clients, and one of them added by hand."""
    world.add_clients(4)
    mailing = world.write(starts_at=START + timedelta(hours=1))
    messages.add(world.engine, world.owner, mailing.id, client_ids(world)[0], clock=world.clock)
    return mailing.id


def draft(world: World) -> int:
    world.add_clients(4)
    return world.write(draft=True).id


def imported_again_before_it_starts(world: World) -> int:
    """4 clients of whom two were deleted and imported again, one with a message by hand."""
    world.add_clients(4)
    mailing = world.write(starts_at=START + timedelta(hours=1))
    messages.add(world.engine, world.owner, mailing.id, client_ids(world)[0], clock=world.clock)
    delete_and_import_again(world, 2)
    return mailing.id


def imported_again_in_the_middle(world: World) -> int:
    """4 clients of two zones of which one was planned; two of the planned were deleted and imported again."""
    world.add_clients(3, zone=EAST)
    world.add_clients(1, zone=WEST, first=100)
    mailing = world.write(time_zone=None, starts_at=START.replace(hour=20), ends_at=START + timedelta(days=2))
    world.clock.now = world.clock.now.replace(hour=11)  # 20:00 in Tokyo
    world.run(mailing.id)
    mailings.pause(world.engine, world.owner, mailing.id, clock=world.clock)
    delete_and_import_again(world, 2, zone=EAST)
    return mailing.id


def in_the_middle_of_a_zone(world: World) -> int:
    """4 clients of one zone of whom a run planned two and died."""
    world.add_clients(4)
    world.settings = world.settings.model_copy(update={"plan_slice": 2, "run_budget_seconds": 0.001})
    mailing = world.write()
    original = world.clock.monotonic
    ticks = iter(range(1_000))
    world.clock.monotonic = lambda: float(next(ticks))  # type: ignore[method-assign]  # the test's clock
    world.run(mailing.id)
    world.clock.monotonic = original  # type: ignore[method-assign]  # the test's clock
    assert world.sql("SELECT count(*) FROM message")[0][0] < 4
    return mailing.id


def hidden(world: World) -> int:
    """5 clients of whom one's message was taken out of sight."""
    world.add_clients(5)
    mailing = world.write(starts_at=START + timedelta(hours=1))
    added = messages.add(world.engine, world.owner, mailing.id, client_ids(world)[0], clock=world.clock)
    messages.delete(world.engine, world.owner, added.id, clock=world.clock)
    return mailing.id


def listed(world: World) -> int:
    """4 clients, one of them on the do-not-contact list."""
    world.add_clients(4)
    world.sql("INSERT INTO do_not_contact (owner_id, phone) SELECT owner_id, phone FROM client LIMIT 1")
    mailing = world.write()
    world.run(mailing.id)
    return mailing.id


def added_to_a_planned_zone(world: World) -> int:
    world.add_clients(3)
    mailing = world.write()
    world.run(mailing.id)
    world.add_clients(1, first=100)
    return mailing.id


def new_zone(world: World) -> int:
    world.add_clients(3)
    mailing = world.write()
    world.run(mailing.id)
    world.add_clients(1, first=100, zone=EAST)
    return mailing.id


def done_but_not_delivered(world: World) -> int:
    """4 clients whom the provider refused."""
    world.add_clients(4)
    world.provider.answer = lambda _id: REFUSED
    mailing = world.write()
    world.finish(mailing.id)
    world.provider.answer = lambda _id: ACCEPTED
    return mailing.id


def cancelled_before_anybody(world: World) -> int:
    world.add_clients(4)
    mailing = world.write(starts_at=START + timedelta(hours=1))
    messages.add(world.engine, world.owner, mailing.id, client_ids(world)[0], clock=world.clock)
    mailings.cancel(world.engine, world.owner, mailing.id, clock=world.clock)
    world.run(mailing.id)
    return mailing.id


STATES: dict[Callable[[World], int], int] = {
    draft: 4,
    scheduled: 4,
    imported_again_before_it_starts: 4,
    imported_again_in_the_middle: 4,
    in_the_middle_of_a_zone: 4,
    hidden: 4,
    listed: 4,
    added_to_a_planned_zone: 4,
    new_zone: 4,
    done_but_not_delivered: 4,
    cancelled_before_anybody: 1,
}


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_it_is_the_same_everywhere_and_counts_each_person_once(world: World, state: Callable[[World], int]) -> None:
    mailing = state(world)
    shown = {
        "one": mailings.get(world.engine, world.owner, mailing).counts,
        "list": mailings.page(world.engine, world.owner, Slice(10))[0].counts,
        "page": progress.of_mailing(world.engine, world.owner, mailing, clock=world.clock).mailing.counts,
    }
    overview = progress.overview(world.engine, world.owner, "default", "UTC", clock=world.clock)
    shown |= {f"dashboard, {each.status}": each.counts for each in (*overview.running, *overview.upcoming)}
    with Session(world.engine) as session:
        shown["list of the admin panel"] = message_counts.of_mailings(session.connection(), session.query(Mailing).all())[mailing]
    for place, counts in shown.items():
        assert counts == shown["one"], place
    counts = shown["one"]
    assert sum(counts[part] for part in PARTS) == counts["total"] == STATES[state]
    if MailingStatus(mailings.get(world.engine, world.owner, mailing).status) is MailingStatus.DRAFT:
        assert previews.preview(world.engine, world.owner, mailing, clock=world.clock).clients == counts["total"]


@pytest.mark.parametrize(
    "state", [state for state in STATES if state not in (draft, cancelled_before_anybody, done_but_not_delivered)]
)
def test_it_is_what_the_mailing_ends_with(world: World, state: Callable[[World], int]) -> None:
    mailing = state(world)
    record = mailings.get(world.engine, world.owner, mailing)
    if record.status == MailingStatus.PAUSED:
        mailings.resume(world.engine, world.owner, mailing, clock=world.clock)
    ended = world.finish(mailing)
    assert ended.counts["unplanned"] == ended.counts["waiting"] == 0
    # Who was deleted before being called for and imported again has the old message, and gets no second one.
    assert ended.counts["total"] == record.counts["total"]


def test_done_but_not_delivered_never_looks_complete(world: World) -> None:
    counts = mailings.get(world.engine, world.owner, done_but_not_delivered(world)).counts
    bar = stacked(counts)
    assert (bar["text"], bar["ended"], bar["total"]) == ("0 of 4 sent", 4, 4)
    assert [(each["key"], each["percent"]) for each in bar["segments"]] == [("failed", 100)]
    assert bar["label"] == "0 of 4 sent; Failed: 4"


def test_the_segments_of_a_bar_are_in_proportion_and_the_rest_waits() -> None:
    counts = {"waiting": 20, "sent": 30, "expired": 10, "failed": 15, "cancelled": 5, "unplanned": 20, "total": 100}
    bar = stacked(counts)
    assert {each["key"]: each["percent"] for each in bar["segments"]} == {"sent": 30, "failed": 15, "expired": 10, "cancelled": 5}
    assert bar["ended"] == 60
