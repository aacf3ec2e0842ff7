"""Deploys a stage to AWS: package, upload, a change set to look at, apply, migrate, smoke test.

    python -m local.release --stage prod [--yes] [ProviderUrl=https://… Name=value …]

Parameters of the template keep the values that they had; the environment's PROVIDER_TOKEN is ProviderToken. The account is that of the
environment (AWS_PROFILE, AWS_REGION …); with AWS_ENDPOINT_URL it is a LocalStack-compatible endpoint, which needs SecretId for a
database that is there.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.exceptions import ClientError, WaiterError
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from local import aws
from local.console import guarded, step_printer
from local.deploy import CAPABILITIES, for_local_endpoints
from local.errors import LocalError
from local.package import STAGES, Package, package, this_machines
from local.settings import ROOT
from local.template import complaints, with_code

SMOKE_SECONDS = 90
# What holds data, or an address that somebody knows: to lose one is worth a second look.
PRECIOUS = {
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::ApiGateway::RestApi",
    "AWS::EC2::VPC",
}


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's AWS account, or a local endpoint that stands in for one."""

    endpoint: str | None = None

    def client(self, service: Any) -> Any:
        return aws.client(service, self.endpoint) if self.endpoint else boto3.client(service)


@dataclass(frozen=True, slots=True)
class Change:
    action: str
    kind: str
    name: str
    replaced: bool

    @property
    def grave(self) -> bool:
        """Does something precious go, or come back as another?"""
        return self.kind in PRECIOUS and (self.action == "Remove" or self.replaced)


@dataclass(frozen=True, slots=True)
class Release:
    """What shall be deployed."""

    stage: str
    made: Package
    parameters: Mapping[str, str] = field(default_factory=dict)
    stack: str = ""

    @property
    def stack_name(self) -> str:
        return self.stack or f"mailing-api-{self.stage}"


@dataclass(frozen=True, slots=True)
class Released:
    api_url: str
    revision: str
    outputs: Mapping[str, str]
    changes: Sequence[Change]


Confirm = Callable[[Sequence[Change]], bool]
Report = Callable[[str, float], None]


def release(
    account: Account, wanted: Release, *, confirm: Confirm, report: Report = lambda _name, _seconds: None
) -> Released | None:
    """Brings the stack to what is wanted; None when the changes were not confirmed. Raises LocalError when a step fails."""
    timer = _Timer(report)
    stack = _Stack(account, wanted)
    url = stack.upload()
    timer.done("upload")
    changes = stack.propose(url)
    timer.done("change set")
    if changes:
        if not confirm(changes):
            stack.withdraw()
            return None
        timer.restart()
        stack.apply()
        timer.done("apply")
    outputs = stack.outputs()
    revision = _migrate(account, outputs["ManageName"])
    timer.done("migrate")
    api_url = _api_url(account, wanted.stage, outputs)
    smoke(api_url)
    timer.done("smoke test")
    return Released(api_url, revision, outputs, changes)


class _Timer:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.restart()

    def restart(self) -> None:
        self._started = time.monotonic()

    def done(self, name: str) -> None:
        self._report(name, time.monotonic() - self._started)
        self.restart()


