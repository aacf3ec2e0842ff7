"""A process that runs the handlers of the Lambda functions as they are, and that a test can kill or freeze anywhere in them.

What is wrapped is what they are given: the database's connections, the provider, the clients of AWS, the clock. Forked from a server
that has everything imported already: a new process costs a few hundredths of a second.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Link
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import psutil
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ConnectTimeoutError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from sqlalchemy import Connection, event

from chalicelib import aws
from chalicelib.domain.outcome import Outcome
from chalicelib.providers import Outgoing, Provider
from chalicelib.scheduling import handler as scheduling
from chalicelib.sending import handler as sending
from chalicelib.services import mailings
from chalicelib.storage.clock import database_clock
from chalicelib.storage.dialect import PreparedPg8000Dialect
from chalicelib.storage.engine import engine
from chalicelib.storage.prepared import PreparingConnection

# A piece of each statement that a test may want to be before or after.
STATEMENTS = {
    "claim": "claimed AS (",
    "record": "WITH verdict AS",
    "plan": "WITH slice AS",
    "mark": "CROSS JOIN LATERAL",
    "lease": "coalesce(started_by",
    "settle": "run_lease_until = NULL WHERE",
    "confirm": "SET schedule_at",
}
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", __name__])


@dataclass(frozen=True, slots=True)
class Trap:
    """Springs at a named point: "before claim", "after record", "before commit", "before call", "after send_message_batch" …"""

    point: str
    action: Literal["kill", "freeze"] = "kill"
    skip: int = 0
    """How often the point is passed unharmed."""


@dataclass(frozen=True, slots=True)
class Job:
    """One invocation of a function. Without `now` the clock is the database's."""

    handler: Literal["send", "advance", "reconcile", "write", "change"]
    event: Any
    now: datetime | None = None
    trap: Trap | None = None
    seconds: float = 90
    clock_is_off_by: timedelta = timedelta(0)


class KilledError(Exception):
    """The process died in the middle of its job."""


