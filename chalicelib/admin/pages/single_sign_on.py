"""Single sign-on: to the OpenID Connect provider, and back."""

import hashlib
import hmac
import secrets
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette_admin.helpers import index_url

from chalicelib.admin.access import SIGN_ON_FAILED, begin_session, cookie_name, set_cookie, target
from chalicelib.admin.edge import is_https
from chalicelib.auth.keyring import keyring
from chalicelib.config import settings
from chalicelib.services import single_sign_on
from chalicelib.services.single_sign_on import Rules, SignOnError
from chalicelib.storage.engine import engine
from chalicelib.storage.sign_on import STATE_MINUTES

if TYPE_CHECKING:
    from chalicelib.auth.oidc import Provider

_COOKIE = "mailing_sign_on"
_LONGEST_NEXT = 1000


async def begin(request: Request) -> Response:
    """Send the browser to the provider."""
    from chalicelib.auth.oidc import Begun, ProviderError  # only here: its libraries are heavy

    if not settings().oidc_issuer:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        # A page elsewhere logs nobody in without their doing: the button on the login page does.
        return RedirectResponse(str(request.url_for("admin:login")), status_code=HTTPStatus.SEE_OTHER)
    begun = Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    try:
        address = _provider().authorization_url(_callback(request), begun)
    except ProviderError as error:
        return _refused(request, error.reason)
    following = target(request)
    kept = [begun.state, begun.nonce, begun.verifier, following if len(following) <= _LONGEST_NEXT else index_url(request)]
    answer = RedirectResponse(address, status_code=HTTPStatus.SEE_OTHER)
    # SameSite=Lax, because it comes back with a navigation from the provider's site.
    set_cookie(request, answer, _COOKIE, _serializer().dumps(kept), STATE_MINUTES * 60)
    return answer


async def finish(request: Request) -> Response:
    """Log in who comes back from the provider."""
    from chalicelib.auth.oidc import Begun, ProviderError

    if not settings().oidc_issuer:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    try:
        parameters = _parameters(request)
        state, nonce, verifier, following = _kept(request, parameters.get("state", ""))
        single_sign_on.use_state(engine(), state)
        claims = _provider().claims(parameters, _callback(request), Begun(state, nonce, verifier))
        user_id = single_sign_on.user_for(engine(), Rules.of(settings()), claims)
    except (SignOnError, ProviderError) as error:
        answer = _refused(request, error.reason)
    else:
        answer = begin_session(request, user_id, following)
    answer.delete_cookie(cookie_name(request, _COOKIE), path="/", secure=is_https(request.scope), httponly=True, samesite="lax")
    return answer


ROUTES = (
    Route("/single-sign-on", begin, methods=["GET"], name="single-sign-on"),
    Route("/single-sign-on/callback", finish, methods=["GET"], name="single-sign-on-callback"),
)


def _parameters(request: Request) -> dict[str, str]:
    """Of the address; none may stand in it twice (RFC 6749, 3.1). Raises SignOnError."""
    pairs = request.query_params.multi_items()
    if len(dict(pairs)) != len(pairs):
        raise SignOnError("repeated_parameter")
    return dict(pairs)


def _kept(request: Request, state: str) -> list[str]:
    """What the cookie kept, if this is the answer to the same browser's request. Raises SignOnError."""
    try:
        kept: list[str] = _serializer().loads(request.cookies.get(cookie_name(request, _COOKIE), ""), max_age=STATE_MINUTES * 60)
    except BadSignature:
        raise SignOnError("no_login_begun") from None
    if not hmac.compare_digest(kept[0].encode(), state.encode(errors="replace")):
        raise SignOnError("wrong_state")
    return kept


def _serializer() -> URLSafeTimedSerializer:
    keys = list(reversed(keyring().derived("single sign-on")))  # the library signs with the last
    return URLSafeTimedSerializer(keys, salt="single sign-on", signer_kwargs={"digest_method": hashlib.sha256})


def _callback(request: Request) -> str:
    return str(request.url_for("admin:single-sign-on-callback"))


def _refused(request: Request, reason: str) -> Response:
    single_sign_on.record_failure(engine(), reason)
    return RedirectResponse(f"{request.url_for('admin:login')}?problem={SIGN_ON_FAILED}", status_code=HTTPStatus.SEE_OTHER)


def _provider() -> "Provider":
    chosen = settings()
    return _provider_of(
        chosen.oidc_issuer, chosen.oidc_client_id, chosen.oidc_client_secret.get_secret_value(), chosen.stage != "local"
    )


@lru_cache(maxsize=4)
def _provider_of(issuer: str, client_id: str, client_secret: str, only_https: bool) -> "Provider":
    from chalicelib.auth.oidc import Client, Provider

    return Provider(Client(issuer, client_id, client_secret, only_https))
