"""Transport is at least once: whatever comes twice must change nothing."""

import json
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.e2e.doubling import DoublingProxy
from tests.e2e.stage import ALL_CLIENTS, Stage


@pytest.fixture
def doubling(stack: Stack) -> Iterator[DoublingProxy]:
    """Functions that reach AWS through the doubling proxy."""
    with DoublingProxy(stack.endpoint) as proxy:
        stack.deploy(AWS_ENDPOINT_URL=proxy.url)
        yield proxy
        stack.deploy()


def test_every_sqs_message_delivered_twice(stage: Stage, doubling: DoublingProxy) -> None:
    stage.provider.configure(latency_ms=20)
    mailing = stage.write_mailing(starts_in=2)
    # What a schedule sends does not pass the proxy: it fires twice, too.
    for source in ("schedule", "schedule"):
        stage.send_to_queue("MailingsQueueUrl", json.dumps({"mailing_id": mailing["id"], "source": source}))

    mailing = stage.finished(mailing["id"], within=120)

    assert doubling.doubled > 0
    stage.assert_sent_once_each(mailing, ALL_CLIENTS)
    assert stage.provider.summary()["calls"] == ALL_CLIENTS


def test_chunks_that_come_again_after_the_end(stage: Stage) -> None:
    mailing = stage.write_mailing(starts_in=-1, filter_operator_codes=["913", "914"])
    mailing = stage.finished(mailing["id"], within=60)
    ids = [message["id"] for message in stage.api.messages(mailing["id"])]

    for _ in range(2):
        stage.send_to_queue("MessagesQueueUrl", json.dumps({"mailing_id": mailing["id"], "message_ids": ids}))
    stage.send_to_queue("MailingsQueueUrl", json.dumps({"mailing_id": mailing["id"], "source": "schedule"}))
    stage.drained("MessagesQueueUrl", within=30)
    stage.drained("MailingsQueueUrl", within=30)

    stage.assert_sent_once_each(stage.finished(mailing["id"], within=10), 48)
    assert stage.provider.summary()["calls"] == 48
