"""Clients of a LocalStack-compatible endpoint, and what it is."""

import json
import os
import urllib.request
from typing import TYPE_CHECKING, Any, Literal, overload
from urllib.parse import urlsplit

from botocore.config import Config
from localstack_client.session import Session

from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

REGION = "us-east-1"
ENDPOINT = "AWS_ENDPOINT_URL"
OWN_EDITION = "light"
"""How our own endpoint describes itself."""
_FIRING_EDITIONS = (OWN_EDITION, "pro")
_CONFIG = Config(connect_timeout=5, read_timeout=120, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})


@overload
def client(service: Literal["cloudformation"], endpoint: str) -> "CloudFormationClient": ...
@overload
def client(service: Literal["lambda"], endpoint: str) -> "LambdaClient": ...
@overload
def client(service: Literal["s3"], endpoint: str) -> "S3Client": ...
@overload
def client(service: Literal["scheduler"], endpoint: str) -> "EventBridgeSchedulerClient": ...
@overload
def client(service: Literal["secretsmanager"], endpoint: str) -> "SecretsManagerClient": ...
@overload
def client(service: Literal["sqs"], endpoint: str) -> "SQSClient": ...
@overload
def client(service: Literal["logs", "sts", "sns", "cloudwatch"], endpoint: str) -> Any: ...
def client(service: str, endpoint: str) -> Any:
    """A boto3 client of the endpoint, with made-up credentials: never one of a real account."""
    other = os.environ.get(ENDPOINT)
    if other and other.rstrip("/") != endpoint.rstrip("/"):
        raise LocalError(f"{ENDPOINT} is {other}, but this is for {endpoint}: unset it.")
    host = urlsplit(endpoint).netloc
    make: Any = Session  # localstack-client has no types
    session = make(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION, localstack_host=host)
    return session.client(service, config=_CONFIG)


def health(endpoint: str, timeout: float = 3) -> dict[str, Any] | None:
    """What the endpoint says about itself; None while it does not answer."""
    try:
        with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=timeout) as answer:  # noqa: S310 - http by design
            found: dict[str, Any] = json.load(answer)
            return found
    except (OSError, ValueError):
        return None


def chosen_endpoint(port: int) -> str | None:
    """The LocalStack-compatible endpoint to use in place of our own: the one that AWS_ENDPOINT_URL names, or a LocalStack on our port.

    None where there is neither. Raises LocalError when the one that is named does not answer.
    """
    named = (os.environ.get(ENDPOINT) or "").rstrip("/")
    if named:
        require(named)
        return named
    found = f"http://127.0.0.1:{port}"
    answer = health(found, timeout=1) if port else None
    return found if answer is not None and answer.get("edition") != OWN_EDITION else None


def schedules_fire(endpoint: str) -> bool:
    """Does the endpoint carry schedules out? LocalStack without an account only stores them."""
    return require(endpoint).get("edition") in _FIRING_EDITIONS


def require(endpoint: str) -> dict[str, Any]:
    found = health(endpoint)
    if found is None:
        raise LocalError(f"Nothing that looks like LocalStack answers at {endpoint}: start it, or give another {ENDPOINT}.")
    return found
