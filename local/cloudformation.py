"""One CloudFormation stack: its changes, its states and what to do about each of them. For AWS and for local endpoints."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.words import counted
from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
# What holds data, or an address that others know: losing one is worth a second look.
PRECIOUS = {
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::Scheduler::ScheduleGroup",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::DomainName",
    "AWS::EC2::VPC",
    "AWS::EC2::EIP",
}
ABSENT, IN_REVIEW = "DELETE_COMPLETE", "REVIEW_IN_PROGRESS"
DEPLOYABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
    IN_REVIEW,
    ABSENT,
}
_DELETE = (
    "Look at what it still has with `aws cloudformation describe-stack-resources --stack-name {stack}`, then delete it: "
    "`aws cloudformation delete-stack --stack-name {stack}`. If a protected database keeps it from being deleted: `aws rds "
    "modify-db-cluster --db-cluster-identifier NAME --no-deletion-protection --apply-immediately`, and delete again."
)
_NEXT_STEPS = {
    "CREATE_FAILED": "{stack} could not be created, and what was created is still there and costs money. " + _DELETE,
    "ROLLBACK_FAILED": "{stack} could not be created, and not all of it could be removed: the rest costs money. " + _DELETE,
    "ROLLBACK_COMPLETE": (
        "{stack} could not be created; what had been created was removed. Delete the empty stack, and deploy again: "
        "`aws cloudformation delete-stack --stack-name {stack}`."
    ),
    "DELETE_FAILED": "{stack} could not be deleted, and the rest of it costs money. " + _DELETE,
    "UPDATE_FAILED": (
        "The last update of {stack} failed and was not rolled back. Roll it back: `aws cloudformation rollback-stack --stack-name "
        "{stack}`, then deploy again."
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "The last update of {stack} failed, and so did going back. Mend what the reasons name, then: `aws cloudformation "
        "continue-update-rollback --stack-name {stack}` (with --resources-to-skip NAME for what cannot go back), then deploy again."
    ),
    "UPDATE_ROLLBACK_COMPLETE": "{stack} went back to what it was before. Mend what the reasons name, and deploy again.",
    "IMPORT_ROLLBACK_FAILED": (
        "An import of resources into {stack} failed, and so did going back. Mend what the reasons name, then: `aws cloudformation "
        "continue-update-rollback --stack-name {stack}`, then deploy again."
    ),
    "IMPORT_ROLLBACK_COMPLETE": "An import of resources into {stack} failed; it is what it was before.",
    ABSENT: "{stack} was deleted meanwhile. Deploy again.",
    IN_REVIEW: "{stack} is still empty: its change set was not executed. Deploy again.",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set."""

    action: str
    kind: str
    name: str
    replaced: bool

    @property
    def grave(self) -> bool:
        """Is something precious removed or replaced?"""
        return self.kind in PRECIOUS and (self.action == "Remove" or self.replaced)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to look at an operation, and for how long, in seconds."""

    interval: float
    limit: float


LOCAL = Patience(0.1, 300)
AWS = Patience(10, 3600)  # an Aurora cluster takes a quarter of an hour


class Stack:
    """A stack by name, at one endpoint."""

    def __init__(self, client: "CloudFormationClient", name: str, patience: Patience) -> None:
        self.name = name
        self._client: Any = client
        self._patience = patience

    def describe(self) -> dict[str, Any] | None:
        """The stack; None if there is none."""
        try:
            described: dict[str, Any] = self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if described["StackStatus"] == ABSENT else described

    @property
    def status(self) -> str:
        described = self.describe()
        return ABSENT if described is None else str(described["StackStatus"])

    @property
    def outputs(self) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in (self.describe() or {}).get("Outputs", ())}

    @property
    def parameters(self) -> dict[str, str]:
        """As they are now; hidden ones as asterisks."""
        return {one["ParameterKey"]: one["ParameterValue"] for one in (self.describe() or {}).get("Parameters", ())}

    def resources(self, kind: str) -> list[str]:
        """Physical ids of the stack's resources of a type."""
        try:
            pages = list(self._client.get_paginator("list_stack_resources").paginate(StackName=self.name))
        except ClientError as error:
            if "does not exist" in str(error):
                return []
            raise
        found = [one for page in pages for one in page["StackResourceSummaries"] if one["ResourceType"] == kind]
        return [one["PhysicalResourceId"] for one in found if "PhysicalResourceId" in one]

    def require_deployable(self) -> bool:
        """Whether the stack exists. Raises LocalError, saying what to do, if CloudFormation would refuse any change of it."""
        status = self.status
        if status not in DEPLOYABLE:
            raise LocalError(self.explain(status))
        return status not in (ABSENT, IN_REVIEW)

    def explain(self, status: str) -> str:
        """What a status means, why the stack has it, and what to do."""
        if status.endswith("IN_PROGRESS") and status != IN_REVIEW:
            return (
                f"{self.name} is {status}: an operation is still going on, and goes on without this command. Follow it with `aws "
                f"cloudformation describe-stack-events --stack-name {self.name}`, and deploy again when it has ended."
            )
        what_to_do = _NEXT_STEPS.get(status, "{stack} is {status}.").format(stack=self.name, status=status)
        reasons = self.reasons() if status not in (ABSENT, IN_REVIEW) else ""
        return f"{what_to_do} Reasons: {reasons or 'CloudFormation names none'}"

    def reasons(self) -> str:
        """Why the last operation failed, by resource."""
        try:
            pages = list(self._client.get_paginator("describe_stack_events").paginate(StackName=self.name))
        except ClientError:
            return ""
        return "; ".join(_failures(_last_operation([event for page in pages for event in page["StackEvents"]], self.name)))

    # ── change sets ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def propose(self, template_url: str, parameters: Sequence[Mapping[str, Any]], tags: Mapping[str, str]) -> "ChangeSet":
        """A change set, complete. Raises LocalError if CloudFormation refuses it."""
        exists = self.require_deployable()
        made = ChangeSet(self, self._client, f"release-{int(time.time() * 1000)}", exists)
        self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=made.name,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=template_url,
            Parameters=parameters,
            Capabilities=CAPABILITIES,
            # CloudFormation gives them to every resource that can carry them.
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        made.wait(self._patience)
        return made

    # ── direct operations ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, template_url: str, parameters: Mapping[str, str]) -> None:
        """Raises LocalError."""
        self._client.create_stack(StackName=self.name, **_call(template_url, parameters))
        self.settle({"CREATE_COMPLETE"})

    def update(self, template_url: str, parameters: Mapping[str, str]) -> None:
        """Raises LocalError; nothing to update is no error."""
        with _nothing_to_do():
            self._client.update_stack(StackName=self.name, **_call(template_url, parameters))
            self.settle({"UPDATE_COMPLETE"})

    def change(
        self, parameters: Mapping[str, str], template_url: str | None = None, *, known: Iterable[str] | None = None
    ) -> None:
        """Change some parameters, and the template if one is given; the others of those that are `known` to it stay."""
        while self.status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
            time.sleep(self._patience.interval)
        kept = sorted(self.parameters.keys() & set(self.parameters if known is None else known) - parameters.keys())
        template: dict[str, Any] = {"TemplateURL": template_url} if template_url else {"UsePreviousTemplate": True}
        with _nothing_to_do():
            self._client.update_stack(
                StackName=self.name,
                Parameters=_named(parameters) + [{"ParameterKey": name, "UsePreviousValue": True} for name in kept],
                Capabilities=CAPABILITIES,
                **template,
            )
            self.settle({"UPDATE_COMPLETE"})

    def template(self) -> str:
        """The template as it was handed over."""
        body = self._client.get_template(StackName=self.name, TemplateStage="Original")["TemplateBody"]
        return body if isinstance(body, str) else json.dumps(body)

    def delete(self) -> None:
        """Delete the stack and wait; a stack that cannot be deleted raises LocalError."""
        self._client.delete_stack(StackName=self.name)
        self.settle({ABSENT})

    def protect(self) -> None:
        """Refuse deletion of the whole stack from now on."""
        with suppress(ClientError):  # not known to local endpoints
            self._client.update_termination_protection(StackName=self.name, EnableTerminationProtection=True)

    def settle(self, wanted: Iterable[str]) -> None:
        """Wait for the operation's end. Raises LocalError if it ends otherwise, or if it takes too long."""
        deadline = time.monotonic() + self._patience.limit
        while (status := self.status).endswith("IN_PROGRESS") and status != "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS":
            if time.monotonic() > deadline:
                raise LocalError(f"After {counted(round(self._patience.limit / 60), 'minute')}: {self.explain(status)}")
            time.sleep(self._patience.interval)
        if status.removesuffix("_CLEANUP_IN_PROGRESS") not in wanted:
            raise LocalError(self.explain(status))


