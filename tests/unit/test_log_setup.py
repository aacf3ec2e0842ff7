"""The logger of events works whatever else is attached to it before the first line."""

import subprocess
import sys

_FOREIGN = """
import logging
logger = logging.getLogger("mailing-api.events")
{before}
from chalicelib import observability
{after}
observability.log("first")
observability.warn("second")
"""


def _lines(before: str, after: str) -> list[str]:
    code = _FOREIGN.format(before=before, after=after)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_a_foreign_handler_does_not_take_the_place_of_ours() -> None:
    attach = "logger.addHandler(logging.NullHandler())"
    for before, after in (("", ""), (attach, ""), ("", attach)):
        lines = _lines(before, after)
        assert [('"first"' in line, '"second"' in line) for line in lines] == [(True, False), (False, True)], (before, after)
