"""The whole local stack: PostgreSQL, AWS endpoint, provider, the deployed functions and the front door."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from local import aws, state
from local.deploy import Deployment, Target, deploy, forgotten, undeploy
from local.errors import LocalError
from local.front_door import FrontDoor
from local.postgres import PostgresServer
from local.provider_accounts import ACCOUNTS
from local.services import Ministack, ProviderService, clean_environment
from local.settings import ROOT, Ports

DATABASE = "mailing"
SUPERUSER = "admin"
PASSWORD = "mailing-locally"  # opens nothing but a stack on loopback
ENCRYPTION_KEY = "of-every-local-stack-and-secret-to-none"  # as the password
PROVIDER_TOKEN = ACCOUNTS["contract"].credential

POSTGRES, PROVIDER, ENDPOINT = "PostgreSQL", "the provider", "the AWS endpoint"
FORGOTTEN = "LocalStack's deployment"
FORGOTTEN_SECONDS = 5.0
"""How often another endpoint is asked whether it still has the deployment."""

Report = Callable[[str, float], None]
"""Told of each step when it is done, with the seconds it took."""


def _quiet(_step: str, _seconds: float) -> None:
    pass


class Stack:
    """Everything in one state folder. As a context manager it runs inside the `with`, and nothing of it after.

    With `endpoint`, that LocalStack-compatible endpoint is used in place of our own; `fresh` starts from an empty folder.
    """

    def __init__(
        self,
        folder: Path,
        ports: Ports,
        *,
        endpoint: str | None = None,
        fresh: bool = False,
        durable: bool = True,
        stack_name: str = "mailing-api-local",
        environment: Mapping[str, str] | None = None,
        provider_kind: str = "contract",
        report: Report = _quiet,
    ) -> None:
        if provider_kind not in ACCOUNTS:
            raise LocalError(f"PROVIDER_KIND must be one of {', '.join(ACCOUNTS)}.")
        self.state = folder.absolute()
        self.postgres = PostgresServer(self.state / "postgres", ports.postgres, durable=durable)
        self.ministack = None if endpoint else Ministack(self.state / "ministack", ports.aws)
        self.provider = ProviderService(self.state / "provider", ports.provider)
        self.endpoint = endpoint.rstrip("/") if endpoint else f"http://127.0.0.1:{ports.aws}"
        self.deployment: Deployment | None = None
        self._ports = ports
        self._fresh = fresh
        self._stack_name = stack_name
        self._environment = environment or {}
        self._provider_kind = provider_kind
        self._report = report
        self._front_door: FrontDoor | None = None
        self._lock: IO[str] | None = None
        self._asked_at = 0.0

    def __enter__(self) -> "Stack":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The front door."""
        return f"http://127.0.0.1:{self._ports.api}"

    @property
    def database_url(self) -> str:
        """As the tables' owner."""
        return self.postgres.url(DATABASE)

    def start(self) -> None:
        self._take_state()
        state.forget(self.state)  # those of a launcher that was killed
        if self._fresh:
            self._empty_state()
        if self.ministack is not None:
            os.environ.pop(aws.ENDPOINT, None)  # ours is the one
        with self._step("front door"):
            self._front_door = FrontDoor(self._ports.api, lambda: self.deployment.api_url if self.deployment else None)
            self._front_door.start()
        with self._step("PostgreSQL"):
            # The slow starters first; they get ready while PostgreSQL is waited for.
            if self.ministack is not None:
                self.ministack.begin()
            self.provider.begin()
            self.postgres.start()
            self.postgres.create_database(DATABASE)
        with self._step("schema"):
            self.manage("migrate")
        with self._step("superuser"):
            self.manage("createsuperuser", "--username", SUPERUSER, SUPERUSER_PASSWORD=PASSWORD)
        with self._step("provider and AWS endpoint"):
            self.provider.wait()
            if self.ministack is not None:
                self.ministack.wait()
        with self._step("package and deploy"):
            self.deploy()
        state.Addresses(self.url, self.endpoint, self.provider.url, self.database_url).write(self.state)

    def stop(self) -> None:
        if self._front_door is not None:
            self._front_door.stop()
            self._front_door = None
        if self.ministack is not None:
            self.ministack.stop()
        self.provider.stop()
        self.postgres.stop()
        if self._lock is not None:
            state.forget(self.state)
            self._lock.close()
            self._lock = None

    def deploy(self, **environment: str) -> None:
        """Packages and deploys the code as it is now; `environment` adds to the functions' own."""
        account = ACCOUNTS[self._provider_kind]
        target = Target(
            endpoint=self.endpoint,
            database_url=self.postgres.service_url(DATABASE),
            provider_url=self.provider.url,
            provider_token=account.credential,
            encryption_keys=ENCRYPTION_KEY,
            provider_kind=self._provider_kind,
            provider_sender=account.sender,
            provider_options=account.options,
            provider_honours_key=account.honours_key,
            stack=self._stack_name,
            bare=self.ministack is not None,
            environment={"PUBLIC_URL": self.url, **self._environment, **environment},
        )
        self.deployment = deploy(target, self.state / "package")

    def undeploy(self) -> None:
        """Removes the stack from an endpoint that is not ours; our own forgets it anyway."""
        if self.ministack is None:
            undeploy(self.endpoint, self._stack_name)

    def output(self, name: str) -> str:
        """An output of the deployed CloudFormation stack."""
        if self.deployment is None:
            raise LocalError("Nothing is deployed.")
        return self.deployment.outputs[name]

    def manage(self, *arguments: str, **environment: str) -> str:
        """Runs a command of chalicelib.manage against the stack's database, with the functions' provider; returns what it printed."""
        account = ACCOUNTS[self._provider_kind]
        done = subprocess.run(
            [sys.executable, "-m", "chalicelib.manage", *arguments],
            cwd=ROOT,
            env={
                **clean_environment(),
                "DATABASE_URL": self.database_url,
                "SERVICE_DATABASE_URL": self.postgres.service_url(DATABASE),
                "ENCRYPTION_KEYS": ENCRYPTION_KEY,
                "PROVIDER_URL": self.provider.url,
                "PROVIDER_KIND": self._provider_kind,
                "PROVIDER_SENDER": account.sender,
                "PROVIDER_OPTIONS": account.options,
                "PROVIDER_HONOURS_KEY": str(account.honours_key).lower(),
                **environment,
            },
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise LocalError(f"manage {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def dead(self) -> list[str]:
        """Names of the parts that should run and do not."""
        parts = {POSTGRES: self.postgres.running, PROVIDER: self.provider.running}
        if self.ministack is not None:
            parts[ENDPOINT] = self.ministack.running
        else:
            parts[FORGOTTEN] = self._is_deployed()
        return [name for name, running in parts.items() if not running]

    def _is_deployed(self) -> bool:
        """Whether another endpoint still has the deployment: LocalStack forgets everything when it is restarted.

        While it does not answer, there is nothing to be done.
        """
        if time.monotonic() < self._asked_at + FORGOTTEN_SECONDS:
            return True
        self._asked_at = time.monotonic()
        return aws.health(self.endpoint, timeout=1) is None or not forgotten(self.endpoint, self._stack_name)

    def revive(self, name: str) -> None:
        """Starts a part again that has ended. The endpoint has forgotten everything by then: what was in its queues and
        schedules, reconcile finds."""
        if name == POSTGRES:
            self.postgres.start()
        elif name == PROVIDER:
            self.provider.start()
        elif name == FORGOTTEN:
            self.deploy()
        elif self.ministack is not None:
            self.deployment = None
            self.ministack.start()
            self.deploy()

    def _empty_state(self) -> None:
        for part in (self.postgres, self.provider, self.ministack):
            if part is not None:
                part.clear_leftovers()
        for folder in ("postgres", "provider", "ministack", "package"):
            shutil.rmtree(self.state / folder, ignore_errors=True)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self._report(name, time.monotonic() - started)

    def _take_state(self) -> None:
        """One launcher a state folder; the lock goes with the process, however that ends."""
        self.state.mkdir(parents=True, exist_ok=True)
        lock = (self.state / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise LocalError(
                f"The stack over {self.state} runs already (pid {holder}): use it, or end it with make stop."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
