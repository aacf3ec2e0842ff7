"""What each function imports before its first answer, from the sources: `make check` prints the chain of an import that should not be.

    python -m local.cold_imports

The test of the zip (tests/packaging) holds the same of what is packaged.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local.functions import DRIVER, FIRST_IMPORTS, HEAVY, LOADS
from local.settings import ROOT

_IMPORT = """
import importlib, json, sys

importers = {}

class Recorder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__", "").partition(".")[0] in ("importlib", "_frozen_importlib"):
            frame = frame.f_back
        importers.setdefault(name, frame.f_globals.get("__name__", "") if frame else "")

sys.path.insert(0, sys.argv[1])
sys.meta_path.insert(0, Recorder)
for name in sys.argv[2:]:
    importlib.import_module(name)
print(json.dumps({name: importers[name] for name in importers if name in sys.modules}))
"""


def recorded(modules: Sequence[str], folder: Path = ROOT) -> dict[str, str]:
    """Every module that is loaded when these are imported, with the one that imported it first."""
    command = [sys.executable, "-c", _IMPORT, str(folder), *modules]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def chain(imported: Mapping[str, str], name: str) -> str:
    """`app → chalicelib.sending.handler → … → name`."""
    links = [name]
    while (importer := imported.get(links[0], "__main__")) != "__main__" and importer not in links:
        links.insert(0, importer)
    return " → ".join(links)


def complaints() -> str:
    """What functions load that they should not, each with its chain, and what of the lists is not loaded any more."""
    with ThreadPoolExecutor(2) as pool:
        imported = dict(zip(LOADS, pool.map(_imported_by, LOADS), strict=True))
    found = []
    for function, allowed in LOADS.items():
        loaded = {name.partition(".")[0] for name in imported[function]} & HEAVY
        found += [
            f"{function} loads {name}: {chain(imported[function], name)}" for name in sorted(loaded - allowed - {"dateutil"})
        ]
        found += [
            f"{function} does not load {name} any more: local/functions.py" for name in sorted(allowed - loaded - {"dateutil"})
        ]
    return "\n".join(found)


def _imported_by(function: str) -> dict[str, str]:
    return recorded(["app", *FIRST_IMPORTS[function], DRIVER])


def main() -> int:
    found = complaints()
    print(found or "every function imports what it should")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
