"""Every page, in both languages, on a desktop and on a phone: everybody can read and use it, and nothing sticks out."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.services import accounts, clients, do_not_contact
from chalicelib.services.accounts import Account
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.logins import issue
from local.api import Api
from local.ledger import ProviderClient
from local.stack import PASSWORD, SUPERUSER, Stack
from tests.browser.conftest import USER_PASSWORD, Visit, superuser
from tests.browser.visitor import Visitor

DESKTOP, PHONE = 1280, 390
PAGES = (
    "/",
    "/client/list",
    "/client/create",
    "/client/detail?pk={client}",
    "/client/edit?pk={client}",
    "/mailing/list",
    "/mailing/create",
    "/mailing/detail?pk={finished}",
    "/mailing/detail?pk={scheduled}",
    "/mailing/edit?pk={scheduled}",
    "/review?pk={scheduled}&when=now",
    "/message/list",
    "/message/detail?pk={message}",
    "/message/create",
    "/do-not-contact/list",
    "/do-not-contact/create",
    "/persons",
    "/second-factor",
    "/do-not-contact/detail?pk={entry}",
    "/import",
    "/tokens",
    "/account",
)
OUTSIDE = ("/", "/api/v1/auth-rest/logout")
SUPERUSERS = (
    "/provider/list",
    "/provider/create",
    "/provider/detail?pk=1",
    "/provider/edit?pk=1",
    "/user/create",
    "/user/detail?pk={user}",
    "/user/edit?pk={user}",
    "/user/list",
    "/audit/list",
)
OWNER = "semyon"
# What stands on Russian pages in Latin letters by right: names, codes, formats.
LATIN = re.compile(
    r"mailing-api|Europe/Moscow|Asia/Tokyo|\bUTC\b|API|\bCSV\b|\.?xlsx|UTF-8|\bID\b|E\.164|IANA|English|https?://\S+|\$\{[^}]*\}|mlg_[\w-]+|"
    r"Authorization: Token|phone|time_zone|operator_code|tags|attributes\.name|name = \w+|\badmin\b|\bvip\b|Anna|"
    r"\bSMS\b|\bGSM\b|\bUCS-2\b|U\+[0-9A-F]{4}(?: [A-Z ]+)?|\bdefault\b|"
    r"docs/provider\.md|https://|AWS End User Messaging|Twilio|Infobip|SMSC\.ru|HTTP API|"
    r"HTTP \d+|Chrome, Linux|\bJSON\b|\b[A-Z2-7]{32}\b|\blogin\b|semyon"
)


@pytest.fixture(scope="module")
def things(stack: Stack, database: Engine) -> dict[str, int]:
    """One of everything of an ordinary user's; ids by kind."""
    made = accounts.create(database, superuser(database), Account(OWNER), USER_PASSWORD)
    owner = Principal(made.id, OWNER, is_superuser=False)
    client = clients.create(database, owner, NewClient("+79170000001", "Asia/Tokyo", attributes={"name": "Anna"}))
    clients.change(database, owner, client.id, {"tags": ("vip",)})
    entry = do_not_contact.put(database, owner, [NewEntry("+79170000002", "vip")])[0]
    with database.begin() as connection:
        issue(connection, owner.user_id, "vip", timedelta(days=1))
    provider, api = ProviderClient(stack.provider.url), Api(stack.url)
    provider.configure(faults=[{"kind": "status", "status": 400}])
    api.login(OWNER, USER_PASSWORD)
    now = datetime.now(UTC).replace(tzinfo=None)
    finished = api.create_mailing("vip", "Здравствуйте!", now, now + timedelta(hours=1), time_zone="UTC")["id"]
    scheduled = api.create_mailing("vip", "Привет, ${name}!", now + timedelta(days=3), now + timedelta(days=4))["id"]
    deadline = time.monotonic() + 60
    while api.mailing(finished)["status"] != "finished":
        assert time.monotonic() < deadline, api.mailing(finished)
        time.sleep(0.2)
    message = api.messages(finished)[0]["id"]
    api.close()
    provider.reset()
    provider.close()
    kinds = {"client": client.id, "finished": finished, "scheduled": scheduled, "message": message, "entry": entry.id}
    return {**kinds, "user": owner.user_id}


@pytest.fixture(scope="module")
def problems() -> Axe:
    return Axe()


def violations(axe: Axe, page: Page, **options: object) -> list[dict[str, Any]]:
    """What axe-core finds; its half a megabyte is parsed once for a page, and not for each question as by `Axe.run`."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.axe_script)
    found: list[dict[str, Any]] = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"], **options})[
        "violations"
    ]
    return found


def grave(axe: Axe, page: Page) -> list[str]:
    """What axe-core finds serious or critical."""
    found = violations(axe, page)
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def dim(axe: Axe, page: Page) -> list[str]:
    """What cannot be read in the dark theme, by axe-core's rule of contrast."""
    root = page.locator("html")
    of_the_panel = root.get_attribute("data-theme") is not None
    page.emulate_media(color_scheme="dark")
    if of_the_panel:
        expect(root).to_have_attribute("data-bs-theme", "dark")
    found = violations(axe, page, runOnly=["color-contrast"])
    page.emulate_media(color_scheme="light")
    if of_the_panel:
        expect(root).to_have_attribute("data-bs-theme", "light")
    return [f"{node['html'][:200]} {node['any'][0]['message'][:160]}" for each in found for node in each["nodes"]]


