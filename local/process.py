"""Child processes of the local stack: started so that they do not outlive it, stopped for certain, found again."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

TETHER = Path(__file__).with_name("tether.py")
LOOPBACK = "127.0.0.1"
HERE = os.environ.get("LOCAL_HOST") or LOOPBACK
"""How functions reach what runs here. Only inside a network of containers it is another name."""
BIND = LOOPBACK if HERE == LOOPBACK else "0.0.0.0"  # noqa: S104 - such a network is closed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that lingers in TIME_WAIT does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def who_listens(port: int) -> str:
    """The process that has a port, as far as this user may know: ' by nginx (pid 7)' or nothing."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    end_signal: int = signal.SIGTERM,
    wrapper: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Starts a command in a session of its own (Ctrl-C is for the launcher), tethered to this process.

    `wrapper` goes in front, and the tether behind it: a change of user would cut it. The tether is cut, too, when the *thread*
    that called this ends: call it from one that stays.
    """
    executable = shutil.which(str(command[0])) or str(command[0])
    tether = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), str(int(end_signal))]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [*wrapper, *tether, executable, *map(str, command[1:])],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], signals: Sequence[int], patience: float) -> None:
    """Asks with each signal in turn, waits `patience` seconds for each, and kills what is left of its family."""
    family = family_of(process.pid)
    for number in signals:
        if process.poll() is not None:
            break
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    kill(family)
    with suppress(subprocess.TimeoutExpired):
        process.wait(5)


def family_of(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    return []


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kills what still runs; psutil compares start times, so a pid that was given to someone else is safe."""
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def tail(log: Path, lines: int = 12) -> str:
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return ""


def remember(process: subprocess.Popen[bytes], path: Path) -> None:
    """Writes who runs, with its start time: a pid alone may be someone else's by the time it is read."""
    with suppress(psutil.Error):
        path.write_text(f"{process.pid} {psutil.Process(process.pid).create_time()}")


def end_remembered(path: Path) -> None:
    """Ends what an earlier start left running, if that still runs."""
    with suppress(OSError, ValueError, psutil.Error):
        pid, created = path.read_text().split()
        if psutil.Process(int(pid)).create_time() == float(created):
            kill(family_of(int(pid)))
    path.unlink(missing_ok=True)


def end_all_with(argument: str) -> None:
    """Ends every process of which a command line argument starts with this (a folder of ours)."""
    found = []
    for candidate in psutil.process_iter():
        with suppress(psutil.Error):
            if candidate.pid != os.getpid() and any(part.startswith(argument) for part in candidate.cmdline()):
                found.append(candidate)
    kill(found)
