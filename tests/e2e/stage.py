"""What the end-to-end tests do again and again: write a mailing, wait for it, compare API, database and ledger."""

import json
import time
from collections import Counter
from collections.abc import Callable
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
        return self.until(mailing_id, lambda mailing: mailing["status"] == status, within)

    def sent(self, mailing_id: int, number: int, within: float) -> dict[str, Any]:
        """The mailing when at least so many of its messages are sent."""
        return self.until(mailing_id, lambda mailing: mailing["counts"]["sent"] >= number, within)

    def until(self, mailing_id: int, as_wanted: Callable[[dict[str, Any]], bool], within: float) -> dict[str, Any]:
        """The mailing when it is as wanted."""
        deadline = time.monotonic() + within
        while not as_wanted(mailing := self.api.mailing(mailing_id)):
            assert time.monotonic() < deadline, f"not so after {within} s: {mailing}"
            time.sleep(0.2)
        return mailing

    def schedules(self, mailing_id: int) -> list[str]:
        """The names of the mailing's schedules."""
        group = self.stack.output("ScheduleGroupName")
        found = self._scheduler.list_schedules(GroupName=group, NamePrefix=f"mailing-{mailing_id}-")["Schedules"]
        return [each["Name"] for each in found]

    def lose_schedule(self, mailing_id: int) -> None:
        """Deletes the mailing's only schedule behind its back."""
        (name,) = self.schedules(mailing_id)
        self._scheduler.delete_schedule(GroupName=self.stack.output("ScheduleGroupName"), Name=name)

    @property
    def _scheduler(self) -> Any:
        return aws.client("scheduler", self.stack.endpoint)

    def scheduled(self, mailing_id: int) -> datetime | None:
        """The moment of the mailing's schedule; it has none or one."""
        names = self.schedules(mailing_id)
        if not names:
            return None
        (name,) = names
        schedule = self._scheduler.get_schedule(GroupName=self.stack.output("ScheduleGroupName"), Name=name)
        assert schedule["ScheduleExpressionTimezone"] == "UTC"
        return datetime.fromisoformat(schedule["ScheduleExpression"].removeprefix("at(").removesuffix(")")).replace(tzinfo=UTC)

    def assert_sent_once_each(self, mailing: dict[str, Any], expected: int) -> None:
        """Every message of the mailing is sent, and the provider delivered each of them once and nothing else."""
        assert self.provider.deliveries() == dict.fromkeys(self.assert_sent(mailing, expected), 1)

    def assert_sent(self, mailing: dict[str, Any], expected: int) -> list[int]:
        """So many messages of the mailing are sent, to as many phones, and none is anything else; their ids."""
        assert {part: number for part, number in mailing["counts"].items() if number} == {"sent": expected, "total": expected}
        messages = self.api.messages(mailing["id"])
        assert Counter(message["status"] for message in messages) == {2: expected}
        assert len({message["phone"] for message in messages}) == expected
        return [message["id"] for message in messages]

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
