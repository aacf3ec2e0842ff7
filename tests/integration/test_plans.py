"""How much each statement on messages and clients reads, whatever PostgreSQL's statistics know of the rows: a plan is judged by rows."""

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, TextClause, text

from chalicelib.config import read_settings
from chalicelib.domain.outcome import Verdict
from chalicelib.domain.pace import Pace
from chalicelib.domain.paging import Slice
from chalicelib.domain.personal_text import Needs
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MessageStatus, StartSource
from chalicelib.domain.window import SendingTimes
from chalicelib.storage import (
    clients,
    do_not_contact,
    gates,
    mailing_reads,
    mailings,
    message_calls,
    message_counts,
    message_edits,
    message_reads,
    messages,
    planning,
    progress,
    retention,
    selections,
    zones,
)
from chalicelib.storage.clients import ClientFilter
from chalicelib.storage.engine import autocommit, build_engine, read_by_index
from chalicelib.storage.mailing_reads import MailingFilter
from chalicelib.storage.message_reads import MessageFilter
from local.postgres import PostgresServer
from tests.databases import Migrated, migrated
from tests.plans import SERVER_SETTINGS, Executed, logged_plans

ROWS = int(os.environ.get("PLAN_ROWS", "50000"))
"""Of the large mailing, of which no statistics tell; `make plans` takes a million."""
SIZE = 200
"""Of a slice: what a statement may read follows from this, and not from ROWS."""
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEADLINE, LEASE = timedelta(seconds=10), timedelta(seconds=30)
TIMES = SendingTimes(NOW.replace(tzinfo=None), NOW.replace(tzinfo=None) + timedelta(days=1))
ALL = Selection((), ())
OWNER = 1
ZONES = 4

LOAD_CLIENTS = """
INSERT INTO client (owner_id, phone, operator_code, tags, time_zone)
SELECT 1, '+7' || 9000000000 + n, '9' || lpad(mod(n, 100)::text, 2, '0'), ARRAY['tag' || mod(n, 50)], 'Etc/GMT-' || 1 + mod(n, 4)
FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n
"""
LOAD_LISTED = """
INSERT INTO do_not_contact (owner_id, phone) SELECT 1, '+7' || 9500000000 + n FROM generate_series(1, CAST(:number AS int)) n
"""
LOAD_MAILINGS = """
INSERT INTO mailing (owner_id, name, text, starts_at, ends_at, status, next_run_at, started_at, rate_limit)
SELECT 1, 'sale', 'Hello, ${name|you}', CAST(:now AS timestamptz) AT TIME ZONE 'UTC',
       CAST(:now AS timestamptz) AT TIME ZONE 'UTC' + interval '1 day', 'running', :now, :now, 1000
FROM generate_series(1, CAST(:number AS int)) RETURNING id
"""
LOAD_ZONES = """
INSERT INTO mailing_zone (mailing_id, time_zone, opens_at, closes_at, expires_at, planned_at)
SELECT m.id, 'Etc/GMT-' || z, CAST(:now AS timestamptz) - interval '1 hour', CAST(:now AS timestamptz) + interval '20 hours',
       CAST(:now AS timestamptz) + interval '20 hours', CASE WHEN z < 4 THEN CAST(:now AS timestamptz) END
FROM mailing m CROSS JOIN generate_series(1, 4) z ON CONFLICT DO NOTHING
"""
# Of twenty messages one failed, two are dispatched, the rest wait; the newest hundred clients have none yet.
LOAD_LARGE = """
INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, error_code, dispatched_at)
SELECT :mailing, 1, id, phone, time_zone, CAST(:now AS timestamptz) - interval '1 hour', CASE WHEN mod(id, 20) = 0 THEN 4 ELSE 1 END,
       CASE WHEN mod(id, 20) = 0 THEN 'refused' END,
       CASE WHEN mod(id, 20) IN (1, 2) THEN CAST(:now AS timestamptz) - interval '1 hour' END
FROM client WHERE id <= (SELECT max(id) - 100 FROM client) ORDER BY id LIMIT :number
"""
LOAD_SMALL = """
INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, not_before, status, dispatched_at)
SELECT g.id, 1, c.id, c.phone, c.time_zone, CAST(:now AS timestamptz) - interval '1 hour', 2, CAST(:now AS timestamptz) - interval '1 hour'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM mailing) g
CROSS JOIN LATERAL (SELECT * FROM client WHERE id > mod(g.n, 400) * 100 ORDER BY id LIMIT 100) c
"""
LOAD_CALLS = """
INSERT INTO message_call (mailing_id, message_id, slot, claim_no, attempt, at, provider, kind)
SELECT mailing_id, id, 0, 1, 1, not_before, 'default', 'unknown' FROM message WHERE mailing_id = :mailing ON CONFLICT DO NOTHING
"""
# Rows of clients that were deleted and added again.
LOAD_LEFT_BEHIND = """
UPDATE message SET client_id = NULL, status = 4, error_code = 'client_deleted', dispatched_at = NULL WHERE id IN (
  SELECT id FROM message WHERE mailing_id = :mailing AND status = 1 AND dispatched_at IS NULL AND client_id IS NOT NULL
  ORDER BY id DESC LIMIT :number)
"""


