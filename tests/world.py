"""A small world for tests of runs and workers: real PostgreSQL, a clock and a provider that the test owns."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError
from sqlalchemy import Connection, Engine, text

from chalicelib import aws
from chalicelib.config import Settings
from chalicelib.domain.access import Principal
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.status import StartSource
from chalicelib.providers import Outgoing, Provider
from chalicelib.providers.accounts import Accounts, Ready
from chalicelib.scheduling.reconcile import Progress, Repairs, reconcile
from chalicelib.scheduling.run import RunFigures, RunTools, advance_mailing
from chalicelib.sending.worker import Chunk, ChunkFigures, WorkerTools, send_chunk
from chalicelib.services import mailings
from chalicelib.services.mailings import MailingRecord, NewMailing
from chalicelib.storage import messages
from chalicelib.storage.engine import autocommit

START = datetime(2026, 6, 1, 12, 0)
NOW = START.replace(tzinfo=UTC)
ACCEPTED = Outcome(OutcomeKind.ACCEPTED)


@dataclass
class OwnClock:
    """A clock that stands until it is moved."""

    now: datetime = NOW

    def __call__(self, _connection: Connection) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def monotonic(self) -> float:
        return self.now.timestamp()


@dataclass
class Ledger:
    """A provider in memory: every call is kept; `answer` says what becomes of one."""

    answer: Callable[[int], Outcome] = lambda _message_id: ACCEPTED
    calls: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    phones: dict[int, str] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def send(self, message: Outgoing) -> Outcome:
        with self.lock:
            self.calls.append(message.id)
            self.texts[message.id], self.phones[message.id] = message.text, message.phone
        return self.answer(message.id)


class FakeAws:
    """SQS and Scheduler in memory, put under `chalicelib.aws`: queues as lists, schedules as a dict."""

    def __init__(self) -> None:
        self.runs: list[tuple[dict[str, Any], int]] = []
        self.chunks: list[dict[str, Any]] = []
        self.groups: set[tuple[int, str]] = set()
        """Each mailing with the groups in which its chunks were sent."""
        self.schedules: dict[str, dict[str, Any]] = {}
        self.refuse: Callable[[int], bool] = lambda _position: False
        self.down = False
        self.refuse_schedules: set[str] = set()
        """Names of schedules that Scheduler will neither make nor delete."""
        self.calls = 0
        self.listed: list[int] = []
        """How many schedules each listing told."""

    def send(self, _queue_url: str, body: dict[str, Any], *, delay_seconds: int = 0) -> None:
        self._check()
        self.runs.append((body, delay_seconds))

    def send_many(self, _queue_url: str, bodies: Sequence[dict[str, Any]], group: str) -> list[int]:
        refused = [position for position in range(len(bodies)) if self.down or self.refuse(position)]
        self.chunks += [body for position, body in enumerate(bodies) if position not in refused]
        self.groups |= {(body["mailing_id"], group) for body in bodies}
        return refused

    def create_schedule(self, _target: aws.ScheduleTarget, mailing_id: int, moment: datetime, body: dict[str, Any]) -> bool:
        name = aws.schedule_name(mailing_id, moment)
        self._check(name)
        is_new = name not in self.schedules
        self.schedules.setdefault(name, body)
        return is_new

    def delete_schedule(self, target: aws.ScheduleTarget, mailing_id: int, moment: datetime) -> None:
        self.delete_schedule_named(target, aws.schedule_name(mailing_id, moment))

    def delete_schedule_named(self, _target: aws.ScheduleTarget, name: str) -> None:
        self._check(name)
        self.schedules.pop(name, None)

    def schedule_names(self, _target: aws.ScheduleTarget, pages: int, token: str | None = None) -> tuple[list[str], str | None]:
        """By name; the token is the last name that was told."""
        self._check()
        if token == "expired":
            raise ClientError({"Error": {"Code": "ValidationException"}}, "ListSchedules")
        rest = sorted(name for name in self.schedules if token is None or name > token)
        most = pages * 100
        self.listed.append(len(rest[:most]))
        return rest[:most], rest[most - 1] if len(rest) > most else None

    def _check(self, schedule: str = "") -> None:
        self.calls += 1
        if self.down or schedule in self.refuse_schedules:
            raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "anything")


class OwnAccounts(Accounts):
    """Providers that the test owns, in place of those that rows and the secret describe."""

    def __init__(self, chosen: Settings, provider: Provider, others: Mapping[str, Provider]) -> None:
        super().__init__(chosen, provider)
        self._others = others

    def get(self, connection: Connection, name: str, version: object) -> Ready | None:
        found = self._others.get(name)
        if found is None:
            return super().get(connection, name, version)
        return self._settings.model_copy(update={"provider_name": name}), found


@dataclass
class World:
    """Everything a scenario needs, with short names for what it does."""

    engine: Engine
    """As the functions reach the database."""
    owner_engine: Engine
    """As the tables' owner: for what only a test does, by `sql`."""
    settings: Settings
    aws: FakeAws
    owner: Principal
    clock: OwnClock = field(default_factory=OwnClock)
    progress: Progress = field(default_factory=Progress)
    provider: Ledger = field(default_factory=Ledger)
    others: dict[str, Ledger] = field(default_factory=dict)
    """Providers besides `provider`, which is that of the settings; each delivers once for one key if the settings say so."""
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))

    @property
    def run_tools(self) -> RunTools:
        return RunTools(self.engine, self.settings, self.clock, self.aws.send_many, self.clock.monotonic)

    @property
    def worker_tools(self) -> WorkerTools:
        clock = self.clock
        return WorkerTools(
            self.engine,
            self.settings,
            self.provider,
            self.pool,
            clock,
            clock.monotonic,
            Random(1),
            sleep=lambda _seconds: None,
            accounts=lambda: OwnAccounts(self.settings, self.provider, self.others),
        )

    def add_provider(self, name: str, *, position: int = 1) -> Ledger:
        """A further provider, with its row."""
        self.sql(
            "INSERT INTO provider (name, kind, position) VALUES (:name, 'contract', :position)", name=name, position=position
        )
        return self.others.setdefault(name, Ledger())

    def add_clients(self, number: int, *, zone: str = "UTC", first: int = 0, tags: Iterable[str] = (), **attributes: Any) -> None:
        """`number` clients of the owner with phones +7 910 …, counted from `first`."""
        self.sql(
            "INSERT INTO client (owner_id, phone, operator_code, tags, time_zone, attributes)"
            " SELECT :owner, '+7910' || lpad(n::text, 7, '0'), '910', CAST(:tags AS text[]), :zone, CAST(:attributes AS jsonb)"
            " FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n",
            owner=self.owner.user_id,
            tags=list(tags),
            zone=zone,
            first=first,
            last=first + number - 1,
            attributes=json.dumps(attributes),
        )

    def write(self, **fields: Any) -> MailingRecord:
        """A mailing in UTC from START for a day, unless `fields` say otherwise."""
        given = {"name": "sale", "text": "hello", "starts_at": START, "ends_at": START + timedelta(days=1), "time_zone": "UTC"}
        accept = fields.pop("confirmed", False)
        new = NewMailing(**{**given, **fields})
        return mailings.create(self.engine, self.owner, new, confirmed=accept, clock=self.clock)

    def mailing(self, mailing_id: int) -> MailingRecord:
        return mailings.get(self.engine, self.owner, mailing_id)

    def run(self, mailing_id: int, source: StartSource = StartSource.SCHEDULE) -> RunFigures | None:
        return advance_mailing(self.run_tools, mailing_id, source)

    def work(self, chunks: Sequence[Mapping[str, Any]] | None = None) -> list[ChunkFigures]:
        """Works through these chunks, or through all that are queued."""
        if chunks is None:
            chunks, self.aws.chunks = self.aws.chunks, []
        return [send_chunk(self.worker_tools, Chunk(chunk["mailing_id"], list(chunk["message_ids"]))) for chunk in chunks]

    def die_after_claim(self, chunk: Mapping[str, Any]) -> messages.ClaimedChunk:
        """What a worker leaves behind that is killed between its claim and its first call."""
        lease = timedelta(seconds=self.settings.lease_seconds)
        deadline = timedelta(seconds=self.settings.provider_deadline_seconds)
        with autocommit(self.engine) as connection:
            return messages.claim(
                connection, chunk["mailing_id"], chunk["message_ids"], now=self.clock.now, lease=lease, deadline=deadline
            )

    def reconcile(self) -> Repairs:
        return reconcile(self.run_tools, self.progress)

    def finish(self, mailing_id: int, *, turns: int = 200) -> MailingRecord:
        """Runs and works, moving the clock to the next run's moment, until the mailing is over."""
        for _ in range(turns):
            record = self.mailing(mailing_id)
            if record.next_run_at is None:
                return record
            self.clock.now = max(self.clock.now, record.next_run_at)
            self.run(mailing_id)
            self.work()
        raise AssertionError(f"not finished after {turns} turns: {self.mailing(mailing_id)}")

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        with self.owner_engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result) if result.returns_rows else []

    def statuses(self, mailing_id: int) -> dict[str, int]:
        return {name: number for name, number in self.mailing(mailing_id).counts.items() if number}
