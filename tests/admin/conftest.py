"""The admin panel as Lambda is called, with a real database behind it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from chalicelib.admin import handler
from chalicelib.config import Settings
from chalicelib.domain.access import Principal
from chalicelib.services import accounts, users
from chalicelib.services.accounts import Account
from chalicelib.storage import users as user_storage
from tests.admin.browser import PASSWORD, Browser
from tests.conftest import AwsCalls


@pytest.fixture
def browser(settings: Settings, aws_calls: AwsCalls) -> Iterator[Browser]:
    """Nobody yet."""
    del settings, aws_calls
    yield Browser()
    handler.forget()


@pytest.fixture
def root(browser: Browser, engine: Engine) -> Browser:
    """A superuser."""
    users.ensure_superuser(engine, "root", PASSWORD)
    return browser.login("root")


@pytest.fixture
def anna(root: Browser, engine: Engine) -> Browser:
    """An ordinary user, beside the superuser."""
    del root
    add_user(engine, "anna")
    return Browser().login("anna")


def add_user(engine: Engine, username: str) -> int:
    """An ordinary user, made by the superuser."""
    return accounts.create(engine, Principal(user_id(engine, "root"), "root", is_superuser=True), Account(username), PASSWORD).id


def user_id(engine: Engine, username: str) -> int:
    with engine.connect() as connection:
        found = user_storage.credentials(connection, username)
    assert found is not None
    return found.id
