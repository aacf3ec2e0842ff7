"""How the provider behaves: latency, whether it honours the key, and which calls go wrong in which way.

Settings are one JSON object; `faults` is a list of rules, and the first that fits a call has it:

    {"kind": "status", "status": 503, "retry_after": "2", "share": 0.1}           a tenth of all calls
    {"kind": "status", "status": 500, "accepted": true, "ids": [12, 13]}          500 after having delivered, for two messages
    {"kind": "hang", "seconds": 30, "first_calls": 1}                             the first call of each message
    {"kind": "reset", "for_seconds": 60}                                          every call of the next minute
    {"kind": "throttle", "rate": 5, "burst": 5, "retry_after": "1"}               what is beyond five calls a second is answered 429
    {"kind": "throttle", "rate": 5, "window_seconds": 1}                          the same, counted by the clock's seconds

    {"kind": "status", "status": 400, "error": "21610", "faces": ["twilio"]}      Twilio's code for an opt-out, at its API only

Kinds: status (any status, with `retry_after`, `location`, `code` and any other `headers`; each face says 400, 401 and 429 in its
provider's way, and `error` is a code of that provider's), hang, drip (a byte each `seconds`), half
(half an answer), nonsense (200, but not JSON), reset (the connection breaks), interim (a 1xx for each number of `interim` before the
answer), leftover (a second answer, that of an acceptance, after the answer and `seconds`), bomb (`status` with a gzip body that is
16 MB when decompressed), raw (the characters of `raw` as bytes, and then the end), throttle (429 beyond a rate: a token bucket, or
fixed windows). `accepted`: the text goes out before the call goes
wrong. The answer of interim and leftover is that of an acceptance if `accepted`, else `status`.
"""

import random
import time
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

KINDS = ("status", "hang", "drip", "half", "nonsense", "reset", "interim", "leftover", "bomb", "raw", "throttle")


class SettingsError(ValueError):
    """Settings that make no sense; the message says which."""


class Limit:
    """How many calls a provider takes: a bucket that fills with `rate` a second up to `burst`, or so many in each window of the clock."""

    def __init__(self, rate: float, burst: float, window: float | None) -> None:
        self._rate = rate
        self._burst = burst
        self._window = window
        self._left = burst
        self._at = 0.0

    def takes(self, now: float) -> bool:
        if self._window is None:
            self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        elif now // self._window != self._at // self._window:
            self._left = self._rate * self._window
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass
class Fault:
    kind: str
    accepted: bool = False
    share: float = 1.0
    ids: list[int] | None = None
    first_calls: int | None = None
    starts_at: float | None = None
    ends_at: float | None = None
    status: int = 500
    code: int = 1
    error: str | None = None
    """The provider's own code, as its face writes it."""
    faces: list[str] | None = None
    """At which APIs; None: at all."""
    retry_after: str | None = None
    location: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 1.0
    interim: list[int] = field(default_factory=lambda: [103])
    raw: str = ""
    rate: float = 1.0
    burst: float | None = None
    window_seconds: float | None = None

    def __post_init__(self) -> None:
        self._limit = Limit(self.rate, max(self.rate if self.burst is None else self.burst, 1.0), self.window_seconds)

    @classmethod
    def parse(cls, given: Any, now: float) -> Self:
        values = _known(given, {name.name for name in fields(cls)} | {"for_seconds", "after_seconds"}, "a fault")
        if values.get("kind") not in KINDS:
            raise SettingsError(f"kind is one of {', '.join(KINDS)}")
        after = values.pop("after_seconds", None)
        if after is not None:
            values["starts_at"] = now + after
        lasts = values.pop("for_seconds", None)
        if lasts is not None:
            values["ends_at"] = (values.get("starts_at") or now) + lasts
        if values["kind"] == "throttle":
            values.setdefault("status", 429)
        try:
            return cls(**values)
        except TypeError as error:
            raise SettingsError(f"a fault: {error}") from None

    def fits(self, face: str, message_id: int, earlier_calls: int, now: float) -> bool:
        if self.faces is not None and face not in self.faces:
            return False
        if self.ids is not None and message_id not in self.ids:
            return False
        if self.first_calls is not None and earlier_calls >= self.first_calls:
            return False
        if now < (self.starts_at or 0) or now >= (self.ends_at or now + 1):
            return False
        if self.share < 1 and random.random() >= self.share:
            return False
        return self.kind != "throttle" or not self._limit.takes(now)

    @property
    def name(self) -> str:
        """As the ledger calls it."""
        named = f"{self.status} {self.error or ''}".strip() if self.kind in ("status", "throttle") else self.kind
        if self.kind == "bomb" or (self.kind in ("interim", "leftover") and not self.accepted):
            named += f" {self.status}"
        return named + (" after accepting" if self.accepted else "")


@dataclass(slots=True)
class Settings:
    latency_ms: float = 0
    jitter_ms: float = 0
    honours_key: bool = True
    token: str | None = None
    idle_seconds: float | None = None
    """A connection that was idle for longer is reset when it is used again, as gateways do."""
    faults: list[Fault] = field(default_factory=list)

    def changed(self, given: Any) -> "Settings":
        """These settings with what `given` names; raises SettingsError."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= _known(given, set(values), "settings")
        now = time.time()
        try:
            values["faults"] = [fault if isinstance(fault, Fault) else Fault.parse(fault, now) for fault in values["faults"]]
            values["latency_ms"] = max(0.0, float(values["latency_ms"]))
            values["jitter_ms"] = max(0.0, float(values["jitter_ms"]))
        except TypeError as error:
            raise SettingsError(str(error)) from None
        return Settings(**values)

    def delay(self) -> float:
        """Seconds until the next answer."""
        return (self.latency_ms + random.uniform(0, self.jitter_ms)) / 1000 if self.latency_ms or self.jitter_ms else 0.0

    def fault_for(self, face: str, message_id: int, earlier_calls: int) -> Fault | None:
        if not self.faults:
            return None
        now = time.time()
        return next((fault for fault in self.faults if fault.fits(face, message_id, earlier_calls, now)), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def _known(given: Any, names: set[str], what: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise SettingsError(f"{what}: an object is expected")
    if unknown := sorted(set(given) - names):
        raise SettingsError(f"{what}: unknown {', '.join(unknown)}; known are {', '.join(sorted(names))}")
    return dict(given)
