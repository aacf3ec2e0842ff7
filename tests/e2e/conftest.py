"""The whole local stack, once for each process that runs these tests."""

from collections.abc import Iterator

import pytest

from local import aws
from local.api import Api
from local.ledger import ProviderClient
from local.stack import PASSWORD, SUPERUSER, Stack
from tests.e2e.stage import Stage
from tests.stacks import deployed

# Reconcile takes over what no schedule started within this time. Ministack's schedules are up to 10 s late, and more on a busy machine.
GRACE = "20"
ENVIRONMENT = {"RECONCILE_GRACE_SECONDS": GRACE}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployed(tmp_path_factory.mktemp("stack"), "mailing-api-e2e", ENVIRONMENT) as made:
        yield made


@pytest.fixture(scope="session")
def schedules_fire(stack: Stack) -> bool:
    return aws.schedules_fire(stack.endpoint)


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    api = Api(stack.url)
    api.login(SUPERUSER, PASSWORD)
    api.post("/add-users")
    yield api
    api.close()


@pytest.fixture
def stage(stack: Stack, api: Api, provider: ProviderClient) -> Stage:
    return Stage(stack, api, provider)
