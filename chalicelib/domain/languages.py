"""The languages that people are answered in."""

import re
from typing import Final

LANGUAGES: Final = ("en", "ru")
"""The first is for everybody else."""
_MOST_RANGES = 50
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?", re.ASCII)


def preferred_language(header: str) -> str:
    """Return the best of our languages for an Accept-Language header; a range that is malformed or refused (q=0) does not count."""
    wanted: list[tuple[float, str]] = []
    for part in header.split(",", _MOST_RANGES)[:_MOST_RANGES]:
        found = _RANGE.fullmatch(part)
        quality = float(found[2] or 1) if found else 0.0
        if found and quality and found[1].lower() in LANGUAGES:
            wanted.append((quality, found[1].lower()))
    return max(wanted, key=lambda each: each[0])[1] if wanted else LANGUAGES[0]
