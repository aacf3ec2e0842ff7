#!/bin/sh
# Makes what is named (the venvs dev and aws, the folder vendor) with the first Python here that fits, unless it is up to date.
# PYTHON=... chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

# Prints why an interpreter does not fit; nothing when it does. A shim may exist for one that does not run.
misfit() {
  "$1" - 2>/dev/null <<'PYTHON' || echo "does not run"
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    print("is Python %d.%d" % sys.version_info[:2])
else:
    try:
        import ensurepip, venv
    except ImportError:
        print("has no venv (on Debian and Ubuntu: apt-get install python%d.%d-venv)" % sys.version_info[:2])
PYTHON
}

chosen=
found=
# The venv's own comes first, so that a choice once made with PYTHON=... stays.
for candidate in ${PYTHON:-.venv/bin/python python3.13 python3.12 python3.11 python3}; do
  reason=$(misfit "$candidate")
  if [ -z "$reason" ]; then chosen=$candidate; break; fi
  if [ "$reason" != "does not run" ] || [ -n "${PYTHON:-}" ]; then found="$found; $candidate $reason"; fi
done
if [ -z "$chosen" ]; then
  echo "mailing-api needs Python 3.11, 3.12 or 3.13${found:-; there is no Python here}. Install one, or name one: make PYTHON=/path/to/python3.13" >&2
  exit 1
fi
exec "$chosen" local/bootstrap.py "$@"
