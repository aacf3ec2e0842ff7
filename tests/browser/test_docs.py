"""Swagger UI: authorized with a token, it calls the API, and loads nothing from elsewhere."""

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
