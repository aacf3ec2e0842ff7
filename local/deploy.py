"""Deploys the packaged stack to a LocalStack-compatible endpoint, through CloudFormation as on AWS."""

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local import aws
from local.conditions import decided
from local.errors import LocalError
from local.package import Package, package
from local.template import with_code

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

STAGE = "local"
BUCKET = "mailing-api-deployments"
PATIENCE = 180.0
CAPABILITIES: Any = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deploy, and what the functions shall reach from there."""

    endpoint: str
    database_url: str
    """As the functions reach it."""
    provider_url: str
    provider_token: str
    stack: str = "mailing-api-local"
    provider_honours_key: bool = True
    bare: bool = False
    """Does the endpoint's interpreter have the dependencies?"""
    environment: Mapping[str, str] | None = None

    @property
    def secret_id(self) -> str:
        return f"mailing-api/{self.stack.removeprefix('mailing-api-')}"

    @property
    def parameters(self) -> Mapping[str, str]:
        """Of the template."""
        return {
            "SecretId": self.secret_id,
            "ProviderUrl": self.provider_url,
            "ProviderHonoursKey": str(self.provider_honours_key).lower(),
        }


@dataclass(frozen=True, slots=True)
class Deployment:
    endpoint: str
    outputs: Mapping[str, str]

    @property
    def api_url(self) -> str:
        """The API's address at the endpoint; an update that changes routes may change it."""
        return f"{self.endpoint}/restapis/{self.outputs['RestAPIId']}/{STAGE}/_user_request_"


def deploy(target: Target, work: Path) -> Deployment:
    """Packages and deploys the code as it is now."""
    return deploy_package(target, package(STAGE, work, bare=target.bare, environment=target.environment))


def deploy_package(target: Target, made: Package) -> Deployment:
    aws.require(target.endpoint)
    _keep_secret(target)
    stack = _Stack(target, _upload(target, made))
    if stack.status() is None:
        stack.create()
    elif not stack.update():
        # LocalStack cannot update a REST API whose routes changed.
        stack.delete()
        stack.create()
    return Deployment(target.endpoint, stack.outputs())


def deployed(endpoint: str, stack: str) -> Deployment | None:
    """The stack as it is there now; None while it is not whole."""
    found = _describe(aws.client("cloudformation", endpoint), stack)
    if found is None or found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return None
    return Deployment(endpoint, _outputs(found))


def undeploy(endpoint: str, stack: str) -> None:
    _delete(aws.client("cloudformation", endpoint), stack)


def _keep_secret(target: Target) -> None:
    secrets = aws.client("secretsmanager", target.endpoint)
    value = json.dumps({"database_url": target.database_url, "provider_token": target.provider_token})
    try:
        secrets.create_secret(Name=target.secret_id, SecretString=value)
    except secrets.exceptions.ResourceExistsException:
        secrets.put_secret_value(SecretId=target.secret_id, SecretString=value)


def _upload(target: Target, made: Package) -> str:
    """Puts code and template where CloudFormation reads them (a template in the call itself may have 50 KB); returns its URL."""
    storage = aws.client("s3", target.endpoint)
    with suppress(storage.exceptions.BucketAlreadyOwnedByYou, storage.exceptions.BucketAlreadyExists):
        storage.create_bucket(Bucket=BUCKET)
    code = f"{made.digest}.zip"
    storage.put_object(Bucket=BUCKET, Key=code, Body=made.zip_file.read_bytes())
    template = json.dumps(for_local_endpoints(with_code(made.template, f"s3://{BUCKET}/{code}"), target.parameters)).encode()
    key = f"{hashlib.sha256(template).hexdigest()}.json"
    storage.put_object(Bucket=BUCKET, Key=key, Body=template)
    return f"{target.endpoint}/{BUCKET}/{key}"


def for_local_endpoints(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The template as local endpoints want it.

    Conditions are decided; alarms over more than one metric, of which they know nothing, are left out; and gateway responses, which
    they do not read from the API's definition, where AWS needs them, are resources, too.
    """
    template = decided(template, parameters)
    template["Resources"] = {
        name: item
        for name, item in template["Resources"].items()
        if item["Type"] != "AWS::CloudWatch::Alarm" or "Metrics" not in item["Properties"]
    }
    responses = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-gateway-responses"]
    for kind, response in responses.items():
        properties = {name[0].upper() + name[1:]: value for name, value in response.items()}
        template["Resources"]["GatewayResponse" + kind.title().replace("_", "")] = {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {"RestApiId": {"Ref": "RestAPI"}, "ResponseType": kind, **properties},
        }
    return template


class _Stack:
    def __init__(self, target: Target, template_url: str) -> None:
        self._name = target.stack
        self._template_url = template_url
        self._cloudformation = aws.client("cloudformation", target.endpoint)
        self._parameters: Any = [{"ParameterKey": name, "ParameterValue": value} for name, value in target.parameters.items()]

    def describe(self) -> Any:
        return _describe(self._cloudformation, self._name)

    def status(self) -> str | None:
        return _status(self._cloudformation, self._name)

    def create(self) -> None:
        self._cloudformation.create_stack(
            StackName=self._name, TemplateURL=self._template_url, Parameters=self._parameters, Capabilities=CAPABILITIES
        )
        if self._settled() != "CREATE_COMPLETE":
            raise LocalError(f"CloudFormation could not create {self._name}: {self._why()}")

    def update(self) -> bool:
        """False when the stack has to be made anew."""
        try:
            self._cloudformation.update_stack(
                StackName=self._name, TemplateURL=self._template_url, Parameters=self._parameters, Capabilities=CAPABILITIES
            )
        except ClientError as error:
            return "No updates" in str(error)
        return self._settled() == "UPDATE_COMPLETE"

    def delete(self) -> None:
        _delete(self._cloudformation, self._name)

    def outputs(self) -> dict[str, str]:
        return _outputs(self.describe())

    def _settled(self) -> str | None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            status = self.status()
            if status is None or not status.endswith("IN_PROGRESS"):
                return status
            time.sleep(0.1)
        return self.status()

    def _why(self) -> str:
        events = self._cloudformation.describe_stack_events(StackName=self._name)["StackEvents"]
        reasons = [
            f"{event.get('LogicalResourceId')}: {event['ResourceStatusReason']}"
            for event in events
            if "FAILED" in event.get("ResourceStatus", "") and event.get("ResourceStatusReason")
        ]
        return "; ".join(reasons) or f"it is {self.status()}"


def _describe(cloudformation: "CloudFormationClient", stack: str) -> Any:
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except (ClientError, IndexError):
        return None


def _outputs(described: Any) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _status(cloudformation: "CloudFormationClient", stack: str) -> str | None:
    found = _describe(cloudformation, stack)
    return None if found is None or found["StackStatus"] == "DELETE_COMPLETE" else str(found["StackStatus"])


def _delete(cloudformation: "CloudFormationClient", stack: str) -> None:
    cloudformation.delete_stack(StackName=stack)
    deadline = time.monotonic() + PATIENCE
    while _status(cloudformation, stack) not in (None, "DELETE_FAILED") and time.monotonic() < deadline:
        time.sleep(0.2)
