"""`make logs`: lines that a person can read."""

import io
import json
from datetime import UTC, datetime

from rich.console import Console

from chalicelib.storage.message_calls import MessageCall
from local.logs import _readable, calls_table

LINE = {
    "time": "2026-11-23T10:00:00.000+00:00",
    "level": "info",
    "event": "chunk",
    "mailing_id": 7,
    "message_ids": [1, 25],
    "_aws": {
        "Timestamp": 1,
        "CloudWatchMetrics": [
            {
                "Namespace": "mailing-api",
                "Dimensions": [["Stage"]],
                "Metrics": [{"Name": "Sent", "Unit": "Count"}, {"Name": "ProviderLatency", "Unit": "Milliseconds"}],
            }
        ],
    },
    "Stage": "local",
    "Sent": 25,
    "ProviderLatency": [50.5, 60.0, 49.0],
}


def test_a_line_shows_metrics_without_their_machinery() -> None:
    text = _readable(0, "send", json.dumps(LINE)).plain
    assert text.endswith("chunk  mailing_id=7  message_ids=[1, 25]  Sent=25  ProviderLatency=49.0…60.0 (3)")


def test_in_a_narrow_terminal_nothing_of_a_call_is_cut_off() -> None:
    call = MessageCall(
        1, 1, datetime(2026, 6, 1, tzinfo=UTC), "default", "unknown", "unknown_outcome", "no whole answer: reset", 1234
    )
    console = Console(file=io.StringIO(), width=60)
    console.print(calls_table([call]))
    printed = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "…" not in printed
    columns = zip(*(line.split("│")[1:-1] for line in printed.splitlines() if line.startswith("│")), strict=True)
    shown = ["".join(part.replace(" ", "") for part in column) for column in columns]
    assert shown[3:] == ["unknown", "unknown_outcome", "nowholeanswer:reset", "1,234"]
