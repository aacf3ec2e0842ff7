"""What the Lambda function `send_messages` does with its events."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from chalicelib import aws
from chalicelib.config import settings
from chalicelib.observability import log_exception, log_receives, warn
from chalicelib.providers import configured
from chalicelib.providers.accounts import Accounts
from chalicelib.providers.contract import expires_at
from chalicelib.sending.worker import PoisonError, WorkerTools, give_back, parse_chunk, send_chunk
from chalicelib.storage.engine import database_away, engine, read_by_index


@lru_cache(maxsize=1)
def _tools() -> WorkerTools:
    chosen = settings()
    provider = configured()
    return WorkerTools(read_by_index(engine()), chosen, provider, _pool(), accounts=_accounts)


@lru_cache(maxsize=1)
def _accounts() -> Accounts:
    return Accounts(settings(), configured())


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings().provider_threads, "provider")


def _forget_configuration() -> None:
    """Has the next chunk read the secret again: somebody may have put a new token there, and this process may live for hours."""
    for cached in (_tools, _accounts, configured, settings):
        cached.cache_clear()


def send(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers an SQS event of the messages queue.

    No provider failure escapes: a function that fails makes Lambda throttle the queue. Only a chunk whose claim or record could not
    reach the database is reported as failed.
    """
    log_receives("messages", event["Records"])
    expires = expires_at(settings().provider_token.get_secret_value())
    if expires is not None and expires < time.time():
        _forget_configuration()  # it was renewed while this process was frozen: the first chunk need not find that out
    failed = [record["messageId"] for record in event["Records"] if not _send_one(record, context)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _send_one(record: dict[str, Any], context: Any) -> bool:
    tools = _tools()
    try:
        chunk = parse_chunk(record["body"])
    except PoisonError as error:
        warn("poison", queue="messages", reason=str(error))
        return _bury(record["body"])
    try:
        if context.get_remaining_time_in_millis() < tools.settings.lease_seconds * 1000:
            give_back(tools, chunk)
        else:
            figures = send_chunk(tools, chunk)
            if figures.misconfigured or (figures.left_out and tools.monotonic() > tools.made_at + tools.settings.probe_seconds):
                _forget_configuration()
    except Exception as error:  # noqa: BLE001 - of one chunk: the others of the event are not its business
        log_exception("chunk_failed", mailing_id=chunk.mailing_id, metrics=None if database_away(error) else {"ItemsFailed": 1})
        return False
    return True


def _bury(body: str) -> bool:
    try:
        aws.send_text(settings().messages_dlq_url, body)
    except aws.AwsError:
        return False
    return True
