"""Logs as JSON lines that can be found by mailing and message id, and metrics inside them. No phone number and no text ever goes in.

A line that carries metrics has them in CloudWatch's embedded format: CloudWatch reads them out of the log, so that no function calls
it, and the line stays one that a person can read.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

NAMESPACE = "mailing-api"
UNITS = {
    "Sent": "Count",
    "Failed": "Count",
    "Unknown": "Count",
    "Expired": "Count",
    "Deferred": "Count",
    "Throttled": "Count",
    "ProviderPace": "Count/Second",
    "Repaired": "Count",
    "ItemsFailed": "Count",
    "ProviderLatency": "Milliseconds",
    "BreakerOpen": "None",
    "ScheduleLag": "Seconds",
    "Receives": "Count",
}
"""Every metric there is. Template alarms name some of them."""
_MOST_VALUES = 100  # that CloudWatch reads of one metric in one line

Metrics = Mapping[str, float | Sequence[float]]
"""Values by name; several values of one metric are a distribution."""

# Not the name of the app: Chalice has put a handler with a format of its own on that logger.
_logger = logging.getLogger("mailing-api.events")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        metrics: Metrics = getattr(record, "metrics", {})
        if metrics:
            line |= _embedded(metrics, record.created)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            # Where, not what: messages of exceptions may carry the values of a row.
            line["where"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(record.exc_info[2])[-5:]]
        return json.dumps(line, default=str)


def _embedded(metrics: Metrics, moment: float) -> dict[str, Any]:
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["Stage"]],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in metrics],
    }
    values = {name: list(value)[:_MOST_VALUES] if isinstance(value, Sequence) else value for name, value in metrics.items()}
    return {
        "_aws": {"Timestamp": int(moment * 1000), "CloudWatchMetrics": [directive]},
        "Stage": os.environ.get("STAGE", "local"),
        **values,
    }


def _configure() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonLines())
    _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False


# At the import, not at the first line: somebody else's handler on the logger (tracing, a test) must not be taken for ours.
_configure()


def log(event: str, *, metrics: Metrics | None = None, **fields: Any) -> None:
    """One line: what happened, the ids and counts that belong to it, and what of it is measured (names of UNITS)."""
    _logger.info(event, extra={"fields": fields, "metrics": metrics or {}})


def log_receives(queue: str, records: Sequence[Mapping[str, Any]]) -> None:
    """One line if messages of an SQS event were received before, with the largest number of receives.

    SQS itself tells of a message that fails again and again only when it becomes a dead letter: from the third receive on, the age of the
    oldest message no longer counts it. Called before the work, because a function that is killed logs nothing after it.
    """
    receives = max((int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)) for record in records), default=1)
    if receives > 1:
        log("received_again", queue=queue, metrics={"Receives": receives})


def warn(event: str, **fields: Any) -> None:
    """A line for something that a person may want to look at."""
    _logger.warning(event, extra={"fields": fields})


def log_exception(event: str, *, metrics: Metrics | None = None, **fields: Any) -> None:
    """A line for the exception being handled: its class and where it came from."""
    _logger.exception(event, extra={"fields": fields, "metrics": metrics or {}})
