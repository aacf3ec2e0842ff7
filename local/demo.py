"""The main job from nothing, in a state folder of its own: `make demo`."""

import os
import sys
import time

from rich.console import Console

from chalicelib.domain.words import counted
from local import aws, main_job
from local.api import Api
from local.console import guarded, step_printer
from local.ledger import ProviderClient
from local.run import other_endpoint
from local.settings import STATE, Ports
from local.stack import PASSWORD, SUPERUSER, Stack


def demo(console: Console) -> int:
    started = time.monotonic()
    # Ports that are free: it may run beside `make run`.
    endpoint = other_endpoint(console, 0)
    with Stack(
        *(STATE / "demo", Ports.free()),
        endpoint=endpoint,
        fresh=True,
        stack_name="mailing-api-demo",
        report=step_printer(console),
    ) as stack:
        console.print(f"up after {time.monotonic() - started:.1f} s: {stack.url}")
        provider = ProviderClient(stack.provider.url)
        provider.configure(latency_ms=float(os.environ.get("PROVIDER_LATENCY_MS") or 50))
        api = Api(stack.url)
        api.login(SUPERUSER, PASSWORD)
        clients = main_job.ensure_clients(api)
        mailing = main_job.write_mailing(api)
        console.print(
            f"{counted(clients, 'client')} in 24 time zones; mailing {mailing['id']} starts at {mailing['starts_at']} UTC"
        )
        outcome = main_job.watch(console, api, mailing, clients)
        ledger = provider.summary()
        main_job.show(console, outcome, ledger)
        api.close()
        provider.close()
        schedules_fire = aws.schedules_fire(stack.endpoint)
        stack.undeploy()
    missing = main_job.shortcomings(outcome, ledger, clients, schedules_fire=schedules_fire)
    for sentence in missing:
        console.print(f"[red]not as it must be:[/] {sentence}")
    console.print("everything is stopped" if missing else "[green]as it must be[/]; everything is stopped")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(guarded(demo))
