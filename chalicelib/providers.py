"""Providers: who delivers. A provider sends one message and says what became of it; outcomes are values, never exceptions."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import requests
from requests.adapters import HTTPAdapter

from chalicelib.domain.outcome import Outcome, OutcomeKind, classify

_MAX_ANSWER = 64 * 1024


class Provider(Protocol):
    """What the worker needs of a provider."""

    def send(self, message_id: int, phone: str, text: str) -> Outcome:
        """Sends one message under its id as idempotency key, within the deadline; never raises. Called from several threads."""


class HttpProvider:
    """The contract of the original's external API: `POST {base}/v1/send/{message id}` with a bearer token.

    The body is `{"id": int, "phone": int, "text": str}`, accepted is HTTP 200 with `{"code": 0, "message": "OK"}`.
    """

    def __init__(self, base_url: str, token: str, *, threads: int, deadline: float) -> None:
        self._base = base_url.rstrip("/")
        self._deadline = deadline
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc of the environment gets between us and the provider
        self._session.headers.update({"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=threads, max_retries=0)
        self._session.mount(f"{self._base}/", adapter)

    def send(self, message_id: int, phone: str, text: str) -> Outcome:
        """See Provider. Redirects are answers, not something to follow."""
        body = json.dumps({"id": message_id, "phone": int(phone.lstrip("+")), "text": text}, ensure_ascii=False).encode()
        try:
            answer = self._session.post(
                f"{self._base}/v1/send/{message_id}",
                data=body,
                timeout=(min(3.0, self._deadline), self._deadline),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return Outcome(_kind_of(error), type(error).__name__)
        return classify(answer.status_code, _decoded(answer), retry_after(answer.headers, datetime.now(UTC)))


def _kind_of(error: requests.RequestException) -> OutcomeKind:
    # Surely not delivered only if no connection came to be; a connection that breaks later may have carried the message.
    if isinstance(error, requests.ConnectTimeout):
        return OutcomeKind.NOT_DELIVERED
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}:
        return OutcomeKind.NOT_DELIVERED
    return OutcomeKind.UNKNOWN


def _decoded(answer: requests.Response) -> object:
    if len(answer.content) > _MAX_ANSWER:
        return None
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        return None


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110, 10.2.3: seconds or a date); None without one or with nonsense in it."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((moment - now).total_seconds(), 0.0) if moment.tzinfo else None
