"""Runs the tests, layer by layer, the quick ones first: `make test`.

python -m local.layers [layer...] [-- pytest arguments]
"""

import subprocess
import sys
import time

from local.settings import ROOT

QUICK_FIRST = ("unit", "packaging", "api", "integration", "faults", "fuzz", "e2e", "deployment", "browser")
NO_TESTS = 5  # pytest's exit code


def layers() -> list[str]:
    """The folders under tests/ that hold tests; ones that are new to us come last."""
    there = {path.parent.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    return [name for name in QUICK_FIRST if name in there] + sorted(there - set(QUICK_FIRST))


def main(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, more = arguments[:split] or layers(), arguments[split + 1 :]
    results = {}
    for layer in chosen:
        started = time.monotonic()
        print(f"── {layer} " + "─" * (76 - len(layer)), flush=True)
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", f"tests/{layer}", *more], cwd=ROOT, stdin=subprocess.DEVNULL)
        results[layer] = done.returncode, time.monotonic() - started
    print("── layers " + "─" * 71)
    for layer, (code, seconds) in results.items():
        verdict = {0: "ok", NO_TESTS: "no tests"}.get(code, "FAILED")
        print(f"{layer:<14}{verdict:<10}{seconds:6.1f} s")
    return 1 if any(code not in (0, NO_TESTS) for code, _ in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
