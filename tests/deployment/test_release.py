"""A stage is deployed as to AWS, and deployed again with other code: what was there stays there."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from local import aws
from local import package as packaging
from local.api import Api
from local.cloudformation import Change
from local.deploy import undeploy
from local.errors import LocalError
from local.front_door import FrontDoor
from local.process import free_port
from local.release import Account, Release, Released, _Deployment, release
from local.stack import ENCRYPTION_KEY, PROVIDER_TOKEN, Stack

STAGE = "dev"
NAME = "mailing-api-released"
SECRET, OWNER_SECRET = "mailing-api/released", "mailing-api/released-owner"
SECRETS = {"SecretId": SECRET, "OwnerSecretId": OWNER_SECRET}
ENVIRONMENT = {"DATABASE_TLS": "off"}  # PostgreSQL on loopback has no certificate
MORE_CODE = """

@app.route("/second", methods=["GET"])
def second() -> dict[str, Any]:
    return {"release": 2}
"""


@dataclass
class Place:
    """Where the stage is deployed to, and what it needs there."""

    account: Account
    work: Path
    bare: bool
    """Does the endpoint's interpreter have the dependencies?"""
    seen: list[list[Change]]

    def package(self) -> packaging.Package:
        return packaging.package(
            STAGE,
            self.work,
            bare=self.bare,
            architecture=packaging.this_machines(),
            python=packaging.this_python(),
            environment=ENVIRONMENT,
        )

    def release(self, parameters: Mapping[str, str] | None = None, *, confirm: bool = True) -> Released | None:
        def look(changes: Any) -> bool:
            self.seen.append(list(changes))
            return confirm

        return release(self.account, Release(STAGE, self.package(), parameters or {}, NAME), confirm=look)


