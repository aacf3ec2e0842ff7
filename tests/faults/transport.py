"""SQS and EventBridge Scheduler as the functions' clients see them, over the queues in memory that tests look into."""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from tests.world import FakeAws

MAILINGS, MESSAGES, DEAD_MAILINGS, DEAD_MESSAGES = "mailings", "messages", "mailings-dead", "messages-dead"


class Transport:
    """Answers what a client asks: a dict, or a string as the error's code ("timeout": carried out, but nobody was told)."""

    def __init__(self, queues: FakeAws) -> None:
        self.queues = queues
        self.buried: dict[str, list[str]] = {DEAD_MAILINGS: [], DEAD_MESSAGES: []}
        self.silent: Callable[[str], bool] = lambda _operation: False
        """Which operations are carried out without an answer."""
        self._lock = Lock()

    def __call__(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        with self._lock:
            if self.queues.down:
                return "ServiceUnavailable"
            answer = getattr(self, f"_{operation}")(**arguments)
        return "timeout" if self.silent(operation) else answer

    def _send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Any:  # noqa: N803 - botocore's
        if QueueUrl in self.buried:
            self.buried[QueueUrl].append(MessageBody)
        else:
            self.queues.send(QueueUrl, json.loads(MessageBody), delay_seconds=DelaySeconds)
        return {}

    def _send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803 - botocore's
        [group] = {entry["MessageGroupId"] for entry in Entries}
        refused = set(self.queues.send_many(QueueUrl, [json.loads(entry["MessageBody"]) for entry in Entries], group))
        ids = [entry["Id"] for entry in Entries]
        return {
            "Successful": [{"Id": id_} for position, id_ in enumerate(ids) if position not in refused],
            "Failed": [{"Id": id_} for position, id_ in enumerate(ids) if position in refused],
        }

    def _create_schedule(self, Name: str, Target: dict[str, str], **_: Any) -> Any:  # noqa: N803 - botocore's
        if Name in self.queues.schedules:
            return "ConflictException"
        self.queues.schedules[Name] = json.loads(Target["Input"])
        return {}

    def _delete_schedule(self, Name: str, GroupName: str) -> Any:  # noqa: N803 - botocore's
        del GroupName
        return "ResourceNotFoundException" if self.queues.schedules.pop(Name, None) is None else {}

    def _list_schedules(self, GroupName: str, MaxResults: int) -> Any:  # noqa: N803 - botocore's
        del GroupName, MaxResults
        return {"Schedules": [{"Name": name} for name in self.queues.schedules]}
