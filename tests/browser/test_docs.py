"""Swagger UI: authorized with a token, it calls the API, and loads nothing from elsewhere."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from local.api import Api
from local.stack import PASSWORD, SUPERUSER, Stack
from tests.browser.conftest import Visit


def test_authorize_and_try_it_out(visit: Visit, stack: Stack) -> None:
    api = Api(stack.url)
    token = api.post("/api/v1/auth-rest/login", {"username": SUPERUSER, "password": PASSWORD})["token"]
    api.close()
    visitor = visit()
    page = visitor.page
    visitor.open("/docs")

    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".dialog-ux")
    dialog.get_by_role("textbox").fill(token)
    dialog.get_by_role("button", name="Apply credentials").click()
    dialog.get_by_role("button", name="Close", exact=True).click()

    page.locator("#operations-tag-clients").click()
    operation = page.locator(".opblock-get", has=page.locator('[data-path="/api/v1/client"]'))
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/api/v1/client*") as answer:
        operation.get_by_role("button", name="Execute").click()
    assert answer.value.status == 200
    live = operation.locator(".live-responses-table")
    expect(live.locator(".response-col_status").last).to_contain_text("200")
    expect(live).to_contain_text('"results"')


def test_the_documentation_is_dark_where_the_system_is(visit: Visit) -> None:
    visitor = visit()
    page, axe = visitor.page, Axe()
    page.emulate_media(color_scheme="dark")
    visitor.open("/docs")
    page.locator("#operations-tag-clients").click()
    page.locator(".opblock-get .opblock-summary-control").first.click()
    background = "getComputedStyle(document.querySelector('.swagger-ui')).backgroundColor"
    assert page.evaluate(background) != "rgb(255, 255, 255)"
    found = axe.run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    assert [node["html"][:200] for each in found for node in each["nodes"]] == []
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("dark-mode")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
