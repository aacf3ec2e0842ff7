"""The endpoint is killed in mid-mailing and forgets queues, schedules and functions: the database still knows everything."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.e2e.stage import ALL_CLIENTS, Stage

# Durations of seconds, so that what was lost counts as lost soon.
QUICK = {
    "PROVIDER_DEADLINE_SECONDS": "2",
    "VISIBILITY_SECONDS": "8",
    "RUN_BUDGET_SECONDS": "5",
    "RUN_LEASE_SECONDS": "8",
    "RECONCILE_GRACE_SECONDS": "1",
}


@pytest.fixture
def quick(stack: Stack) -> Iterator[None]:
    if stack.ministack is None:
        pytest.skip("not our endpoint to kill")
    stack.deploy(**QUICK)
    yield
    stack.deploy()


@pytest.mark.usefixtures("quick")
def test_the_endpoint_killed_in_mid_mailing(stage: Stage) -> None:
    stack = stage.stack
    assert stack.ministack is not None
    stage.provider.configure(latency_ms=300)
    mailing = stage.write_mailing(starts_in=-1)
    deadline = time.monotonic() + 60
    while stage.provider.summary()["calls"] < 300:
        assert time.monotonic() < deadline, "the mailing did not start"
        time.sleep(0.05)

    os.kill(stack.ministack.pid, signal.SIGKILL)
    stage.provider.configure(latency_ms=20)
    while not stack.dead():
        time.sleep(0.05)
    stack.ministack.start()
    stack.deploy(**QUICK)
    assert stage.api.mailing(mailing["id"])["status"] == "running"

    deadline = time.monotonic() + 90
    while stage.api.mailing(mailing["id"])["status"] != "finished":
        assert time.monotonic() < deadline, stage.api.mailing(mailing["id"])
        stage.reconcile()
        time.sleep(2)

    stage.assert_sent_once_each(stage.api.mailing(mailing["id"]), ALL_CLIENTS)
