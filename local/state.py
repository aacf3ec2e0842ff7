"""What a running stack tells the other commands: its addresses, in a file of its state folder."""

import fcntl
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from local.errors import LocalError
from local.settings import STATE

RUN = STATE / "run"
PATIENCE = 40.0


@dataclass(frozen=True, slots=True)
class Addresses:
    api: str
    aws: str
    provider: str
    database_url: str

    def write(self, state: Path) -> None:
        path = _path(state)
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def of_running(cls, state: Path = RUN) -> Self:
        """Of the stack that runs over this folder; raises LocalError when none does."""
        if holder(state) is None or not _path(state).exists():
            raise LocalError("The local stack does not run: start it with make run.")
        return cls(**json.loads(_path(state).read_text()))


def forget(state: Path) -> None:
    _path(state).unlink(missing_ok=True)


def holder(state: Path) -> int | None:
    """The process that runs the stack over this folder."""
    try:
        with (state / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def stop(state: Path) -> bool:
    """Asks the stack's launcher to end, and waits for it; False if none runs."""
    pid = holder(state)
    if pid is None:
        return False
    deadline = time.monotonic() + PATIENCE
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    while holder(state) == pid:
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # what it started ends with it
        time.sleep(0.1)
    return True


def _path(state: Path) -> Path:
    return state / "addresses.json"