@dataclass(frozen=True, slots=True)
class Read:
    """What one statement of one step read, beside what it had to: rows that it returned, changed or counted."""

    step: str
    needed: int
    executed: Executed

    @property
    def too_much(self) -> bool:
        return self.executed.rows_read > 4 * self.needed + 300 or self.executed.blocks > 60 * self.needed + 800

    def __str__(self) -> str:
        read = f"{self.executed.rows_read:,} rows, {self.executed.blocks:,} blocks for {self.needed:,}"
        return f"{self.step}: {read}; {', '.join(self.executed.scans)}"


class Database:
    """A database whose statistics are what the test makes of them."""

    def __init__(self, server: PostgresServer, found: Migrated) -> None:
        self._server = server
        self._found = found
        self._engines: list[Engine] = []
        self.owner = self._kept(build_engine(read_settings({"DATABASE_URL": found.owner_url})))

    def engine(self) -> Engine:
        """A new engine, and so a new connection, as the API has it."""
        return self._kept(build_engine(read_settings({"DATABASE_URL": self._found.url})))

    def _kept(self, engine: Engine) -> Engine:
        self._engines.append(engine)
        return engine

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()

    def load(self, statement: str, **parameters: Any) -> list[Any]:
        """Without foreign keys: they are right, and cost most of the time."""
        with self.owner.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            result = connection.execute(text(statement), {"now": NOW} | parameters if ":now" in statement else parameters)
            return list(result) if result.returns_rows else []

    def analyze(self) -> None:
        with self.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("ANALYZE"))

    def plan_cache_mode(self, mode: str) -> None:
        self._server.run(f"ALTER ROLE mailing_service SET plan_cache_mode = {mode}")

    def mailings(self, number: int) -> list[int]:
        found = [row.id for row in self.load(LOAD_MAILINGS, number=number)]
        self.load(LOAD_ZONES)
        return found

    def large_mailing(self) -> int:
        (mailing,) = self.mailings(1)
        self.load(LOAD_LARGE, mailing=mailing, number=ROWS)
        return mailing


