"""The OpenAPI document against the deployed API: schemathesis, with every check, as a superuser and as an ordinary user."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text

from local import aws
from local.api import Api
from local.settings import ROOT, Ports
from local.stack import PASSWORD, SUPERUSER, Stack

CHOSEN = os.environ.get("FUZZ_EXAMPLES")
EXAMPLES = int(CHOSEN or "15")
"""For each operation, besides the cases of the coverage phase; `make fuzz` takes more."""
PHASES = "examples,coverage,fuzzing"
# The coverage phase tries the shapes of bodies and parameters, which are judged alike for both users: once is enough, but for `make fuzz`.
ORDINARY_PHASES = PHASES if CHOSEN else "examples,fuzzing"
# schemathesis computes for one processor: two runs side by side, of a half each, take half the time.
HALF = "^/api/v1/(mailing|message|provider|statistic)"
HALVES = ("--include-path-regex", "--exclude-path-regex")
CONFIG = Path(__file__).with_name("schemathesis.toml")
MAILING = {"name": "May", "text": "Hello", "starts_at": "2030-05-01T09:00:00", "ends_at": "2031-05-01T09:00:00"}
# Failures of the password are counted; here thousands of made-up logins must not lead to nothing but 429.
ENVIRONMENT = {"LOGIN_MAX_FAILURES": "1000000"}

pytestmark = pytest.mark.skipif(
    bool(os.environ.get(aws.ENDPOINT)), reason="two runs of thousands of calls: on our own endpoint only"
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own: what happens to it would disturb other tests."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with Stack(folder, Ports.free(), durable=False, stack_name="mailing-api-fuzzed", environment=ENVIRONMENT) as stack:
        copy_of_the_superuser(stack, "anna")
        yield stack


def copy_of_the_superuser(stack: Stack, username: str) -> None:
    """An ordinary user with the superuser's password."""
    engine = create_engine(stack.database_url)
    with engine.begin() as connection:
        copied = """INSERT INTO "user" (username, password_hash) SELECT :name, password_hash FROM "user" WHERE username = :from"""
        connection.execute(text(copied), {"name": username, "from": SUPERUSER})
    engine.dispose()


def with_things(stack: Stack, username: str, prefix: str) -> str:
    """A token of the user, who has some clients, mailings and messages."""
    api = Api(stack.url)
    api.login(username, PASSWORD)
    for digit in range(4):
        client = api.post("/api/v1/client", {"phone": f"+7{prefix}000000{digit}", "time_zone": "UTC"})
        mailing = api.post("/api/v1/mailing", MAILING)
        api.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
        api.post("/api/v1/do-not-contact", {"phone": f"+7{prefix}100000{digit}"})
    token: str = api.post("/api/v1/token", {"name": "schemathesis"})["token"]
    api.close()
    return token


def fuzz(stack: Stack, token: str, kept_tokens: int, phases: str, half: str) -> str:
    """Return schemathesis' report of one run.

    Tokens up to the id `kept_tokens` live on; `half` is the option that includes or excludes the paths of HALF.
    """
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{stack.url}/openapi.json"]
    command += ["--header", f"Authorization: Token {token}", "--max-examples", str(EXAMPLES), "--no-color"]
    command += ["--phases", phases, half, HALF]
    environment = {**os.environ, "SCHEMATHESIS_KEPT_TOKENS": str(kept_tokens), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=stack.state, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-8000:]
    return report


@pytest.mark.timeout(900)
def test_the_document_keeps_its_promises(fuzzed: Stack) -> None:
    tokens = {SUPERUSER: with_things(fuzzed, SUPERUSER, "911"), "anna": with_things(fuzzed, "anna", "912")}
    last = max(int(token.split("_")[1]) for token in tokens.values())
    phases = {SUPERUSER: PHASES, "anna": ORDINARY_PHASES}
    runs = [(who, half) for who in tokens for half in HALVES]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda run: fuzz(fuzzed, tokens[run[0]], last, phases[run[0]], run[1]), runs))
    for token in tokens.values():  # a token that was revoked on the way would leave the run with nothing but 401
        assert requests.get(f"{fuzzed.url}/api/v1/user/me", headers={"Authorization": f"Token {token}"}, timeout=30).ok
    selected, operations = dict.fromkeys(tokens, 0), set()
    for (who, half), report in zip(runs, reports, strict=True):
        print(f"── {who}, {half} {HALF}\n{report[report.index('= SUMMARY') :]}")
        numbers = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", report)
        assert numbers
        assert numbers[1] == numbers[3]
        selected[who] += int(numbers[1])
        operations.add(int(numbers[2]) - 1)  # but the logout, which schemathesis.toml leaves out
        assert 0 < int(numbers[1]) < min(operations)
    assert set(selected.values()) == operations
