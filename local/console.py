"""How the commands of the local stack talk to a person: steps with their times, one sentence for what went wrong."""

import signal
import sys
from collections.abc import Callable
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.errors import LocalError
from local.stack import Report


class StoppedError(BaseException):
    """SIGTERM or SIGHUP: unwinds like Ctrl-C."""


def _stop(number: int, _frame: FrameType | None) -> None:
    raise StoppedError(signal.Signals(number).name)


def step_printer(console: Console) -> Report:
    return lambda name, seconds: console.print(f"  [green]✓[/] {name:<28}{seconds:5.1f} s", highlight=False)


def guarded(command: Callable[[Console], int]) -> int:
    """Runs a command; however it ends, what it opened is closed, and its exit code says how."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    console = Console(soft_wrap=True)
    try:
        return command(console)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"error: the AWS endpoint said: {str(error)[:600]}", file=sys.stderr)
    except (KeyboardInterrupt, StoppedError):
        return 130
    return 1
