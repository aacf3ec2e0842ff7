"""The front page, and the way from it: log in once, and panel and documentation know the person; log out, and none does."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine, text

from local.stack import PASSWORD, SUPERUSER
from tests.browser.conftest import Visit

WORDS = {
    "en-US": {"in": "Log in", "out": "Log out", "docs": "Documentation", "as": "Logged in as", "not": "You are not logged in."},
    "ru-RU": {"in": "Войти", "out": "Выйти", "docs": "Документация", "as": "Вы вошли как", "not": "Вы не вошли."},
}


@pytest.mark.parametrize("locale", WORDS)
def test_log_in_once_and_out_once(visit: Visit, database: Engine, locale: str) -> None:
    words, visitor = WORDS[locale], visit(locale=locale)
    page = visitor.page

    def tokens() -> int:
        with database.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM api_token WHERE session_id IS NULL")).scalar_one())

    before = tokens()
    visitor.open("/")
    expect(page.get_by_text(words["not"])).to_be_visible()
    visitor.press(words["in"])
    visitor.give(SUPERUSER, PASSWORD)
    expect(page).to_have_url(f"{visitor.url}/")
    expect(page.get_by_text(words["as"])).to_contain_text(SUPERUSER)

    page.get_by_role("link", name=words["docs"]).click()
    page.locator("#operations-tag-users").click()
    operation = page.locator(".opblock-get", has=page.locator('[data-path="/api/v1/user/me"]'))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/api/v1/user/me") as answer:
        operation.get_by_role("button", name="Execute").click()
    assert answer.value.status == 200
    assert answer.value.json()["username"] == SUPERUSER
    assert "mlg_" not in page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")

    visitor.open("/admin/")
    expect(page.locator("#dashboard")).to_be_visible()
    assert page.locator("#sidebar-menu").get_by_role("link", name=words["docs"]).get_attribute("href") == "/docs"

    visitor.open("/api/v1/auth-rest/logout")
    page.get_by_role("button", name=words["out"]).click()
    expect(page).to_have_url(f"{visitor.url}/")
    expect(page.get_by_text(words["not"])).to_be_visible()
    visitor.open("/admin/")
    expect(page.locator("#password")).to_be_visible()
    assert tokens() == before


def test_a_superuser_is_led_to_the_test_clients(visit: Visit) -> None:
    visitor = visit().log_in(SUPERUSER, PASSWORD)
    visitor.open("/")
    visitor.page.get_by_role("link", name="Test clients").click()
    expect(visitor.page.get_by_role("button", name="Create the 2,160 test clients")).to_be_visible()
