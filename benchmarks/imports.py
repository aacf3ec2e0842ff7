"""Cold imports: CPU of loading each function's modules in a fresh interpreter."""

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.figures import Figure

PART = "cold import"
FUNCTIONS = {
    "API": ("chalicelib.api.dispatch", 0.6),
    "authorizer": ("chalicelib.auth.authorizer", None),
    "runs and reconcile": ("chalicelib.scheduling.handler", None),
    "sending": ("chalicelib.sending.handler", 0.6),
    "admin panel": ("chalicelib.admin.handler", None),
}
_CODE = (
    "import time, app, {module}; spent = time.process_time(); "
    "from benchmarks.memory import peak_megabytes; print(spent, peak_megabytes())"
)


def measure(rounds: int) -> Iterator[Figure]:
    """Each function's import, `rounds` times after one that fills the caches."""
    for name, (module, goal) in FUNCTIONS.items():
        found = [_once(module) for _ in range(rounds + 1)][1:]
        yield Figure(PART, f"{name}: CPU", "s", [seconds for seconds, _ in found], goal)
        yield Figure(PART, f"{name}: memory", "MB", [memory for _, memory in found])


def _once(module: str) -> tuple[float, float]:
    printed = subprocess.run(
        [sys.executable, "-c", _CODE.format(module=module)], capture_output=True, text=True, check=True
    ).stdout
    seconds, memory = printed.split()
    return float(seconds), float(memory)
