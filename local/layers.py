"""Runs the tests, layer by layer, the quick ones first: `make test`.

python -m local.layers [layer...] [-- pytest arguments]
"""

import os
import subprocess
import sys
import time

from local import aws, pythons
from local.errors import LocalError
from local.settings import ROOT

QUICK_FIRST = ("unit", "packaging", "api", "integration", "faults", "fuzz", "e2e", "deployment", "browser")
PYTHONS = "pythons"  # no folder: the quick layers once more, on the other interpreters
OTHER_PYTHON = "other-python"  # no folder: the unit layer once more, on the newest of them
DEPLOYING = {"e2e", "deployment"}
_TEST_BY_TEST = ("-n", "logical", "--maxprocesses", "4", "--dist", "worksteal")
_TWO_BY_TWO = ("-n", "logical", "--maxprocesses", "2", "--dist", "worksteal")
_FILE_BY_FILE = ("-n", "logical", "--maxprocesses", "2", "--dist", "loadfile")
SIDE_BY_SIDE = {
    **dict.fromkeys(("unit", OTHER_PYTHON), _TWO_BY_TWO),
    **dict.fromkeys(("api", "integration", "faults", "admin"), _TEST_BY_TEST),
    **dict.fromkeys(("packaging", "e2e", "browser"), _FILE_BY_FILE),
}
"""Layers whose tests run in several processes: small tests that only compute, as many as there are processors; small ones with a
database server for each process, which also wait; or long ones with packages, or a whole stack, for each."""
NO_TESTS = 5  # pytest's exit code


def layers() -> list[str]:
    """The folders under tests/ that hold tests; ones that are new to us come last."""
    there = {path.parent.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    found = [name for name in QUICK_FIRST if name in there] + sorted(there - set(QUICK_FIRST))
    if any(pythons.interpreters()):
        found.insert(1, OTHER_PYTHON)
    return found


def _require_endpoint(chosen: list[str]) -> None:
    """Say once, and before any test, that nothing answers where the layers that deploy are told to deploy to."""
    endpoint = os.environ.get(aws.ENDPOINT)
    if endpoint and DEPLOYING & set(chosen):
        aws.require(endpoint)


def _processes(layer: str) -> tuple[str, ...]:
    """How the layer is split; one endpoint that all stacks would be deployed to takes them one after the other."""
    if layer in DEPLOYING and os.environ.get(aws.ENDPOINT):
        return ()
    return SIDE_BY_SIDE.get(layer, ())


def _run(layer: str, more: list[str]) -> int:
    if layer == PYTHONS:
        return pythons.run([])
    if layer == OTHER_PYTHON:
        return pythons.run(["tests/unit", *_processes(layer)], most=1)
    command = [sys.executable, "-m", "pytest", "-q", f"tests/{layer}", *_processes(layer), *more]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode


def main(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, more = arguments[:split] or layers(), arguments[split + 1 :]
    try:
        _require_endpoint(chosen)
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    results = {}
    for layer in chosen:
        started = time.monotonic()
        print(f"── {layer} " + "─" * (76 - len(layer)), flush=True)
        results[layer] = _run(layer, more), time.monotonic() - started
    print("── layers " + "─" * 71)
    for layer, (code, seconds) in results.items():
        verdict = {0: "ok", NO_TESTS: "no tests"}.get(code, "FAILED")
        print(f"{layer:<14}{verdict:<10}{seconds:6.1f} s")
    return 1 if any(code not in (0, NO_TESTS) for code, _ in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
