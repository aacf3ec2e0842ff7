"""The deployer against stubs of AWS's services: every state that a stack can be in, every way an operation can end, every precondition."""

import inspect
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.storage.engine import build_engine
from local import preconditions, release
from local.cloudformation import ABSENT, DEPLOYABLE, IN_REVIEW, LOCAL, Patience, Stack
from local.errors import LocalError
from local.package import Package
from local.preconditions import Plan
from local.release import Account, Release

STATUSES = botocore.session.get_session().get_service_model("cloudformation").shape_for("StackStatus").metadata["enum"]
NAME = "mailing-api-prod"
TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "prod"},
        "ProviderUrl": {"Type": "String", "Description": "Where messages go"},
        "DatabaseProtected": {"Type": "String", "Default": ""},
        "Started": {"Type": "String", "Default": "true"},
        "ProviderToken": {"Type": "String", "Default": "", "NoEcho": True},
    },
    "Mappings": {"Stages": {stage: {"Protected": stage == "prod", "Senders": 10} for stage in ("local", "dev", "prod")}},
    "Conditions": {},
    "Resources": {},
    "Outputs": {},
}


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Pages:
    """A paginator over one page."""

    def __init__(self, page: Callable[..., Any]) -> None:
        self._page = page

    def paginate(self, **arguments: Any) -> list[Any]:
        return [self._page(**arguments)]


@dataclass
class CloudFormation:
    """Stands in for the service: a stack, what its operations end in, and what was asked."""

    statuses: list[str]
    """One after another, each time the stack is looked at; the last stays."""
    change_set: tuple[str, str] = ("CREATE_COMPLETE", "")
    after_execution: list[str] = field(default_factory=list)
    after_update: list[str] = field(default_factory=lambda: ["UPDATE_COMPLETE"])
    events: list[dict[str, str]] = field(default_factory=list)
    parameters: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def describe_stacks(self, **_arguments: Any) -> dict[str, Any]:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == ABSENT:
            raise refused("ValidationError", f"Stack with id {NAME} does not exist")
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()]
        outputs = [
            {"OutputKey": "ManageName", "OutputValue": "manage"},
            {"OutputKey": "EndpointURL", "OutputValue": "https://api"},
        ]
        return {"Stacks": [{"StackStatus": status, "Parameters": parameters, "Outputs": outputs}]}

    def create_change_set(self, **arguments: Any) -> None:
        self.asked.append(("create_change_set", arguments))

    def describe_change_set(self, **_arguments: Any) -> dict[str, Any]:
        change = {"Action": "Add", "ResourceType": "AWS::SQS::Queue", "LogicalResourceId": "Queue"}
        status, reason = self.change_set
        return {"Status": status, "StatusReason": reason, "Changes": [{"ResourceChange": change}]}

    def execute_change_set(self, **arguments: Any) -> None:
        self.asked.append(("execute_change_set", arguments))
        self.statuses = list(self.after_execution)
        (given,) = [asked for name, asked in self.asked if name == "create_change_set"]
        self.parameters |= {one["ParameterKey"]: one["ParameterValue"] for one in given["Parameters"] if "ParameterValue" in one}

    def update_stack(self, **arguments: Any) -> None:
        self.asked.append(("update_stack", arguments))
        self.statuses = list(self.after_update)

    def get_template(self, **_arguments: Any) -> dict[str, Any]:
        return {"TemplateBody": {**TEMPLATE, "Description": "before"}}

    def get_paginator(self, operation: str) -> Pages:
        answers: dict[str, Callable[..., Any]] = {
            "describe_stack_events": lambda **_: {"StackEvents": self.events},
            "describe_change_set": self.describe_change_set,
            "list_stack_resources": lambda **_: {"StackResourceSummaries": []},
        }
        return Pages(answers[operation])

    def __getattr__(self, operation: str) -> Callable[..., None]:
        return lambda **arguments: self.asked.append((operation, arguments))

    @property
    def operations(self) -> list[str]:
        return [name for name, _ in self.asked]


FAILED = {"ResourceStatus": "CREATE_FAILED", "LogicalResourceId": "Database", "ResourceStatusReason": "no room"}


def stack(cloudformation: CloudFormation, patience: Patience = Patience(0, 60)) -> Stack:  # noqa: B008 - frozen
    client: Any = cloudformation
    return Stack(client, NAME, patience)


