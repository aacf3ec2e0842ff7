"""`make logs`: lines that a person can read, and what the metrics in them add up to."""

import io
import json

from rich.console import Console

from local.logs import Measured, _readable

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


def test_metrics_add_up() -> None:
    measured = Measured()
    for line in (json.dumps(LINE), json.dumps(LINE), "START RequestId", json.dumps({"event": "run"})):
        measured.add(line)
    stream = io.StringIO()
    measured.show(Console(file=stream, width=100))
    rows = {
        line.split("│")[1].strip(): [cell.strip() for cell in line.split("│")[2:5]]
        for line in stream.getvalue().splitlines()
        if "│" in line
    }
    assert rows == {"Sent, count": ["50", "25.0", "25.0"], "ProviderLatency, milliseconds": ["319", "53.2", "60.0"]}
