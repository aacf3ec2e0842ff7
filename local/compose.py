"""What the containers of docker-compose.localstack.yml do beside PostgreSQL, LocalStack and the provider.

    python -m local.compose deploy|door|first-mailing

The environment says where everything is: AWS_ENDPOINT_URL, DATABASE_URL (as the tables' owner), SERVICE_DATABASE_URL
(as the functions), PROVIDER_URL, API_PORT.
"""

import os
import subprocess
import sys
import time

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local import aws, main_job
from local.api import Api
from local.console import StoppedError, guarded, step_printer
from local.deploy import Deployment, Target, deploy, deployed, forgotten
from local.errors import LocalError
from local.front_door import FrontDoor
from local.ledger import ProviderClient
from local.settings import ROOT, Ports
from local.stack import ENCRYPTION_KEY, PASSWORD, PROVIDER_TOKEN, SUPERUSER

STACK = "mailing-api-local"
LOOK_SECONDS = 5.0
WORK = ROOT / ".local" / "compose"


def deploy_all(console: Console) -> int:
    """Schema, superuser, functions: once, and again after LocalStack has forgotten them."""
    report = step_printer(console)
    for name, arguments, more in (
        ("schema", ("migrate",), {}),
        ("superuser", ("createsuperuser", "--username", SUPERUSER), {"SUPERUSER_PASSWORD": PASSWORD}),
    ):
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "chalicelib.manage", *arguments],
            cwd=ROOT,
            env=os.environ | more | {"ENCRYPTION_KEYS": ENCRYPTION_KEY},
        )
        if done.returncode:
            raise LocalError(f"{name}: as it says above")
        report(name, time.monotonic() - started)
    started = time.monotonic()
    target = Target(
        endpoint=_needed(aws.ENDPOINT),
        database_url=_needed("SERVICE_DATABASE_URL"),
        provider_url=_needed("PROVIDER_URL"),
        provider_token=PROVIDER_TOKEN,
        encryption_keys=ENCRYPTION_KEY,
        stack=STACK,
        environment={"PUBLIC_URL": _public_url()},
    )
    deploy(target, WORK)
    report("package and deploy", time.monotonic() - started)
    return 0


def door(console: Console) -> int:
    """The front door, until it is stopped. It looks after the deployment, which LocalStack forgets when it is restarted."""
    endpoint = _needed(aws.ENDPOINT)
    there: list[Deployment | None] = [deployed(endpoint, STACK)]
    front_door = FrontDoor(Ports.from_environment().api, lambda: there[0].api_url if there[0] else None)
    front_door.start()
    console.print(f"the API is at {_public_url()}")
    try:
        while True:
            time.sleep(LOOK_SECONDS)
            there[0] = look_after(console, endpoint, there[0])
    except (KeyboardInterrupt, StoppedError):
        front_door.stop()
    return 0


def look_after(console: Console, endpoint: str, known: Deployment | None) -> Deployment | None:
    """The deployment as it is now; deployed again if the endpoint answers and has forgotten it."""
    if aws.health(endpoint) is None:
        return known
    try:
        if forgotten(endpoint, STACK):
            console.print("[yellow]LocalStack was restarted[/]; deploying again")
            deploy_all(console)
        found = deployed(endpoint, STACK)
    except (LocalError, BotoCoreError, ClientError) as error:
        console.print(f"[red]not deployed:[/] {str(error)[:300]}", highlight=False)
        return known
    return found


def first_mailing(console: Console) -> int:
    """What `make run` shows: the addresses, and the main job the first time."""
    started = time.monotonic()
    api, provider = Api(_public_url()), ProviderClient(_needed("PROVIDER_URL"))
    api.login(SUPERUSER, PASSWORD)
    if not provider.is_our_own():
        console.print("the provider is not our stand-in: no mailing is sent to it by itself")
    elif not api.get("/api/v1/mailing", page_size=1)["results"]:
        main_job.first(console, api, provider)
    console.print(main_job.addresses(_public_url(), os.environ.get("INBOX_URL") or _needed("PROVIDER_URL"), started))
    return 0


def _public_url() -> str:
    return f"http://127.0.0.1:{Ports.from_environment().api}"


def _needed(name: str) -> str:
    try:
        return os.environ[name].rstrip("/")
    except KeyError:
        raise LocalError(f"{name} is not set: this is for docker-compose.localstack.yml, which sets it.") from None


if __name__ == "__main__":
    sys.exit(guarded({"deploy": deploy_all, "door": door, "first-mailing": first_mailing}[sys.argv[1]]))