class _Stack:
    def __init__(self, account: Account, wanted: Release) -> None:
        self._account, self._wanted = account, wanted
        self._cloudformation = account.client("cloudformation")
        self._there = self._describe()
        if self._there is not None and self._there["StackStatus"] == "ROLLBACK_COMPLETE":
            raise LocalError(f"{wanted.stack_name} could not be created the last time and has to go first: delete that stack.")
        self._exists = self._there is not None and self._there["StackStatus"] != "REVIEW_IN_PROGRESS"
        self._change_set = f"release-{int(time.time() * 1000)}"

    def upload(self) -> str:
        """Puts code and template into a bucket of the account; returns the template's URL."""
        storage = self._account.client("s3")
        bucket = self._bucket(storage)
        code = f"{self._wanted.stack_name}/{self._wanted.made.digest}.zip"
        storage.put_object(Bucket=bucket, Key=code, Body=self._wanted.made.zip_file.read_bytes())
        template = with_code(self._wanted.made.template, f"s3://{bucket}/{code}")
        if self._account.endpoint:
            template = for_local_endpoints(template, {"Stage": self._wanted.stage, **self._values()})
        body = json.dumps(template).encode()
        key = f"{self._wanted.stack_name}/{hashlib.sha256(body).hexdigest()}.json"
        storage.put_object(Bucket=bucket, Key=key, Body=body)
        base = self._account.endpoint or f"https://s3.{storage.meta.region_name}.amazonaws.com"
        return f"{base}/{bucket}/{key}"

    def _bucket(self, storage: Any) -> str:
        region = storage.meta.region_name
        bucket = f"mailing-api-{self._account.client('sts').get_caller_identity()['Account']}-{region}"
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with suppress(storage.exceptions.BucketAlreadyOwnedByYou):
            storage.create_bucket(Bucket=bucket, **where)
            storage.put_public_access_block(
                Bucket=bucket,
                PublicAccessBlockConfiguration=dict.fromkeys(
                    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
                ),
            )
        return bucket

    def _values(self) -> dict[str, str]:
        """Parameters as they will be: those given, and the others as they are."""
        before = (
            {}
            if self._there is None
            else {one["ParameterKey"]: one["ParameterValue"] for one in self._there.get("Parameters", ())}
        )
        return before | dict(self._wanted.parameters)

    def propose(self, template_url: str) -> list[Change]:
        """The changes that the template would make; none if the stack is like it already."""
        self._create_change_set(template_url)
        named = {"StackName": self._wanted.stack_name, "ChangeSetName": self._change_set}
        try:
            self._cloudformation.get_waiter("change_set_create_complete").wait(
                **named, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
            )
        except WaiterError:
            reason = self._cloudformation.describe_change_set(**named).get("StatusReason", "")
            self.withdraw()
            if "didn't contain changes" in reason or "No updates" in reason:
                return []
            raise LocalError(f"CloudFormation refused the change set: {reason}") from None
        pages = self._cloudformation.get_paginator("describe_change_set").paginate(**named)
        return [_change(one["ResourceChange"]) for page in pages for one in page.get("Changes", ())]

    def _create_change_set(self, template_url: str) -> None:
        try:
            self._cloudformation.create_change_set(
                StackName=self._wanted.stack_name,
                ChangeSetName=self._change_set,
                ChangeSetType="UPDATE" if self._exists else "CREATE",
                TemplateURL=template_url,
                Parameters=self._parameters(),
                Capabilities=CAPABILITIES,
                # CloudFormation gives them to every resource that can carry them.
                Tags=[{"Key": "project", "Value": "mailing-api"}, {"Key": "stage", "Value": self._wanted.stage}],
            )
        except ClientError as error:
            if self._account.endpoint and error.response["Error"]["Code"] == "InternalFailure":
                raise LocalError(
                    f"This endpoint cannot update {self._wanted.stack_name}: delete that stack there first."
                ) from None
            raise

    def _parameters(self) -> list[dict[str, Any]]:
        known = self._wanted.made.template["Parameters"]
        strange = self._wanted.parameters.keys() - known.keys()
        if strange:
            raise LocalError(f"The template has no parameter {', '.join(sorted(strange))}; it has: {', '.join(sorted(known))}.")
        given = {**self._wanted.parameters, "Stage": self._wanted.stage}
        kept = (
            {one["ParameterKey"] for one in (self._there or {}).get("Parameters", ())} & known.keys() if self._exists else set()
        )
        missing = [name for name, one in known.items() if "Default" not in one and name not in given and name not in kept]
        if missing:
            raise LocalError(f"The first deployment of a stage needs {', '.join(missing)}: {known[missing[0]]['Description']}.")
        return [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()] + [
            {"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept - given.keys())
        ]

    def withdraw(self) -> None:
        """The change set goes; and with it the empty stack that it made, if this is the first."""
        with suppress(ClientError):
            self._cloudformation.delete_change_set(StackName=self._wanted.stack_name, ChangeSetName=self._change_set)
            if not self._exists:
                self._cloudformation.delete_stack(StackName=self._wanted.stack_name)

    def apply(self) -> None:
        self._cloudformation.execute_change_set(StackName=self._wanted.stack_name, ChangeSetName=self._change_set)
        waiter = self._cloudformation.get_waiter("stack_update_complete" if self._exists else "stack_create_complete")
        try:
            # An Aurora cluster takes a quarter of an hour.
            patient = {"Delay": 1, "MaxAttempts": 300} if self._account.endpoint else {"Delay": 10, "MaxAttempts": 360}
            waiter.wait(StackName=self._wanted.stack_name, WaiterConfig=patient)
        except WaiterError:
            raise LocalError(f"CloudFormation went back to what was before, because: {self._why()}") from None

    def _why(self) -> str:
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self._wanted.stack_name)
        events = [event for page in pages for event in page["StackEvents"]]
        failed = [event for event in events if "FAILED" in event.get("ResourceStatus", "") and event.get("ResourceStatusReason")]
        own = [event for event in failed if "cancelled" not in event["ResourceStatusReason"]]
        return "; ".join(f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in own) or "it does not say"

    def outputs(self) -> dict[str, str]:
        found = self._describe()
        return {one["OutputKey"]: one["OutputValue"] for one in (found or {}).get("Outputs", ())}

    def _describe(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=self._wanted.stack_name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _change(described: Mapping[str, Any]) -> Change:
    replaced = described.get("Replacement") in ("True", "Conditional")
    return Change(described["Action"], described["ResourceType"], described["LogicalResourceId"], replaced)


def _migrate(account: Account, function: str) -> str:
    """Brings the schema to the newest revision, inside the database's network; returns its name."""
    answer = account.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"command": "migrate"}).encode())
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or "revision" not in said:
        raise LocalError(f"The code is deployed, but the migration failed; see the log of {function}: {json.dumps(said)[:500]}")
    return str(said["revision"])


