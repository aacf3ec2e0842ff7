"""What the end-to-end tests do again and again: write a mailing, wait for it, compare API, database and ledger."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local import aws
from local.api import Api
from local.ledger import ProviderClient
from local.stack import Stack

ALL_CLIENTS = 2160
CLIENTS_OF_ONE_CODE = 24  # one in each zone


@dataclass(frozen=True, slots=True)
class Stage:
    stack: Stack
    api: Api
    provider: ProviderClient

    def write_mailing(self, starts_in: float, **more: object) -> dict[str, Any]:
        start = (datetime.now(UTC) + timedelta(seconds=starts_in)).replace(microsecond=0, tzinfo=None)
        return self.api.create_mailing("e2e", "Hello", start, start + timedelta(hours=2), time_zone="UTC", **more)

    def finished(self, mailing_id: int, within: float) -> dict[str, Any]:
        """The mailing when it is finished."""
        return self.reached(mailing_id, "finished", within)

    def reached(self, mailing_id: int, status: str, within: float) -> dict[str, Any]:
        deadline = time.monotonic() + within
        while (mailing := self.api.mailing(mailing_id))["status"] != status:
            assert time.monotonic() < deadline, f"not {status} after {within} s: {mailing}"
            time.sleep(0.2)
        return mailing

    def assert_sent_once_each(self, mailing: dict[str, Any], expected: int) -> None:
        """Every message of the mailing is sent, and the provider delivered each of them once and nothing else."""
        assert mailing["counts"] == {"waiting": 0, "sent": expected, "expired": 0, "failed": 0, "cancelled": 0, "total": expected}
        messages = self.api.messages(mailing["id"])
        assert Counter(message["status"] for message in messages) == {2: expected}
        assert self.provider.deliveries() == {message["id"]: 1 for message in messages}
        assert len({message["phone"] for message in messages}) == expected

    def send_to_queue(self, output: str, body: str) -> None:
        aws.client("sqs", self.stack.endpoint).send_message(QueueUrl=self.stack.output(output), MessageBody=body)

    def reconcile(self) -> None:
        """What the every-minute rule does, now."""
        event = {
            **dict.fromkeys(("version", "id", "account", "time"), "0"),
            "region": aws.REGION,
            "source": "aws.events",
            "resources": [],
            "detail": {},
            "detail-type": "Scheduled Event",
        }
        function = self.stack.output("ReconcileName")
        answer = aws.client("lambda", self.stack.endpoint).invoke(FunctionName=function, Payload=json.dumps(event).encode())
        assert "FunctionError" not in answer, answer["Payload"].read()

    def drained(self, output: str, within: float) -> None:
        """Waits until the queue holds nothing, neither waiting nor in flight."""
        sqs = aws.client("sqs", self.stack.endpoint)
        names: list[Any] = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        deadline = time.monotonic() + within
        while any(
            int(count)
            for count in sqs.get_queue_attributes(QueueUrl=self.stack.output(output), AttributeNames=names)["Attributes"].values()
        ):
            assert time.monotonic() < deadline, f"{output} still holds messages after {within} s"
            time.sleep(0.2)
