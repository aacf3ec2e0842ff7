"""The commands of docs/api.md and README.md run as they stand."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from local.settings import ROOT
from local.stack import Stack


def run_commands(document: Path, stack: Stack, folder: Path) -> str:
    """What the blocks of shell in a document print; they must succeed."""
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    script = "set -euxo pipefail\n" + "\n".join(blocks)
    environment = {**os.environ, "API": f"{stack.url.rstrip('/')}/api/v1"}
    done = subprocess.run(["timeout", "120", "bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(autouse=True)
def others_clients_only(stack: Stack) -> Iterator[None]:
    """The clients of a document are gone after it: other tests count those that they send to."""
    engine = create_engine(stack.database_url)
    with engine.begin() as connection:
        newest = connection.execute(text("SELECT coalesce(max(id), 0) FROM client")).scalar_one()
    yield
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM client WHERE id > :newest"), {"newest": newest})
        connection.execute(text("DELETE FROM do_not_contact"))
    engine.dispose()


def test_the_readme_sends_a_message(stack: Stack, tmp_path: Path) -> None:
    [_, messages] = run_commands(ROOT / "README.md", stack, tmp_path).rsplit('{"results":', 1)
    assert [message["status"] for message in json.loads('{"results":' + messages)["results"]] == [2]


def test_the_guide_runs_from_log_in_to_log_out(stack: Stack, tmp_path: Path) -> None:
    run_commands(ROOT / "docs" / "api.md", stack, tmp_path)
    messages = {message["phone"]: message for message in json.loads((tmp_path / "messages.json").read_text())["results"]}
    assert {phone: (message["status"], message["error_code"]) for phone, message in messages.items()} == {
        "+79161234567": (2, None),
        "+12025550143": (2, None),
        "+819012345678": (2, None),
        "+4915112345678": (4, "do_not_contact"),
    }
