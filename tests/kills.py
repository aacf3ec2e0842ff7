"""Kills each part of the stack in mid-mailing and starts the stack again: nothing may be lost, nothing sent twice.

make kills        five to ten minutes, on free ports and in a folder of its own
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from local import main_job, state
from local.api import Api
from local.console import guarded
from local.errors import LocalError
from local.ledger import ProviderClient
from local.settings import DEFAULTS, ROOT
from local.stack import PASSWORD, SUPERUSER

VICTIMS = ("PostgreSQL", "AWS endpoint", "provider", "launcher")
START_SECONDS = 60.0
LINGER_SECONDS = 15.0
MAILING_SECONDS = 300.0
MIDDLE = 400  # calls to the provider, of 2,160


@dataclass(slots=True)
class Launcher:
    """`make run` in a folder of its own."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def start(self) -> state.Addresses:
        environment = os.environ | dict.fromkeys(DEFAULTS, "0") | {"LOCAL_STATE": str(self.folder)}
        with (self.folder / "launcher.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.run"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(LocalError):
                return state.Addresses.of_running(self.run)
            time.sleep(0.1)
        raise LocalError(f"The stack did not start; see {self.folder}/launcher.log.")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def pid_of(self, victim: str) -> int:
        if victim == "launcher":
            assert self.process is not None
            return self.process.pid
        if victim == "PostgreSQL":
            return int((self.run / "postgres" / "cluster" / "postmaster.pid").read_text().split("\n")[0])
        name = "ministack" if victim == "AWS endpoint" else "provider"
        return int((self.run / name / f"{name}.pid").read_text().split()[0])

    def left_running(self) -> list[str]:
        """What has not ended some seconds after the launcher: a worker may finish the call that it makes."""
        deadline = time.monotonic() + LINGER_SECONDS
        while (left := self._alive()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return left

    def _alive(self) -> list[str]:
        found = []
        for candidate in psutil.process_iter():
            with suppress(psutil.Error):
                if candidate.status() != psutil.STATUS_ZOMBIE and str(self.folder) in " ".join(candidate.cmdline()):
                    found.append(f"{candidate.name()} ({candidate.pid})")
        return found


def kill_one(console: Console, victim: str) -> list[str]:
    """Returns what went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="mailing-api-kills-"))
    launcher = Launcher(folder)
    try:
        addresses = launcher.start()
        provider = ProviderClient(addresses.provider)
        _wait_for(lambda: provider.summary()["calls"] >= MIDDLE, START_SECONDS, "the mailing did not start")
        calls = provider.summary()["calls"]
        os.kill(launcher.pid_of(victim), signal.SIGKILL)
        launcher.stop()
        wrong = [f"left running: {', '.join(left)}"] if (left := launcher.left_running()) else []
        started = time.monotonic()
        addresses = launcher.start()
        wrong += _verdict(addresses)
        took = time.monotonic() - started
        console.print(
            f"{'ok  ' if not wrong else 'FAIL'} {victim:<14} killed after {calls:>5} calls, all final {took:5.1f} s after the restart"
        )
        return [f"{victim}: {sentence}" for sentence in wrong]
    finally:
        launcher.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _verdict(addresses: state.Addresses) -> list[str]:
    api, provider = Api(addresses.api), ProviderClient(addresses.provider)
    try:
        api.login(SUPERUSER, PASSWORD)
        _wait_for(lambda: api.mailing(1)["status"] == "finished", MAILING_SECONDS, "the mailing did not finish")
        messages = {message["id"]: message for message in api.messages(1)}
        deliveries = {number: count for number, count in provider.deliveries().items() if number in messages}
        wrong = []
        if any(count > 1 for count in deliveries.values()):
            wrong.append(f"{sum(count > 1 for count in deliveries.values())} messages were delivered twice")
        sent = {number for number, message in messages.items() if message["status"] == 2}
        if len(sent) != main_job.CLIENTS or sent != set(deliveries):
            wrong.append(f"{len(sent)} are sent by the database, {len(deliveries)} by the ledger, of {main_job.CLIENTS}")
        return wrong
    finally:
        api.close()
        provider.close()


def _wait_for(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(LocalError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise LocalError(f"After {seconds:.0f} s {otherwise}.")
        time.sleep(0.2)


def kills(console: Console) -> int:
    wrong = [sentence for victim in sys.argv[1:] or VICTIMS for sentence in kill_one(console, victim)]
    for sentence in wrong:
        console.print(f"[red]{sentence}[/]")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(guarded(kills))
