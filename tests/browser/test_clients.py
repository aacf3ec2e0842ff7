"""Clients: added, edited, found, deleted, imported, exported."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.services import clients
from chalicelib.services.clients import NewClient
from tests.browser.conftest import USER_PASSWORD, Visit
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


def test_a_thousand_clients_are_imported_and_four_bad_rows_named(
    visit: Visit, add_user: Callable[[str], Principal], tmp_path: Path
) -> None:
    add_user("ivan")
    visitor = visit().log_in("ivan", USER_PASSWORD)
    page = visitor.page
    rows = [f"+7914{place:07},Europe/Moscow,vip;spring,Client {place}" for place in range(1000)]
    rows[9] = "+7914,Europe/Moscow,,short"
    rows[499] = "+79149999999,Mars/Olympus,,far"
    rows[799] = "+7914 000-01-00,Asia/Tokyo,,one of the first rows again"
    rows[999] = "+79149999998,Asia/Tokyo,,one,too many"
    file = tmp_path / "clients.csv"
    file.write_text("\n".join(["phone,time_zone,tags,attributes.name", *rows]))

    visitor.press("Import clients")
    with page.expect_download() as download:
        visitor.press("A sample file")
    assert download.value.path().read_text(encoding="utf-8-sig").startswith("phone,time_zone,")

    page.get_by_label("File", exact=True).set_input_files(file)
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_disabled()
    expect(page.locator("#import-columns select").first).to_have_value("phone")
    visitor.press("Preview")
    result = page.locator("#import-result")
    expect(result).to_contain_text(
        "nothing is written yet. Rows in the file: 1,000 (new 996, updated 0, left as they are 0, rows with errors 4, blank rows 0)."
    )
    expect(page.locator("#import-countries tbody tr").first).to_have_text("Russia996")
    expect(page.locator("#import-sample tbody tr").first).to_have_text("+79140000000Europe/Moscowvip, springname = Client 0")
    for place, cells in enumerate(("11phone+7914", "501time_zoneMars/Olympus", "801phone+7914 000-01-00", "1,001")):
        expect(page.locator("#import-errors tbody tr").nth(place)).to_contain_text(cells)
    with page.expect_download() as download:
        visitor.press("Download the bad rows with their reasons")
    assert (
        download.value.path()
        .read_text(encoding="utf-8-sig")
        .splitlines()[1]
        .startswith("'+7914,Europe/Moscow,,short,11,phone_too_short,phone: ")
    )
    visitor.press("Import", within=page.locator("#import"))
    expect(result).to_contain_text("Done. Rows in the file: 1,000 (new 996, updated 0, left as they are 0, rows with errors 4")
    page.reload()
    expect(result).to_contain_text("Done. Rows in the file: 1,000 (new 996")

    file.write_text(file.read_text().replace("vip;spring", "gold"))
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_label("update it from the file").check()
    visitor.press("Preview")
    expect(result).to_contain_text("(new 0, updated 996, left as they are 0, rows with errors 4")
    visitor.press("Clients")
    expect(page.get_by_text("of 996 entries")).to_be_visible()


def test_many_are_selected_and_deleted_with_their_number_in_the_question(
    visit: Visit, add_user: Callable[[str], Principal], database: Engine
) -> None:
    owner = add_user("petr")
    clients.create_many(database, owner, [NewClient(f"+7915000{place:04}", "UTC", tags=("old",)) for place in range(30)])
    clients.create(database, owner, NewClient("+79159999999", "UTC"))
    visitor = visit().log_in("petr", USER_PASSWORD)
    page = visitor.page
    visitor.press("Clients")
    visitor.press("Filters")
    row = page.locator("#filter-rows .filter-row")
    row.get_by_label("Field").select_option(label="Tags")
    row.get_by_role("textbox", name="Value", exact=True).fill("old")
    visitor.press("Apply filters")
    expect(page.get_by_text("of 30 entries")).to_be_visible()

    visitor.press("Export")
    with page.expect_download() as download:
        visitor.question.locator("#actionSubmit").click()
    exported = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(exported) == 31
    assert exported[1].split(",")[1].startswith("'+7915000")
    expect(visitor.question).to_be_hidden()

    page.get_by_label("Select all rows").check()
    visitor.press("Select all 30 rows matching the current filter.")
    page.locator("#actions-dropdown button, [data-sa-hook=actions-dropdown] button").first.click()
    visitor.press("Delete")
    expect(visitor.question).to_contain_text("30 rows will be deleted.")
    visitor.question.locator("#actionSubmit").click()
    expect(visitor.alerts).to_contain_text("30")
    visitor.press("Clients")
    expect(visitor.rows).to_have_count(1)
