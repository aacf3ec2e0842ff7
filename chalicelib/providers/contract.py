"""The contract of the original service's external API, and what its answers mean."""

import base64
import json
from collections.abc import Mapping

from chalicelib.domain.http_status import rule_of
from chalicelib.domain.outcome import Outcome, OutcomeKind
from chalicelib.domain.strict_json import parse
from chalicelib.providers.base import Account, Connections, Outgoing
from chalicelib.providers.calls import Answer, HttpCaller, Request

_MOST_CLAIMS = 2**14  # bytes


class ContractProvider(HttpCaller):
    """`POST {url}/v1/send/{message id}` with a bearer token and `{"id": int, "phone": int, "text": str}`.

    Accepted is HTTP 200 with `{"code": 0, "message": "OK"}`. The sender and the time to live have no place in it.
    """

    def __init__(self, account: Account, connections: Connections) -> None:
        super().__init__(
            account, connections, {"Authorization": f"Bearer {account.credential}", "Content-Type": "application/json"}
        )

    def request(self, message: Outgoing) -> Request:
        content = {"id": message.id, "phone": int(message.phone.removeprefix("+")), "text": message.text}
        return Request(f"/v1/send/{message.id}", json.dumps(content).encode())

    def classify(self, answer: Answer) -> Outcome:
        """Return the outcome of an answer.

        A 200 with a code is an acceptance (0) or a refusal (any other); for all else the table of statuses decides.
        """
        if answer.status == 200 and isinstance(answer.body, Mapping):
            code = answer.body.get("code")
            if type(code) is int:
                return Outcome(OutcomeKind.ACCEPTED) if code == 0 else answer.outcome(OutcomeKind.REFUSED, f"code {code}")
        return answer.outcome(rule_of(answer.status).kind)


def expires_at(token: str) -> float | None:
    """Return the `exp` of a bearer token that is a JWT (seconds since 1970); None if it is none, or says nothing of its end."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = parse(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)), _MOST_CLAIMS)
        expires = claims.get("exp")
    except (ValueError, AttributeError):
        return None
    return float(expires) if type(expires) in (int, float) else None
