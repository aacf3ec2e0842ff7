"""Notices edited code."""

import time
from collections.abc import Iterator
from pathlib import Path

from local.settings import ROOT

WATCHED = ("app.py", "template.yaml", "requirements.txt", "chalicelib", "migrations", ".chalice")
SUFFIXES = {".py", ".json", ".yaml", ".txt", ".html", ".css", ".js", ".mako"}
QUIET_SECONDS = 0.3  # an editor, or git, may write several files


class CodeWatch:
    def __init__(self) -> None:
        self._seen = _stamps()

    def changed(self) -> list[str]:
        """The files that changed since the last look; when some did, waits until they have settled."""
        now = _stamps()
        if now == self._seen:
            return []
        while True:
            time.sleep(QUIET_SECONDS)
            later = _stamps()
            if later == now:
                break
            now = later
        different = sorted(path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path))
        self._seen = now
        return different


def _stamps() -> dict[str, int]:
    stamps = {}
    for path in _files():
        try:
            stamps[str(path.relative_to(ROOT))] = path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
    return stamps


def _files() -> Iterator[Path]:
    for name in WATCHED:
        path = ROOT / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from (found for found in path.rglob("*") if found.suffix in SUFFIXES and "deploy" not in found.parts)
