"""Many workers at once on the database's own clock, killed and frozen at random: whatever happens, the balance must be exact.

What is done to whom comes from one seed; the moments at which it meets them are the machine's, so that a seed does not repeat a run.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal

from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from chalicelib.domain.access import Principal
from chalicelib.services.mailings import NewMailing
from local.ledger import ProviderClient
from local.services import ProviderService
from tests.faults.function import FunctionProcess, Job, KilledError, Trap
from tests.faults.queues import Body, MovingQueues
from tests.faults.transport import Transport

ENVIRONMENT = {
    "CHUNK_SIZE": "25",
    "PROVIDER_THREADS": "10",
    "PROVIDER_IDLE_SECONDS": "0.3",
    "VISIBILITY_SECONDS": "6",
    "RECONCILE_GRACE_SECONDS": "2",
    "SOON_SECONDS": "1",
    "PLAN_SLICE": "1000",
    "DISPATCH_BATCH": "500",
    "MAX_DISPATCHED": "2000",
    "BACKOFF_BASE_SECONDS": "0.2",
    "BACKOFF_CAP_SECONDS": "2",
    "PROBE_SECONDS": "1",
    "RUN_BUDGET_SECONDS": "1",
    "RUN_LEASE_SECONDS": "2",
}
"""On top of the rig's: chunks as in production, and everything that is waited for within seconds."""

_POINTS: Mapping[str, Sequence[str]] = {
    "send": ["before claim", "after claim", "before call", "after call", "before record", "after record"],
    "advance": [
        *("after lease", "before plan", "after plan", "after mark", "before send_message_batch", "after send_message_batch"),
        *("before settle", "after settle", "before commit", "before send_message", "after send_message", "after create_schedule"),
    ],
    "write": ["before commit", "before create_schedule", "after create_schedule"],
}
_AGAIN_SECONDS = 1.0
"""After which SQS brings a message again whose worker died, at most."""


@dataclass(frozen=True, slots=True)
class Site:
    """One installation: a database, a provider, and what its functions are told of both."""

    engine: Engine
    owner: Principal
    service: ProviderService
    provider: ProviderClient
    environment: Mapping[str, str]
    honours_key: bool
    log: Path

    def sql(self, statement: str, **parameters: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return list(result) if result.returns_rows else []


@dataclass(frozen=True, slots=True)
class Violence:
    """What happens to workers, of all their jobs (0 to 1)."""

    killed: float = 0.0
    frozen: float = 0.0
    clock_off: float = 0.0


CALM = Violence()


class Storm:
    """Workers, runs and reconciles side by side over one site, for as long as the `with` block lasts."""

    def __init__(self, site: Site, seed: int, *, workers: int = 2, runners: int = 1, doors: Sequence[int] = ()) -> None:
        """`doors`: ports that lead to the database too, of which new processes take one at random."""
        self.site = site
        self.violence = CALM
        self.faults: Counter[str] = Counter()
        self.escaped: list[str] = []
        """Errors that left a handler for queues: on AWS they throttle the queue."""
        self.queues = MovingQueues(Random(f"queues {seed}"), self.faults)
        self.transport = Transport(self.queues)
        self.most_calls = workers * int(site.environment.get("PROVIDER_THREADS", 25))
        """That may be on their way to the provider at one moment."""
        self._doors = doors
        self._over = threading.Event()
        self._starting = threading.Lock()
        loops: list[tuple[Callable[[Random], None], str]] = [
            *((self._send, f"worker {number}") for number in range(workers)),
            *((self._advance, f"runner {number}") for number in range(runners)),
            (self._reconcile, "reconcile"),
        ]
        self._threads = [
            threading.Thread(target=loop, args=(Random(f"{name} {seed}"),), name=name, daemon=True) for loop, name in loops
        ]
        self._people = _Place(self, Random(f"people {seed}"))

    def __enter__(self) -> "Storm":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        self._people.close()

    def write(self, new: NewMailing) -> None:
        """Writes a mailing, as the API does; whoever asked for it asks again if its worker dies."""
        self._people.do("write", (self.site.owner, new))

    def change(self, action: str, mailing_id: int) -> bool:
        """Pauses, resumes, cancels … a mailing; False if that was refused, or nobody knows."""
        return self._people.do("change", (self.site.owner, action, mailing_id)) is not None

    def all_over(self) -> bool:
        """Does no mailing want another run, and no message wait? Of a cancelled mailing's, reconcile may have to see to some."""
        with suppress(DBAPIError, OSError):
            return not self.site.sql(
                "SELECT 1 FROM mailing WHERE next_run_at IS NOT NULL OR status IN ('scheduled', 'running')"
                " UNION ALL SELECT 1 FROM message WHERE status = 1"
            )
        return False

    def start(self, random: Random) -> FunctionProcess:
        environment = dict(self.site.environment)
        if self._doors:
            direct = make_url(environment["DATABASE_URL"])
            url = direct.set(port=random.choice([direct.port, *self._doors]))
            environment["DATABASE_URL"] = url.render_as_string(hide_password=False)
        with self._starting:
            return FunctionProcess(environment, self.transport, self.site.log)

    def _send(self, random: Random) -> None:
        self._consume(random, "chunks", "send", most=3)

    def _advance(self, random: Random) -> None:
        self._consume(random, "runs", "advance", most=1)

    def _consume(self, random: Random, queue: str, handler: Literal["send", "advance"], most: int) -> None:
        place = _Place(self, random)
        while not self._over.is_set():
            bodies = self.queues.take(queue, random.randint(1, most))
            if not bodies:
                time.sleep(0.01)
                continue
            answer = place.do(handler, event(bodies))
            failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]} if answer else set()
            again = [body for number, body in enumerate(bodies) if answer is None or str(number) in failed]
            self.queues.give_back(queue, again, random.uniform(0, _AGAIN_SECONDS))
        place.close()

    def _reconcile(self, random: Random) -> None:
        place = _Place(self, random)
        while not self._over.wait(1):
            place.do("reconcile", None)
        place.close()


