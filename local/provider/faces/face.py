"""What a face is: how one provider's API takes a message, and how it says yes and no."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from local.provider.faults import Fault

_KEY = re.compile(r"(?:mailing-)?([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: HTTP status and JSON."""

    status: int
    content: Any

    @property
    def body(self) -> bytes:
        return json.dumps(self.content, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send. `id` is the caller's, by which the ledger counts; where an API carries none, it is the phone."""

    id: int
    phone: int
    text: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request to send: what follows the face's path, headers (names in lower case) and body."""

    path: str
    headers: Mapping[str, str]
    body: bytes


class RefusedError(Exception):
    """The request is not one that this API takes."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Face(ABC):
    """One provider's API."""

    name: ClassVar[str]
    path: ClassVar[re.Pattern[str]]
    """Of requests to send; its group `id`, if it has one, is the message's."""
    deduplicates: ClassVar[bool] = False
    """Does the API deliver once for one id (if the setting `honours_key` says so)?"""
    usual: ClassVar[Mapping[int, tuple[int, str]]]
    """How this API says what others say by a status: its own status and its own code."""

    @abstractmethod
    def credential(self, request: Incoming) -> str | None:
        """Return what a caller gives as its token, in the form of PROVIDER_TOKEN; None if it gives nothing."""

    @abstractmethod
    def read(self, request: Incoming) -> Message:
        """Return the message of a request; raises RefusedError."""

    @abstractmethod
    def accepted(self, message: Message) -> Reply:
        """Return the answer to a message that is delivered."""

    def known(self, message: Message) -> Reply:
        """Return the answer to a message whose id was delivered before."""
        return self.accepted(message)

    @abstractmethod
    def error(self, status: int, code: str | None) -> Reply:
        """Return the answer that says this; `code` is the provider's own."""

    def unauthorized(self) -> Reply:
        """Return the answer to a caller without the right token."""
        return self.error(*self.usual.get(401, (401, None)))

    def failure(self, fault: Fault) -> Reply:
        """Return the answer that a fault asks for, as this API says it."""
        if fault.error is not None:
            return self.error(fault.status, fault.error)
        return self.error(*self.usual.get(fault.status, (fault.status, None)))


def message_id(key: object, phone: int) -> int:
    """Return the message id in a key of ours; the phone for keys of other callers."""
    found = _KEY.fullmatch(key) if isinstance(key, str) else None
    return int(found[1]) if found else phone


def digits(phone: object) -> int:
    """Return a phone as the ledger has it; raises ValueError."""
    if not isinstance(phone, str) or not re.fullmatch(r"\+?[0-9]{5,15}", phone):
        raise ValueError
    return int(phone.removeprefix("+"))