def sticking_out(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def latin(page: Page) -> list[str]:
    """Words in Latin letters that people see, or hear."""
    spoken = page.evaluate(
        """() => {
          const skip = 'script, style, select.filter-row-field, datalist, option, template';
          const said = [];
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) if (!walk.currentNode.parentElement.closest(skip)) said.push(walk.currentNode.data);
          for (const name of ['title', 'placeholder', 'aria-label', 'alt'])
            document.querySelectorAll(`[${name}]`).forEach(each => said.push(each.getAttribute(name)));
          return said;
        }"""
    )
    return sorted({text.strip() for text in spoken if re.search(r"[A-Za-z]{3,}", LATIN.sub("", text))})


@pytest.mark.parametrize(("locale", "audited"), [("en-US", DESKTOP), ("ru-RU", PHONE)])
def test_pages_are_for_everybody(visit: Visit, things: dict[str, int], problems: Axe, locale: str, audited: int) -> None:
    wrong: list[str] = []

    def look(visitor: Visitor, path: str, panel: str = "/admin") -> None:
        visitor.open(panel + path.format(**things))
        for width in (DESKTOP, PHONE):
            visitor.page.set_viewport_size({"width": width, "height": 900})
            found: dict[str, object] = {"sticks out by": sticking_out(visitor.page)}
            if width == audited:
                found |= {"axe": grave(problems, visitor.page), "dark": dim(problems, visitor.page)}
                if locale == "ru-RU" and path not in ("/user/list", "/audit/list"):
                    found |= {"not Russian": latin(visitor.page)}
            wrong.extend(f"{path} at {width}, {name}: {value}" for name, value in found.items() if value)

    visitor = visit(locale=locale)
    look(visitor, "/login")
    for path in OUTSIDE:
        look(visitor, path, panel="")
    visitor.log_in(OWNER, USER_PASSWORD)
    for path in OUTSIDE:
        look(visitor, path, panel="")
    for path in PAGES:
        look(visitor, path)
    root = visit(locale=locale).log_in(SUPERUSER, PASSWORD)
    for path in ("/", *SUPERUSERS):
        look(root, path)
    assert not wrong, "\n".join(wrong)


def test_the_theme_follows_the_system_until_somebody_chooses_and_is_there_before_the_first_paint(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    root = page.locator("html")
    page.emulate_media(color_scheme="dark")
    visitor.open("/admin/login")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(root).to_have_attribute("data-bs-theme", "light")
    visitor.log_in(SUPERUSER, PASSWORD)
    visitor.press("Dark")
    expect(page.get_by_role("button", name="Dark", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(root).to_have_attribute("data-bs-theme", "dark")
    # Where the body begins the theme is set already: nothing is painted before.
    page.add_init_script(
        "new MutationObserver(() => { if (document.body) window.firstTheme ??= document.documentElement.dataset.bsTheme; })"
        ".observe(document, {childList: true, subtree: true})"
    )
    visitor.open("/admin/mailing/list")
    assert page.evaluate("window.firstTheme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    visitor.press("As the system")
    expect(root).to_have_attribute("data-bs-theme", "light")


def test_what_opens_on_pages_is_for_everybody(visit: Visit, things: dict[str, int], problems: Axe) -> None:
    owner, root = visit().log_in(OWNER, USER_PASSWORD), visit().log_in(SUPERUSER, PASSWORD)
    wrong: list[str] = []
    mailing, user = f"/mailing/detail?pk={things['scheduled']}", f"/user/detail?pk={things['user']}"
    for visitor, path, press, appears in (
        (owner, "/client/list", "Filters", "#filter-form"),
        (owner, "/client/list", "Columns", "#column-visibility-dropdown .dropdown-menu"),
        (owner, "/client/list", "Export", "#modal-action"),
        (owner, mailing, "Delete", "#modal-action"),
        (owner, mailing, "Test send", "#modal-action"),
        (root, user, "Change password", "#modal-action"),
    ):
        page = visitor.page
        page.set_viewport_size({"width": DESKTOP, "height": 900})
        visitor.open("/admin" + path)
        visitor.press(press)
        expect(page.locator(appears).first).to_be_visible()
        page.wait_for_timeout(400)  # while it fades in, its colours are others
        found: list[object] = [*grave(problems, page), sticking_out(page)]
        page.set_viewport_size({"width": PHONE, "height": 900})
        wrong += [f"{press} at {path}: {each}" for each in (*found, sticking_out(page)) if each]
    assert not wrong, "\n".join(wrong)
