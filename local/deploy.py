"""Deploys the packaged stack to a LocalStack-compatible endpoint, through CloudFormation as on AWS."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import aws
from local.cloudformation import ABSENT, LOCAL, Stack
from local.conditions import decided
from local.errors import LocalError
from local.package import Package, package
from local.template import with_code

STAGE = "local"
BUCKET = "mailing-api-deployments"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to deploy, and what the functions shall reach from there."""

    endpoint: str
    database_url: str
    """As the functions reach it."""
    provider_url: str
    provider_token: str
    encryption_keys: str
    provider_kind: str = "contract"
    provider_sender: str = ""
    provider_options: str = ""
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
            "ProviderKind": self.provider_kind,
            "ProviderUrl": self.provider_url,
            "ProviderSender": self.provider_sender,
            "ProviderOptions": self.provider_options,
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
    stack = _stack(target.endpoint, target.stack)
    template_url = _upload(target, made)
    if stack.status == ABSENT or not _updated(stack, template_url, target.parameters):
        stack.create(template_url, target.parameters)
    return Deployment(target.endpoint, stack.outputs)


def _updated(stack: Stack, template_url: str, parameters: Mapping[str, str]) -> bool:
    """False when the stack was deleted and has to be made anew: LocalStack cannot update a REST API whose routes changed."""
    try:
        stack.update(template_url, parameters)
    except (ClientError, LocalError):
        with suppress(LocalError):
            stack.delete()
        return False
    return True


def forgotten(endpoint: str, stack: str) -> bool:
    """Whether the endpoint knows nothing of the stack."""
    return _stack(endpoint, stack).status == ABSENT


def deployed(endpoint: str, stack: str) -> Deployment | None:
    """The stack as it is there now; None while it is not whole."""
    existing = _stack(endpoint, stack)
    if existing.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return None
    return Deployment(endpoint, existing.outputs)


def undeploy(endpoint: str, stack: str) -> None:
    with suppress(LocalError):
        _stack(endpoint, stack).delete()


def _stack(endpoint: str, name: str) -> Stack:
    return Stack(aws.client("cloudformation", endpoint), name, LOCAL)


def _keep_secret(target: Target) -> None:
    secrets = aws.client("secretsmanager", target.endpoint)
    held = {
        "database_url": target.database_url,
        "provider_token": target.provider_token,
        "encryption_keys": target.encryption_keys,
    }
    value = json.dumps(held)
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
