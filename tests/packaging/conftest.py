"""The package of prod, without dependencies: for what is asked of the template."""

from typing import Any

import pytest

from local.package import package


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return package("prod", tmp_path_factory.mktemp("bare"), bare=True).template
