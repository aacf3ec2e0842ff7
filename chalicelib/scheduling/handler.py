"""What the Lambda functions `advance_mailing` and `reconcile` do with their events."""

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from chalicelib import aws
from chalicelib.config import settings
from chalicelib.domain.status import StartSource
from chalicelib.observability import log_exception, warn
from chalicelib.scheduling.reconcile import reconcile
from chalicelib.scheduling.run import RunTools, advance_mailing
from chalicelib.storage.engine import engine, read_by_index

_MARGIN_SECONDS = 10  # of the function's time, kept for settling a run


def _tools() -> RunTools:
    return RunTools(read_by_index(engine()), settings())


def advance(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers an SQS event of the mailings queue: failures are only requests that the database could not be asked about."""
    failed = [record["messageId"] for record in event["Records"] if not _advance_one(record, context)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _advance_one(record: dict[str, Any], context: Any) -> bool:
    request = _parse(record["body"])
    if request is None:
        warn("poison", queue="mailings")
        return _bury(record["body"])
    mailing_id, source, hop = request
    seconds = context.get_remaining_time_in_millis() / 1000 - _MARGIN_SECONDS
    try:
        advance_mailing(_tools(), mailing_id, source, hop=hop, seconds=seconds)
    except (SQLAlchemyError, OSError):  # OSError: pg8000's socket timeout comes bare
        log_exception("run_failed", mailing_id=mailing_id)
        return False
    return True


def _parse(body: str) -> tuple[int, StartSource, int] | None:
    try:
        request = json.loads(body)
        return int(request["mailing_id"]), StartSource(request.get("source", "api")), int(request.get("hop", 0))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _bury(body: str) -> bool:
    try:
        aws.send_text(settings().mailings_dlq_url, body)
    except aws.AwsError:
        return False
    return True


def reconcile_all(_context: Any) -> dict[str, Any]:
    """Answers the every-minute rule."""
    return asdict(reconcile(_tools()))
