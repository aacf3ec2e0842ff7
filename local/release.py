"""Deploy a stage to AWS: check the account, package, upload, a change set to look at, apply, migrate, smoke test.

    python -m local.release --stage prod [--yes] [ProviderUrl=https://… Name=value …]

Parameters of the template keep the values that they had; the environment's PROVIDER_TOKEN is ProviderToken, its
OIDC_CLIENT_SECRET OidcClientSecret, its ENCRYPTION_KEYS EncryptionKeys. The account is that of the
environment (AWS_PROFILE, AWS_REGION …); with AWS_ENDPOINT_URL it is a LocalStack-compatible endpoint, which needs SecretId for a
database that is there.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from chalicelib.domain.words import counted
from local import aws, preconditions
from local.cloudformation import AWS, LOCAL, Change, ChangeSet, Stack
from local.conditions import contradictions
from local.console import guarded, step_printer
from local.deploy import for_local_endpoints
from local.errors import LocalError
from local.package import STAGES, Package, package, this_machines, this_python
from local.preconditions import Plan
from local.settings import ROOT
from local.template import complaints, with_code

SMOKE_SECONDS = 90
MIGRATION_SECONDS = 900
"""How long a Lambda function may run."""
_POLL_SECONDS = 5
_SECRETS = {"PROVIDER_TOKEN": "ProviderToken", "OIDC_CLIENT_SECRET": "OidcClientSecret", "ENCRYPTION_KEYS": "EncryptionKeys"}
_FIRST = {"DatabaseProtected": "false", "Started": "false"}
_AFTER_SUCCESS = {"DatabaseProtected": "", "Started": "true"}
"""Parameters of a first deployment, and what they become once it has succeeded."""


class Account:
    """An AWS account and region, or a local endpoint that stands in for one."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint

    @cached_property
    def _session(self) -> boto3.Session:
        # boto3 itself reads AWS_DEFAULT_REGION only; the other SDKs and Lambda read AWS_REGION.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        if session.region_name is None:
            raise LocalError("No region is set: export AWS_REGION=eu-central-1, or choose a profile that has one.")
        return session

    def client(self, service: Any, config: Config | None = None) -> Any:
        if self.endpoint:
            return aws.client(service, self.endpoint)
        return self._session.client(service, config=config)

    @property
    def region(self) -> str:
        return aws.REGION if self.endpoint else str(self._session.region_name)

    @cached_property
    def number(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def name(self) -> str:
        """For people, before they confirm anything."""
        where = f" at {self.endpoint}" if self.endpoint else ""
        return f"account {self.number}, region {self.region}{where}"


@dataclass(frozen=True, slots=True)
class Release:
    """What is to be deployed."""

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
    deployment = _Deployment(account, wanted)
    unchecked = deployment.check()
    timer.done("preconditions" + (f", not checked: {', '.join(unchecked)}" if unchecked else ""))
    url = deployment.upload()
    timer.done("upload")
    proposed = deployment.propose(url)
    timer.done("change set")
    if proposed.changes:
        if not confirm(proposed.changes):
            proposed.withdraw()
            return None
        timer.restart()
        deployment.remember()
        proposed.apply()
        timer.done("apply")
    outputs = deployment.stack.outputs
    api_url = _api_url(account, wanted.stage, outputs)
    with deployment.going_back_on_failure():
        revision = migrate(account, outputs["ManageName"])
        timer.done("migrate")
        smoke(api_url)
        timer.done("smoke test")
    if deployment.start():
        timer.done("start and protect")
    return Released(api_url, revision, outputs, proposed.changes)


class _Timer:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.restart()

    def restart(self) -> None:
        self._started = time.monotonic()

    def done(self, name: str) -> None:
        self._report(name, time.monotonic() - self._started)
        self.restart()


class _Deployment:
    """One release on its way into a stack."""

    def __init__(self, account: Account, wanted: Release) -> None:
        self._account, self._wanted = account, wanted
        self.stack = Stack(account.client("cloudformation"), wanted.stack_name, LOCAL if account.endpoint else AWS)
        self._exists = self.stack.require_deployable()
        self._before = self.stack.parameters if self._exists else {}
        self._previous: str | None = None

    def check(self) -> list[str]:
        """Raises LocalError with everything that is missing; returns what could not be checked."""
        known = self._wanted.made.template["Parameters"]
        self._parameters()
        # Of hidden parameters CloudFormation shows asterisks, also where they are empty.
        visible = {
            name: value
            for name, value in self._values().items()
            if not known[name].get("NoEcho") or name in self._wanted.parameters
        }
        refused = contradictions(self._wanted.made.template, visible)
        if refused:
            raise LocalError(f"Nothing was changed. These parameters contradict each other: {'; '.join(refused)}.")
        if self._account.endpoint:
            return []
        values = {name: str(one.get("Default", "")) for name, one in known.items()} | self._values()
        functions = tuple(self.stack.resources("AWS::Lambda::Function")) if self._exists else ()
        plan = Plan(self._wanted.made.template, values, self.stack.name, self._account.region, functions, self._exists)
        findings = preconditions.check(self._account.client, plan)
        if findings.missing:
            raise LocalError("Nothing was changed. " + "\n".join(findings.missing))
        return findings.unchecked

    def upload(self) -> str:
        """Puts code and template into a bucket of the account; returns the template's URL."""
        storage = self._account.client("s3")
        bucket = self._bucket(storage)
        code = f"{self.stack.name}/{self._wanted.made.digest}.zip"
        storage.put_object(Bucket=bucket, Key=code, Body=self._wanted.made.zip_file.read_bytes())
        template = with_code(self._wanted.made.template, f"s3://{bucket}/{code}")
        if self._account.endpoint:
            template = for_local_endpoints(template, self._values())
        return self._put(storage, bucket, json.dumps(template))

    def _put(self, storage: Any, bucket: str, template: str) -> str:
        body = template.encode()
        key = f"{self.stack.name}/{hashlib.sha256(body).hexdigest()}.json"
        storage.put_object(Bucket=bucket, Key=key, Body=body)
        return f"{storage.meta.endpoint_url}/{bucket}/{key}"

    def _bucket(self, storage: Any) -> str:
        region = self._account.region
        bucket = f"mailing-api-{self._account.number}-{region}"
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        with suppress(storage.exceptions.BucketAlreadyOwnedByYou):
            storage.create_bucket(Bucket=bucket, **where)
            _configure_bucket(storage, bucket)
        return bucket

    def _values(self) -> dict[str, str]:
        """Parameters as they will be: those given, and the others as they are."""
        return self._before | self._given()

    def _given(self) -> dict[str, str]:
        return {**self._first(), **self._wanted.parameters, "Stage": self._wanted.stage}

    def _first(self) -> dict[str, str]:
        """Until the schema is there nothing runs by itself, and a protected database would survive the rollback of a failure."""
        return {} if self._exists or self._account.endpoint else _FIRST

    def propose(self, template_url: str) -> ChangeSet:
        """The changes that the template would make; none if the stack is like it already."""
        try:
            return self.stack.propose(template_url, self._parameters(), {"project": "mailing-api", "stage": self._wanted.stage})
        except ClientError as error:
            if self._account.endpoint and error.response["Error"]["Code"] == "InternalFailure":  # botocore has no class of it
                raise LocalError(f"This endpoint cannot update {self.stack.name}: delete that stack there first.") from None
            raise

    def _parameters(self) -> list[dict[str, Any]]:
        known = self._wanted.made.template["Parameters"]
        strange = self._wanted.parameters.keys() - known.keys()
        if strange:
            raise LocalError(f"The template has no parameter {', '.join(sorted(strange))}; it has: {', '.join(sorted(known))}.")
        given = self._given()
        kept = self._before.keys() & known.keys()
        missing = [name for name, one in known.items() if "Default" not in one and name not in given and name not in kept]
        if missing:
            raise LocalError(f"The first deployment of a stage needs {', '.join(missing)}: {known[missing[0]]['Description']}.")
        return [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()] + [
            {"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept - given.keys())
        ]

    # ── after CloudFormation has succeeded ───────────────────────────────────────────────────────────────────────────────────────

    def remember(self) -> None:
        """Keep the template that is deployed now: its code stays in the bucket."""
        if self._exists and not self._account.endpoint:
            self._previous = self.stack.template()

    @contextmanager
    def going_back_on_failure(self) -> Iterator[None]:
        """A release whose migration or smoke test fails is taken back: template, code and parameters. The schema stays."""
        try:
            yield
        except LocalError as error:
            if self._previous is None:
                raise
            storage = self._account.client("s3")
            url = self._put(storage, self._bucket(storage), self._previous)
            kept = json.loads(self._previous)["Parameters"].keys() & self._before.keys()
            visible = {name: self._before[name] for name in kept if set(self._before[name]) != {"*"}}
            self.stack.change(visible, url, known=kept)
            raise LocalError(f"{error}\nThe stack went back to what was deployed before.") from None

    def start(self) -> bool:
        """After a success: reconcile runs, database and stack are protected as the stage wants it. What was given stays as it is."""
        if self._account.endpoint:
            return False
        now = self.stack.parameters
        changed = {
            name: value
            for name, value in _AFTER_SUCCESS.items()
            if name not in self._wanted.parameters and now.get(name) == _FIRST[name]
        }
        if not changed:
            return False
        self.stack.change(changed)
        if self._wanted.made.template["Mappings"]["Stages"][self._wanted.stage]["Protected"] and "DatabaseProtected" in changed:
            self.stack.protect()
        return True


def _configure_bucket(storage: Any, bucket: str) -> None:
    """Private and over TLS only; what was overwritten and uploads that were not finished expire.

    Packages themselves stay: CloudFormation needs the one before when it rolls back.
    """
    storage.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    partition = "aws-cn" if storage.meta.region_name.startswith("cn-") else "aws"
    arn = f"arn:{partition}:s3:::{bucket}"
    over_tls = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    expire = {
        "ID": "overwritten-and-unfinished",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 180},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }
    storage.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    storage.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [expire]})
    if storage.meta.endpoint_url.startswith("https://"):
        storage.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [over_tls]}))


