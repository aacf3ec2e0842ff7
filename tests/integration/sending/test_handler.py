"""What the function keeps between two events, and what it forgets."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.config import Settings
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
