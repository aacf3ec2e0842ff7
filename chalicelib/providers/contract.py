"""The contract of the original service's external API, and what its answers mean."""

from collections.abc import Mapping

from chalicelib.domain.http_status import rule_of
from chalicelib.domain.outcome import Outcome, OutcomeKind

_WAITABLE = frozenset({OutcomeKind.NOT_DELIVERED, OutcomeKind.THROTTLED, OutcomeKind.UNEXPECTED_REFUSAL})


def classify(status: int, body: object, retry_after: float | None = None) -> Outcome:
    """Return the outcome of an answer that arrived whole.

    `body` is the decoded JSON (None if it was none), `retry_after` in seconds. A 200 with a code is an acceptance (0) or a refusal
    (any other); for all else the table of statuses decides.
    """
    detail = f"HTTP {status}"
    if status == 200 and isinstance(body, Mapping):
        code = body.get("code")
        if type(code) is int:
            return Outcome(OutcomeKind.ACCEPTED) if code == 0 else Outcome(OutcomeKind.REFUSED, f"{detail}, code {code}")
    kind = rule_of(status).kind
    return Outcome(kind, detail, retry_after if kind in _WAITABLE else None)