@pytest.mark.parametrize("status", STATUSES)
def test_each_state_is_deployed_to_or_explained_with_what_to_do(status: str) -> None:
    one = stack(CloudFormation([status], events=[FAILED]))
    if status in DEPLOYABLE:
        assert one.require_deployable() is (status not in (ABSENT, IN_REVIEW))
        return
    with pytest.raises(LocalError) as explained:
        one.require_deployable()
    sentence = str(explained.value)
    assert NAME in sentence
    assert "eploy again" in sentence or "delete" in sentence
    assert "aws cloudformation " in sentence
    assert "{" not in sentence
    assert status.endswith("IN_PROGRESS") or "Database: no room" in sentence


@pytest.mark.parametrize("status", [status for status in STATUSES if not status.endswith("IN_PROGRESS")])
@pytest.mark.parametrize("exists", [False, True], ids=["create", "update"])
def test_each_end_of_an_operation_is_a_success_or_explained(status: str, exists: bool) -> None:
    before = "CREATE_COMPLETE" if exists else ABSENT
    service = CloudFormation([before], after_execution=["CREATE_IN_PROGRESS", status], events=[FAILED])
    proposed = stack(service).propose("https://template", [], {})
    if status == ("UPDATE_COMPLETE" if exists else "CREATE_COMPLETE"):
        proposed.apply()
        return
    with pytest.raises(LocalError) as explained:
        proposed.apply()
    assert NAME in str(explained.value)


def test_the_update_is_a_success_while_old_resources_are_still_removed() -> None:
    service = CloudFormation(["CREATE_COMPLETE"], after_execution=["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"])
    stack(service).propose("https://template", [], {}).apply()


@pytest.mark.parametrize("status", [status for status in STATUSES if status.endswith("IN_PROGRESS")])
def test_an_operation_that_takes_too_long_is_said_to_go_on(status: str) -> None:
    if status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
        return
    service = CloudFormation([ABSENT], after_execution=[status])
    with pytest.raises(LocalError, match=r"After 0 minutes: .*(goes on without this command|change set was not executed)"):
        stack(service, Patience(0, 0.01)).propose("https://template", [], {}).apply()


def test_only_the_last_operations_reasons_are_named() -> None:
    begun = {"ResourceStatus": "UPDATE_IN_PROGRESS", "LogicalResourceId": NAME}
    cancelled = {**FAILED, "LogicalResourceId": "Queue", "ResourceStatusReason": "Resource creation cancelled"}
    older = {**FAILED, "ResourceStatusReason": "an older reason"}
    service = CloudFormation(["UPDATE_ROLLBACK_COMPLETE"], events=[cancelled, FAILED, begun, older])
    assert stack(service).reasons() == "Database: no room"


@pytest.mark.parametrize(
    ("reason", "taken"),
    [
        ("The submitted information didn't contain changes.", True),
        ("No updates are to be performed.", True),
        ("Unresolved resource", False),
    ],
)
def test_a_change_set_without_changes_is_no_failure(reason: str, taken: bool) -> None:
    service = CloudFormation(["CREATE_COMPLETE"], change_set=("FAILED", reason))
    if taken:
        assert stack(service).propose("https://template", [], {}).changes == []
    else:
        with pytest.raises(LocalError, match="Unresolved resource"):
            stack(service).propose("https://template", [], {})
    assert "delete_change_set" in service.operations


def test_a_change_set_that_never_comes_is_withdrawn() -> None:
    service = CloudFormation([ABSENT], change_set=("CREATE_IN_PROGRESS", ""))
    with pytest.raises(LocalError, match="CREATE_IN_PROGRESS"):
        stack(service, Patience(0, 0.01)).propose("https://template", [], {})
    assert service.operations[-2:] == ["delete_change_set", "delete_stack"]


# ── a whole release ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Storage:
    class exceptions:  # noqa: N801 - as the client has it
        class BucketAlreadyOwnedByYou(Exception):  # noqa: N818 - its name
            pass

    class meta:  # noqa: N801 - as the client has it
        region_name = "eu-central-1"
        endpoint_url = "https://s3.eu-central-1.amazonaws.com"

    def __init__(self) -> None:
        self.put: dict[str, bytes] = {}
        self.configured: dict[str, Any] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - as the client has it
        self.put[f"{Bucket}/{Key}"] = Body

    def __getattr__(self, operation: str) -> Callable[..., None]:
        return lambda **arguments: self.configured.update({operation: arguments})