class ChangeSet:
    """Changes that CloudFormation would make."""

    def __init__(self, stack: Stack, client: Any, name: str, exists: bool) -> None:
        self.name = name
        self.changes: list[Change] = []
        self.exists = exists
        self._stack, self._client = stack, client
        self._names = {"StackName": stack.name, "ChangeSetName": name}

    def wait(self, patience: Patience) -> None:
        """Until it is complete. Raises LocalError if CloudFormation refuses it; one without changes is complete."""
        deadline = time.monotonic() + min(patience.limit, 300)
        while (described := self._client.describe_change_set(**self._names))["Status"] not in ("CREATE_COMPLETE", "FAILED"):
            if time.monotonic() > deadline:
                self.withdraw()
                raise LocalError(
                    f"CloudFormation did not make the change set in time: it is {described['Status']}. Deploy again."
                )
            time.sleep(min(patience.interval, 1))
        reason = described.get("StatusReason", "")
        if described["Status"] == "FAILED":
            self.withdraw()
            if "didn't contain changes" not in reason and "No updates" not in reason:
                raise LocalError(f"CloudFormation refused the change set: {reason}")
            return
        pages = self._client.get_paginator("describe_change_set").paginate(**self._names)
        self.changes = [_change(one["ResourceChange"]) for page in pages for one in page.get("Changes", ())]

    def apply(self) -> None:
        """Raises LocalError when CloudFormation ends otherwise than with the change."""
        self._client.execute_change_set(**self._names)
        self._stack.settle({"UPDATE_COMPLETE" if self.exists else "CREATE_COMPLETE"})

    def withdraw(self) -> None:
        """The change set goes; and with it the empty stack that it made, if this is the first."""
        with suppress(ClientError):
            self._client.delete_change_set(**self._names)
            if not self.exists:
                self._client.delete_stack(StackName=self._stack.name)


