"""Users, passwords, tokens, and who sees what."""

from collections.abc import Callable

import requests
from playwright.sync_api import expect
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.services import clients
from chalicelib.services.clients import NewClient
from local.stack import Stack
from tests.browser.conftest import USER_PASSWORD, Visit
from tests.browser.visitor import Visitor

NEW_PASSWORD = "staple of horses"


def test_a_user_is_added_and_put_out_by_another_password(root: Visitor, visit: Visit) -> None:
    root.refusals.add(422)
    root.press("Users")
    root.press("New user")
    root.fill(username="olga", password="12345678")
    root.press("Save")
    expect(root.page.locator("#password-error")).to_be_visible()
    root.fill(password=USER_PASSWORD)
    root.press("Save")
    row = root.rows.filter(has_text="olga")

    olga = visit().log_in("olga", USER_PASSWORD)
    root.press("Change password", within=row)
    expect(root.question).to_contain_text("All sessions of this user end, and all their API tokens are revoked.")
    root.question.get_by_label("New password").fill(NEW_PASSWORD)
    root.question.get_by_label("New password").press("Enter")
    expect(root.alerts).to_contain_text("The password was changed.")
    assert "password" not in root.page.url

    olga.refusals.add(401)
    expect(olga.page.locator("#password")).to_be_visible()  # the dashboard asks for news, and learns that the session is over
    olga.give("olga", USER_PASSWORD)
    expect(olga.page.get_by_text("No user has this name and password.")).to_be_visible()
    olga.give("olga", NEW_PASSWORD)
    expect(olga.page.locator("#dashboard")).to_be_visible()

    root.press("Edit", within=row)
    root.page.get_by_label("Active", exact=True).uncheck()
    root.press("Save")
    expect(olga.page.locator("#password")).to_be_visible()


def test_a_token_is_made_used_and_revoked(visit: Visit, stack: Stack, add_user: Callable[[str], Principal]) -> None:
    add_user("tanya")
    visitor = visit().log_in("tanya", USER_PASSWORD)
    page = visitor.page
    visitor.press("API tokens")
    page.get_by_label("Name of a new token").fill("shop")
    visitor.press("Create a token")
    token = page.locator("#new-token").inner_text()
    row = page.locator("tbody tr").filter(has_text="shop")
    expect(row).to_contain_text("never")

    def status() -> int:
        headers = {"Authorization": f"Token {token}"}
        return requests.get(f"{stack.url}/api/v1/client", headers=headers, timeout=30).status_code

    assert status() == 200
    visitor.open("/admin/tokens")
    expect(row).to_be_visible()
    expect(row).not_to_contain_text("never")
    expect(page.locator("#new-token")).to_have_count(0)
    assert token not in page.content()

    page.once("dialog", lambda dialog: dialog.dismiss())
    row.get_by_role("button").click()
    assert status() == 200
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button").click()
    expect(visitor.alerts).to_contain_text("revoked")
    assert status() == 401


def test_an_ordinary_user_sees_only_their_own(
    root: Visitor, visit: Visit, add_user: Callable[[str], Principal], database: Engine
) -> None:
    for name, phone in (("vera", "+79130000001"), ("zoya", "+79130000002")):
        clients.create(database, add_user(name), NewClient(phone, "Europe/Moscow"))
    vera = visit().log_in("vera", USER_PASSWORD)
    vera.press("Clients")
    expect(vera.rows).to_have_count(1)
    expect(vera.rows).to_contain_text("+79130000001")
    expect(vera.page.get_by_role("link", name="Users")).to_have_count(0)

    root.open("/admin/client/list?q=913000000")
    expect(root.rows).to_have_count(2)
    foreign = root.rows.filter(has_text="+79130000002").get_attribute("data-sa-pk")

    vera.refusals |= {403, 404}
    for path, status in (("/admin/user/list", 403), ("/admin/user/create", 403), (f"/admin/client/detail?pk={foreign}", 404)):
        answer = vera.page.goto(vera.url + path)
        assert answer is not None
        assert answer.status == status, path
        assert "zoya" not in vera.page.content()


def test_wrong_passwords_slow_down_and_say_so(visit: Visit, add_user: Callable[[str], Principal]) -> None:
    add_user("yana")
    visitor = visit()
    visitor.refusals |= {401, 429}
    visitor.open("/admin/")
    for _ in range(10):
        visitor.give("yana", "wrong")
        expect(visitor.page.get_by_text("No user has this name and password.")).to_be_visible()
    visitor.give("yana", USER_PASSWORD)
    expect(
        visitor.page.get_by_text("Too many attempts with this name or from this address. Try again in 15 min.")
    ).to_be_visible()


def test_moments_are_shown_in_the_readers_zone_wherever_they_are(visit: Visit, add_user: Callable[[str], Principal]) -> None:
    add_user("raya")
    visitor = visit(zone="Asia/Tokyo").log_in("raya", USER_PASSWORD)
    expect(visitor.page.locator("#as-of")).to_contain_text("UTC+9")
    context = visitor.page.context
    context.clear_cookies(name="timezone")
    context.add_cookies([{"name": "timezone", "value": "America/Lima", "url": visitor.url}])  # where they were last week
    visitor.press("API tokens")
    expect(visitor.page.get_by_text("Moments are shown in Asia/Tokyo.")).to_be_visible()
