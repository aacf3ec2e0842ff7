"""The small commands around a running stack: stop, clean, psql, superuser.

python -m local.commands stop|clean|psql|superuser NAME
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rich.console import Console

from local import state
from local.console import guarded
from local.errors import LocalError
from local.postgres import PostgresServer, program
from local.services import Ministack, ProviderService, clean_environment
from local.settings import ROOT, STATE

KEPT = ("venv-", "setup.lock")  # what installation made


def stop(console: Console) -> int:
    stopped = [folder.parent.name for folder in sorted(STATE.glob("*/lock")) if state.stop(folder.parent)]
    for folder in (path.parent for path in STATE.glob("*/lock")):
        _clear(folder)
    console.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _clear(folder: Path) -> None:
    """Ends what a killed launcher may have left running."""
    for part in (
        PostgresServer(folder / "postgres"),
        Ministack(folder / "ministack", 0),
        ProviderService(folder / "provider", 0),
    ):
        part.clear_leftovers()


def clean(console: Console) -> int:
    stop(console)
    for path in STATE.iterdir() if STATE.exists() else ():
        if not path.name.startswith(KEPT):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    console.print("all local data is gone; what was installed stays")
    return 0


def psql(_console: Console) -> int:
    """Becomes psql, in the running stack's database."""
    url = urlsplit(state.Addresses.of_running().database_url)
    environment = os.environ | {
        "PGHOST": url.hostname or "",
        "PGPORT": str(url.port),
        "PGUSER": url.username or "",
        "PGPASSWORD": unquote(url.password or ""),
        "PGDATABASE": url.path.lstrip("/"),
    }
    psql = str(program("psql"))
    os.execve(psql, [psql, *sys.argv[2:]], environment)  # noqa: S606 - becoming psql is the point


def superuser(_console: Console) -> int:
    name = sys.argv[2] if len(sys.argv) > 2 else ""
    if not name:
        raise LocalError("Say who: make superuser NAME=anna")
    environment = clean_environment() | {"DATABASE_URL": state.Addresses.of_running().database_url}
    if "SUPERUSER_PASSWORD" in os.environ:
        environment["SUPERUSER_PASSWORD"] = os.environ["SUPERUSER_PASSWORD"]
    command = [sys.executable, "-m", "chalicelib.manage", "createsuperuser", "--username", name]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(guarded({"stop": stop, "clean": clean, "psql": psql, "superuser": superuser}[sys.argv[1]]))
