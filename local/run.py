"""`make run`: everything up, the main job before your eyes, and then a quiet line of what happens until Ctrl-C."""

import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.live import Live
from rich.text import Text

from local import aws, main_job, state
from local.api import Api
from local.console import StoppedError, guarded, step_printer
from local.errors import LocalError
from local.ledger import ProviderClient
from local.settings import Ports
from local.stack import PASSWORD, SUPERUSER, Stack
from local.watch import CodeWatch

LOOK_SECONDS = 1.0
ROUND_THE_WORLD = "Good morning, wherever you are"


def run(console: Console) -> int:
    started = time.monotonic()
    console.print("[bold]mailing-api[/], the local stack")
    ports = Ports.from_environment()
    endpoint = other_endpoint(console, ports.aws)
    kind = os.environ.get("PROVIDER_KIND") or "contract"
    with Stack(state.RUN, ports, endpoint=endpoint, provider_kind=kind, report=step_printer(console)) as stack:
        console.print(main_job.addresses(stack.url, stack.provider.url, started))
        api = Api(stack.url)
        provider = ProviderClient(stack.provider.url)
        try:
            _have_something_to_see(console, api, provider)
            console.print(f"{stack.url}  ·  {SUPERUSER} / {PASSWORD}  ·  inbox {stack.provider.url}  ·  Ctrl-C stops everything")
            _stay(console, stack, api, provider)
        except (KeyboardInterrupt, StoppedError):
            pass  # the way to end it
        finally:
            api.close()
            provider.close()
            with console.status("stopping"):
                with suppress(LocalError, BotoCoreError, ClientError):  # it may have been stopped before us
                    stack.undeploy()
                stack.stop()
            console.print("everything is stopped")
    return 0


def other_endpoint(console: Console, port: int) -> str | None:
    """LocalStack, where it is to be used in place of our own endpoint; says so."""
    endpoint = aws.chosen_endpoint(port)
    if endpoint is not None:
        version = aws.require(endpoint).get("version", "of an unknown version")
        why = (
            f"named by {aws.ENDPOINT}"
            if os.environ.get(aws.ENDPOINT)
            else "found there; AWS_PORT=0 starts an endpoint of our own"
        )
        console.print(f"LocalStack {version} at {endpoint} is the AWS endpoint ({why})", highlight=False)
    return endpoint


def _have_something_to_see(console: Console, api: Api, provider: ProviderClient) -> None:
    """The main job, the first time; and a mailing that goes round the world, whenever none is under way."""
    api.login(SUPERUSER, PASSWORD)
    there = api.get("/api/v1/mailing", page_size=100, ordering="-id")["results"]
    if there:
        console.print(
            f"your data is kept: mailings {len(there)}{'+' if len(there) == 100 else ''}, messages {sum(api.statistics().values()):,}"
        )
    else:
        main_job.first(console, api, provider)
    if not any(mailing["name"] == ROUND_THE_WORLD and mailing["status"] in ("scheduled", "running") for mailing in there):
        _send_round_the_world(console, api)


def _send_round_the_world(console: Console, api: Api) -> None:
    """The headline feature: one wall time, and each client gets it when the clock on the wall shows it."""
    sample = api.get("/api/v1/client", operator_code="910", page_size=100)["results"]
    if not sample:
        return
    now = datetime.now(UTC)
    first = max(_offset(client["time_zone"], now) for client in sample)
    start = (now + first + timedelta(seconds=60)).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
    mailing = api.create_mailing(
        ROUND_THE_WORLD, "It is now the same time on your clock as on everybody else's was.", start, start + timedelta(hours=3)
    )
    console.print(
        f"mailing {mailing['id']} goes round the world: at {start:%H:%M} on each client's own clock, the first zone in a minute or "
        "two, the next every hour"
    )


def _offset(zone: str, now: datetime) -> timedelta:
    return now.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)


def _stay(console: Console, stack: Stack, api: Api, provider: ProviderClient) -> None:
    code = CodeWatch()
    before = provider.summary()["calls"]
    with Live(Text(""), console=console, refresh_per_second=2, transient=True) as live:
        while True:
            time.sleep(LOOK_SECONDS)
            _heal(console, stack)
            _follow_edits(console, stack, code)
            try:
                calls = provider.summary()["calls"]
                live.update(_line(api, calls - before))
                before = calls
            except LocalError as error:
                live.update(Text(str(error)[:200], style="red", no_wrap=True, overflow="ellipsis"))


def _line(api: Api, calls: int) -> Text:
    counts = api.statistics()
    running = [_named(mailing) for mailing in api.get("/api/v1/mailing", status="running", page_size=5)["results"]]
    parts = [f"{main_job.NAMES[status]} {count:,}" for status, count in counts.items() if count or status in (1, 2, 4)]
    parts.append(f"provider {calls / LOOK_SECONDS:,.0f} calls/s")
    parts.append("running: " + ", ".join(running) if running else "no mailing runs")
    return Text("  ·  ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def _named(mailing: dict[str, Any]) -> str:
    counts = mailing["counts"]
    return f"{mailing['id']} {mailing['name']} ({counts['sent']:,} of {counts['total']:,})"


def _heal(console: Console, stack: Stack) -> None:
    for name in stack.dead():
        console.print(f"[yellow]{name} had ended[/]; starting it again")
        try:
            stack.revive(name)
        except (LocalError, BotoCoreError, ClientError) as error:  # the next look tries again
            console.print(f"[red]{name} could not be started:[/] {str(error)[-800:]}", highlight=False)


def _follow_edits(console: Console, stack: Stack, code: CodeWatch) -> None:
    changed = code.changed()
    if not changed:
        return
    named = changed[0] + (f" and {len(changed) - 1} more" if len(changed) > 1 else "")
    started = time.monotonic()
    try:
        if any(path.startswith("migrations") for path in changed):
            stack.manage("migrate")
        stack.deploy()
    except (LocalError, BotoCoreError, ClientError) as error:
        console.print(f"[red]{named} changed, but could not be deployed:[/] {str(error)[-800:]}", highlight=False)
        return
    console.print(f"{named} changed: deployed in {time.monotonic() - started:.1f} s", highlight=False)


if __name__ == "__main__":
    sys.exit(guarded(run))
