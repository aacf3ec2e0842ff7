"""CSRF tokens bound to the session: a MAC of the session's secret, which only pages of that session contain.

There is no readable cookie. Before anybody has logged in, the token is bound to a random cookie that the login page sets; logging in
replaces the session's secret, and so every token before it.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp
from starlette_admin.security.csrf import CSRFMiddleware

from chalicelib.admin.access import PreLogin, session_secret

_NONCE_BYTES = 16


class SessionCsrf(CSRFMiddleware):
    """Takes the place of the library's middleware, which believes any cookie that it once signed."""

    def __init__(self, app: ASGIApp, secret_key: str, keys: Sequence[bytes]) -> None:
        super().__init__(app, secret_key)
        self._keys = keys

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Refuse a request that changes something without this session's token."""
        before = PreLogin(request)
        bound_to = session_secret(request) or before.secret
        request.state.csrf_token = self.token(bound_to)
        if request.method not in self.safe_methods:
            try:
                submitted = await self._get_submitted_token(request)
            except (HTTPException, MultiPartException):
                return PlainTextResponse("the form cannot be read", status_code=HTTPStatus.BAD_REQUEST)
            if not submitted or not self.fits(submitted, bound_to):
                what = "invalid" if submitted else "missing"
                return PlainTextResponse(f"CSRF token {what}", status_code=HTTPStatus.FORBIDDEN)
        answer = await call_next(request)
        if before.is_new and getattr(request.state, "shows_login_form", False):
            before.keep(answer)
        return answer

    def token(self, bound_to: str) -> str:
        """A token for this secret; another one at each call, so that compression of a page tells nothing about it."""
        nonce = secrets.token_hex(_NONCE_BYTES)
        return nonce + _mac(self._keys[0], nonce, bound_to)

    def fits(self, token: str, bound_to: str) -> bool:
        """Was the token made for this secret?"""
        nonce, mac = token[: 2 * _NONCE_BYTES], token[2 * _NONCE_BYTES :]
        return any(hmac.compare_digest(mac.encode(), _mac(key, nonce, bound_to).encode()) for key in self._keys)


def _mac(key: bytes, nonce: str, bound_to: str) -> str:
    return hmac.new(key, f"{nonce}:{bound_to}".encode(), hashlib.sha256).hexdigest()