class Functions:
    """manage, whose answers come one after another."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - as the client has it
        assert FunctionName == "manage"
        self.asked.append(json.loads(Payload)["command"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        error = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **error}


class Stubbed(Account):
    def __init__(self, **services: Any) -> None:
        super().__init__()
        self.services = {"s3": Storage(), **services}
        self.configurations: dict[str, Any] = {}

    region = "eu-central-1"
    number = "123456789012"

    def client(self, service: Any, config: Any = None) -> Any:
        if config is not None:
            self.configurations[service] = config
        return self.services[service]


@pytest.fixture
def wanted(tmp_path: Path) -> Release:
    code = tmp_path / "code.zip"
    code.write_bytes(b"code")
    return Release("prod", Package(TEMPLATE, code), {"ProviderUrl": "https://provider.example"})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "AWS", Patience(0, 60))
    monkeypatch.setattr(release, "_POLL_SECONDS", 0)
    monkeypatch.setattr(release, "smoke", lambda _url: None)
    monkeypatch.setattr(preconditions, "CHECKS", ())


def _given(service: CloudFormation, operation: str) -> dict[str, Any]:
    arguments = next(arguments for name, arguments in service.asked if name == operation)
    return {one["ParameterKey"]: one.get("ParameterValue", "(kept)") for one in arguments["Parameters"]}


def test_a_first_release_protects_the_database_after_its_success(wanted: Release) -> None:
    service = CloudFormation([ABSENT], after_execution=["CREATE_IN_PROGRESS", "CREATE_COMPLETE"])
    account = Stubbed(cloudformation=service, **{"lambda": Functions({"revision": "0031"})})
    done = release.release(account, wanted, confirm=lambda _changes: True)
    assert done is not None
    assert done.revision == "0031"
    asked = _given(service, "create_change_set")
    assert (asked["DatabaseProtected"], asked["Started"]) == ("false", "false")
    asked = _given(service, "update_stack")
    assert (asked["DatabaseProtected"], asked["Started"]) == ("", "true")
    assert service.operations.index("update_stack") > service.operations.index("execute_change_set")
    assert service.operations[-1] == "update_termination_protection"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_a_first_release_that_fails_leaves_nothing_protected(wanted: Release, status: str) -> None:
    service = CloudFormation([ABSENT], after_execution=["CREATE_IN_PROGRESS", status], events=[FAILED])
    with pytest.raises(LocalError, match="Database: no room"):
        release.release(Stubbed(cloudformation=service), wanted, confirm=lambda _changes: True)
    assert _given(service, "create_change_set")["DatabaseProtected"] == "false"
    assert "update_stack" not in service.operations


def test_a_release_that_was_made_but_not_finished_is_protected_by_the_next(wanted: Release) -> None:
    """The first failed at its smoke test: the second finds a database without protection."""
    service = CloudFormation(["CREATE_COMPLETE"], change_set=("FAILED", "No updates"), parameters={"DatabaseProtected": "false"})
    account = Stubbed(cloudformation=service, **{"lambda": Functions({"revision": "0031"})})
    assert release.release(account, wanted, confirm=lambda _changes: True) is not None
    assert _given(service, "update_stack")["DatabaseProtected"] == ""


def test_who_asks_for_no_protection_gets_none(wanted: Release) -> None:
    service = CloudFormation(["CREATE_COMPLETE"], after_execution=["UPDATE_COMPLETE"], parameters={"DatabaseProtected": ""})
    account = Stubbed(cloudformation=service, **{"lambda": Functions({"revision": "0031"})})
    asked = Release("prod", wanted.made, {**wanted.parameters, "DatabaseProtected": "false"})
    assert release.release(account, asked, confirm=lambda _changes: True) is not None
    assert "update_stack" not in service.operations


@pytest.mark.parametrize("failure", ["migration", "smoke test"])
def test_an_update_that_does_not_work_goes_back(wanted: Release, failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_url: str) -> None:
        raise LocalError("GET /health answers 500")

    before = {"ProviderUrl": "https://before.example", "ProviderToken": "****", "Stage": "prod", "DatabaseProtected": ""}
    service = CloudFormation(["UPDATE_COMPLETE"], after_execution=["UPDATE_COMPLETE"], parameters=before)
    answer = {"errorMessage": "no such column"} if failure == "migration" else {"revision": "0031"}
    account = Stubbed(cloudformation=service, **{"lambda": Functions(answer)})
    if failure == "smoke test":
        monkeypatch.setattr(release, "smoke", fail)
    with pytest.raises(LocalError, match="went back to what was deployed before"):
        release.release(account, wanted, confirm=lambda _changes: True)
    taken_back = next(arguments for name, arguments in service.asked if name == "update_stack")
    body = account.services["s3"].put[taken_back["TemplateURL"].removeprefix("https://s3.eu-central-1.amazonaws.com/")]
    assert json.loads(body)["Description"] == "before"
    parameters = _given(service, "update_stack")
    assert parameters["ProviderUrl"] == "https://before.example"
    assert parameters["ProviderToken"] == "(kept)"


def test_a_first_release_that_does_not_work_stays_to_be_looked_at(wanted: Release) -> None:
    service = CloudFormation([ABSENT], after_execution=["CREATE_COMPLETE"])
    account = Stubbed(cloudformation=service, **{"lambda": Functions({"errorMessage": "no such column"})})
    with pytest.raises(LocalError, match=r"migration failed.*no such column"):
        release.release(account, wanted, confirm=lambda _changes: True)
    assert "update_stack" not in service.operations


def test_the_bucket_is_private_and_over_tls_only(wanted: Release) -> None:
    service = CloudFormation([ABSENT], after_execution=["CREATE_COMPLETE"])
    account = Stubbed(cloudformation=service, **{"lambda": Functions({"revision": "0031"})})
    release.release(account, wanted, confirm=lambda _changes: True)
    configured = account.services["s3"].configured
    assert all(configured["put_public_access_block"]["PublicAccessBlockConfiguration"].values())
    (statement,) = json.loads(configured["put_bucket_policy"]["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert configured["put_bucket_lifecycle_configuration"]["LifecycleConfiguration"]["Rules"]


# ── migrating ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_LOST = ReadTimeoutError(endpoint_url="https://lambda")


def test_a_migration_is_asked_for_once_with_a_long_patience() -> None:
    functions = Functions({"revision": "0031"})
    account = Stubbed(**{"lambda": functions})
    assert release.migrate(account, "manage") == "0031"
    assert functions.asked == ["migrate"]
    configuration = account.configurations["lambda"]
    assert configuration.read_timeout > 900
    assert configuration.retries == {"total_max_attempts": 1}


def test_a_lost_connection_is_followed_by_questions_and_never_by_a_second_migration() -> None:
    behind = {"revision": "0030", "newest": "0031"}
    functions = Functions(_LOST, behind, _LOST, behind, {"revision": "0031", "newest": "0031"})
    assert release.migrate(Stubbed(**{"lambda": functions}), "manage") == "0031"
    assert functions.asked == ["migrate", *["revision"] * 4]


def test_a_migration_that_never_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "MIGRATION_SECONDS", 0)
    functions = Functions(_LOST, {"revision": "0030", "newest": "0031"})
    with pytest.raises(LocalError, match="0030"):
        release.migrate(Stubbed(**{"lambda": functions}), "manage")


# ── region and account ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def no_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.mark.usefixtures("no_region")
@pytest.mark.parametrize(
    ("environment", "region"),
    [
        ({"AWS_REGION": "eu-central-1"}, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-north-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
    ],
)
def test_the_region_is_that_of_the_environment(
    environment: Mapping[str, str], region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    account = Account()
    assert account.region == region
    for service in ("cloudformation", "s3", "lambda", "sts"):
        assert account.client(service).meta.region_name == region


@pytest.mark.usefixtures("no_region")
def test_without_a_region_nothing_is_guessed() -> None:
    with pytest.raises(LocalError, match="AWS_REGION"):
        Account().client("cloudformation")


def test_account_and_region_are_shown_before_anybody_confirms() -> None:
    from rich.console import Console

    console = Console(record=True, width=150, file=io.StringIO())
    console.input = lambda _prompt: "no"  # type: ignore[method-assign, assignment, misc]  # answers in place of a person
    assert release._ask(console, Stubbed(), NAME, []) is False
    shown = console.export_text()
    assert "account 123456789012, region eu-central-1" in " ".join(shown.split())


# ── preconditions ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Service:
    """Answers by operation; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def answer(**_arguments: Any) -> Any:
            found = self._answers[operation]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


