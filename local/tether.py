"""Runs a command that ends when the process that started it ends, even by kill -9.

    python tether.py PARENT_PID SIGNAL command...

Linux tells a process when its parent is gone (PR_SET_PDEATHSIG). Elsewhere the command simply runs, and the next start of
the stack finds it by its pid file. It becomes the command, so its pid is the command's.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, signal_number: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:  # it died before we asked to be told
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - becoming the command is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
