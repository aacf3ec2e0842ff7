"""The other functions never load the panel, nor what carries it."""

import subprocess
import sys

import pytest

_LOOK = """
import sys
import app
import {module}
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("starlette", "starlette_admin", "mangum", "babel", "jinja2")
             or name.startswith("chalicelib.admin")))
"""


@pytest.mark.parametrize(
    "module",
    [
        "chalicelib.api.dispatch",
        "chalicelib.auth.authorizer",
        "chalicelib.scheduling.handler",
        "chalicelib.sending.handler",
        "chalicelib.manage",
    ],
)
def test_nothing_of_the_panel_is_loaded(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", _LOOK.format(module=module)], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
