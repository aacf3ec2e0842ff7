"""What people give and what the pages say of it: files to import, texts of mailings."""

from collections.abc import Callable
from itertools import count

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.domain.paging import Slice
from chalicelib.services import clients
from chalicelib.services.clients import NewClient
from chalicelib.storage.clients import ClientFilter
from local.ledger import ProviderClient
from tests.browser.conftest import USER_PASSWORD, Visit
from tests.browser.test_pages import DESKTOP, PHONE, dim, grave, sticking_out
from tests.browser.visitor import Visitor

# As a spreadsheet of a Russian shop might be: national numbers, one that the spreadsheet rounded, one twice, a zone that is none.
RUSSIAN = """\
Телефон;Часовой пояс;Имя;Скидка;
8 (916) 000-00-01;Europe/Moscow;Анна;5"

+7 916 000-00-02;America/New_York;Борис;10
7,9E+10;Europe/Moscow;Вера;
8 916 000 00 01;Europe/Moscow;Анна ещё раз;
89160000003;Москва;Галина;
;;;
""".replace("\n", "\r\n").encode("cp1251")
NUMBERS = count()
"""For names of users, one for each test."""
CODES = ("phone_scientific", "given_twice", "wrong_format")


def everybody_can_use(page: Page) -> list[str]:
    """What is wrong with the page as it stands, in both themes and widths."""
    axe, wrong = Axe(), list[str]()
    for width in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        wrong += [*grave(axe, page), *dim(axe, page)]
        if pixels := sticking_out(page):
            wrong.append(f"at {width} it sticks out by {pixels}")
    page.set_viewport_size({"width": DESKTOP, "height": 900})
    return wrong


def give_file(page: Page, raw: bytes, name: str = "clients.csv") -> None:
    page.locator("#import-file").set_input_files({"name": name, "mimeType": "text/csv", "buffer": raw})


def choices(page: Page) -> list[str]:
    return [each.input_value() for each in page.locator("#import-columns select").all()]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b'phone,time_zone\n+79160000001,UTC\n"+79160000002,UTC\n+79160000003,UTC\n', "row 3: a quotation mark"),
        (RUSSIAN, "row 1: is not in utf-8"),
        (b"phone;time_zone,tags\n", "separated by more than one"),
        (b"\n \n", "the file is empty"),
        (b"PK\x03\x04 no workbook", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(
    visit: Visit, add_user: Callable[[str], Principal], raw: bytes, why: str
) -> None:
    name = f"reader-{next(NUMBERS)}"
    add_user(name)
    visitor = visit().log_in(name, USER_PASSWORD)
    visitor.refusals.add(422)
    page = visitor.page
    visitor.press("Import clients")
    give_file(page, raw)
    expect(page.locator("#import-result .alert-danger")).to_contain_text(why, ignore_case=True)
    expect(page.locator("#import-options")).to_be_hidden()
    for button in ("Preview", "Import"):
        expect(page.get_by_role("button", name=button, exact=True)).to_be_disabled()


@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
def test_a_bad_file_is_mapped_previewed_imported_and_its_bad_rows_come_back(
    visit: Visit, add_user: Callable[[str], Principal], database: Engine, locale: str
) -> None:
    owner = add_user(f"mapper-{locale[:2]}")
    visitor = visit(locale=locale).log_in(owner.username, USER_PASSWORD)
    visitor.refusals.add(422)
    page = visitor.page
    visitor.open("/admin/import")
    give_file(page, RUSSIAN)
    expect(page.locator("#import-result .alert-danger")).to_be_visible()
    page.locator("#import-encoding").select_option("windows-1251")
    rows = page.locator("#import-columns tbody tr")
    expect(rows).to_have_count(4)  # an empty column of nothing is not asked about
    assert choices(page) == ["phone", "time_zone", "", ""]
    expect(rows.nth(2)).to_contain_text("Анна, Борис, Вера")
    expect(page.locator("#import-about")).to_contain_text("2.")
    assert everybody_can_use(page) == []

    result = page.locator("#import-result")
    rows.nth(2).locator("select").select_option("attributes.имя")
    page.locator("#import-check").click()
    expect(errors(page)).to_have_count(5)  # without a country a number needs its +
    expect(page.locator("#import-run")).to_be_enabled()
    page.locator("#import-country").select_option("RU")
    expect(page.locator("#import-run")).to_be_disabled()  # what was previewed is not what would be imported
    page.locator("#import-check").click()
    expect(errors(page)).to_have_count(3)
    for place, cells in enumerate((("5", "7,9E+10", CODES[0]), ("6", CODES[1]), ("7", "Москва", CODES[2]))):
        for cell in cells:
            expect(errors(page).nth(place)).to_contain_text(cell)
    counts = {"en-US": "(new 2, updated 0, left as they are 0, rows with errors 3, blank rows 2)"}
    expect(result).to_contain_text(
        counts.get(locale, "(новых 2, обновлено 0, оставлено как есть 0, строк с ошибками 3, пустых строк 2)")
    )
    expect(page.locator("#import-countries tbody tr")).to_have_text([{"en-US": "Russia2"}.get(locale, "Россия2")])
    expect(page.locator("#import-contradictions tbody tr")).to_have_count(1)
    expect(page.locator("#import-contradictions tbody")).to_contain_text("America/New_York")
    assert everybody_can_use(page) == []

    page.locator("#import-code").select_option("given_twice")
    expect(errors(page)).to_have_count(1)
    page.locator("#import-run").click()
    expect(page.locator("#import-run")).to_be_disabled()
    expect(result).to_contain_text({"en-US": "Done. Rows in the file: 7"}.get(locale, "Готово. Строк в файле: 7"))
    with page.expect_download() as download:
        page.locator("#import-download").click()
    header, *bad = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert header == "Телефон,Часовой пояс,Имя,Скидка,,row,error_code,reason"
    assert [line[: line.index(code) + len(code)] for line, code in zip(bad, CODES, strict=True)] == [
        '"7,9E+10",Europe/Moscow,Вера,,,5,phone_scientific',
        "8 916 000 00 01,Europe/Moscow,Анна ещё раз,,,6,given_twice",
        "89160000003,Москва,Галина,,,7,wrong_format",
    ]
    found = {row.phone: row.attributes for row in clients.page(database, owner, ClientFilter(None), Slice(limit=9))}
    assert found == {"+79160000001": {"имя": "Анна"}, "+79160000002": {"имя": "Борис"}}

    visitor.open("/admin/import")
    give_file(page, RUSSIAN)
    page.locator("#import-encoding").select_option("windows-1251")
    expect(rows).to_have_count(4)
    assert choices(page) == ["phone", "time_zone", "attributes.имя", ""]
    expect(page.locator("#import-country")).to_have_value("RU")


def errors(page: Page) -> Locator:
    return page.locator("#import-errors tbody tr")


def size(page: Page) -> Locator:
    return page.locator("#text-size")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a" * 160, "1 SMS (GSM-7, 160)"),
        ("a" * 159 + "€", "2 SMS (GSM-7, 161)"),
        ("ё" * 71, "2 SMS (UCS-2, 71) · not in the GSM alphabet: ё (U+0451)"),
        ("Hi 😀", "1 SMS (UCS-2, 5) · not in the GSM alphabet: 😀 (U+1F600)"),
        ("x" * 150 + "${name}", "1 SMS (GSM-7, 159)"),  # Josephine
        ("x" * 152 + "${name}", "2 SMS (GSM-7, 161)"),
        ("x" * 142 + "${name|my dearest customer}", "2 SMS (GSM-7, 161)"),  # who has no name gets the default
        ("x" * 65 + "${city|Rome}", "2 SMS (UCS-2, 71) · not in the GSM alphabet: М (U+041C)"),
        ("$${name}", "1 SMS (GSM-7, 9)"),  # seven characters, of which the brackets take two places each
        ("$$${name}", "1 SMS (GSM-7, 10)"),
    ],
)
def test_the_size_of_a_text_follows_each_letter_and_the_longest_values(writer: Visitor, text: str, said: str) -> None:
    page = writer.page
    writer.open("/admin/mailing/create")
    expect(page.locator("#selection-matches")).to_contain_text("Matches 3 clients")
    page.locator("#text").fill(text[:-1])
    page.locator("#text").press_sequentially(text[-1])
    expect(size(page)).to_have_text(f"With the longest values: {said}")


