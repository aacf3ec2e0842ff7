"""What the service needs of a provider."""

from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. `id` is the idempotency key."""

    id: int
    phone: str
    text: str


class Provider(Protocol):
    """Sends messages. Each implementation owns the classification of its provider's answers."""

    def send(self, message: Outgoing) -> Outcome:
        """Send one message within the deadline; never raise. Called from several threads."""
