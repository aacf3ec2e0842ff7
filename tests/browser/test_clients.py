"""Clients: added, edited, found, deleted."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_client_is_added_edited_found_and_deleted(root: Visitor) -> None:
    page = root.page
    root.refusals.add(422)
    root.press("Clients")
    root.press("New client")
    root.fill(phone="12", time_zone="Europe/Moscow", tags="vip, spring", attributes="name = Anna")
    root.press("Save")
    expect(page.locator("#phone-error")).to_be_visible()
    expect(page.get_by_label("Tags", exact=True)).to_have_value("vip, spring")
    expect(page.get_by_label("Attributes", exact=True)).to_have_value("name = Anna")

    root.fill(phone="+7 (910) 765-43-21")
    root.press("Save")
    expect(root.rows.filter(has_text="+79107654321")).to_contain_text("vip")

    root.find("7654321")
    expect(root.rows).to_have_count(1)
    root.press("Edit", within=root.rows)
    root.fill(tags="summer")
    root.press("Save")
    root.open("/admin/client/list?q=summer")
    expect(root.rows).to_have_count(1)
    root.press("View", within=root.rows)
    expect(page.locator("#history")).to_contain_text("vip, spring → summer")
    expect(page.locator("body")).to_contain_text("name = Anna")

    root.press("Delete")
    expect(root.question).to_contain_text("1 row will be deleted.")
    root.question.locator("#actionSubmit").click()
    expect(root.alerts).to_contain_text("deleted")
    root.find("7654321")
    expect(root.rows).to_have_count(0)
