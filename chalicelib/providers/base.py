"""What the service needs of a provider, and what a provider's adapter is built from."""

import ssl
from dataclasses import dataclass
from typing import Protocol

from chalicelib.domain.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. `id` is the idempotency key."""

    id: int
    phone: str
    text: str
    sender: str | None = None
    """The sender that the recipient sees; None: the account's."""
    ttl_seconds: int | None = None
    """For how long the provider may try to deliver it; None: for as long as the provider usually does."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account with a provider. Which of the fields a kind of provider needs, its adapter says."""

    url: str
    credential: str
    sender: str = ""
    options: str = ""
    """JSON, for kinds that are described by settings."""


@dataclass(frozen=True, slots=True)
class Connections:
    """How calls are made: connections that are kept, seconds for a whole call, and after how many idle ones none is used again."""

    threads: int
    deadline: float
    idle_seconds: float = 4.0
    tls: ssl.SSLContext | None = None
    """None: the public certificate authorities are trusted."""


class AccountError(ValueError):
    """An account lacks what its kind of provider needs; the message names the setting, never its value."""


class Provider(Protocol):
    """Sends messages. Each implementation owns the classification of its provider's answers."""

    def send(self, message: Outgoing) -> Outcome:
        """Send one message within the deadline; never raise. Called from several threads."""
