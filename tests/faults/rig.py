"""The rig of the fault tests: functions in processes of their own, real PostgreSQL, a real provider, and queues that the test owns."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.status import MessageStatus
from chalicelib.services.mailings import MailingRecord
from local.ledger import ProviderClient
from local.postgres import PostgresServer
from local.provider.ledger import Call
from tests.faults.balance import Balance, balance, read_ledger
from tests.faults.function import FunctionProcess, Job, KilledError, Trap
from tests.faults.transport import DEAD_MAILINGS, DEAD_MESSAGES, MAILINGS, MESSAGES, Transport
from tests.world import World

QUEUES = {
    "MAILINGS_QUEUE_URL": MAILINGS,
    "MESSAGES_QUEUE_URL": MESSAGES,
    "MAILINGS_DLQ_URL": DEAD_MAILINGS,
    "MESSAGES_DLQ_URL": DEAD_MESSAGES,
}
# In seconds what is minutes in production; the order among them is the same.
ENVIRONMENT = {
    **QUEUES,
    "PROVIDER_TOKEN": "made-up",
    "PROVIDER_THREADS": "5",
    "PROVIDER_DEADLINE_SECONDS": "0.6",
    "LEASE_DEADLINES": "5",
    "VISIBILITY_SECONDS": "18",
    "CHUNK_SIZE": "5",
    "RUN_BUDGET_SECONDS": "3",
    "RUN_LEASE_SECONDS": "5",
    "RECONCILE_GRACE_SECONDS": "5",
}
LEASE = timedelta(seconds=3)
VISIBILITY = timedelta(seconds=18)
Chunks = Sequence[Mapping[str, Any]]


@dataclass
class Rig:
    """Short names for what a fault test does."""

    world: World
    transport: Transport
    server: PostgresServer
    provider: ProviderClient
    provider_folder: Path
    environment: Mapping[str, str]
    honours_key: bool
    folder: Path
    usual: FunctionProcess
    """The process of jobs to which nothing is done."""
    _processes: list[FunctionProcess] = field(default_factory=list)

    def process(self, **environment: str) -> FunctionProcess:
        """A new process; `environment` changes its settings."""
        made = FunctionProcess({**self.environment, **environment}, self.transport, self.folder / "functions.log")
        self._processes.append(made)
        return made

    def close(self) -> None:
        for process in self._processes:
            process.close()

    def job(self, handler: Any, event: Any = None, trap: Trap | None = None, **more: Any) -> Job:
        return Job(handler, event, self.world.clock.now, trap, **more)

    def sending(self, chunks: Chunks, trap: Trap | None = None, **more: Any) -> Job:
        """The job of a worker that SQS hands these chunks."""
        return self.job("send", _event([json.dumps(chunk) for chunk in chunks]), trap, **more)

    def running(self, mailing_id: int, trap: Trap | None = None, source: str = "schedule") -> Job:
        """The job of a run."""
        return self.job("advance", _event([json.dumps({"mailing_id": mailing_id, "source": source})]), trap)

    def send(self, chunks: Chunks, process: FunctionProcess | None = None) -> list[str]:
        """Hands these chunks to a worker; which of them (by position) it answers as failed."""
        answer = (process or self.usual).call(self.sending(chunks))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def run(self, mailing_id: int, process: FunctionProcess | None = None, source: str = "schedule") -> list[str]:
        answer = (process or self.usual).call(self.running(mailing_id, source=source))
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def dies(self, job: Job, **environment: str) -> None:
        """Does this job in a process of its own, which must be killed by the job's trap."""
        with pytest.raises(KilledError):
            self.process(**environment).call(job)

    def freezes(self, job: Job, **environment: str) -> FunctionProcess:
        """Begins this job in a process of its own, and returns that frozen at the job's trap."""
        process = self.process(**environment)
        process.begin(job)
        assert process.result() is None
        return process

    def reconcile(self) -> dict[str, int]:
        found: dict[str, int] = self.usual.call(self.job("reconcile"))
        return found

    def take_chunks(self) -> list[dict[str, Any]]:
        """All that is queued; it is not queued any more."""
        queues = self.transport.queues
        chunks, queues.chunks = queues.chunks, []
        return chunks

    def dispatched(self, clients: int = 5, **fields: Any) -> tuple[int, list[dict[str, Any]]]:
        """A mailing to `clients`, run once: its id, and the chunks that its run queued."""
        self.world.add_clients(clients)
        mailing = self.world.write(**fields)
        self.run(mailing.id)
        return mailing.id, self.take_chunks()

    def finish(
        self, mailing_id: int, *, turns: int = 100, step: float = 1, process: FunctionProcess | None = None
    ) -> MailingRecord:
        """Lets time pass, with the runs, workers and reconciles that belong to it, until the mailing is over."""
        for _ in range(turns):
            record = self.world.mailing(mailing_id)
            if record.next_run_at is None:
                return record
            self.world.clock.advance(seconds=step)
            self.world.clock.now = max(self.world.clock.now, record.next_run_at)
            self.reconcile()
            self.run(mailing_id, process)
            chunks = self.take_chunks()
            if chunks:
                self.send(chunks, process)
        raise AssertionError(f"not finished after {turns} turns: {self.world.mailing(mailing_id)}")

    def ledger(self) -> list[Call]:
        return read_ledger(self.provider_folder)

    def check(self, *mailing_ids: int) -> Balance:
        """The balance of these mailings; fails the test if it does not agree."""
        found = balance(self.world.engine, self.ledger(), mailing_ids, honours_key=self.honours_key)
        assert not found.wrong, "\n".join(found.wrong[:20])
        return found

    def settled(self, mailing_id: int, process: FunctionProcess | None = None) -> Balance:
        """Finishes the mailing, and checks its balance."""
        self.finish(mailing_id, process=process)
        return self.check(mailing_id)

    def rows(self, columns: str, mailing_id: int) -> list[Any]:
        """Those columns of the mailing's messages, by id."""
        return self.world.sql(f"SELECT {columns} FROM message WHERE mailing_id = :id ORDER BY id", id=mailing_id)

    def waits(self, condition: Callable[[], bool]) -> None:
        """Waits (a few seconds at most) until something happened in another process."""
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)


def ids_of(chunks: Chunks) -> list[int]:
    """The message ids that these chunks carry."""
    return [id_ for chunk in chunks for id_ in chunk["message_ids"]]


def _event(bodies: Sequence[str]) -> dict[str, Any]:
    return {"Records": [{"messageId": str(position), "body": body} for position, body in enumerate(bodies)]}


def raw_event(*bodies: str) -> dict[str, Any]:
    """An SQS event with these bodies as they stand."""
    return _event(bodies)


def statuses(found: Balance) -> dict[str, int]:
    """How many messages of each status, by its name."""
    return {status.key: found.statuses[status.key] for status in MessageStatus if found.statuses[status.key]}
