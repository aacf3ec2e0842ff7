"""Logs as JSON lines that can be found by mailing and message id. No phone number and no text ever goes in."""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

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
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            # Where, not what: messages of exceptions may carry the values of a row.
            line["where"] = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(record.exc_info[2])[-5:]]
        return json.dumps(line, default=str)


def _configured() -> logging.Logger:
    if not _logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(_JsonLines())
        _logger.addHandler(handler)
        _logger.setLevel(logging.INFO)
        _logger.propagate = False
    return _logger


def log(event: str, **fields: Any) -> None:
    """One line: what happened, and the ids and counts that belong to it."""
    _configured().info(event, extra={"fields": fields})


def warn(event: str, **fields: Any) -> None:
    """A line for something that a person may want to look at."""
    _configured().warning(event, extra={"fields": fields})


def log_exception(event: str, **fields: Any) -> None:
    """A line for the exception being handled: its class and where it came from."""
    _configured().exception(event, extra={"fields": fields})
