"""What adapters share: one HTTP call for each message, and the rules for answers that a provider does not document."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from chalicelib.domain.http_status import rule_of
from chalicelib.domain.limits import REFERENCE_LENGTH
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.strict_json import JsonError, parse
from chalicelib.observability import log_exception
from chalicelib.providers.base import Account, Connections, Outgoing
from chalicelib.providers.transport import NoAnswerError, Session, SocketAdapter, retry_after

_MOST: Final = 2**20
"""Bytes of an answer that are parsed; the transport reads fewer."""
_CALLED_AGAIN: Final = frozenset({OutcomeKind.NOT_DELIVERED, OutcomeKind.THROTTLED, OutcomeKind.UNEXPECTED_REFUSAL})


class Rule(NamedTuple):
    """What one of a provider's own codes means."""

    kind: OutcomeKind
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """The request that sends a message; `path` comes after the account's address."""

    path: str
    body: bytes
    headers: Mapping[str, str] | None = None
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `body` is its decoded JSON (None if it is none), `retry_after` in seconds."""

    status: int
    body: object = None
    retry_after: float | None = None

    def outcome(self, kind: OutcomeKind, code: object = None) -> Outcome:
        """Return an outcome that names the status, and the provider's code if it is one of a documented form."""
        detail = f"HTTP {self.status}" if code is None else f"HTTP {self.status}, {code}"
        return Outcome(kind, detail, self.retry_after if kind in _CALLED_AGAIN else None)

    def undocumented(self, code: object = None) -> Outcome:
        """Return the outcome of an answer that the provider's documentation does not explain.

        A refusal is final, so that no bare status is one; and whatever failed with 5xx may have been accepted before it failed.
        """
        kind = rule_of(self.status).kind
        if kind is OutcomeKind.REFUSED:
            kind = OutcomeKind.UNEXPECTED_REFUSAL
        return self.outcome(OutcomeKind.UNKNOWN if self.status >= 500 else kind, code)


class HttpCaller(ABC):
    """Sends each message by one HTTP request. Subclasses say by which, and what the answers mean."""

    def __init__(self, account: Account, connections: Connections, headers: Mapping[str, str]) -> None:
        url = account.url.rstrip("/")
        self._adapter = SocketAdapter(url, connections)
        self._session = Session(url, {"Accept": "application/json", **headers}, self._adapter)

    @abstractmethod
    def request(self, message: Outgoing) -> Request:
        """Return the request that sends this message."""

    @abstractmethod
    def classify(self, answer: Answer) -> Outcome:
        """Return what an answer means."""

    def send(self, message: Outgoing) -> Outcome:
        """See Provider. Redirects are answers, not something to follow."""
        try:
            request = self.request(message)
        except Exception as error:  # noqa: BLE001 - nothing was sent, and the chunk's other messages are
            log_exception("provider_request_failed", message_id=message.id)
            return Outcome(OutcomeKind.NOT_DELIVERED, f"no request could be made: {type(error).__name__}")
        try:
            given = self._session.call(request.path, request.body, request.headers, request.method)
            return self.classify(Answer(given.status_code, parsed(given.content), retry_after(given.headers, datetime.now(UTC))))
        except NoAnswerError as error:
            return error.outcome
        except Exception as error:  # noqa: BLE001 - one odd answer is the trouble of one message
            log_exception("provider_call_failed", message_id=message.id)
            return Outcome(OutcomeKind.UNKNOWN, type(error).__name__)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()


def message_key(message: Outgoing) -> str:
    """Return the message's id as providers keep it beside the ids of other programs that use the account."""
    return f"mailing-{message.id}"


def parsed(body: bytes) -> object:
    """Return the JSON of a body; None if it is none that has one meaning."""
    try:
        # A half of a surrogate pair in some text of the provider's does not make its word about the message void.
        return parse(body, _MOST, halves=True) if body else None
    except JsonError:
        return None


def value_at(body: object, *path: str | int) -> object:
    """Return what stands there in decoded JSON; None if nothing does."""
    for step in path:
        if isinstance(step, str) and isinstance(body, Mapping):
            body = body.get(step)
        elif isinstance(step, int) and isinstance(body, list) and step < len(body):
            body = body[step]
        else:
            return None
    return body


def integer(value: object) -> int | None:
    """Return an integer of JSON, also one that is written as a string; None for all else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if type(value) is int else None


def reference(value: object) -> str | None:
    """Return a provider's id of a message; None if it is none."""
    return str(value) if type(value) in (str, int) and 0 < len(str(value)) <= REFERENCE_LENGTH else None