def migrate(account: Account, function: str) -> str:
    """Bring the schema to the newest revision, inside the database's network; returns its name. Raises LocalError.

    The function is called once: repeating it would start a second migration that waits for the first. Where the connection is lost
    meanwhile, which a router may do to one that is idle for minutes, the schema is asked for its revision instead.
    """
    once = Config(read_timeout=MIGRATION_SECONDS + 30, connect_timeout=10, retries={"total_max_attempts": 1}, tcp_keepalive=True)
    functions = account.client("lambda", once)
    try:
        said = _invoke(functions, function, "migrate")
    except HTTPClientError:
        said = _await_revision(account, function)
    if "revision" not in said:
        raise LocalError(
            f"The code is deployed, but the migration failed; see the log of {function}: {json.dumps(said)[:500]}. What it had "
            "committed is kept, and migrating again goes on from there (docs/aws.md, Migrations)."
        )
    return str(said["revision"])


def _invoke(functions: Any, function: str, command: str) -> dict[str, Any]:
    answer = functions.invoke(FunctionName=function, Payload=json.dumps({"command": command}).encode())
    said: dict[str, Any] = json.loads(answer["Payload"].read())
    return {"error": said} if "FunctionError" in answer else said


def _await_revision(account: Account, function: str) -> dict[str, Any]:
    functions = account.client("lambda")
    deadline = time.monotonic() + MIGRATION_SECONDS
    while True:
        with suppress(HTTPClientError):
            said = _invoke(functions, function, "revision")
            if said.get("revision") == said.get("newest") or time.monotonic() > deadline:
                return said if said.get("revision") == said.get("newest") else {"error": said}
        time.sleep(_POLL_SECONDS)


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


