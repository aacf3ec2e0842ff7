"""What the Lambda functions `advance_mailing` and `reconcile` do with their events."""

from dataclasses import asdict
from typing import Any

from chalicelib import aws
from chalicelib.config import settings
from chalicelib.domain.status import StartSource
from chalicelib.domain.strict_json import parse
from chalicelib.observability import log_exception, log_receives, warn
from chalicelib.scheduling.reconcile import reconcile
from chalicelib.scheduling.run import RunTools, advance_mailing
from chalicelib.storage.engine import database_away, engine, read_by_index

_IDS_END = 2**63
_MOST = 2**18  # bytes of a body: as many as SQS takes
_MARGIN_SECONDS = 10  # of the function's time, kept for settling a run


def _tools() -> RunTools:
    return RunTools(read_by_index(engine()), settings())


def advance(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an SQS event of the mailings queue: each request that failed, whatever the reason, comes again by itself."""
    log_receives("mailings", event["Records"])
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
    except Exception as error:  # noqa: BLE001 - of one mailing: the other records of the event are not its business
        log_exception("run_failed", mailing_id=mailing_id, metrics=None if database_away(error) else {"ItemsFailed": 1})
        return False
    return True


def _parse(body: str) -> tuple[int, StartSource, int] | None:
    try:
        request = parse(body, _MOST)
        mailing_id, hop = int(request["mailing_id"]), int(request.get("hop", 0))
        return (mailing_id, StartSource(request.get("source", "api")), hop) if 0 < mailing_id < _IDS_END else None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
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