def _api_url(account: Account, stage: str, outputs: Mapping[str, str]) -> str:
    if account.endpoint:
        return f"{account.endpoint}/restapis/{outputs['RestAPIId']}/{stage}/_user_request_"
    return (outputs.get("DomainUrl") or outputs["EndpointURL"]).rstrip("/")


def smoke(api_url: str) -> None:
    """The API answers, its database too, and it lets nobody in without a token. Raises LocalError."""
    deadline = time.monotonic() + SMOKE_SECONDS
    while True:
        wrong = _smoke_once(api_url)
        if not wrong:
            return
        if time.monotonic() > deadline:
            raise LocalError(f"Everything is deployed, but the smoke test fails: {wrong}")
        time.sleep(2)


def _smoke_once(api_url: str) -> str:
    for path, expected in (
        ("/health", 200),
        ("/api/v1", 200),
        ("/openapi.json", 200),
        ("/api/v1/client", 401),
        ("/admin/login", 200),
    ):
        try:
            answer = requests.get(api_url + path, timeout=40, allow_redirects=False)
        except requests.RequestException as error:
            return f"GET {path}: {type(error).__name__}"
        if answer.status_code != expected:
            return f"GET {path} answers {answer.status_code}, not {expected}: {answer.text[:200]}"
    return ""


def _ask(console: Console, changes: Sequence[Change]) -> bool:
    table = Table("", "resource", "type", title=f"{len(changes)} changes")
    for change in sorted(changes, key=lambda one: (not one.grave, one.action, one.name)):
        style = "bold red" if change.grave else {"Add": "green", "Remove": "yellow"}.get(change.action, "")
        table.add_row(f"{change.action}{', replaced' if change.replaced else ''}", change.name, change.kind, style=style)
    console.print(table)
    if any(change.grave for change in changes):
        console.print("[bold red]Red is what holds data or an address that somebody knows: it would be lost or made anew.[/]")
    return console.input("Apply? Type [bold]yes[/]: ").strip() == "yes"


def _command(arguments: Sequence[str]) -> Callable[[Console], int]:
    parser = argparse.ArgumentParser(prog="python -m local.release", description=__doc__)
    parser.add_argument("--stage", required=True, choices=STAGES)
    parser.add_argument("--yes", action="store_true", help="apply without asking")
    parser.add_argument("parameters", nargs="*", metavar="Name=value", help="parameters of the template")
    chosen = parser.parse_args(arguments)

    def run(console: Console) -> int:
        account = Account((os.environ.get(aws.ENDPOINT) or "").rstrip("/") or None)
        parameters = dict(_split(one) for one in chosen.parameters)
        if "PROVIDER_TOKEN" in os.environ:  # not among the arguments, which other users of this machine can see
            parameters["ProviderToken"] = os.environ["PROVIDER_TOKEN"]
        timer = _Timer(step_printer(console))
        made = _package(chosen.stage, account)
        timer.done("package")
        done = release(
            account,
            Release(chosen.stage, made, parameters),
            confirm=lambda changes: chosen.yes or _ask(console, changes),
            report=step_printer(console),
        )
        if done is None:
            console.print("nothing was changed")
            return 1
        console.print(_addresses(done))
        return 0

    return run


def _package(stage: str, account: Account) -> Package:
    out: Path = ROOT / "build" / stage
    made = package(stage, out, architecture=this_machines() if account.endpoint else None)
    complaint = complaints(out / "template.json")
    if complaint:
        raise LocalError(complaint)
    return made


def _split(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise LocalError(f"{given!r} is no parameter: write Name=value.")
    return name, value


def _addresses(done: Released) -> Panel:
    table = Table.grid(padding=(0, 2))
    table.add_row("API", f"{done.api_url}/api/v1/")
    table.add_row("its documentation", f"{done.api_url}/docs")
    table.add_row("admin panel", f"{done.api_url}/admin/")
    table.add_row("schema", f"revision {done.revision}")
    for title, output in (
        ("its secret", "SecretName"),
        ("alarms go to", "AlarmTopicArn"),
        ("DNS record points at", "DomainTarget"),
    ):
        if output in done.outputs:
            table.add_row(title, done.outputs[output])
    table.add_row("a superuser", f"aws lambda invoke --function-name {done.outputs['ManageName']} …  (docs/aws.md)")
    return Panel(table, title="deployed", expand=False)


if __name__ == "__main__":
    sys.exit(guarded(_command(sys.argv[1:])))