def test_the_size_follows_the_selection(writer: Visitor) -> None:
    page = writer.page
    writer.open("/admin/mailing/create")
    page.locator("#text").fill("x" * 152 + "${name}")
    expect(size(page)).to_contain_text("2 SMS (GSM-7, 161)")
    writer.fill(tags="short")
    expect(page.locator("#selection-matches")).to_contain_text("Matches 1 client in")
    expect(size(page)).to_contain_text("1 SMS (GSM-7, 155)")
    page.locator("#text").fill("")
    expect(size(page)).to_have_text("")


def test_missing_values_are_told_and_a_start_asks_first(writer: Visitor, provider: ProviderClient) -> None:
    page = writer.page
    writer.open("/admin/mailing/create")
    writer.fill(name="Missing", text="Dear ${nmae}, ${city|Rome}")
    writer.press("Save")  # it would start at once
    expect(page.locator("#text-error")).to_contain_text("lack a value: 3; lacked values: nmae (do you mean name?)")
    writer.fill(text="Dear ${name}, ${city|Rome}")
    page.get_by_label("Draft", exact=True).check()
    writer.press("Save")
    writer.press("View", within=writer.rows.filter(has_text="Missing"))
    for warning in ("1 client would get no message", "Without name: 1.", "Known attributes: city, name."):
        expect(page.locator("body")).to_contain_text(warning)
    expect(size(page)).to_contain_text("With the longest values 1 SMS (UCS-2, ")

    writer.press("Schedule")
    writer.press("Now")
    expect(page.locator("#review-recipients")).to_have_text("Recipients: 2")
    expect(page.locator("#review-excluded")).to_contain_text("Without name: 1")
    assert everybody_can_use(page) == []
    seen = page.get_by_role("checkbox")
    writer.press("Send now to 2 clients")
    assert seen.evaluate("box => box.validity.valueMissing")  # the browser asks for it, and nothing was sent
    expect(page.locator("#review")).to_be_visible()
    assert provider.summary()["calls"] == 0
    seen.check()
    writer.press("Send now to 2 clients")
    expect(page.locator("#mailing-status")).to_have_text("Finished", timeout=90_000)
    assert provider.summary()["accepted"] == 2


@pytest.fixture
def writer(visit: Visit, add_user: Callable[[str], Principal], database: Engine) -> Visitor:
    """Somebody with three clients: two have names, one of them a city."""
    owner = add_user(f"writer-{next(NUMBERS)}")
    for place, (tags, attributes) in enumerate(
        [(("long",), {"name": "Josephine", "city": "Москва"}), (("short",), {"name": "Ann"}), ((), {})]
    ):
        new = NewClient(f"+7918000000{place}", "UTC", tags=tags, attributes=attributes)
        clients.create(database, owner, new)
    visitor = visit().log_in(owner.username, USER_PASSWORD)
    visitor.refusals.add(422)
    return visitor
