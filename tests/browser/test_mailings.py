"""Mailings: written, watched, paused, taken up again, tried again."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.services import clients
from chalicelib.services.clients import NewClient
from local.ledger import ProviderClient
from tests.browser.conftest import USER_PASSWORD, Visit
from tests.browser.visitor import Visitor

FINISHED = 90_000  # milliseconds
NUMBER = 60
SLOWLY = "6"  # messages a second


def write_mailing(visitor: Visitor, name: str, **more: str) -> None:
    """Through the form: for everybody tagged `friend`, from now on."""
    now = datetime.now(UTC).replace(tzinfo=None)
    visitor.press("Mailings")
    visitor.press("New mailing")
    visitor.fill(name=name, text="Hello, ${name|friend}!", tags="friend")
    visitor.fill(starts=f"{now:%Y-%m-%dT%H:%M}", ends=f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M}")
    visitor.page.get_by_label("Time zone of these times").fill("UTC")
    visitor.page.get_by_label("Messages a second, at most").fill(more.get("rate", ""))
    expect(visitor.page.get_by_text(f"Matches {NUMBER} clients in 2 time zones")).to_be_visible()
    visitor.page.get_by_label("Draft", exact=True).set_checked("draft" in more)
    visitor.press("Save")
    visitor.press("View", within=visitor.rows.filter(has_text=name))
    expect(visitor.page.get_by_role("heading", name=name)).to_be_visible()


def add_friends(database: Engine, owner: Principal, code: int) -> None:
    zones = ("Europe/Moscow", "Asia/Tokyo")
    phones = [f"+7{code}{place:07}" for place in range(NUMBER)]
    clients.create_many(
        database, owner, [NewClient(phone, zones[place % 2], tags=("friend",)) for place, phone in enumerate(phones)]
    )


def sent(page: Page) -> int:
    return int(page.locator("[data-show=text]").inner_text().split(" of ")[0])


def await_sent(page: Page, number: str) -> None:
    """Waits for a number of messages, given as a pattern: a script of ours could not, for the page's policy forbids `eval`."""
    expect(page.locator("[data-show=text]")).to_have_text(re.compile(rf"^\s*({number}) of {NUMBER} sent\s*$"), timeout=FINISHED)


def width(page: Page, segment: str = "") -> float:
    """Of a segment of the bar in pixels, or of the whole bar."""
    box = page.locator(f"[data-show=bar] {segment}".strip()).bounding_box()
    assert box is not None
    return box["width"]


def await_status(page: Page, status: str) -> None:
    expect(page.locator("#mailing-status")).to_have_text(status, timeout=FINISHED)


def number_of(page: Page, status: str) -> str:
    return page.locator("[data-show=chart] tr").filter(has_text=status).locator(".number").inner_text()


def test_a_mailing_is_written_and_watched_until_it_is_finished(
    visit: Visit, add_user: Callable[[str], Principal], database: Engine, provider: ProviderClient
) -> None:
    add_friends(database, add_user("mila"), 911)
    provider.configure(faults=[{"kind": "status", "status": 400, "first_calls": 1, "share": 0.3}])
    visitor, onlooker = visit().log_in("mila", USER_PASSWORD), visit().log_in("mila", USER_PASSWORD)
    page, dashboard = visitor.page, onlooker.page
    write_mailing(visitor, "Spring sale", rate=SLOWLY)

    await_sent(page, rf"(?!0\b|{NUMBER}\b)\d+")
    assert 0 < width(page, ".code-sent") < width(page)
    expect(page.locator("[data-show=rate]")).to_contain_text("Messages a second: ")
    expect(dashboard.locator("#running")).to_contain_text("Spring sale")
    expect(dashboard.locator("#running")).to_contain_text("messages a second: ")
    await_status(page, "Finished")
    failed = int(number_of(page, "Failed"))
    assert 0 < failed == NUMBER - sent(page)
    assert abs(width(page, ".code-failed") - width(page) * failed / NUMBER) < 1
    expect(page.locator("[data-show=errors]")).to_contain_text("Refused by the provider")

    visitor.press("Try failed ones again")
    expect(visitor.question).to_contain_text("Every failed message")
    visitor.press("Try again", within=visitor.question)
    expect(page.locator("[data-show=chart] tr").filter(has_text="Failed").locator(".number")).to_have_text("0", timeout=FINISHED)
    await_status(page, "Finished")
    assert number_of(page, "Sent") == str(NUMBER)
    assert provider.summary()["accepted"] == NUMBER

    visitor.press("Messages of this mailing")
    expect(page.get_by_text(f"of {NUMBER} entries")).to_be_visible()
    expect(dashboard.locator('[data-total="sent"]')).to_have_text(str(NUMBER))
    expect(dashboard.locator("#running")).to_have_text("None runs now.")


def test_a_draft_is_started_paused_and_taken_up_again(
    visit: Visit, add_user: Callable[[str], Principal], database: Engine, provider: ProviderClient
) -> None:
    add_friends(database, add_user("nina"), 912)
    visitor = visit().log_in("nina", USER_PASSWORD)
    page = visitor.page
    write_mailing(visitor, "Autumn sale", rate=SLOWLY, draft="yes")
    await_status(page, "Draft")
    expect(page.get_by_text("Hello, friend!")).to_be_visible()

    visitor.press("Test send")
    visitor.question.get_by_label("Phone").fill("+79120009999")
    visitor.press("Send", within=visitor.question)
    expect(visitor.alerts).to_contain_text("took the test message")
    assert provider.summary()["accepted"] == 1

    visitor.press("Schedule")
    expect(page.locator("#review-recipients")).to_have_text(f"Recipients: {NUMBER}")
    expect(page.locator("#review-samples")).to_contain_text("Hello, friend!")
    visitor.press("Now")
    if page.get_by_role("checkbox").is_visible():  # at this hour it is night somewhere
        page.get_by_role("checkbox").check()
    visitor.press(f"Send now to {NUMBER} clients")
    await_status(page, "Running")
    await_sent(page, r"[4-9]|\d\d+")
    visitor.press("Pause")
    await_status(page, "Paused")
    page.wait_for_timeout(3_000)  # what had started may end
    stopped_at = provider.summary()["calls"]
    page.wait_for_timeout(2_000)
    assert provider.summary()["calls"] == stopped_at < NUMBER

    visitor.press("Resume")
    await_status(page, "Finished")
    assert number_of(page, "Sent") == str(NUMBER)
    expect(page.locator("#history")).to_contain_text("Resume")
