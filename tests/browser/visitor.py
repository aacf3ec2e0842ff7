"""Somebody in front of a browser, and what they must never meet: console errors, requests to elsewhere."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_INSIDE = ("data", "blob", "about")


@dataclass
class Visitor:
    """One browser context with one page. `refusals` are the statuses above 399 that the visit is meant to bring about."""

    page: Page
    url: str
    refusals: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        self.page.context.on("request", self._request)

    def open(self, path: str) -> None:
        """Loads a page of the service."""
        self.page.goto(self.url + path)

    def log_in(self, username: str, password: str) -> "Visitor":
        """Through the form, to the dashboard."""
        self.open("/admin/")
        self.give(username, password)
        expect(self.page.locator("#dashboard")).to_be_visible()
        return self

    def give(self, username: str, password: str) -> None:
        """Fills the login form and sends it."""
        self.page.locator("#username").fill(username)
        self.page.locator("#password").fill(password)
        self.page.locator("form button[type=submit]").click()

    def fill(self, **values: str) -> None:
        """Fills fields of a form, by their labels: `operator_code` is labelled "Operator code"."""
        for name, value in values.items():
            self.page.get_by_label(name.replace("_", " ").capitalize(), exact=True).fill(value)

    def press(self, name: str, *, within: Locator | None = None) -> None:
        """Presses the button, or follows the link, of this name."""
        place = within or self.page.locator("body")
        place.get_by_role("button", name=name, exact=True).or_(place.get_by_role("link", name=name, exact=True)).first.click()

    def find(self, words: str) -> None:
        """Searches the list that is open."""
        self.page.get_by_role("searchbox").fill(words)
        self.page.get_by_role("searchbox").press("Enter")

    @property
    def rows(self) -> Locator:
        """The rows of the list that is open."""
        return self.page.locator("tbody tr[data-sa-pk]")

    @property
    def question(self) -> Locator:
        """The dialog that asks before something is done."""
        return self.page.locator("#modal-action .modal-content")

    @property
    def alerts(self) -> Locator:
        """What the page says above its content."""
        return self.page.locator("#alertContainer")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        status = _STATUS.match(message.text)
        if not (status and int(status[1]) in self.refusals):
            self.wrong.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in _INSIDE and f"{parts.scheme}://{parts.netloc}" != self.url:
            self.wrong.append(f"request to elsewhere: {request.url}")
