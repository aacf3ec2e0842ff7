"""The filter in front of the API: API Gateway asks it first and keeps its answer for a minute."""

from chalice import AuthResponse
from chalice.app import AuthRequest

from chalicelib.auth.tokens import authenticate
from chalicelib.storage.engine import engine


class UnauthorizedError(Exception):
    """API Gateway turns an error whose message is exactly "Unauthorized" into a 401, any other into a 500."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def answer(request: AuthRequest) -> AuthResponse:
    """Allows every route to the bearer of a good token; raises UnauthorizedError for any other.

    What the bearer may see and do is the services' to decide, on each request anew.
    """
    bearer = authenticate(engine(), request.token)
    if bearer is None:
        raise UnauthorizedError
    return AuthResponse(routes=["*"], principal_id=str(bearer.principal.user_id))