def _ask(console: Console, account: Account, stack: str, changes: Sequence[Change]) -> bool:
    table = Table("", "resource", "type", title=f"{counted(len(changes), 'change')} of {stack}: {account.name}")
    for change in sorted(changes, key=lambda one: (not one.grave, one.action, one.name)):
        style = "bold red" if change.grave else {"Add": "green", "Remove": "yellow"}.get(change.action, "")
        table.add_row(f"{change.action}{', replaced' if change.replaced else ''}", change.name, change.kind, style=style)
    console.print(table)
    if any(change.grave for change in changes):
        console.print("[bold red]Red holds data, or an address that others know: it would be removed or replaced.[/]")
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
        for variable, name in _SECRETS.items():
            if variable in os.environ:  # not among the arguments, which other users of this machine can see
                parameters[name] = os.environ[variable]
        wanted_stack = f"mailing-api-{chosen.stage}"
        console.print(f"{wanted_stack}: {account.name}", highlight=False)
        timer = _Timer(step_printer(console))
        made = _package(chosen.stage, account)
        timer.done("package")
        done = release(
            account,
            Release(chosen.stage, made, parameters),
            confirm=lambda changes: chosen.yes or _ask(console, account, wanted_stack, changes),
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
    architecture, python = (this_machines(), this_python()) if account.endpoint else (None, None)
    made = package(stage, out, architecture=architecture, python=python)
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
        ("the provider sees", "OutgoingAddress"),
    ):
        if output in done.outputs:
            table.add_row(title, done.outputs[output])
    table.add_row("a superuser", f"aws lambda invoke --function-name {done.outputs['ManageName']} …  (docs/aws.md)")
    return Panel(table, title="deployed", expand=False)


if __name__ == "__main__":
    sys.exit(guarded(_command(sys.argv[1:])))
