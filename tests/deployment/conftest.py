"""A local stack, once for all tests here, beside which others are deployed."""

from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.stacks import deployed


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with deployed(tmp_path_factory.mktemp("stack"), "mailing-api-beside") as made:
        yield made
