"""The whole local stack for tests of a layer."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local import aws
from local.settings import Ports
from local.stack import Stack


@contextmanager
def deployed(folder: Path, name: str, environment: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Real PostgreSQL, packaged functions behind the endpoint, the provider, all gone after the `with`.

    AWS_ENDPOINT_URL names another LocalStack-compatible endpoint to deploy to; without it the stack brings its own.
    """
    endpoint = os.environ.get(aws.ENDPOINT) or None
    with Stack(folder, Ports.free(), endpoint=endpoint, durable=False, stack_name=name, environment=environment) as made:
        yield made
        made.undeploy()
