"""What the function keeps between two events, and what it forgets."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.config import Settings
from chalicelib.providers.contract import expires_at
from chalicelib.scheduling import handler as scheduling_handler
from chalicelib.sending import handler
from chalicelib.sending.worker import ChunkFigures

EVENT = {"Records": [{"messageId": "1", "body": json.dumps({"v": 1, "mailing_id": 7, "message_ids": [1]})}]}


class Context:
    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 90_000


@pytest.fixture
def figures(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChunkFigures]:
    """What every chunk comes to."""
    del settings
    figures = ChunkFigures()
    monkeypatch.setattr(handler, "send_chunk", lambda *_: figures)
    monkeypatch.setenv("PROVIDER_URL", "https://provider.test")
    monkeypatch.setenv("PROVIDER_TOKEN", "old")
    handler._forget_configuration()
    yield figures
    handler._forget_configuration()


def _token_after(monkeypatch: pytest.MonkeyPatch, token: str) -> Any:
    assert handler.send(EVENT, Context()) == {"batchItemFailures": []}
    monkeypatch.setenv("PROVIDER_TOKEN", token)
    return handler._tools().settings.provider_token.get_secret_value()


def test_connections_read_by_index(figures: ChunkFigures) -> None:
    """Also those that were made before the configuration was read again."""
    del figures
    for tools in (handler._tools, scheduling_handler._tools):
        for _ in range(2):
            with tools().engine.connect() as connection:
                for setting in ("enable_seqscan", "enable_bitmapscan"):
                    assert connection.execute(text(f"SHOW {setting}")).scalar_one() == "off"
            handler._forget_configuration()


def test_a_new_token_is_read_once_the_old_one_was_refused(figures: ChunkFigures, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _token_after(monkeypatch, "new") == "old", "nothing was wrong with it"
    figures.misconfigured = 1
    assert _token_after(monkeypatch, "newer") == "newer"


def jwt(**claims: object) -> str:
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


def test_an_expired_token_is_read_again_before_any_call(figures: ChunkFigures, monkeypatch: pytest.MonkeyPatch) -> None:
    del figures
    now = time.time()
    monkeypatch.setenv("PROVIDER_TOKEN", jwt(exp=now + 3600))
    handler._forget_configuration()
    handler.send(EVENT, Context())
    fresh = jwt(exp=now + 9000)
    monkeypatch.setenv("PROVIDER_TOKEN", fresh)
    assert handler._tools().settings.provider_token.get_secret_value() != fresh, "the other is still good"
    monkeypatch.setattr("time.time", lambda: now + 4000)
    handler.send(EVENT, Context())
    assert handler._tools().settings.provider_token.get_secret_value() == fresh


@pytest.mark.parametrize(
    "token",
    [
        "made-up",
        "",
        "a.b.c",
        "...",
        jwt(),
        jwt(exp="soon"),
        jwt(exp=None),
        jwt(exp=True),
        "e30.W10.x",
        "e30.bnVsbA.x",
        "e30.__.x",
    ],
)
def test_a_token_that_says_nothing_of_its_end_is_used(token: str) -> None:
    assert expires_at(token) is None
