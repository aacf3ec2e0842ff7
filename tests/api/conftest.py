"""The API as Lambda is called: through Chalice's router, with a real database behind it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import app
from chalicelib import config
from chalicelib.auth.passwords import hash_password
from chalicelib.config import Settings
from chalicelib.services.logins import issue
from chalicelib.storage.models import User
from tests.conftest import AwsCalls

PHONE = "+79101234567"
MAILING = {
    "name": "May",
    "text": "Hello",
    "starts_at": "2030-05-01T09:00:00",
    "ends_at": "2030-05-02T09:00:00",
    "time_zone": "UTC",
}
PASSWORD = "correct horse battery"
_HASH = hash_password(PASSWORD)


@dataclass(frozen=True)
class Api:
    """Somebody at the API: `token` goes with every call."""

    client: Client
    token: str | None = None

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> HTTPResponse:
        sent = {"Content-Type": "application/json", **({"Authorization": f"Token {self.token}"} if self.token else {})}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.client.http.request(method, path, headers={**sent, **(headers or {})}, body=raw)

    def get(self, path: str, expect: int = 200) -> Any:
        return self.ask("GET", path, None, expect)

    def post(self, path: str, body: object = None, expect: int = 201) -> Any:
        return self.ask("POST", path, body, expect)

    def ask(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        response = self.call(method, path, body)
        assert response.status_code == expect, response.body
        return response.json_body

    def as_user(self, engine: Engine, user_id: int) -> "Api":
        """The same as this user, without the half tenth of a second that a password takes."""
        with engine.begin() as connection:
            return Api(self.client, issue(connection, user_id, "login", timedelta(days=30)).token)


def make_user(engine: Engine, username: str, *, superuser: bool = False, active: bool = True) -> int:
    with Session(engine) as session, session.begin():
        user = User(username=username, password_hash=_HASH, is_superuser=superuser, is_active=active)
        session.add(user)
        session.flush()
        return user.id


@pytest.fixture
def api(settings: Settings, aws_calls: AwsCalls, monkeypatch: pytest.MonkeyPatch) -> Api:
    """An anonymous caller; the provider is away."""
    del settings, aws_calls
    monkeypatch.setenv("PROVIDER_URL", "http://127.0.0.1:9")
    config.settings.cache_clear()
    return Api(Client(app, stage_name="tests"))  # a stage without settings of its own


@pytest.fixture
def anna(api: Api, engine: Engine) -> Api:
    """An ordinary user."""
    return api.as_user(engine, make_user(engine, "anna"))


@pytest.fixture
def boris(api: Api, engine: Engine) -> Api:
    """Another ordinary user."""
    return api.as_user(engine, make_user(engine, "boris"))


@pytest.fixture
def root(api: Api, engine: Engine) -> Api:
    """A superuser."""
    return api.as_user(engine, make_user(engine, "root", superuser=True))
