"""The filter in front of the API: API Gateway asks it first and keeps its answer for a minute."""

from typing import Any

from chalice import AuthResponse
from chalice.app import AuthRequest

from chalicelib.auth.tokens import authenticate
from chalicelib.storage.engine import engine


class _Refusal(AuthResponse):
    """Denies every route. The gateway's answer to it is a 401 (ACCESS_DENIED in template.yaml).

    Raising "Unauthorized" would be a 401 as well, but Lambda counts it as an error of the function, and anybody with a wrong token would
    set off the alarm.
    """

    def __init__(self) -> None:
        super().__init__(routes=["*"], principal_id="nobody")

    def to_dict(self, request: AuthRequest) -> dict[str, Any]:
        answer: dict[str, Any] = super().to_dict(request)
        (statement,) = answer["policyDocument"]["Statement"]
        statement["Effect"] = "Deny"
        return answer


def answer(request: AuthRequest) -> AuthResponse:
    """Allow every route to the bearer of a good token, and deny it to any other.

    What the bearer may see and do is the services' to decide, on each request anew.
    """
    bearer = authenticate(engine(), request.token)
    if bearer is None:
        return _Refusal()
    return AuthResponse(routes=["*"], principal_id=str(bearer.principal.user_id))
