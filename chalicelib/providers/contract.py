"""The contract of the original service's external API, and what its answers mean."""

import base64
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.http_status import rule_of
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.observability import log_exception
from chalicelib.providers.base import Outgoing
from chalicelib.providers.transport import NoAnswerError, Session, SocketAdapter, retry_after

_CALLED_AGAIN = frozenset({OutcomeKind.NOT_DELIVERED, OutcomeKind.THROTTLED, OutcomeKind.UNEXPECTED_REFUSAL})


class HttpProvider:
    """`POST {base}/v1/send/{message id}` with a bearer token and `{"id": int, "phone": int, "text": str}`.

    Accepted is HTTP 200 with `{"code": 0, "message": "OK"}`. See SocketAdapter for `threads`, `deadline`, `idle_seconds` and `tls`.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        threads: int,
        deadline: float,
        idle_seconds: float = 4.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
        base_url = base_url.rstrip("/")
        self._adapter = SocketAdapter(base_url, threads=threads, deadline=deadline, idle_seconds=idle_seconds, tls=tls)
        self._session = Session(base_url, headers, self._adapter)

    def send(self, message: Outgoing) -> Outcome:
        """See Provider. Redirects are answers, not something to follow."""
        try:
            content = {"id": message.id, "phone": int(message.phone.removeprefix("+")), "text": message.text}
            answer = self._session.call(f"/v1/send/{message.id}", json.dumps(content).encode())
            return classify(answer.status_code, _parsed(answer.content), retry_after(answer.headers, datetime.now(UTC)))
        except NoAnswerError as error:
            return error.outcome
        except Exception as error:  # noqa: BLE001 - one odd answer is the trouble of one message
            log_exception("provider_call_failed", message_id=message.id)
            return Outcome(OutcomeKind.UNKNOWN, type(error).__name__)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()


def expires_at(token: str) -> float | None:
    """Return the `exp` of a bearer token that is a JWT (seconds since 1970); None if it is none, or says nothing of its end."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        expires = claims.get("exp")
    except (ValueError, AttributeError, RecursionError):
        return None
    return float(expires) if type(expires) in (int, float) else None


def classify(status: int, body: object, retry_after: float | None = None) -> Outcome:
    """Return the outcome of an answer.

    `body` is the decoded JSON (None if it was none), `retry_after` in seconds. A 200 with a code is an acceptance (0) or a refusal
    (any other); for all else the table of statuses decides.
    """
    detail = f"HTTP {status}"
    if status == 200 and isinstance(body, Mapping):
        code = body.get("code")
        if type(code) is int:
            return Outcome(OutcomeKind.ACCEPTED) if code == 0 else Outcome(OutcomeKind.REFUSED, f"{detail}, code {code}")
    kind = rule_of(status).kind
    return Outcome(kind, detail, retry_after if kind in _CALLED_AGAIN else None)


def _parsed(body: bytes) -> object:
    """Return the JSON of a body; None if it is none, or says one thing twice."""
    try:
        return json.loads(body, object_pairs_hook=_object) if body else None
    except (ValueError, RecursionError):
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made
