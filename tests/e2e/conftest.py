"""The whole local stack, once for all tests here: real PostgreSQL, packaged functions behind the endpoint, the provider.

AWS_ENDPOINT_URL names another LocalStack-compatible endpoint to deploy to; without it the stack brings its own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import aws
from local.api import Api
from local.ledger import ProviderClient
from local.settings import Ports
from local.stack import PASSWORD, SUPERUSER, Stack
from tests.e2e.stage import Stage

# Reconcile takes over what no schedule started within this time. Ministack's schedules are up to 10 s late, and more on a busy machine.
GRACE = "20"
# What those call themselves whose schedules fire (ministack is "light"); LocalStack without an account only stores them.
FIRING_EDITIONS = ("light", "pro")
ENVIRONMENT = {"RECONCILE_GRACE_SECONDS": GRACE}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    endpoint = os.environ.get(aws.ENDPOINT) or None
    with Stack(
        folder, Ports.free(), endpoint=endpoint, durable=False, stack_name="mailing-api-e2e", environment=ENVIRONMENT
    ) as made:
        yield made
        made.undeploy()


@pytest.fixture(scope="session")
def schedules_fire(stack: Stack) -> bool:
    return aws.require(stack.endpoint).get("edition") in FIRING_EDITIONS


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    api = Api(stack.url)
    api.login(SUPERUSER, PASSWORD)
    api.post("/add-users")
    yield api
    api.close()


@pytest.fixture
def provider(stack: Stack) -> Iterator[ProviderClient]:
    """The provider, having forgotten what earlier tests did to it."""
    provider = ProviderClient(stack.provider.url)
    provider.reset()
    yield provider
    provider.close()


@pytest.fixture
def stage(stack: Stack, api: Api, provider: ProviderClient) -> Stage:
    return Stage(stack, api, provider)