@contextmanager
def _nothing_to_do() -> Iterator[None]:
    """CloudFormation calls an update without changes an error."""
    try:
        yield
    except ClientError as error:
        if "No updates" not in str(error):
            raise


def _call(template_url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    return {"TemplateURL": template_url, "Parameters": _named(parameters), "Capabilities": CAPABILITIES}


def _named(parameters: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]


def _change(described: Mapping[str, Any]) -> Change:
    replaced = described.get("Replacement") in ("True", "Conditional")
    return Change(described["Action"], described["ResourceType"], described["LogicalResourceId"], replaced)


def _last_operation(events: Sequence[Mapping[str, Any]], stack: str) -> list[Mapping[str, Any]]:
    """Of events, newest first, those since the last operation began: reasons of an older failure would mislead."""
    last = []
    for event in events:
        last.append(event)
        begun = event.get("ResourceStatus") in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", IN_REVIEW)
        if event.get("LogicalResourceId") == stack and begun:
            break
    return last


def _failures(events: Iterable[Mapping[str, Any]]) -> list[str]:
    failed = [event for event in events if "FAILED" in event.get("ResourceStatus", "") and event.get("ResourceStatusReason")]
    own = [event for event in failed if "cancelled" not in event["ResourceStatusReason"]]
    return list(dict.fromkeys(f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in own))
