"""Who makes the request that is being answered: known to the log and to the audit log without being handed through every call."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Caller:
    """The source address, and once it is known the user and the API token."""

    address: str = ""
    user_id: int | None = None
    token_id: int | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """For a line of the log."""
        found = {"user_id": self.user_id, "token_id": self.token_id, "address": self.address or None}
        return {name: value for name, value in found.items() if value is not None}


_current: ContextVar[Caller | None] = ContextVar("caller", default=None)


def begin(address: str) -> Caller:
    """Starts a request from this address; nothing of the one before is left."""
    made = Caller(address)
    _current.set(made)
    return made


def current() -> Caller:
    """The caller of this request; an empty one outside of requests."""
    return _current.get() or Caller()
