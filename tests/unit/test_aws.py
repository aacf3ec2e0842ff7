"""The calls to SQS and EventBridge Scheduler, against moto's idea of them."""

import ast
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib import aws
from local.settings import ROOT

MOMENT = datetime(2030, 5, 1, 12, 0, 0, tzinfo=UTC)
BODY = {"mailing_id": 7, "source": "schedule", "hop": 0}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        aws._sqs.cache_clear()
        aws._scheduler.cache_clear()
        yield
    aws._sqs.cache_clear()
    aws._scheduler.cache_clear()


@pytest.fixture
def queue() -> str:
    return str(boto3.client("sqs").create_queue(QueueName="messages")["QueueUrl"])


@pytest.fixture
def target() -> aws.ScheduleTarget:
    boto3.client("scheduler").create_schedule_group(Name="mailings")
    return aws.ScheduleTarget(
        "mailings", "arn:aws:sqs:us-east-1:123456789012:mailings", "arn:aws:iam::123456789012:role/schedules"
    )


def _received(queue: str) -> list[Any]:
    found: list[Any] = []
    while messages := boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
    return found


def test_a_body_goes_as_it_is(queue: str) -> None:
    aws.send(queue, BODY)
    aws.send_text(queue, '"not a request"')
    assert sorted(map(str, _received(queue))) == sorted(map(str, [BODY, "not a request"]))


def test_a_delay_longer_than_sqs_allows_is_the_longest(queue: str) -> None:
    aws.send(queue, BODY, delay_seconds=100_000)
    names: list[Any] = ["ApproximateNumberOfMessagesDelayed"]
    assert boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"] == {names[0]: "1"}


@pytest.mark.parametrize("count", [1, 10, 11, 95])
def test_many_go_in_batches(queue: str, count: int) -> None:
    bodies = [{"v": 1, "number": number} for number in range(count)]
    assert aws.send_many(queue, bodies, "mailing-7") == []
    assert sorted(body["number"] for body in _received(queue)) == list(range(count))


def test_many_go_in_a_group_by_which_sqs_is_fair(queue: str) -> None:
    for mailing_id in (7, 8):
        assert aws.send_many(queue, [{"mailing_id": mailing_id}], f"mailing-{mailing_id}") == []
    names: list[Any] = ["MessageGroupId"]
    found = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=names)
    groups = {message["Body"]: message["Attributes"]["MessageGroupId"] for message in found["Messages"]}
    assert groups == {'{"mailing_id":7}': "mailing-7", '{"mailing_id":8}': "mailing-8"}


def test_what_does_not_go_is_told_by_its_position(queue: str) -> None:
    bodies = [{"number": number} for number in range(25)]
    assert aws.send_many(f"{queue}-that-is-not-there", bodies, "mailing-7") == list(range(25))


def test_a_schedule_is_one_shot_and_in_whole_seconds_of_utc(target: aws.ScheduleTarget) -> None:
    moment = (MOMENT + timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=3)))
    aws.create_schedule(target, 7, moment, BODY)
    [name], _ = aws.schedule_names(target, 1)
    assert name == f"mailing-7-{int(MOMENT.timestamp()) + 1}"
    made = boto3.client("scheduler").get_schedule(GroupName="mailings", Name=name)
    assert made["ScheduleExpression"] == "at(2030-05-01T12:00:01)"
    assert (made["ScheduleExpressionTimezone"], made["FlexibleTimeWindow"]) == ("UTC", {"Mode": "OFF"})
    assert made["ActionAfterCompletion"] == "DELETE"
    assert json.loads(made["Target"]["Input"]) == BODY
    assert (made["Target"]["Arn"], made["Target"]["RoleArn"]) == (target.queue_arn, target.role_arn)


def test_a_schedule_that_is_there_is_success_and_one_that_is_gone_too(target: aws.ScheduleTarget) -> None:
    assert [aws.create_schedule(target, 7, MOMENT, BODY) for _ in range(2)] == [True, False]
    assert len(aws.schedule_names(target, 1)[0]) == 1
    for _ in range(2):
        aws.delete_schedule(target, 7, MOMENT)
    assert aws.schedule_names(target, 1) == ([], None)


@pytest.mark.parametrize(("pages", "slices"), [(9, [230]), (3, [230]), (2, [200, 30]), (1, [100, 100, 30])])
def test_schedules_are_listed_slice_by_slice(target: aws.ScheduleTarget, pages: int, slices: list[int]) -> None:
    made = {aws.schedule_name(number, MOMENT) for number in range(1, 231)}
    for number in range(1, 231):
        aws.create_schedule(target, number, MOMENT, BODY)
    found = [aws.schedule_names(target, pages)]
    while found[-1][1]:
        found.append(aws.schedule_names(target, pages, found[-1][1]))
    assert [len(names) for names, _ in found] == slices
    assert {name for names, _ in found for name in names} == made


def test_a_token_that_the_scheduler_did_not_make_is_an_error(target: aws.ScheduleTarget) -> None:
    with pytest.raises(aws.AwsError):
        aws.schedule_names(target, 1, "bm9uc2Vuc2U=")


def test_a_queue_that_is_not_there_is_an_error(queue: str) -> None:
    with pytest.raises(aws.AwsError):
        aws.send(f"{queue}-that-is-not-there", BODY)


def test_settings_come_from_the_secret() -> None:
    from chalicelib.config import ConfigurationError, read_settings

    secret = {"database_url": "postgresql+pg8000://u:p@host/db", "provider_token": "jwt"}
    boto3.client("secretsmanager").create_secret(Name="ours", SecretString=json.dumps(secret))
    found = read_settings({"SECRET_ID": "ours"})
    assert found.database_url.get_secret_value() == secret["database_url"]
    assert "jwt" not in repr(found)
    with pytest.raises(ConfigurationError, match="secret theirs"):
        read_settings({"SECRET_ID": "theirs"})


CALLED_HERE = {"create_schedule", "delete_schedule", "get_secret_value", "list_schedules", "send_message", "send_message_batch"}
CALLED_ELSEWHERE = {"send_text_message": "tests/integration/test_provider_kinds.py"}
"""Of End User Messaging, which moto does not have: against the local provider's face of it."""


def operations(service: str) -> set[str]:
    """Every method of the service's client that is a call."""
    made: Any = aws.client(service)
    return set(made.meta.method_to_api_mapping)


def test_every_call_to_aws_is_tried() -> None:
    """A call that is new is named here, with a test: what is found is every attribute of the name of an operation."""
    known = set().union(*(operations(name) for name in ("sqs", "scheduler", "secretsmanager", "pinpoint-sms-voice-v2")))
    files = [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in files}
    speaks = {path for path, tree in trees.items() if any("boto" in alias for alias in imported(tree))}
    assert {path.name for path in speaks} == {"aws.py", "aws_sms.py", "config.py"}  # nobody else speaks to AWS
    found = {
        node.attr for path in speaks for node in ast.walk(trees[path]) if isinstance(node, ast.Attribute) and node.attr in known
    }
    assert found == CALLED_HERE | set(CALLED_ELSEWHERE)


def imported(tree: ast.AST) -> list[str]:
    """The modules that are imported anywhere in the file, but for types alone."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("mypy_boto3"):
            names.append(node.module)
    return names