class _Place:
    """Where one process after the other does one job after the other, and dies of some."""

    def __init__(self, storm: Storm, random: Random) -> None:
        self._storm = storm
        self._random = random
        self._process: FunctionProcess | None = None

    def do(self, handler: Literal["send", "advance", "reconcile", "write", "change"], what: Any) -> Any:
        """The handler's answer; None if its process died, or an error escaped it."""
        process = self._process or self._storm.start(self._random)
        self._process = process
        job = Job(handler, what, trap=self._trap(handler), clock_is_off_by=self._error_of_clock(handler))
        try:
            return self._attempt(process, job, handler)
        except KilledError:
            process.close()
            self._process = None
        except Exception as error:  # noqa: BLE001 - counted, and told in the end
            if handler in ("send", "advance"):
                self._storm.escaped.append(f"{handler}: {error!r}")
        return None

    def close(self) -> None:
        if self._process is not None:
            self._process.close()

    def _attempt(self, process: FunctionProcess, job: Job, handler: str) -> Any:
        process.begin(job)
        killing = None if job.trap else self._killing(process, handler)
        try:
            while (answer := process.result()) is None:
                self._storm.faults["worker frozen"] += 1
                time.sleep(self._random.uniform(0, 5))  # a lease lasts 3
                process.thaw()
            return answer
        except KilledError:
            self._storm.faults[f"{handler}: killed {job.trap.point if job.trap else 'somewhere'}"] += 1
            raise
        finally:
            if killing is not None:
                killing.cancel()

    def _trap(self, handler: str) -> Trap | None:
        """Half of those that die do so at a named point."""
        chance, violence = self._random.random(), self._storm.violence
        points = _POINTS.get(handler)
        if points is None or chance >= violence.killed / 2 + violence.frozen:
            return None
        frozen = chance >= violence.killed / 2 and handler in ("send", "advance")
        action: Literal["kill", "freeze"] = "freeze" if frozen else "kill"
        point = self._random.choice(points)
        # A worker with three chunks passes 75 times by a call, and three times by the rest.
        return Trap(point, action, self._random.randrange(40 if point.endswith(" call") else 2))

    def _error_of_clock(self, handler: str) -> timedelta:
        if handler not in ("send", "advance") or self._random.random() >= self._storm.violence.clock_off:
            return timedelta(0)
        self._storm.faults[f"{handler}: clock off"] += 1
        return timedelta(seconds=self._random.uniform(-6, 6))

    def _killing(self, process: FunctionProcess, handler: str) -> threading.Timer | None:
        """The other half, at any moment."""
        if handler not in _POINTS or self._random.random() >= self._storm.violence.killed / 2:
            return None
        timer = threading.Timer(self._random.uniform(0, 0.25), _kill, [process.pid])
        timer.daemon = True
        timer.start()
        return timer


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def event(bodies: Sequence[Body]) -> dict[str, Any]:
    """An SQS event of these messages."""
    return {"Records": [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]}
