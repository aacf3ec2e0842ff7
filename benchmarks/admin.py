"""How long the admin panel's pages take the server, with 200,000 messages in a real PostgreSQL: `python -m benchmarks.admin`.

The function is called as Lambda calls it, warm; the time is all it takes from the event to the answer.
"""

import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.admin import handler
from chalicelib.config import read_settings
from chalicelib.domain.access import Principal
from chalicelib.manage import migrate
from chalicelib.services import accounts, users
from chalicelib.services.accounts import Account
from chalicelib.storage.engine import build_engine
from chalicelib.storage.engine import engine as process_engine
from local.postgres import PostgresServer
from local.stack import ENCRYPTION_KEY
from tests.admin.browser import PASSWORD, Browser

MESSAGES = 200_000
LIMIT = 0.3
"""Seconds that a page may take."""
TIMES = 15
_SUPERUSER, _OWNER = "root", "owner"
# 40,000 clients in 24 zones; nineteen finished mailings to 9,000 of them, one of 29,000 that runs.
_FILL = """
INSERT INTO client (owner_id, phone, operator_code, time_zone, tags, attributes)
SELECT :owner, '+79' || lpad(n::text, 9, '0'), (910 + mod(n, 90))::text, 'Etc/GMT-' || 1 + mod(n, 12), ARRAY['tag' || mod(n, 50)],
       jsonb_build_object('name', 'Client ' || n)
FROM generate_series(1, 40000) n;
INSERT INTO mailing (owner_id, name, text, starts_at, ends_at, time_zone, status, started_at, finished_at, final_counts, created_at)
SELECT :owner, 'Mailing ' || n, 'Hello, ${name|friend}', now(), now() + interval '1 day', 'UTC',
       CASE WHEN n = 20 THEN 'running' ELSE 'finished' END, now(),
       CASE WHEN n < 20 THEN now() + interval '1 day' - make_interval(days => 20 - n) END,
       CASE WHEN n < 20 THEN CAST('{"waiting": 0, "sent": 8700, "expired": 0, "failed": 300, "cancelled": 0, "total": 9000}' AS jsonb) END,
       now() - make_interval(days => 20 - n)
FROM generate_series(1, 20) n;
INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, status, not_before, sent_at, error_code, error_detail, created_at)
SELECT m.id, :owner, c.id, c.phone, c.time_zone, s.status, m.created_at,
       CASE WHEN s.status = 2 THEN m.created_at + make_interval(secs => mod(c.id, 3600)) END,
       CASE WHEN s.status = 4 THEN 'refused' END, CASE WHEN s.status = 4 THEN 'HTTP 400' END, m.created_at
FROM (SELECT id, created_at, status, row_number() OVER (ORDER BY id) AS n FROM mailing) m
JOIN (SELECT id, phone, time_zone, row_number() OVER (ORDER BY id) AS n FROM client) c
  ON c.n <= CASE WHEN m.status = 'running' THEN 29000 ELSE 9000 END
CROSS JOIN LATERAL (SELECT CASE WHEN mod(c.n, 30) = 0 THEN 4 WHEN m.status = 'running' AND mod(c.n, 2) = 0 THEN 1 ELSE 2 END AS status) s;
INSERT INTO mailing_zone (mailing_id, time_zone, opens_at, closes_at, expires_at, planned_at)
SELECT m.id, z.time_zone, now() - interval '1 hour', now() + interval '1 day', now() + interval '1 day', now()
FROM mailing m CROSS JOIN (SELECT DISTINCT time_zone FROM client) z;
ANALYZE;
"""
PAGES = {
    "dashboard": "/",
    "dashboard, again": "/dashboard.json",
    "messages": "/message/list",
    "messages, last page": "/message/list?page=8000",
    "messages, one mailing": "/message/list?filter=mailing_id__eq%3D20",
    "messages, failed": "/message/list?filter=status__in%3D4",
    "messages, by a part of the phone": "/message/list?q=00012345",
    "messages, by moment of sending": "/message/list?sort=sent_at__desc",
    "clients": "/client/list",
    "clients, by a part of the phone": "/client/list?q=00012345",
    "clients, by tag": "/client/list?q=tag7",
    "mailings": "/mailing/list",
    "a running mailing": "/mailing/detail?pk=20",
    "a running mailing, again": "/data/mailing/20",
    "a finished mailing": "/mailing/detail?pk=19",
}


def measure() -> dict[str, float]:
    """Median seconds of each page, for the owner of all messages and for a superuser."""
    return {name: statistics.median(taken) for name, taken in samples(TIMES).items()}


def samples(times: int) -> dict[str, list[float]]:
    """Seconds that each page took, asked for so many times."""
    with tempfile.TemporaryDirectory(prefix="mailing-api-") as folder, PostgresServer(Path(folder)) as server:
        url = server.create_database("benchmark")
        chosen = read_settings({"DATABASE_URL": url})
        engine = build_engine(chosen)
        try:
            migrate(engine, chosen)
            _fill(engine)
            with _own_settings(url):
                return {
                    f"{page}, {name}": taken for name in (_OWNER, _SUPERUSER) for page, taken in _pages_of(name, times).items()
                }
        finally:
            engine.dispose()


def _fill(engine: Engine) -> None:
    users.ensure_superuser(engine, _SUPERUSER, PASSWORD)
    owner = accounts.create(engine, Principal(1, _SUPERUSER, is_superuser=True), Account(_OWNER), PASSWORD)
    with engine.begin() as connection:
        for statement in filter(str.strip, _FILL.split(";\n")):
            connection.execute(text(statement), {"owner": owner.id} if ":owner" in statement else {})
        assert connection.execute(text("SELECT count(*) FROM message")).scalar_one() == MESSAGES


@contextlib.contextmanager
def _own_settings(url: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ |= {"DATABASE_URL": url, "ENCRYPTION_KEYS": ENCRYPTION_KEY}
    config.settings.cache_clear()
    process_engine.cache_clear()
    try:
        yield
    finally:
        handler.forget()
        process_engine().dispose()
        process_engine.cache_clear()
        config.settings.cache_clear()
        os.environ.clear()
        os.environ.update(before)


def _pages_of(username: str, times: int) -> dict[str, list[float]]:
    browser = Browser()
    with contextlib.redirect_stdout(io.StringIO()):  # one log line a request
        browser.login(username)
        return {name: _seconds(browser, path, times) for name, path in PAGES.items()}


def _seconds(browser: Browser, path: str, times: int) -> list[float]:
    browser.get(path)
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        browser.get(path)
        taken.append(time.perf_counter() - started)
    return taken


def main() -> int:
    found = measure()
    table = Table("page", "of", "ms", title=f"The admin panel with {MESSAGES:,} messages")
    for name, seconds in found.items():
        page, _, who = name.rpartition(", ")
        table.add_row(page, who, f"{seconds * 1000:.0f}", style="red" if seconds > LIMIT else "")
    table.columns[2].justify = "right"
    Console().print(table)
    return 1 if any(seconds > LIMIT for seconds in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
