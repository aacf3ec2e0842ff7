"""The plans of the hottest statements, as they run in a mailing to many clients: `python -m benchmarks.explain [CLIENTS]`."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, event

from benchmarks.place import Place, apart, place, settings_for
from benchmarks.planning import plan
from benchmarks.worker import dispatched
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.paging import Slice
from chalicelib.domain.status import StartSource
from chalicelib.providers import Outgoing
from chalicelib.scheduling.run import RunTools, advance_mailing
from chalicelib.sending.worker import Chunk, WorkerTools, send_chunk
from chalicelib.storage import mailing_reads, message_reads
from chalicelib.storage.engine import autocommit
from chalicelib.storage.message_reads import MessageFilter

WIDE = 150
HOTTEST = {
    "Plan a slice of clients": "INSERT INTO message",
    "Mark what is handed to SQS": "ANY(ARRAY(SELECT id FROM due))",
    "Claim a chunk": "claim_no = m.claim_no + 1",
    "Record the outcome": "WITH verdict",
    "Count a running mailing": "m.status BETWEEN s.status",
    "A page of a mailing's messages": "AS wanted",
}


def _none(_queue_url: str, _bodies: Sequence[dict[str, object]], _group: str) -> list[int]:
    return []


class _Accepts:
    def send(self, _message: Outgoing) -> Outcome:
        return Outcome(OutcomeKind.ACCEPTED)


class Explainer:
    """Explains each of the hottest statements the first time it runs: executed and rolled back, and then let through."""

    def __init__(self, found: Place) -> None:
        self.plans: dict[str, list[str]] = {}
        event.listen(found.engine, "before_cursor_execute", self._explain)

    def _explain(self, connection: Connection, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        named = [name for name, part in HOTTEST.items() if part in statement and name not in self.plans]
        if not named:
            return
        inside = not connection.connection.dbapi_connection.autocommit  # type: ignore[union-attr]  # it is connected
        cursor.execute("SAVEPOINT explained" if inside else "BEGIN")
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SUMMARY ON) {statement}", parameters)
        self.plans[named[0]] = [row[0] for row in cursor.fetchall()]
        cursor.execute("ROLLBACK TO explained" if inside else "ROLLBACK")


def explain(found: Place, clients: int) -> dict[str, list[str]]:
    """The plans of all, in a mailing to `clients` clients of which nine tenths are sent."""
    found.have_clients(clients)
    first = found.write_mailing()
    apart(plan, found.server_pid, found.url, first)
    found.sql("UPDATE message SET status = 2, sent_at = now() WHERE mod(id, 10) > 0")
    found.analyze()
    explainer = Explainer(found)
    chosen = settings_for(found.url, MAX_DISPATCHED="1000000000")
    advance_mailing(RunTools(found.engine, chosen, send_many=_none), first, StartSource.SCHEDULE, hop=10**9)
    ids = [
        row[0] for row in found.sql("SELECT id FROM message WHERE status = 1 ORDER BY id LIMIT 25 OFFSET :far", far=clients // 20)
    ]
    dispatched(found, ids)
    with ThreadPoolExecutor(1) as pool:
        send_chunk(WorkerTools(found.engine, chosen, _Accepts(), pool), Chunk(first, ids))
    with autocommit(found.engine) as connection:
        mailing_reads.find(connection, found.owner, first)
        message_reads.page(connection, MessageFilter(None, mailing_id=first), Slice(101, after=ids[0]))
    second = found.write_mailing()  # planned next to a million rows of another
    advance_mailing(
        RunTools(found.engine, settings_for(found.url, MAX_DISPATCHED="1"), send_many=_none), second, StartSource.API, hop=10**9
    )
    return explainer.plans


def main() -> None:
    with place() as found:
        plans = explain(found, int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    for name in HOTTEST:
        lines = [line if len(line) <= WIDE else f"{line[: WIDE - 2]} …" for line in plans[name]]
        print(f"### {name}\n\n```\n" + "\n".join(lines) + "\n```\n")


if __name__ == "__main__":
    main()
