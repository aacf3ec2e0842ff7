"""The functions' logs, readable: `make logs`, `make logs MAILING=7`, `make logs MESSAGE=123`, `CLIENT=5`, `make logs FOLLOW=1`."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import text as sql

from chalicelib.config import read_settings
from chalicelib.domain import limits
from chalicelib.domain.status import MessageStatus
from chalicelib.storage import message_calls
from chalicelib.storage.engine import build_engine
from chalicelib.storage.message_calls import MessageCall
from local import aws, state
from local.console import guarded

PREFIX = "/aws/lambda/mailing-api-local-"
NOISE = ("START RequestId", "END RequestId", "REPORT RequestId", "INIT_START")
_MESSAGE = sql(
    "SELECT mailing_id, status, attempts, error_code, error_detail, coalesce(sent_at, attempted_at) AS at FROM message WHERE id = :message"
)
STYLES = {"warning": "yellow", "error": "red", "critical": "red"}


def show(console: Console) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.logs", description=__doc__)
    parser.add_argument("--mailing", type=int)
    parser.add_argument("--message", type=int)
    parser.add_argument("--client", type=int)
    parser.add_argument("--follow", action="store_true")
    chosen = parser.parse_args()
    logs = aws.client("logs", state.Addresses.of_running().aws)
    since = 0
    while True:
        for stamp, function, line in sorted(_lines(logs, since)):
            since = max(since, stamp + 1)
            if _wanted(line, chosen.mailing, chosen.message, chosen.client):
                console.print(_readable(stamp, function, line), soft_wrap=True)
        if not chosen.follow:
            if chosen.message is not None:
                _show_calls(console, chosen.message)
            return 0
        time.sleep(1)


def _lines(logs: Any, since: int) -> Iterator[tuple[int, str, str]]:
    for group in logs.describe_log_groups(logGroupNamePrefix=PREFIX)["logGroups"]:
        function = group["logGroupName"].removeprefix(PREFIX)
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"], startTime=since)
        for event in (event for page in pages for event in page["events"]):
            for line in event["message"].splitlines():
                if line.strip() and not line.startswith(NOISE):
                    yield event["timestamp"], function, line


def _show_calls(console: Console, message_id: int) -> None:
    """The message's trail, from the database: logs are by chunk."""
    engine = build_engine(read_settings({"DATABASE_URL": state.Addresses.of_running().database_url}))
    with engine.connect() as connection:
        row = connection.execute(_MESSAGE, {"message": message_id}).one_or_none() if limits.is_id(message_id) else None
        calls = [] if row is None else message_calls.of_message(connection, row.mailing_id, message_id)
    engine.dispose()
    if row is None:
        console.print(f"There is no message {message_id}.")
        return
    console.print(
        f"message {message_id} of mailing {row.mailing_id}: {MessageStatus(row.status).title}; attempts {row.attempts},"
        f" error_code {row.error_code or '-'}, error_detail {row.error_detail or '-'}, last attempted at {row.at or '-'}"
    )
    console.print(calls_table(calls) if calls else "No call is kept: its first call was accepted, or none was made yet.")


def calls_table(calls: Sequence[MessageCall]) -> Table:
    """Every call for a message, the earliest first."""
    table = Table(title="Calls to the provider")
    for name in ("at", "provider", "attempt", "answer", "error_code", "detail", "ms"):
        table.add_column(name, overflow="fold")  # in a narrow terminal nothing is cut off
    for call in calls:
        milliseconds = "?" if call.milliseconds is None else f"{call.milliseconds:,}"
        moment = f"{call.at.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(moment, call.provider, str(call.attempt), call.kind, call.error_code or "", call.detail or "", milliseconds)
    return table


def _wanted(line: str, mailing: int | None, message: int | None, client: int | None = None) -> bool:
    if mailing is None and message is None and client is None:
        return True
    try:
        fields = json.loads(line)
    except ValueError:
        return False
    if mailing is not None and fields.get("mailing_id") != mailing:
        return False
    if client is not None and fields.get("client_id") != client:
        return False
    return message is None or message == fields.get("message_id") or _within(message, fields.get("message_ids"))


def _within(message: int, ids: Any) -> bool:
    """A chunk logs its first and its last id."""
    return isinstance(ids, list) and len(ids) == 2 and ids[0] <= message <= ids[1]


def _short(value: Any) -> Any:
    """A distribution by its ends."""
    return f"{min(value)}…{max(value)} ({len(value)})" if isinstance(value, list) and len(value) > 2 else value


def _readable(stamp: int, function: str, line: str) -> Text:
    moment = datetime.fromtimestamp(stamp / 1000).astimezone()
    text = Text(f"{moment:%H:%M:%S} ", style="dim").append(f"{function:<11}", style="cyan")
    try:
        fields = json.loads(line)
        level, event = fields.pop("level"), fields.pop("event")
        for name in ("time", "_aws", "Stage"):  # the line has its time; the rest tells CloudWatch what is a metric
            fields.pop(name, None)
    except (ValueError, KeyError, AttributeError):
        return text.append(line, style="default")
    text.append(f"{event}  ", style=STYLES.get(level, "bold"))
    return text.append("  ".join(f"{name}={_short(value)}" for name, value in fields.items()), style="default")


if __name__ == "__main__":
    sys.exit(guarded(show))
