"""A browser, the whole local stack, and people at it; the browser and the stack once for all tests here."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import Engine

from chalicelib.config import read_settings
from chalicelib.domain.access import Principal
from chalicelib.services import accounts
from chalicelib.services.accounts import Account
from chalicelib.storage import users
from chalicelib.storage.engine import build_engine
from local.settings import Ports
from local.stack import PASSWORD, SUPERUSER, Stack
from tests.browser.visitor import Visitor

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Set where the tests of this folder must run (.ci/run): no browser is a failure then, and not a reason to skip them.
REQUIRED = "BROWSER_REQUIRED"
TIMEOUT = 20_000  # milliseconds; a cold function on a busy machine takes seconds

USER_PASSWORD = "correct horse battery"

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium: Playwright would download its own."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"there is no browser here: none of {', '.join(NAMES)} is on PATH (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get(REQUIRED) else pytest.skip(reason)
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        # Chromium refuses to run as root in its sandbox; containers have little shared memory.
        made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield made
        made.close()


@pytest.fixture(scope="session")
def stack(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The local stack; not started where there is no browser to look at it with."""
    del browser
    with Stack(tmp_path_factory.mktemp("stack"), Ports.free(), durable=False, stack_name="mailing-api-browser") as made:
        yield made


@pytest.fixture(scope="session")
def database(stack: Stack) -> Iterator[Engine]:
    """The stack's own database."""
    made = build_engine(read_settings({"DATABASE_URL": stack.database_url}))
    yield made
    made.dispose()


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """Makes visitors: `visit(locale=…, width=…)`. At the end none of them may have met anything wrong."""
    visitors: list[Visitor] = []
    with ExitStack() as closing:

        def arrive(locale: str = "en-US", width: int = 1280, zone: str = "Europe/Moscow") -> Visitor:
            size = {"width": width, "height": 900}
            # Without motion: Bootstrap does not hear a dialog's second order while it still fades, and a busy machine fades slowly.
            context = browser.new_context(locale=locale, timezone_id=zone, viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]  # Playwright's own TypedDict
            closing.callback(context.close)
            context.set_default_timeout(TIMEOUT)
            context.set_default_navigation_timeout(3 * TIMEOUT)  # the first page starts the function
            visitors.append(Visitor(context.new_page(), stack.url))
            return visitors[-1]

        yield arrive
    assert [each for visitor in visitors for each in visitor.wrong] == []


@pytest.fixture
def add_user(database: Engine) -> Callable[[str], Principal]:
    """Adds an ordinary user whose password is `USER_PASSWORD`."""

    def add(username: str) -> Principal:
        made = accounts.create(database, superuser(database), Account(username), USER_PASSWORD)
        return Principal(made.id, username, is_superuser=False)

    return add


def superuser(database: Engine) -> Principal:
    """Who came with the stack."""
    with database.connect() as connection:
        found = users.credentials(connection, SUPERUSER)
    assert found is not None
    return Principal(found.id, SUPERUSER, is_superuser=True)


@pytest.fixture
def root(visit: Visit) -> Visitor:
    """The superuser, logged in."""
    return visit().log_in(SUPERUSER, PASSWORD)