def _limits(quota: int, free: int) -> Service:
    return Service(
        get_account_settings={"AccountLimit": {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": free}},
        get_function_concurrency={"ReservedConcurrentExecutions": 40},
    )


_ZONES = {"AvailabilityZones": [{"ZoneName": f"eu-central-1{letter}"} for letter in "abc"]}
_SERVICES = {"ServiceDetails": [{"ServiceName": "com.amazonaws.eu-central-1.scheduler", "AvailabilityZones": ["eu-central-1b"]}]}
_ISSUED = {"Certificate": {"Status": "ISSUED", "DomainName": "mailing.example.com", "SubjectAlternativeNames": []}}
_ARN = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
_DOMAIN = {"DomainName": "mailing.example.com", "CertificateArn": _ARN}
_QUOTA = {"AccountAttributes": [{"AttributeValues": [{"AttributeValue": "5"}]}]}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from local.package import package

    return package("prod", tmp_path_factory.mktemp("template"), bare=True).template


def _plan(
    template: dict[str, Any], parameters: Mapping[str, str], functions: Sequence[str] = (), *, exists: bool = False
) -> Plan:
    values = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
    return Plan(template, {**values, "Stage": "prod", **parameters}, NAME, "eu-central-1", tuple(functions), exists)


CASES: list[tuple[Any, dict[str, str], dict[str, Service], str]] = [
    (preconditions.concurrency, {}, {"lambda": _limits(10, 10)}, "ReserveConcurrency=false"),
    (preconditions.concurrency, {}, {"lambda": _limits(180, 180)}, "reserves 81"),
    (preconditions.concurrency, {}, {"lambda": _limits(181, 181)}, ""),
    (preconditions.concurrency, {"ReserveConcurrency": "false"}, {"lambda": _limits(10, 10)}, "Senders=4"),
    (preconditions.concurrency, {"ReserveConcurrency": "false", "Senders": "4"}, {"lambda": _limits(10, 10)}, ""),
    (
        preconditions.addresses,
        {},
        {"ec2": Service(describe_account_attributes=_QUOTA, describe_addresses={"Addresses": [{}] * 5})},
        "has 5; 1 more",
    ),
    (
        preconditions.addresses,
        {"Egress": "nat-per-zone"},
        {"ec2": Service(describe_account_attributes=_QUOTA, describe_addresses={"Addresses": [{}] * 4})},
        "2 more",
    ),
    (preconditions.addresses, {"Egress": "endpoints"}, {}, ""),
    (
        preconditions.networks,
        {},
        {"ec2": Service(describe_vpcs={"Vpcs": [{}] * 5}), "service-quotas": Service(get_service_quota=refused("AccessDenied"))},
        "5 VPCs",
    ),
    (
        preconditions.networks,
        {},
        {
            "ec2": Service(describe_vpcs={"Vpcs": [{}] * 5}),
            "service-quotas": Service(get_service_quota={"Quota": {"Value": 20.0}}),
        },
        "",
    ),
    (
        preconditions.zones,
        {"Zones": "eu-central-1a,eu-central-1x"},
        {"ec2": Service(describe_availability_zones=_ZONES)},
        "eu-central-1x",
    ),
    (
        preconditions.zones,
        {"Zones": "eu-central-1a,eu-central-1a"},
        {"ec2": Service(describe_availability_zones=_ZONES)},
        "two different",
    ),
    (preconditions.zones, {}, {"ec2": Service(describe_availability_zones=_ZONES)}, ""),
    (
        preconditions.zones,
        {"Egress": "endpoints"},
        {"ec2": Service(describe_availability_zones=_ZONES, describe_vpc_endpoint_services=_SERVICES)},
        "no endpoint in eu-central-1a",
    ),
    (
        preconditions.database_engine,
        {},
        {"rds": Service(describe_orderable_db_instance_options={"OrderableDBInstanceOptions": []})},
        "db.serverless",
    ),
    (
        preconditions.database_engine,
        {},
        {"rds": Service(describe_orderable_db_instance_options={"OrderableDBInstanceOptions": [{}]})},
        "",
    ),
    (preconditions.database_engine, {"SecretId": "theirs"}, {}, ""),
    (
        preconditions.restored_database,
        {"DatabaseSnapshot": "gone"},
        {"rds": Service(describe_db_cluster_snapshots=refused("DBClusterSnapshotNotFoundFault"))},
        "no cluster snapshot gone",
    ),
    (
        preconditions.restored_database,
        {"DatabaseRestoreFrom": "gone"},
        {"rds": Service(describe_db_clusters=refused("DBClusterNotFoundFault"))},
        "no cluster gone",
    ),
    (preconditions.restored_database, {"DatabaseRestoreFrom": "there"}, {"rds": Service(describe_db_clusters={})}, ""),
    (preconditions.restored_database, {"DatabaseRestoreFrom": "a", "DatabaseSnapshot": "b"}, {"rds": Service()}, "exclude"),
    (preconditions.certificate, {**_DOMAIN, "CertificateArn": "arn:aws:acm:us-east-1:1:certificate/1"}, {}, "in eu-central-1"),
    (preconditions.certificate, {**_DOMAIN, "CertificateArn": ""}, {}, "none is given"),
    (
        preconditions.certificate,
        _DOMAIN,
        {
            "acm": Service(
                describe_certificate={"Certificate": {"Status": "PENDING_VALIDATION", "DomainName": "mailing.example.com"}}
            )
        },
        "PENDING_VALIDATION",
    ),
    (
        preconditions.certificate,
        {**_DOMAIN, "DomainName": "other.example.com"},
        {"acm": Service(describe_certificate=_ISSUED)},
        "not for other",
    ),
    (preconditions.certificate, _DOMAIN, {"acm": Service(describe_certificate=_ISSUED)}, ""),
    (
        preconditions.hosted_zone,
        {**_DOMAIN, "HostedZoneId": "Z1"},
        {"route53": Service(get_hosted_zone={"HostedZone": {"Name": "example.org."}})},
        "does not belong",
    ),
    (
        preconditions.hosted_zone,
        {**_DOMAIN, "HostedZoneId": "Z1"},
        {"route53": Service(get_hosted_zone={"HostedZone": {"Name": "example.com."}})},
        "",
    ),
    (
        preconditions.secrets,
        {"SecretId": "gone"},
        {"secretsmanager": Service(get_secret_value=refused("ResourceNotFoundException"))},
        "no secret gone",
    ),
    (
        preconditions.secrets,
        {"SecretId": "half"},
        {"secretsmanager": Service(get_secret_value={"SecretString": '{"database_url": "secret value"}'})},
        "encryption_keys and provider_token",
    ),
    (
        preconditions.secrets,
        {"SecretId": "text"},
        {"secretsmanager": Service(get_secret_value={"SecretString": "secret value"})},
        "JSON object",
    ),
    (
        preconditions.leftover_logs,
        {},
        {"logs": Service(describe_log_groups={"logGroups": [{"logGroupName": "/aws/lambda/mailing-api-prod-api"}]})},
        "delete-log-group",
    ),
    (preconditions.leftover_logs, {}, {"logs": Service(describe_log_groups={"logGroups": []})}, ""),
    (preconditions.access_log_role, {"AccessLog": "true"}, {"apigateway": Service(get_account={})}, "update-account"),
    (preconditions.access_log_role, {"AccessLog": "true"}, {"apigateway": Service(get_account={"cloudwatchRoleArn": "arn"})}, ""),
    (preconditions.access_log_role, {}, {}, ""),
    (preconditions.capacity, {"DatabaseMinCapacity": "9"}, {}, "above"),
    (preconditions.capacity, {"DatabaseMinCapacity": "0.7"}, {}, "multiples"),
    (preconditions.capacity, {}, {}, ""),
    (preconditions.connections, {}, {}, ""),
    (preconditions.connections, {"DatabaseMaxCapacity": "1"}, {}, ""),
    (preconditions.connections, {"DatabaseMaxCapacity": "1", "Senders": "95"}, {}, ""),
    (preconditions.connections, {"DatabaseMaxCapacity": "1", "Senders": "96"}, {}, "180 functions"),
    (preconditions.connections, {"Senders": "1000"}, {}, ""),
    (preconditions.connections, {"DatabaseMaxCapacity": "7.5", "Senders": "1000"}, {}, "admits 813"),
    (preconditions.connections, {"DatabaseMaxCapacity": "1", "Senders": "1000", "SecretId": "theirs"}, {}, ""),
    (preconditions.network, {"SubnetIds": "subnet-1", "SecretId": "theirs"}, {}, "together"),
    (preconditions.network, {"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}, {}, "VpcId"),
    (preconditions.network, {"RequestsPerAddress": "3"}, {}, "at least 10"),
    (preconditions.network, {"SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1", "SecretId": "theirs"}, {}, ""),
]


@pytest.mark.parametrize(
    ("one", "parameters", "services", "said"), CASES, ids=[f"{case[0].__name__}-{case[3] or 'holds'}" for case in CASES]
)
def test_what_an_account_lacks_is_said_before_anything_is_made(
    template: dict[str, Any], one: Any, parameters: dict[str, str], services: dict[str, Service], said: str
) -> None:
    complaints = list(one(services.__getitem__, _plan(template, parameters)))
    assert bool(complaints) == bool(said), complaints
    assert said in " ".join(complaints)
    assert "secret value" not in " ".join(complaints)


@pytest.mark.parametrize(
    ("low", "high", "admitted"),
    [(0.5, 1, 189), (0.5, 8, 1_669), (0, 256, 2_000), (0.5, 16, 2_000), (1, 16, 3_360), (1, 31.5, 3_360), (1, 256, 5_000)],
)
def test_what_aurora_admits(low: float, high: float, admitted: int) -> None:
    assert preconditions.max_connections(low, high) == admitted


def test_every_process_holds_one_connection_and_no_function_is_left_out_of_the_count(template: dict[str, Any]) -> None:
    """50 for the API, 20 for its authorizer, 10 for the panel, 1 for reconcile, 2 runs, the senders, 1 migration."""
    assert inspect.signature(build_engine).parameters["pool_size"].default == 1
    assert preconditions.most_connections(_plan(template, {})) == 94
    assert preconditions.most_connections(_plan(template, {"Senders": "40"})) == 124
    functions = {name for name, item in template["Resources"].items() if item["Type"] == "AWS::Serverless::Function"}
    bounded = {
        name
        for name in functions
        if "ReservedConcurrentExecutions" in template["Resources"][name]["Properties"]
        or any(event["Type"] == "SQS" for event in template["Resources"][name]["Properties"].get("Events", {}).values())
    }
    assert functions - bounded == {"Manage"}


def test_what_a_stack_has_reserved_already_counts_as_free(template: dict[str, Any]) -> None:
    held = _plan(template, {}, ["api", "admin"], exists=True)
    assert list(preconditions.concurrency({"lambda": _limits(181, 101)}.__getitem__, held)) == []
    assert list(preconditions.concurrency({"lambda": _limits(181, 100)}.__getitem__, held)) != []


def test_parameters_that_contradict_each_other_are_refused_before_anything_is_uploaded(wanted: Release) -> None:
    rule = {
        "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "ProviderToken"}, ""]}]},
        "Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "ProviderUrl"}, ""]}, "AssertDescription": "one of the two"}],
    }
    made = Package({**TEMPLATE, "Rules": {"One": rule}}, wanted.made.zip_file)
    account = Stubbed(cloudformation=CloudFormation([ABSENT]))
    asked = Release("prod", made, {**wanted.parameters, "ProviderToken": "secret value"})
    with pytest.raises(LocalError, match="one of the two") as refused_:
        release.release(account, asked, confirm=lambda _changes: True)
    assert "secret value" not in str(refused_.value)
    assert account.services["s3"].put == {}


def test_a_hidden_parameter_that_is_kept_contradicts_nothing(wanted: Release) -> None:
    """CloudFormation shows asterisks for an empty one, too."""
    rule = {"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "ProviderToken"}, ""]}, "AssertDescription": "it must be empty"}]}
    made = Package({**TEMPLATE, "Rules": {"One": rule}}, wanted.made.zip_file)
    service = CloudFormation(["CREATE_COMPLETE"], change_set=("FAILED", "No updates"), parameters={"ProviderToken": "****"})
    account = Stubbed(cloudformation=service, **{"lambda": Functions({"revision": "0031"})})
    assert release.release(account, Release("prod", made, wanted.parameters), confirm=lambda _changes: True) is not None


def test_all_that_is_missing_is_said_at_once_and_what_may_not_be_asked_too(
    template: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_clients: Any, _plan: Plan) -> Any:
        yield "first"
        yield "second"

    def forbidden(_clients: Any, _plan: Plan) -> Any:
        raise refused("AccessDenied")
        yield

    monkeypatch.setattr(preconditions, "CHECKS", (forbidden, missing))
    findings = preconditions.check({}.__getitem__, _plan(template, {}))
    assert findings.missing == ["first", "second"]
    assert findings.unchecked == ["forbidden (AccessDenied)"]


def test_local_endpoints_are_looked_at_often() -> None:
    assert LOCAL.interval < 1
