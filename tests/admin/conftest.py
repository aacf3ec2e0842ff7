"""The admin panel as Lambda is called, with a real database behind it."""

from collections.abc import Iterator
from typing import Any

import jinja2
import pytest
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine

from chalicelib.admin import handler
from chalicelib.config import Settings
from chalicelib.domain.access import Principal
from chalicelib.services import accounts, users
from chalicelib.services.accounts import Account
from chalicelib.storage import users as user_storage
from tests.admin.browser import PASSWORD, Browser
from tests.conftest import AwsCalls


class _Compiled(BytecodeCache):
    """Keeps compiled templates, each with a digest of its source by which Jinja goes."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _compile_each_template_once() -> Iterator[None]:
    """Every test builds the site anew: compiling its templates took a quarter of the layer's time."""
    compiled = _Compiled()
    original = jinja2.Environment.__init__

    def with_compiled(environment: jinja2.Environment, *arguments: Any, **options: Any) -> None:
        original(environment, *arguments, **{"bytecode_cache": compiled, **options})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "__init__", with_compiled)
        yield


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
