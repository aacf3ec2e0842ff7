"""The twenty cases by name, and how the tests of each went."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

CASES = (
    "duplicate delivery after success",
    "concurrent duplicates",
    "killed after claim, before the call",
    "killed after the provider accepted, before the record",
    "read timeout",
    "connect failure",
    "500 and 502",
    "429 and 503 with Retry-After",
    "400, malformed 200; 401 and redirect: nothing is burnt",
    "provider down for hours, window ends meanwhile",
    "poison message",
    "one of a chunk fails",
    "redrive after the end",
    "schedule twice, late, never",
    "killed between commit and schedule or dispatch",
    "edit, cancel, delete in mid-flight",
    "planner killed in mid-fan-out, partial SendMessageBatch",
    "lost COMMIT answer",
    "database failover idle and in mid-transaction, deadlock, 40001, socket timeout",
    "a worker that wakes up after its lease; a clock that is off",
)
KINDS = {"key-honoured": "provider honours the key", "key-ignored": "provider does not"}
BESIDES = "random kills over 10,000 messages, balance exact"
_CASE = re.compile(r"tests/faults/.*::test_(\d\d|random_kills)_.*\[(key-\w+)")


def summary(stats: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    """One line a case that ran: its number and name, passed tests of all, for each kind of provider."""
    ran: dict[tuple[str, str], list[bool]] = {}
    for outcome in ("passed", "failed", "error"):
        for report in stats.get(outcome, ()):
            found = _CASE.search(getattr(report, "nodeid", ""))
            if found:
                ran.setdefault((found[1], found[2]), []).append(outcome == "passed")
    if not ran:
        return
    yield f"{'fault cases: tests passed of all':<84}" + "".join(f"{name:>14}" for name in KINDS)
    for number, name in [*((f"{number:02}", name) for number, name in enumerate(CASES, 1)), ("random_kills", BESIDES)]:
        results = [ran.get((number, kind), []) for kind in KINDS]
        shown = number.lstrip("0") if number.isdigit() else ""
        yield f"{shown:>2} {name:<81}" + "".join(f"{f'{sum(result)} of {len(result)}':>14}" for result in results)
