"""The long-running programs of the stack beside PostgreSQL: the AWS endpoint and the provider."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import aws, process
from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


class Service:
    """One program on one loopback port, with a log and a pid file in its folder."""

    name = ""
    port_setting = ""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder.absolute()
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{process.HERE}:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise LocalError(f"{self.name} is not running.")
        return self._process.pid

    def command(self) -> Sequence[str | Path]:
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return clean_environment()

    def healthy(self) -> bool:
        raise NotImplementedError

    def begin(self) -> None:
        """Starts the program without waiting for it. Call it from a thread that stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clear_leftovers()
        if not process.port_is_free(self.port):
            raise LocalError(
                f"Port {self.port}, wanted for {self.name}, is taken{process.who_listens(self.port)}: "
                f"stop what has it, or choose another with {self.port_setting}."
            )
        self._process = process.spawn(self.command(), log=self.log, env=self.environment(), cwd=ROOT)
        process.remember(self._process, self._pid_file)

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if not self.running:
                raise LocalError(f"{self.name} did not start. Its log, {self.log}, ends with:\n{process.tail(self.log)}")
            if time.monotonic() > deadline:
                raise LocalError(f"{self.name} did not answer within {START_SECONDS:.0f} s; see {self.log}.")
            time.sleep(0.05)

    def start(self) -> None:
        self.begin()
        self.wait()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None:
            process.stop(self._process, (signal.SIGTERM,), 5)
            self._process = None
        self.clear_leftovers()

    def clear_leftovers(self) -> None:
        process.end_remembered(self._pid_file)

    @property
    def _pid_file(self) -> Path:
        return self.folder / f"{self.name}.pid"


class Ministack(Service):
    """The AWS endpoint. It forgets everything when it ends: deploy at every start."""

    name = "ministack"
    port_setting = "AWS_PORT"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def command(self) -> Sequence[str | Path]:
        return [ROOT / ".local" / "venv-aws" / "bin" / "python", "-m", "ministack"]

    def environment(self) -> Mapping[str, str]:
        """What is set here the functions inherit: no more than is needed."""
        return {
            **clean_environment(),
            "BIND_HOST": process.LOOPBACK,
            "MINISTACK_HOST": process.LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": aws.REGION,
            "TMPDIR": str(self.temporary),
        }

    def healthy(self) -> bool:
        return aws.health(self.url, timeout=1) is not None

    def clear_leftovers(self) -> None:
        super().clear_leftovers()
        # Its function processes run scripts there, and each leaves a folder behind.
        process.end_all_with(f"{self.temporary}/")
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(parents=True, exist_ok=True)


class ProviderService(Service):
    name = "provider"
    port_setting = "PROVIDER_PORT"

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "local.provider", "--port", str(self.port), "--folder", self.folder]

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=1) as answer:  # noqa: S310 - http by design
                return bool(answer.status == 200)
        except OSError:
            return False


def clean_environment() -> dict[str, str]:
    """The environment without what belongs to somebody's AWS account, database or Python."""
    keep = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "SHELL", "LOCAL_HOST")
    return {name: os.environ[name] for name in keep if name in os.environ} | {"PYTHONUNBUFFERED": "1"}
