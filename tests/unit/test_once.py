"""What a process keeps is made once, also when threads ask for it together."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from chalicelib import aws, manage, providers
from chalicelib.once import Guarded, once
from chalicelib.storage import engine


def test_threads_that_ask_first_get_the_same() -> None:
    made: list[object] = []

    @once
    def value() -> object:
        time.sleep(0.01)  # other threads come in
        made.append(object())
        return made[-1]

    together = Barrier(4)

    def ask(_: int) -> object:
        together.wait()
        return value()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, range(4)))
    assert found == made * 4
    value.cache_clear()
    assert value() is not made[0]


@pytest.mark.parametrize("kept", [engine.engine, manage.engine, aws._sqs, aws._scheduler, providers.configured])
def test_what_holds_connections_is_made_once(kept: Any) -> None:
    assert isinstance(kept.__wrapped__, Guarded)