@dataclass
class Steps:
    """Executes each statement of the service on the large mailing, and keeps what it read."""

    database: Database
    mailing: int
    state: str
    chunks: Iterator[list[int]]
    reads: list[Read]
    seen: set[str]

    def run(self, engine: Engine, name: str, work: Callable[[Connection], Any], needed: int | None = None) -> Any:
        with logged_plans(engine) as log, autocommit(engine) as connection:
            result = work(connection)
        for executed in log.executed:
            self.seen.add(executed.statement)
            self.reads.append(Read(name, _size_of(result) if needed is None else needed, executed))
        return result

    @property
    def adoption(self) -> dict[str, Any]:
        return selections.selected(ALL) | {"mailing": self.mailing, "owner": OWNER, "now": NOW, "unknown": [], "size": SIZE}

    def listed(self, page: int) -> int:
        """What a list may read for a page: no row twice, while PostgreSQL takes the owner's rows for few and sorts them all."""
        return page if self.state in ANALYSED else max(page, ROWS // 3)

    def of_workers(self, engine: Engine) -> None:
        """What runs and workers do, on connections like theirs."""
        mailing = self.mailing
        self.run(engine, "gate", lambda c: gates.read(c, mailing, "default"))
        self.run(engine, "gate of one provider", lambda c: gates.read_one(c, mailing, "default"))
        self.run(engine, "outlook", lambda c: gates.outlook_of(c, mailing, "default", NOW))
        self.run(engine, "permits", lambda c: gates.mailing_permits(c, mailing, 25, NOW, HOUR))
        self.run(engine, "refund", lambda c: gates.refund_mailing(c, mailing, 1))
        self.run(engine, "provider's permits", lambda c: gates.provider_permits(c, "default", 100, 25, NOW, HOUR))
        self.run(engine, "provider's refund", lambda c: gates.refund_provider(c, "default", 100, 1))
        self.run(engine, "failure", lambda c: gates.failed(c, "default", 1, limit=1, reason="", now=NOW, probe_at=NOW))
        self.run(engine, "probe", lambda c: [gates.outlook(c, "default"), gates.take_probe(c, "default", NOW, NOW + HOUR)])
        self.run(engine, "probe returned", lambda c: gates.return_probe(c, "default", NOW, NOW + HOUR))
        self.run(engine, "probe now", lambda c: gates.probe_now(c, "default"))
        self.run(engine, "breaker closed", lambda c: gates.close(c, "default", NOW))
        self.run(engine, "suspicion", lambda c: gates.suspect(c, "default", NOW))
        self.run(engine, "throttled", lambda c: gates.throttled(c, "default", 1, NOW))
        pace = Pace(5, NOW, 0, 5)
        self.run(engine, "pace", lambda c: gates.set_pace(c, "default", pace, None))
        self.run(engine, "end of the pace", lambda c: gates.end_pace(c, "default", pace))
        self.run(engine, "held", lambda c: gates.hold(c, "default", NOW, ""))
        chunk = next(self.chunks)
        self.run(engine, "attempted before", lambda c: messages.all_attempted(c, chunk), 25)
        claimed = self.run(
            engine, "claim", lambda c: messages.claim(c, mailing, chunk, now=NOW, lease=LEASE, deadline=DEADLINE), 25
        )
        assert len(claimed.claims) == 25
        verdicts = [(claim, Verdict(MessageStatus.SENT, 1, unknown=False)) for claim in claimed.claims]
        recorded = self.run(engine, "record", lambda c: messages.record(c, mailing, verdicts, NOW), 25)
        assert recorded.rows == 25
        chunk = next(self.chunks)
        later = NOW + timedelta(days=3)
        assert self.run(engine, "release", lambda c: messages.release(c, mailing, chunk, now=later, deadline=DEADLINE)) == 25
        chunk = next(self.chunks)
        assert self.run(engine, "hold", lambda c: messages.hold(c, mailing, chunk, NOW)) == 25
        chunk = next(self.chunks)
        self.run(engine, "unmark", lambda c: messages.unmark(c, chunk, NOW - HOUR), 25)
        marked = self.run(engine, "mark dispatched", lambda c: messages.mark_dispatched(c, mailing, SIZE, NOW, DEADLINE), SIZE)
        assert len(marked) == SIZE
        held = self.run(engine, "count dispatched", lambda c: messages.count_dispatched(c, mailing))
        assert self.run(engine, "expire", lambda c: messages.expire(c, mailing, ["Etc/GMT-1"], SIZE, NOW)) == SIZE
        self.run(engine, "expire nobody", lambda c: messages.expire(c, mailing, ["Etc/GMT+1"], SIZE, NOW), held)
        assert self.run(engine, "cancel", lambda c: messages.cancel(c, mailing, SIZE, NOW)) == SIZE
        # The queue is short, and is read: which of its rows are lost, no index tells.
        long_ago = NOW - timedelta(days=1)
        self.run(engine, "lost", lambda c: messages.mailings_with_lost(c, now=NOW, lost_before=long_ago), held)
        self.run(engine, "rescue", lambda c: messages.rescue_lost(c, mailing, now=NOW, lost_before=long_ago, size=SIZE), held)
        self.of_planning(engine)
        self.run(engine, "counts", lambda c: message_counts.of_messages(c, mailing), ROWS)
        self.run(engine, "clear phones", lambda c: retention.clear_phones(c, mailing, SIZE), held)
        self.database.load(LOAD_CALLS, mailing=mailing)
        self.run(engine, "calls", lambda c: message_calls.of_message(c, mailing, chunk[0]))
        assert self.run(engine, "clear calls", lambda c: message_calls.clear(c, mailing, SIZE)) == SIZE
        self.run(engine, "whose phones", lambda c: retention.next_kept(c, NOW, 10))
        self.run(engine, "phones cleared", lambda c: retention.mark_cleared(c, mailing, NOW, NOW))

    def of_planning(self, engine: Engine) -> None:
        mailing = self.mailing
        self.run(engine, "zones", lambda c: [zones.states(c, mailing), zones.read(c, mailing)], ZONES)
        self.run(engine, "zones that lack", lambda c: zones.add_missing(c, mailing, OWNER, TIMES, NOW), ZONES)
        self.database.load("DELETE FROM mailing_zone WHERE time_zone = 'Etc/GMT-4' AND mailing_id = :mailing", mailing=mailing)
        self.run(engine, "zones added", lambda c: zones.add_missing(c, mailing, OWNER, TIMES, NOW), ZONES)
        self.run(engine, "windows", lambda c: zones.rewrite(c, mailing, ["Etc/GMT-1"], TIMES, NOW), ZONES)
        new = planning.ZoneSlice(self.database.mailings(1)[0], OWNER, "Etc/GMT-4", 0, MessageStatus.WAITING, NOW)
        self.run(engine, "plan", lambda c: planning.plan_slice(c, new, ALL, SIZE, NOW), SIZE)
        again = self.run(engine, "plan again", lambda c: planning.plan_slice(c, new, ALL, SIZE, NOW, some_planned=True), SIZE)
        assert (again.clients, again.rows) == (SIZE, 0)
        self.database.load("DELETE FROM message WHERE mailing_id = :mailing", mailing=new.mailing_id)
        self.database.load("DELETE FROM mailing WHERE id = :mailing", mailing=new.mailing_id)
        self.run(engine, "catch up", lambda c: planning.catch_up(c, mailing, OWNER, ALL, NOW, size=SIZE), ROWS)
        self.run(engine, "adopt nothing", lambda c: c.execute(planning._ADOPT, self.adoption), 0)
        self.database.load(LOAD_LEFT_BEHIND, mailing=mailing, number=SIZE)
        adopted = self.run(
            engine, "adopt what was left behind", lambda c: c.execute(planning._ADOPT, self.adoption).rowcount, SIZE
        )
        assert adopted == SIZE
        all_mailings = self.database.load("SELECT count(*) FROM mailing")[0][0]
        self.run(engine, "lease", lambda c: mailings.take_lease(c, mailing, StartSource.API, NOW, NOW + HOUR))
        self.run(engine, "settle", lambda c: [mailings.lock(c, mailing), mailings.settle(c, mailing, NOW)])
        self.run(engine, "finish", lambda c: mailings.finish(c, self.database.mailings(1)[0], {"total": 0}, NOW))
        self.run(
            engine, "schedule", lambda c: [mailings.run_times(c, mailing), mailings.confirm_schedule(c, mailing, None, None)]
        )
        self.run(engine, "lower", lambda c: mailings.lower_next_run(c, mailing, NOW))
        self.run(
            engine, "overdue", lambda c: [mailings.overdue(c, NOW, NOW), mailings.lag(c, NOW), mailings.active(c)], all_mailings
        )
        self.run(engine, "schedules", lambda c: [mailings.unscheduled(c, NOW), mailings.all_run_times(c)], all_mailings)
        self.run(engine, "schedules of a slice", lambda c: mailings.run_times_of(c, [mailing]))
        self.run(engine, "schedules from there on", lambda c: mailings.next_scheduled(c, 0, 50), all_mailings)
        self.run(engine, "running", mailings.count_running, all_mailings)
        self.database.load("UPDATE mailing SET status = 'cancelled', next_run_at = NULL WHERE id = :mailing", mailing=mailing)
        stranded = self.run(engine, "stranded", lambda c: mailings.rescue_stranded(c, NOW), all_mailings)
        assert mailing in stranded
        self.database.load("UPDATE mailing SET status = 'running' WHERE id = :mailing", mailing=mailing)
        retry = mailings.Retry(NOW, 0)
        requeue = partial(
            message_edits.requeue_failed, mailing_id=mailing, now=NOW, honours_key=False, provider="default", size=SIZE
        )
        done, left = self.run(engine, "retry failed", lambda c: requeue(c, retry=retry), SIZE)  # some lost their phones
        assert done
        done, left = self.run(engine, "retry failed, further on", lambda c: requeue(c, retry=left), SIZE)
        assert done
        assert self.run(engine, "remove messages", lambda c: message_edits.remove(c, mailing, SIZE, NOW), SIZE)
        self.run(engine, "old periods", lambda c: message_edits.forget_old_periods(c, NOW + timedelta(days=60)))
        self.database.load(
            "UPDATE message SET status = 4, error_code = 'refused' WHERE mod(client_id, 20) = 0 AND mailing_id = :mailing",
            mailing=mailing,
        )

    def of_people(self, engine: Engine) -> None:
        """What people ask for through the API and the admin panel."""
        mailing = self.mailing
        all_clients, all_rows = self.database.load("SELECT (SELECT count(*) FROM client), (SELECT count(*) FROM message)")[0]
        self.run(engine, "any of", lambda c: messages.any_of(c, mailing))
        self.run(engine, "undecided", lambda c: messages.any_undecided(c, mailing), ROWS)
        self.run(engine, "a mailing", lambda c: mailing_reads.find(c, OWNER, mailing), ROWS)
        self.run(
            engine, "mailings", lambda c: mailing_reads.page(c, MailingFilter(OWNER), Slice(11, descending=True)), ROWS + 1_000
        )
        nobody = OWNER + 1_000_000
        all_mailings = self.database.load("SELECT count(*) FROM mailing")[0][0]
        self.run(engine, "pause of owner", lambda c: mailings.pause_of_owner(c, nobody, NOW), all_mailings)
        self.run(engine, "unknown outcomes", lambda c: message_counts.unknown_outcomes(c, mailing), ROWS // 10)
        self.run(engine, "kept", lambda c: message_counts.keep(c, OWNER, {MessageStatus.SENT: 1}))
        self.run(engine, "statistics", lambda c: message_counts.of_owner(c, OWNER), all_rows)
        self.run(engine, "dashboard", lambda c: [progress.days(c, OWNER, NOW - HOUR, "UTC"), progress.totals(c, OWNER)], all_rows)
        self.run(engine, "provider", lambda c: progress.providers(c, "default"))
        self.run(engine, "errors", lambda c: progress.errors(c, mailing), ROWS // 10)
        self.run(engine, "waiting zones", lambda c: progress.waiting_zones(c, mailing), all_rows)
        self.run(engine, "unplanned", lambda c: message_counts.unplanned_by_zone(c, mailing, OWNER, ALL), all_clients)
        self.run(engine, "selected", lambda c: selections.count_by_zone(c, OWNER, ALL), all_clients)
        self.run(engine, "selected in all", lambda c: selections.count(c, OWNER, ALL), all_clients)
        needs = Needs(frozenset({"name"}), frozenset({"name"}), by_values_alone=False)
        self.run(engine, "failing", lambda c: selections.count_failing(c, OWNER, ALL, needs), all_clients)
        self.run(engine, "values", lambda c: selections.values_of(c, OWNER, ALL, {"name"}), all_clients)
        self.run(engine, "names of values", lambda c: selections.attribute_names(c, OWNER, ALL), max(10_000, ROWS // 3))
        self.run(engine, "selected first", lambda c: selections.first(c, OWNER, ALL), self.listed(1))
        self.run(engine, "barred", lambda c: selections.count_barred(c, OWNER, ALL), all_clients)
        self.run(engine, "listed", lambda c: do_not_contact.listed(c, OWNER, "+79500000001"))
        for descending in (False, True):
            part = Slice(51, after=ROWS // 2, descending=descending)
            for chosen in (
                MessageFilter(None),
                MessageFilter(OWNER),
                MessageFilter(OWNER, status=4),
                MessageFilter(None, mailing_id=mailing),
                MessageFilter(None, mailing_id=mailing, status=1),
                MessageFilter(OWNER, mailing_id=mailing),
                MessageFilter(OWNER, mailing_id=mailing, status=1),
                MessageFilter(OWNER, client_id=7),
            ):
                # A slice of each status; a superuser's of each status of each owner.
                self.run(engine, f"page {chosen}", partial(_messages, chosen, part), self.listed(51 * 5))
            for people in (
                ClientFilter(OWNER),
                ClientFilter(OWNER, time_zone="Etc/GMT-4"),
                ClientFilter(OWNER, operator_code="907"),
                ClientFilter(OWNER, tags=("tag7",)),
            ):
                needed = 6_000 if people.tags else 51
                self.run(engine, f"page {people}", partial(_clients, people, part), self.listed(needed))
        one = next(self.chunks)[0]
        self.run(engine, "a message", lambda c: [message_reads.find(c, OWNER, one), message_edits.lock(c, one)])
        self.run(engine, "requeue", lambda c: message_edits.requeue(c, one, NOW))
        self.run(engine, "hide", lambda c: message_edits.hide(c, one, MessageStatus.CANCELLED, NOW))
        one = next(self.chunks)[0]
        (client_id,) = self.database.load("SELECT client_id FROM message WHERE id = :one", one=one)[0]
        self.run(engine, "client's zones", lambda c: zones.of_owner(c, OWNER), ZONES)
        self.run(engine, "follow zone", lambda c: message_edits.follow_time_zone(c, one))
        self.run(engine, "follow phone", lambda c: message_edits.follow_phone(c, client_id, "+79990000001"))
        client = self.run(engine, "a client", lambda c: clients.find(c, OWNER, client_id))
        self.run(engine, "adopt", lambda c: message_edits.adopt(c, mailing, client, MessageStatus.WAITING, NOW))
        self.run(engine, "relink", lambda c: message_edits.relink(c, one))
        self.run(engine, "test clients", lambda c: clients.add_test_clients(c, OWNER, ["UTC"], 100, 101))
        ids = [row.id for row in self.database.load("SELECT id FROM client WHERE phone LIKE '+71%'")]
        self.run(
            engine, "delete clients", lambda c: [clients.lock_some(c, 3, 0, max(ids)), clients.remove(c, ids, "default")], 10
        )


def _messages(chosen: MessageFilter, part: Slice, connection: Connection) -> object:
    return message_reads.page(connection, chosen, part)


def _clients(chosen: ClientFilter, part: Slice, connection: Connection) -> object:
    return clients.page(connection, chosen, part)


def _size_of(result: Any) -> int:
    return result if type(result) is int else 1


def _chunks(database: Database, mailing: int) -> Iterator[list[int]]:
    """Dispatched ids, from all over the mailing."""
    rows = database.load(
        "SELECT id FROM message WHERE mailing_id = :mailing AND dispatched_at IS NOT NULL AND status = 1 ORDER BY id DESC LIMIT 1500",
        mailing=mailing,
    )
    ids = [row.id for row in rows]
    return (ids[place::60] for place in range(60))


@dataclass(frozen=True, slots=True)
class Measured:
    """What was read in each state, and which statements were executed at all."""

    reads: dict[str, list[Read]]
    seen: set[str]


STATES = (
    "empty when analysed",
    "empty when analysed, generic plans",
    "prepared on 30 rows",
    "a thousand small mailings when analysed",
    "a thousand small mailings when analysed, generic plans",
    "analysed",
)


ANALYSED = STATES[3:]
"""Here it knows the clients, and of messages at least that there are many."""


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    with (
        tempfile.TemporaryDirectory(prefix="mailing-api-") as folder,
        PostgresServer(Path(folder), durable=False, settings=SERVER_SETTINGS | {"shared_buffers": "512MB"}) as server,
    ):
        database = Database(server, migrated(server, "plans"))
        try:
            yield _measure(database)
        finally:
            database.close()


def _measure(database: Database) -> Measured:
    found = Measured({}, set())
    database.load("""INSERT INTO "user" (username, password_hash) VALUES ('olga', '-')""")

    def steps(state: str, mailing: int, chunks: Iterator[list[int]], workers: Engine | None = None) -> None:
        each = Steps(database, mailing, state, chunks, found.reads.setdefault(state, []), found.seen)
        worker_engine, api_engine = workers or read_by_index(database.engine()), database.engine()
        each.of_workers(worker_engine)
        each.of_people(api_engine)

    def forget() -> None:
        database.load("TRUNCATE mailing, mailing_zone, message, message_call")

    database.analyze()
    database.load(LOAD_CLIENTS, first=1, last=ROWS + 100)
    database.load(LOAD_LISTED, number=ROWS // 10)
    large = database.large_mailing()
    chunks = _chunks(database, large)
    steps(STATES[0], large, chunks)
    database.plan_cache_mode("force_generic_plan")
    steps(STATES[1], large, chunks)
    database.plan_cache_mode("auto")

    forget()
    small = database.mailings(1)[0]
    database.load(LOAD_LARGE, mailing=small, number=30)
    database.analyze()
    kept = read_by_index(database.engine())
    _work_through(kept, small, [row.id for row in database.load("SELECT id FROM message WHERE status = 1")])
    large = database.large_mailing()
    steps(STATES[2], large, _chunks(database, large), kept)

    forget()
    database.mailings(1_000)
    database.load(LOAD_SMALL)
    database.analyze()
    large = database.large_mailing()
    chunks = _chunks(database, large)
    steps(STATES[3], large, chunks)
    database.plan_cache_mode("force_generic_plan")
    steps(STATES[4], large, chunks)
    database.plan_cache_mode("auto")
    database.analyze()
    steps(STATES[5], large, chunks)
    return found


def _work_through(engine: Engine, mailing: int, ids: list[int]) -> None:
    """A small mailing on a connection that is kept: often enough for PostgreSQL to settle on a plan."""
    with autocommit(engine) as connection:
        for start in range(0, len(ids), 3):
            claimed = messages.claim(connection, mailing, ids[start : start + 3], now=NOW, lease=LEASE, deadline=DEADLINE)
            verdicts = [(claim, Verdict(MessageStatus.SENT, 1, unknown=False)) for claim in claimed.claims]
            messages.record(connection, mailing, verdicts, NOW)
            gates.read(connection, mailing, "default")
        kept = text("SELECT count(*) FROM pg_prepared_statements WHERE generic_plans > 0 AND statement ~ 'claim_no|verdict'")
        assert connection.execute(kept).scalar_one() >= 2


@pytest.mark.timeout(0 if ROWS > 100_000 else 300)
@pytest.mark.parametrize("state", STATES)
def test_what_is_read_follows_from_what_is_asked_for(measured: Measured, state: str) -> None:
    assert len(measured.reads[state]) > 60
    too_much = "\n".join(str(read) for read in measured.reads[state] if read.too_much)
    assert not too_much, f"read more than they needed:\n{too_much}"


GROWING = (
    clients,
    gates,
    mailings,
    message_calls,
    message_counts,
    message_edits,
    messages,
    planning,
    progress,
    retention,
    selections,
    zones,
)
NOT_READ_FROM = {
    clients._ADD: "inserts what it is given",
    gates._KNOW_PROVIDER: "inserts a row",
}


def test_every_statement_was_looked_at(measured: Measured) -> None:
    seen = {" ".join(statement.split()) for statement in measured.seen}
    dialect = build_engine(read_settings({"DATABASE_URL": "postgresql+pg8000://nobody@127.0.0.1/none"})).dialect
    missed = [
        f"{module.__name__}.{name}"
        for module in GROWING
        for name, value in vars(module).items()
        if isinstance(value, TextClause) and value not in NOT_READ_FROM
        if " ".join(str(value.compile(dialect=dialect)).split()) not in seen
    ]
    assert not missed
