"""The API as Lambda is called: through Chalice's router, with a real database behind it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from chalice.test import Client, HTTPResponse
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import app
from chalicelib.auth.passwords import hash_password
from chalicelib.config import Settings
from chalicelib.storage.models import User
from tests.conftest import AwsCalls

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
        return self._done("GET", path, None, expect)

    def post(self, path: str, body: object = None, expect: int = 201) -> Any:
        return self._done("POST", path, body, expect)

    def _done(self, method: str, path: str, body: object, expect: int) -> Any:
        response = self.call(method, path, body)
        assert response.status_code == expect, response.body
        return response.json_body

    def login(self, username: str, password: str = PASSWORD) -> "Api":
        answer = self.post("/api/v1/auth-rest/login", {"username": username, "password": password}, expect=200)
        return Api(self.client, answer["token"])


def make_user(engine: Engine, username: str, *, superuser: bool = False, active: bool = True) -> int:
    with Session(engine) as session, session.begin():
        user = User(username=username, password_hash=_HASH, is_superuser=superuser, is_active=active)
        session.add(user)
        session.flush()
        return user.id


@pytest.fixture
def api(settings: Settings, aws_calls: AwsCalls) -> Api:
    """An anonymous caller."""
    del settings, aws_calls
    return Api(Client(app))


@pytest.fixture
def anna(api: Api, engine: Engine) -> Api:
    """An ordinary user."""
    make_user(engine, "anna")
    return api.login("anna")


@pytest.fixture
def boris(api: Api, engine: Engine) -> Api:
    """Another ordinary user."""
    make_user(engine, "boris")
    return api.login("boris")


@pytest.fixture
def root(api: Api, engine: Engine) -> Api:
    """A superuser."""
    make_user(engine, "root", superuser=True)
    return api.login("root")