@dataclass(frozen=True, slots=True)
class _Context:
    seconds: float

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class _Function:
    """The inside of the process."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._job = Job("reconcile", None)
        self._passed = 0

    def serve(self) -> None:
        self._wrap()
        while True:
            self._job, self._passed = self._link.recv(), 0
            try:
                answer = self._handle(self._job)
            except Exception as error:  # noqa: BLE001 - an error that escapes is what the test wants to see
                error.add_note(traceback.format_exc())
                answer = error
            self._tell("answer", answer)

    def _handle(self, job: Job) -> Any:
        context = _Context(job.seconds)
        if job.handler == "send":
            return sending.send(job.event, context)
        if job.handler == "advance":
            return scheduling.advance(job.event, context)
        if job.handler == "reconcile":
            return scheduling.reconcile_all(context)
        if job.handler == "change":
            principal, action, mailing_id = job.event
            return getattr(mailings, action)(engine(), principal, mailing_id, clock=self._clock).status
        principal, new = job.event
        return mailings.create(engine(), principal, new, clock=self._clock).id

    def _wrap(self) -> None:
        mock.patch.object(aws, "client", return_value=_RemoteClient(self.ask, self.pass_by)).start()
        event.listen(engine(), "before_cursor_execute", self._before)
        event.listen(engine(), "after_cursor_execute", self._after)
        event.listen(engine(), "commit", lambda _connection: self.pass_by("before commit"))
        mock.patch.object(PreparedPg8000Dialect, "connect", _connect_impatiently).start()
        worker = sending._tools()
        worker = replace(worker, provider=_TrappedProvider(worker.provider, self.pass_by), clock=self._clock)
        runner = replace(scheduling._tools(), clock=self._clock)
        mock.patch.object(sending, "_tools", return_value=worker).start()
        mock.patch.object(scheduling, "_tools", return_value=runner).start()

    def _clock(self, connection: Connection) -> datetime:
        return (self._job.now or database_clock(connection)) + self._job.clock_is_off_by

    def _before(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._pass_statement("before", statement)

    def _after(self, _c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._pass_statement("after", statement)

    def _pass_statement(self, when: str, statement: str) -> None:
        for name, piece in STATEMENTS.items():
            if piece in statement:
                self.pass_by(f"{when} {name}")

    def pass_by(self, point: str) -> None:
        trap = self._job.trap
        if trap is None or trap.point != point:
            return
        with self._lock:
            self._passed += 1
            if self._passed != trap.skip + 1:
                return
            if trap.action == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)  # not reached, but for other threads' sake
            self._link.send(("frozen", point))
            # To this thread and not to the process: it stops here, with the lock, so that no other thread passes before the stop holds.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    def ask(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        with self._lock:
            self._link.send(("aws", operation, arguments))
            found = self._link.recv()
        if isinstance(found, Exception):
            raise found
        return found

    def _tell(self, kind: str, what: Any) -> None:
        with self._lock:
            self._link.send((kind, what))


def _connect_impatiently(_dialect: PreparedPg8000Dialect, *arguments: Any, **named: Any) -> PreparingConnection:
    """Wait one second for a silent socket, not 30. Not an event of the engine: `follow_secret` connects in it, and ends it."""
    return PreparingConnection(*arguments, **(named | {"timeout": 1}))


class _TrappedProvider:
    def __init__(self, inner: Provider, pass_by: Callable[[str], None]) -> None:
        self._inner = inner
        self._pass_by = pass_by

    def send(self, message: Outgoing) -> Outcome:
        self._pass_by("before call")
        outcome = self._inner.send(message)
        self._pass_by("after call")
        return outcome


class _RemoteClient:
    """Of boto3's clients what `chalicelib.aws` calls; the test's transport answers."""

    def __init__(self, ask: Callable[[str, Mapping[str, Any]], Any], pass_by: Callable[[str], None]) -> None:
        self._ask = ask
        self._pass_by = pass_by
        scheduler = ServiceModel(Loader().load_service_model("scheduler", "service-2"), "scheduler")
        self.exceptions: Any = ClientExceptionsFactory().create_client_exceptions(scheduler)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self._pass_by(f"before {operation}")
            found = self._ask(operation, arguments)
            self._pass_by(f"after {operation}")
            if found == "timeout":
                raise ConnectTimeoutError(endpoint_url="sqs")
            if isinstance(found, str):
                raise self.exceptions.from_code(found)({"Error": {"Code": found}}, operation)
            return found

        return call


def _run(link: Link, environment: Mapping[str, str], log: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment)
    with log.open("ab") as file:  # the descriptors: whoever writes keeps the streams that there were when it was imported
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    try:
        _Function(link).serve()
    except (EOFError, BrokenPipeError):  # the test is over
        os._exit(0)


Answering = Callable[[str, Mapping[str, Any]], Any]


class FunctionProcess:
    """The outside of such a process. `answer` stands for AWS: operation and arguments of a client, to an answer."""

    def __init__(self, environment: Mapping[str, str], answer: Answering, log: Path) -> None:
        self.answer = answer
        self.idle = True
        """Does it wait for its next job, with nothing left of the last?"""
        self._link, inside = _FORKS.Pipe()
        self._process = _FORKS.Process(target=_run, args=(inside, dict(environment), log), daemon=True)
        self._process.start()
        inside.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def call(self, job: Job) -> Any:
        """What the handler answers. Raises KilledError if its process dies, or what escaped the handler."""
        self.begin(job)
        return self.result()

    def begin(self, job: Job) -> None:
        self.idle = False
        try:
            self._link.send(job)
        except OSError as error:
            raise KilledError(str(job)) from error

    def result(self) -> Any:
        """The answer to what was begun; None if the process froze (`thaw` it, and ask again)."""
        while True:
            try:
                message = self._link.recv()
                if message[0] == "aws":
                    self._link.send(self.answer(message[1], message[2]))
                    continue
            except (EOFError, OSError) as error:
                self._process.join(10)
                raise KilledError(f"exit code {self._process.exitcode}") from error
            if message[0] == "frozen":
                self._wait_until_frozen()
                return None
            self.idle = True
            if isinstance(message[1], Exception):
                raise message[1]
            return message[1]

    def _wait_until_frozen(self) -> None:
        deadline = time.monotonic() + 10
        while psutil.Process(self.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "it did not freeze"
            time.sleep(0.005)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        self._process.kill()
        self._process.join(10)

    def close(self) -> None:
        self.kill()
        self._link.close()
