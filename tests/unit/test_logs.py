"""`make logs`: lines that a person can read."""

import json

from local.logs import _readable

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
