"""`make screenshots`: the panel and the API's documentation as docs/images shows them, from a fresh stack. Wants chromium."""

import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from sqlalchemy import text

from chalicelib.config import read_settings
from chalicelib.storage.engine import build_engine
from local.api import Api
from local.console import guarded, step_printer
from local.errors import LocalError
from local.ledger import ProviderClient
from local.settings import ROOT, Ports
from local.stack import PASSWORD, SUPERUSER, Stack

IMAGES = ROOT / "docs" / "images"
DESKTOP, PHONE = (1280, 800), (390, 844)
ZONE = "Europe/Moscow"
# Rows of a file to import, some of them wrong.
ROWS = [
    "phone,time_zone,tags,attributes.name",
    "+79167654321,Europe/Moscow,vip;spring,Anna",
    "+81 90 1234 5678,Asia/Tokyo,vip,Kenji",
    "+7916,Europe/Moscow,,Boris",
    "+442079460018,Europe/London,spring,Grace",
    "+79167654322,Mars/Olympus,,Elon",
    *(f"+7926{place:07},Asia/Yekaterinburg,spring,Client {place}" for place in range(400)),
]
# Mailings of a day would make one bar: these messages are told to be older, for a picture of two weeks.
SPREAD = text(
    """
    UPDATE message SET created_at = created_at - make_interval(days => d.days), sent_at = sent_at - make_interval(days => d.days)
    FROM (SELECT id, CAST(13 * sqrt(random()) AS int) AS days FROM message) d WHERE d.id = message.id AND mailing_id = :mailing
    """
)


def take(console: Console) -> int:
    """Writes all pictures anew."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise LocalError("There is no chromium here (Debian and Ubuntu: apt-get install chromium).")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="mailing-api-") as folder,
        Stack(Path(folder), Ports.free(), durable=False, report=step_printer(console)) as stack,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        mailing = _something_to_see(stack)
        _visit(browser, stack.url, mailing)
        browser.close()
    for path in sorted(IMAGES.glob("*.png")):
        console.print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")
    return 0


def _something_to_see(stack: Stack) -> int:
    """Test clients, a finished mailing with some failures, one for the whole world, and one that runs: its id."""
    api, provider = Api(stack.url), ProviderClient(stack.provider.url)
    api.login(SUPERUSER, PASSWORD)
    api.post("/add-users")
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    provider.configure(faults=[{"kind": "status", "status": 400, "share": 0.03}])
    first = api.create_mailing("Autumn catalogue", "The new catalogue is here.", now, now + timedelta(hours=2), time_zone="UTC")
    deadline = time.monotonic() + 120
    while api.mailing(first["id"])["status"] != "finished":
        if time.monotonic() > deadline:
            raise LocalError("The first mailing does not finish.")
        time.sleep(1)
    engine = build_engine(read_settings({"DATABASE_URL": stack.database_url}))
    with engine.begin() as connection:
        connection.execute(SPREAD, {"mailing": first["id"]})
    engine.dispose()
    morning = (now + timedelta(days=1)).replace(hour=10, minute=0, second=0)
    api.create_mailing("Good morning, wherever you are", "Good morning!", morning, morning + timedelta(hours=3))
    times = {"time_zone": "UTC", "rate_limit": 40}
    running = api.create_mailing("Spring sale", "Hello, ${name|friend}! A fifth off.", now, now + timedelta(hours=2), **times)
    while api.mailing(running["id"])["counts"]["sent"] < 500:
        time.sleep(0.5)
    api.close()
    provider.close()
    return int(running["id"])


def _visit(browser: Browser, url: str, mailing: int) -> None:
    page = _person(browser, url, DESKTOP)
    _shot(page, f"{url}/admin/mailing/detail?pk={mailing}", "mailing", 4)
    _shot(page, f"{url}/admin/", "dashboard", 4)
    phone = _person(browser, url, PHONE)
    _shot(phone, f"{url}/admin/mailing/detail?pk={mailing}", "phone", 4)
    _shot(page, f"{url}/admin/client/list?q=Tokyo", "clients")
    page.goto(f"{url}/admin/import")
    page.locator("#import-file").set_input_files(
        {"name": "clients.csv", "mimeType": "text/csv", "buffer": "\n".join(ROWS).encode()}
    )
    page.locator("#import-columns select").first.wait_for()
    page.locator("#import-check").click()
    page.locator("#import-errors").wait_for()
    page.screenshot(path=IMAGES / "import.png", full_page=True)
    page.goto(f"{url}/docs")
    page.locator("#operations-tag-clients").click()
    page.locator(".opblock-get", has=page.locator('[data-path="/api/v1/client"]')).locator(".opblock-summary-control").click()
    page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / "api.png")
    _shot(_person(browser, url, DESKTOP, "ru-RU"), f"{url}/admin/mailing/detail?pk={mailing}", "russian", 4)


def _person(browser: Browser, url: str, size: tuple[int, int], locale: str = "en-GB") -> Page:
    context = browser.new_context(locale=locale, timezone_id=ZONE, viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    page.goto(f"{url}/admin/")
    page.locator("#username").fill(SUPERUSER)
    page.locator("#password").fill(PASSWORD)
    page.locator("form button[type=submit]").click()
    page.locator("#dashboard").wait_for()
    return page


def _shot(page: Page, address: str, name: str, seconds: float = 0.3) -> None:
    """A picture of what the window shows, after a while: what lives has moved by then."""
    page.goto(address)
    page.wait_for_timeout(seconds * 1000)
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    sys.exit(guarded(take))
