"""All faults at random over one site, while people write, pause and cancel mailings there."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy.exc import DBAPIError

from chalicelib.domain.errors import ServiceError
from chalicelib.services import clients
from chalicelib.services.mailings import NewMailing
from local.errors import LocalError
from local.postgres import PostgresServer
from tests.faults.database_proxy import DatabaseProxy
from tests.faults.queues import Mischief
from tests.faults.sites import TAGS
from tests.faults.storm import CALM, Site, Storm, Violence

Pause = Callable[[float, str], None]
"""Lets time pass, in seconds, under a description."""

VIOLENCE = Violence(killed=0.25, frozen=0.03, clock_off=0.02)
MISCHIEF = Mischief(twice=0.1, late=0.1, lost=0.01, refused=0.03)
USUAL: list[dict[str, Any]] = [
    {"kind": "status", "status": 500, "accepted": True, "share": 0.01},
    {"kind": "status", "status": 502, "share": 0.01},
    {"kind": "status", "status": 503, "retry_after": "1", "share": 0.02},
    {"kind": "status", "status": 429, "share": 0.01},
    {"kind": "status", "status": 400, "share": 0.01},
    {"kind": "nonsense", "accepted": True, "share": 0.005},
    {"kind": "half", "accepted": True, "share": 0.005},
    {"kind": "reset", "accepted": True, "share": 0.005},
    {"kind": "reset", "share": 0.005},
    {"kind": "hang", "seconds": 3, "accepted": True, "share": 0.003},
    {"kind": "drip", "seconds": 0.2, "accepted": True, "share": 0.002},
    {"kind": "interim", "interim": [103], "accepted": True, "share": 0.01},
    {"kind": "interim", "interim": [102, 103, 100], "status": 400, "share": 0.005},
    {"kind": "leftover", "seconds": 0, "status": 400, "share": 0.002},
    {"kind": "leftover", "seconds": 0, "accepted": True, "share": 0.002},
    {"kind": "status", "status": 302, "location": "http://[", "share": 0.001},
    {"kind": "status", "status": 503, "retry_after": "Mon, 99 Foo 99999", "share": 0.005},
    {"kind": "status", "status": 409, "share": 0.005},
    {"kind": "status", "status": 408, "share": 0.003},
    {"kind": "bomb", "status": 200, "accepted": True, "share": 0.002},
    {"kind": "bomb", "status": 307, "location": "//", "share": 0.0005},
    {"kind": "raw", "raw": '\0\xff 200 OK\r\n\r\n{"code": 0}', "accepted": True, "share": 0.002},
    {"kind": "raw", "raw": "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "share": 0.002},
]
_STATEMENTS = (
    *("SELECT 1", "coalesce(started_by", "WITH slice AS", "commit", "CROSS JOIN LATERAL", "run_lease_until = NULL WHERE"),
    *("claimed AS (", "WITH verdict AS", "claimed AS (", "WITH verdict AS"),
)
IDLE_SECONDS = 0.6  # after which connections to the provider are reset when they are used again; the service gives them up sooner
_MAILINGS = 4  # side by side


class Mix:
    """Everything that `harm` may do to one site. One thread calls it."""

    def __init__(self, site: Site, storm: Storm, server: PostgresServer, door: DatabaseProxy, random: Random) -> None:
        self.site = site
        self.storm = storm
        self._server = server
        self._door = door
        self._random = random
        self._harms: list[tuple[int, Callable[[Pause], None]]] = [
            (6, self._people),
            (4, self._lose_an_answer),
            (3, self._end_connections),
            (2, self._refuse_all),
            (2, self._blame_us),
            (3, self._throttle),
            (2, self._blame_one),
            (2, self._kill_the_provider),
            (2, self._close_aws),
            (1, self._crash_the_database),
        ]

    def begin(self) -> None:
        self.site.provider.configure(latency_ms=20, jitter_ms=60, faults=USUAL, idle_seconds=IDLE_SECONDS)
        self.storm.violence = VIOLENCE
        self.storm.queues.mischief = MISCHIEF

    def step(self, pause: Pause) -> None:
        """One fault, chosen at random, and new mailings where others have ended."""
        with suppress(DBAPIError, OSError):  # the database is away, or ended our own connection
            self._write()
        [harm] = self._random.choices([harm for _, harm in self._harms], [weight for weight, _ in self._harms])
        with suppress(DBAPIError, OSError):
            harm(pause)

    def heal(self) -> None:
        """Ends all faults, and lets every mailing go on."""
        self.storm.violence = CALM
        self.storm.queues.mischief = Mischief()
        self.site.provider.configure(faults=[], latency_ms=0, jitter_ms=0, idle_seconds=None)
        self._resume()

    def _write(self) -> None:
        [(going,)] = self.site.sql("SELECT count(*) FROM mailing WHERE status IN ('scheduled', 'running')")
        for _ in range(max(_MAILINGS - going, 0)):
            self.storm.write(self._mailing())

    def _mailing(self) -> NewMailing:
        random, now = self._random, datetime.now(UTC).replace(tzinfo=None)
        starts_at = now + timedelta(seconds=random.uniform(0, 4))
        lasts = random.choice([timedelta(days=1), timedelta(days=1), timedelta(days=1), timedelta(seconds=random.uniform(6, 15))])
        return NewMailing(
            "sale",
            "hello",
            starts_at,
            starts_at + lasts,
            filter_tags=tuple(str(tag) for tag in random.sample(range(TAGS), random.randint(1, 3))),
            time_zone="UTC",
            rate_limit=random.choice([None, None, 200]),
        )

    def _people(self, _pause: Pause) -> None:
        running = [row.id for row in self.site.sql("SELECT id FROM mailing WHERE status = 'running'")]
        over = [row.id for row in self.site.sql("SELECT id FROM mailing WHERE status = 'finished'")]
        action = self._random.choice(["pause", "pause", "resume", "resume", "cancel", "retry_failed", "delete", "list"])
        if action == "resume":
            self._resume()
        elif action == "delete":
            self._delete_a_client()
        elif action == "list":
            self._count("phone put on the do-not-contact list")
            self.site.sql(
                "INSERT INTO do_not_contact (owner_id, phone) SELECT owner_id, phone FROM client ORDER BY random() LIMIT 1"
                " ON CONFLICT DO NOTHING"
            )
        elif chosen := over if action == "retry_failed" else running:
            self._count(f"people: {action}")
            self.storm.change(action, self._random.choice(chosen))

    def _resume(self) -> None:
        for row in self.site.sql("SELECT id FROM mailing WHERE status = 'paused'"):
            self._count("people: resume")
            self.storm.change("resume", row.id)

    def _delete_a_client(self) -> None:
        self._count("client deleted")
        [(client_id,)] = self.site.sql("SELECT id FROM client ORDER BY random() LIMIT 1")
        with suppress(ServiceError):
            clients.delete(self.site.engine, self.site.owner, client_id)

    def _lose_an_answer(self, _pause: Pause) -> None:
        what = self._random.choice(["question", "answer"])
        how = self._random.choice(["close", "reset", "silence"])
        self._count(f"database: {what} lost, then {how}")
        self._door.lose(self._random.choice(_STATEMENTS), what, how)  # type: ignore[arg-type]  # literals chosen at random

    def _end_connections(self, _pause: Pause) -> None:
        self._count("database: connections ended")
        self.site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database() AND usename = current_user AND random() < 0.5"
        )

    def _crash_the_database(self, pause: Pause) -> None:
        self._count("database: crashed")
        os.kill(self._server.pid, signal.SIGQUIT)  # no goodbye, no checkpoint: it recovers from its log
        pause(self._random.uniform(0.5, 2), "the database is away")
        self._server.stop()
        self._server.start()

    def _refuse_all(self, pause: Pause) -> None:
        self._count("provider: down (503)")
        with self._provider_says({"kind": "status", "status": 503}):
            pause(self._random.uniform(1, 4), "the provider is down")

    def _blame_us(self, pause: Pause) -> None:
        status = self._random.choice([401, 302, 404])
        self._count(f"provider: {status} to everything")
        with self._provider_says({"kind": "status", "status": status, "location": "http://127.0.0.1:9/"}):
            pause(self._random.uniform(1, 3), "the provider knows us no more")

    def _throttle(self, pause: Pause) -> None:
        """A limit on top of the usual faults: throttling is the first rule, and what passes may still go wrong."""
        rate, retry_after = self._random.choice([20, 60, 200]), self._random.choice([None, "1"])
        self._count(f"provider: throttles at {rate} a second{', Retry-After' if retry_after else ''}")
        limit = {"kind": "throttle", "rate": rate, "retry_after": retry_after}
        with self._provider_says(limit, *USUAL):
            pause(self._random.uniform(2, 5), "the provider throttles")

    def _blame_one(self, pause: Pause) -> None:
        """Some messages are refused as if the token were wrong, while all others are not."""
        waiting = [row.id for row in self.site.sql("SELECT id FROM message WHERE status = 1 ORDER BY random() LIMIT 3")]
        status = self._random.choice([401, 403, 404])
        self._count(f"provider: {status} to three messages")
        with self._provider_says({"kind": "status", "status": status, "ids": waiting}, *USUAL):
            pause(self._random.uniform(1, 4), "the provider refuses three messages")

    @contextmanager
    def _provider_says(self, *faults: dict[str, Any]) -> Iterator[None]:
        self.site.provider.configure(faults=list(faults))
        yield
        self.site.provider.configure(faults=USUAL)

    def _kill_the_provider(self, pause: Pause) -> None:
        self._count("provider: killed")
        os.kill(self.site.service.pid, signal.SIGKILL)
        self.site.service.stop()
        pause(self._random.uniform(0, 1.5), "the provider is gone")
        self.site.service.start()

    def _close_aws(self, pause: Pause) -> None:
        self._count("SQS and Scheduler away")
        self.storm.queues.down = True
        pause(self._random.uniform(0.5, 3), "SQS and Scheduler are away")
        self.storm.queues.down = False

    def _count(self, fault: str) -> None:
        self.storm.faults[fault] += 1


def settled(mixes: list[Mix], pause: Pause, seconds: float) -> None:
    """Waits until no mailing wants another run. Raises LocalError if that takes longer than `seconds`."""
    waited = 0.0
    while not all(mix.storm.all_over() for mix in mixes):
        if waited > seconds:
            raise LocalError(f"After {seconds:.0f} s without faults, mailings are still not over.")
        pause(0.5, "faults are over, waiting for the last message")
        waited += 0.5