@pytest.fixture
def place(stack: Stack, tmp_path: Path) -> Iterator[Place]:
    owner, service = stack.postgres.create_database("release"), stack.postgres.service_url("release")
    secrets = aws.client("secretsmanager", stack.endpoint)
    for name, secret in {
        SECRET: {"database_url": service, "provider_token": PROVIDER_TOKEN, "encryption_keys": ENCRYPTION_KEY},
        OWNER_SECRET: {"database_url": owner, "service_database_url": service, "encryption_keys": ENCRYPTION_KEY},
    }.items():
        secrets.create_secret(Name=name, SecretString=json.dumps(secret))
    yield Place(Account(stack.endpoint), tmp_path / "package", stack.ministack is not None, [])
    undeploy(stack.endpoint, NAME)
    for name in SECRETS.values():
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project with one route more and one function changed."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("app.py", "template.yaml", "requirements.txt"):
        shutil.copy2(packaging.ROOT / name, copy)
    for name in ("chalicelib", "migrations", "vendor", ".chalice"):
        shutil.copytree(packaging.ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = (copy / "app.py").read_text()
    changed = code.replace("    return handle(event)\n", '    return {**handle(event), "release": 2}\n')
    assert changed != code
    (copy / "app.py").write_text(changed + MORE_CODE)
    monkeypatch.setattr(packaging, "ROOT", copy)


def test_what_is_not_confirmed_is_not_done(stack: Stack, place: Place) -> None:
    with pytest.raises(LocalError, match="needs ProviderUrl"):
        place.release(SECRETS)
    with pytest.raises(LocalError, match="no parameter Nonsense"):
        place.release({"Nonsense": "1"})
    assert place.release(SECRETS | {"ProviderUrl": stack.provider.url}, confirm=False) is None
    assert {change.action for change in place.seen[0]} == {"Add"}
    assert NAME not in str(aws.client("lambda", stack.endpoint).list_functions()["Functions"])


def test_a_first_release_is_whole(stack: Stack, place: Place) -> None:
    """Applied, migrated, smoke-tested; its alarms are there, and it says whose it is."""
    done = place.release(SECRETS | {"ProviderUrl": stack.provider.url})
    assert done is not None
    assert done.revision
    cloudformation = aws.client("cloudformation", stack.endpoint)
    (made,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} == {"project": "mailing-api", "stage": STAGE}
    alarms = aws.client("cloudwatch", stack.endpoint).describe_alarms()["MetricAlarms"]
    assert {alarm["MetricName"] for alarm in alarms} >= {"BreakerOpen", "Unknown", "ScheduleLag", "5XXError"}
    assert all(alarm["AlarmActions"] == [done.outputs["AlarmTopicArn"]] for alarm in alarms)


def test_a_second_release_keeps_queues_schedules_and_data(stack: Stack, place: Place, request: pytest.FixtureRequest) -> None:
    _needs_updates(stack)
    first = place.release(SECRETS | {"ProviderUrl": stack.provider.url})
    assert first is not None
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(days=2)
    with _superuser(stack, first) as api:
        api.post("/api/v1/client", {"phone": "+79101234567", "time_zone": "UTC"})
        mailing = api.create_mailing("kept", "Hello", start, start + timedelta(hours=1))
    sqs = aws.client("sqs", stack.endpoint)
    sqs.send_message(QueueUrl=first.outputs["MessagesDeadLettersUrl"], MessageBody="kept")
    schedules = _schedules(stack, first)
    assert len(schedules) == 1
    assert requests.get(f"{first.api_url}/second", timeout=30).status_code == 404

    request.getfixturevalue("other_code")
    second = place.release()  # parameters keep their values
    assert second is not None

    assert {change.action for change in place.seen[1]} <= {"Add", "Modify", "Remove"}
    assert not [change for change in place.seen[1] if change.grave and change.kind != "AWS::ApiGateway::RestApi"]
    assert requests.get(f"{second.api_url}/second", timeout=30).json() == {"release": 2}
    answer = aws.client("lambda", stack.endpoint).invoke(
        FunctionName=second.outputs["ManageName"], Payload=b'{"command": "migrate"}'
    )
    assert json.load(answer["Payload"]) == {"revision": second.revision, "release": 2}
    kept = ("MailingsQueueUrl", "MessagesQueueUrl", "MessagesDeadLettersUrl", "ScheduleGroupName", "ManageName")
    assert {name: second.outputs[name] for name in kept} == {name: first.outputs[name] for name in kept}
    assert _schedules(stack, second) == schedules
    (message,) = sqs.receive_message(QueueUrl=second.outputs["MessagesDeadLettersUrl"])["Messages"]
    assert message["Body"] == "kept"
    with _superuser(stack, second) as api:
        assert api.mailing(mailing["id"])["name"] == "kept"


def test_the_same_again_changes_nothing(stack: Stack, place: Place) -> None:
    _needs_updates(stack)
    assert place.release(SECRETS | {"ProviderUrl": stack.provider.url}) is not None
    again = place.release()
    assert again is not None
    assert not [change for change in again.changes if change.grave]


def test_the_whole_of_prod_can_be_made(stack: Stack, tmp_path: Path) -> None:
    """Network, database, secrets, domain, alarms: everything refers to something that is there. (NAT gateways no endpoint knows.)"""
    if stack.ministack is None:
        pytest.skip("LocalStack without an account knows no databases")
    parameters = {
        "ProviderUrl": "https://provider.test",
        "Egress": "endpoints",
        "DatabaseStandby": "true",
        "AlarmEmail": "anna@example.com",
        "DomainName": "mailing.example.com",
        "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/ours",
    }
    made = packaging.package("prod", tmp_path, bare=True, architecture=packaging.this_machines(), python=packaging.this_python())
    whole = _Deployment(Account(stack.endpoint), Release("prod", made, parameters, "mailing-api-prod"))
    proposed = whole.propose(whole.upload())
    kinds = {change.kind for change in proposed.changes}
    assert kinds >= {"AWS::RDS::DBCluster", "AWS::EC2::VPCEndpoint", "AWS::ApiGateway::DomainName", "AWS::SNS::Subscription"}
    proposed.apply()
    try:
        outputs = whole.stack.outputs
        assert outputs["DomainUrl"] == "https://mailing.example.com"
        secrets = aws.client("secretsmanager", stack.endpoint)
        functions = aws.client("lambda", stack.endpoint)
        found = functions.get_function_configuration(FunctionName=outputs["ManageName"])["Environment"]["Variables"]
        database = r'"postgresql\+pg8000://%s:(.{40})@[^"]+:5432/mailing"'
        key = '"encryption_keys":"(.{64})"'
        service = re.fullmatch(
            f'{{"database_url":{database % "mailing_service"},"provider_token":"","oidc_client_secret":"",{key}}}',
            secrets.get_secret_value(SecretId=outputs["SecretName"])["SecretString"],
        )
        owner = re.fullmatch(
            f'{{"database_url":{database % "mailing"},"service_database_url":{database % "mailing_service"},{key}}}',
            secrets.get_secret_value(SecretId=found["SECRET_ID"])["SecretString"],
        )
        assert service is not None
        assert owner is not None
        assert owner[1] != owner[2] == service[1]
        assert owner[3] == service[2]
        assert (found["STAGE"], found["DATABASE_TLS"], found["PUBLIC_URL"]) == ("prod", "verify", "https://mailing.example.com")
    finally:
        undeploy(stack.endpoint, "mailing-api-prod")


def _needs_updates(stack: Stack) -> None:
    if stack.ministack is None:
        pytest.skip("LocalStack cannot update a REST API whose routes changed; what deploys to it makes the stack anew")


@contextmanager
def _superuser(stack: Stack, released: Released) -> Iterator[Api]:
    """Made as on AWS, by the manage function; the API is behind a front door, as behind its domain."""
    event = {"command": "createsuperuser", "username": "anna", "password": "a long enough one"}
    answer = aws.client("lambda", stack.endpoint).invoke(
        FunctionName=released.outputs["ManageName"], Payload=json.dumps(event).encode()
    )
    assert "error" not in json.load(answer["Payload"])
    door = FrontDoor(free_port(), lambda: released.api_url)
    door.start()
    api = Api(door.url)
    try:
        api.login("anna", "a long enough one")
        yield api
    finally:
        api.close()
        door.stop()


def _schedules(stack: Stack, released: Released) -> set[str]:
    scheduler = aws.client("scheduler", stack.endpoint)
    return {one["Name"] for one in scheduler.list_schedules(GroupName=released.outputs["ScheduleGroupName"])["Schedules"]}
