"""The few calls to SQS and EventBridge Scheduler. Clients are made at first use and kept: making one costs more than a call."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.once import once

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient

BATCH = 10  # entries that one SendMessageBatch takes
_IN_FLIGHT = 4
_MAX_DELAY = 900  # SQS: seconds
AwsError = (BotoCoreError, ClientError)
_CONFIG = Config(
    connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=_IN_FLIGHT
)


def client(service: str) -> Any:
    """Return a client of an AWS service."""
    make: Any = boto3.client  # typed for each service by itself
    return make(service, config=_CONFIG)


@once
def _sqs() -> "SQSClient":
    return cast("SQSClient", client("sqs"))


@once
def _scheduler() -> "EventBridgeSchedulerClient":
    return cast("EventBridgeSchedulerClient", client("scheduler"))


def send(queue_url: str, body: dict[str, Any], *, delay_seconds: int = 0) -> None:
    """One JSON message to a queue; raises one of AwsError."""
    _sqs().send_message(QueueUrl=queue_url, MessageBody=_compact(body), DelaySeconds=min(delay_seconds, _MAX_DELAY))


def send_text(queue_url: str, body: str) -> None:
    """A body as it stands (a copy of one that could not be read); raises one of AwsError."""
    _sqs().send_message(QueueUrl=queue_url, MessageBody=body)


def send_many(queue_url: str, bodies: Sequence[dict[str, Any]], group: str) -> list[int]:
    """Sends all, ten a call and several calls in flight. Returns the positions of those that did not go (refused, or the call failed).

    SQS hands out messages of a group that keeps many receivers busy after those of the others ("fair queues").

    After a call that timed out its bodies may have gone all the same: who sends them again must bear duplicates.
    """
    batches = [range(start, min(start + BATCH, len(bodies))) for start in range(0, len(bodies), BATCH)]
    if len(batches) == 1:
        return _send_batch(queue_url, bodies, batches[0], group)
    with ThreadPoolExecutor(_IN_FLIGHT) as pool:
        return [
            position
            for refused in pool.map(lambda batch: _send_batch(queue_url, bodies, batch, group), batches)
            for position in refused
        ]


def _send_batch(queue_url: str, bodies: Sequence[dict[str, Any]], positions: Iterable[int], group: str) -> list[int]:
    positions = list(positions)
    entries: Any = [
        {"Id": str(position), "MessageBody": _compact(bodies[position]), "MessageGroupId": group} for position in positions
    ]
    try:
        answer = _sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
    except AwsError:
        return positions
    gone = {int(entry["Id"]) for entry in answer.get("Successful", [])}
    return [position for position in positions if position not in gone]


def _compact(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class ScheduleTarget:
    """Where the schedules of a stage live and what they feed."""

    group: str
    queue_arn: str
    role_arn: str


def schedule_name(mailing_id: int, moment: datetime) -> str:
    """`mailing-{id}-{epoch of the moment, rounded up to a second}`."""
    return f"mailing-{mailing_id}-{int(_whole_second(moment).timestamp())}"


def create_schedule(target: ScheduleTarget, mailing_id: int, moment: datetime, body: dict[str, Any]) -> bool:
    """Create a one-shot schedule that puts `body` on the queue at `moment` (UTC); False if it exists already.

    at() has whole seconds: rounded up, for a run that comes early finds nothing due. Raises one of AwsError.
    """
    with suppress(_scheduler().exceptions.ConflictException):
        _scheduler().create_schedule(
            Name=schedule_name(mailing_id, moment),
            GroupName=target.group,
            ScheduleExpression=f"at({_whole_second(moment):%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={"Arn": target.queue_arn, "RoleArn": target.role_arn, "Input": _compact(body)},
        )
        return True
    return False


def delete_schedule(target: ScheduleTarget, mailing_id: int, moment: datetime) -> None:
    """Removes a mailing's schedule of that moment; one that is gone (it fired) is success. Raises one of AwsError."""
    delete_schedule_named(target, schedule_name(mailing_id, moment))


def delete_schedule_named(target: ScheduleTarget, name: str) -> None:
    """Removes a schedule by its name; one that is gone is success. Raises one of AwsError."""
    with suppress(_scheduler().exceptions.ResourceNotFoundException):
        _scheduler().delete_schedule(Name=name, GroupName=target.group)


def schedule_names(target: ScheduleTarget, pages: int, token: str | None = None) -> tuple[list[str], str | None]:
    """List the group's schedules from `token` on, 100 a page; return their names, and the token of the rest if there is more.

    Raises one of AwsError.
    """
    names: list[str] = []
    read = partial(_scheduler().list_schedules, GroupName=target.group, MaxResults=100)
    for _ in range(pages):
        page = read(NextToken=token) if token else read()
        names += [schedule["Name"] for schedule in page["Schedules"]]
        token = page.get("NextToken")
        if not token:
            return names, None
    return names, token


def _whole_second(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment if moment.microsecond == 0 else moment.replace(microsecond=0) + timedelta(seconds=1)
