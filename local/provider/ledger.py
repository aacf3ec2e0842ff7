"""What the provider did: every call, and what was delivered. It is the oracle of the tests, so that it must outlive its process.

A line is in the file before the call is answered; a kill -9 of the provider loses nothing that anybody was told.
"""

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RECENT = 5_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call and its end, also if its request did not arrive whole (`answer` says so, `phone` and `text` are None).

    `delivered`: it made the text go out, whatever the caller was answered.
    """

    number: int
    at: float
    id: int
    phone: int | None
    text: str | None
    answer: str
    delivered: bool
    connection: int = 0
    """Over which it came: connections are counted from 1 with each start of the provider."""
    received: int = 0
    """Bytes of the request that arrived."""
    face: str = "contract"
    """Which API was called."""


class Ledger:
    """Counts are kept for all calls; texts only for the last few thousand deliveries (the file has them all)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._forget()
        self._load()
        self._file = path.open("ab", buffering=0)

    def record(self, call: Call) -> None:
        self._file.write(json.dumps(asdict(call), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        self._count(call)

    def next_number(self) -> int:
        return self._calls + 1

    def deliveries_of(self, message_id: int) -> int:
        return self._deliveries.get(message_id, 0)

    def calls_of(self, message_id: int) -> int:
        return self._calls_by_id.get(message_id, 0)

    def deliveries(self) -> dict[int, int]:
        """How often each id was delivered."""
        return dict(self._deliveries)

    def summary(self) -> dict[str, Any]:
        return {
            "calls": self._calls,
            "accepted": len(self._deliveries),
            "deliveries": self._deliveries.total(),
            "duplicates": sum(1 for count in self._deliveries.values() if count > 1),
            "answers": dict(self._answers),
            "first_call": self._first_call,
            "last_call": self._last_call,
        }

    def history(self, message_id: int) -> list[Call]:
        return [call for call in self._read() if call.id == message_id]

    def recent(self, after: int, search: str, limit: int) -> list[Call]:
        """The newest deliveries first, later than call number `after`, with `search` in phone, text or id."""
        wanted = search.casefold()
        found: list[Call] = []
        for call in reversed(self._recent):
            if call.number <= after or len(found) >= limit:
                break
            if wanted in f"{call.id} +{call.phone} {call.text}".casefold():
                found.append(call)
        return found

    def reset(self) -> None:
        self._file.truncate(0)
        self._forget()

    def _forget(self) -> None:
        self._calls = 0
        self._calls_by_id: Counter[int] = Counter()
        self._deliveries: Counter[int] = Counter()
        self._answers: Counter[str] = Counter()
        self._recent: deque[Call] = deque(maxlen=RECENT)
        self._first_call: float | None = None
        self._last_call: float | None = None

    def _count(self, call: Call) -> None:
        self._calls += 1
        self._calls_by_id[call.id] += 1
        self._answers[call.answer] += 1
        self._first_call = self._first_call or call.at
        self._last_call = call.at
        if call.delivered:
            self._deliveries[call.id] += 1
            self._recent.append(call)

    def _load(self) -> None:
        """Reads the file again; a last line that a kill cut short was never answered, and goes."""
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self._path.open("r+b") as file:
                file.truncate(whole)
        for call in self._read():
            self._count(call)

    def _read(self) -> Iterator[Call]:
        with self._path.open("rb") as file:
            for line in file:
                yield Call(**json.loads(line))
