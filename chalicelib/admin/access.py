"""Who is at the panel: logging in, the session's cookie, logging out."""

import secrets
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.templating import Jinja2Templates
from starlette_admin.auth import AdminUser, AuthProvider
from starlette_admin.helpers import index_url
from starlette_admin.i18n import gettext

from chalicelib import caller
from chalicelib.admin.edge import is_https
from chalicelib.admin.redirects import safe_redirect_url
from chalicelib.admin.translations import said
from chalicelib.auth import browser_session
from chalicelib.auth.throttle import Limit, TooManyAttemptsError
from chalicelib.config import settings
from chalicelib.domain.access import Principal
from chalicelib.services import second_factor, sessions
from chalicelib.services.logins import LoginError, LoginRules, limit_of
from chalicelib.services.single_sign_on import SignOnError
from chalicelib.storage.engine import engine

_PRE_LOGIN_COOKIE = "mailing_login"
_DEVICE_COOKIE = "mailing_device"
SIGN_ON_FAILED = "single-sign-on"
"""What the login page is asked to say of a single sign-on, in its query."""
# What pages ask for by themselves while they are looked at.
_POLLED = ("/dashboard.json", "/data/")


def principal_of(request: Request) -> Principal:
    """The authenticated user; only for requests that the provider let through."""
    found: Principal = request.state.principal
    return found


def cookie_name(request: Request, name: str = browser_session.COOKIE) -> str:
    """The name of the session's cookie, which the API's own pages know, too, or of another that is bound to this host."""
    return browser_session.cookie_name(name, https=is_https(request.scope))


def session_secret(request: Request) -> str:
    """What the session's cookie holds."""
    return request.cookies.get(cookie_name(request), "")


class PreLogin:
    """The random cookie of somebody who has not logged in: what the login form's CSRF token is bound to."""

    def __init__(self, request: Request) -> None:
        self._request = request
        given = request.cookies.get(cookie_name(request, _PRE_LOGIN_COOKIE), "")
        self.is_new = not given
        self.secret = given or secrets.token_urlsafe(32)

    def keep(self, answer: Response) -> None:
        """Sets the cookie."""
        name, https = cookie_name(self._request, _PRE_LOGIN_COOKIE), is_https(self._request.scope)
        answer.set_cookie(name, self.secret, path="/", secure=https, httponly=True, samesite="lax")

    def forget(self, answer: Response) -> None:
        """Deletes the cookie."""
        name, https = cookie_name(self._request, _PRE_LOGIN_COOKIE), is_https(self._request.scope)
        answer.delete_cookie(name, path="/", secure=https, httponly=True, samesite="lax")


class Access(AuthProvider):
    """Sessions in the database; the cookie is only their key."""

    async def authenticate(self, request: Request) -> AdminUser | None:
        """The session's user as they stand now: deactivation and a changed password act at once."""
        secret = session_secret(request)
        if not secret or request.state.is_static:
            return None
        by_a_person = not any(path in request.scope["path"] for path in _POLLED)
        principal = sessions.whose(engine(), secret, by_a_person=by_a_person)
        if principal is None:
            return None
        request.state.principal = principal
        if second_factor.must_enrol(engine(), principal):
            request.state.must_enrol = True
            caller.current().user_id = principal.user_id
            return None  # which leaves the pages that need no login, and the one where it is set up
        caller.current().user_id = principal.user_id
        return AdminUser(principal.username)

    async def render_login(self, request: Request, templates: Jinja2Templates) -> Response:
        """The form, and what becomes of it."""
        request.state.shows_login_form = True
        if request.method != "POST":
            again = request.query_params.get("again") == "1"
            if hasattr(request.state, "must_enrol") and not again:
                return RedirectResponse(str(request.url_for("admin:second-factor")), status_code=HTTPStatus.SEE_OTHER)
            if hasattr(request.state, "principal") and not again:
                return RedirectResponse(target(request), status_code=HTTPStatus.SEE_OTHER)
            problem = said(str(SignOnError(""))) if request.query_params.get("problem") == SIGN_ON_FAILED else ""
            return templates.TemplateResponse(request=request, name="login.html", context={"error": problem})
        form = await request.form()
        username, password, code = (str(form.get(name) or "") for name in ("username", "password", "code"))
        try:
            device, browser = device_of(request) or secrets.token_urlsafe(32), request.headers.get("user-agent", "")
            secret = sessions.log_in(
                engine(), username, password, address_of(request), _rules(), browser, device=device, code=code
            )
        except LoginError as error:
            return _refused(request, templates, HTTPStatus.UNAUTHORIZED, said(str(error)))
        except TooManyAttemptsError as error:
            answer = _refused(request, templates, HTTPStatus.TOO_MANY_REQUESTS, too_many(error))
            answer.headers["Retry-After"] = str(error.retry_after)
            return answer
        answer = _logged_in(request, secret, target(request))
        set_cookie(request, answer, _DEVICE_COOKIE, device, settings().known_place_days * 86400)
        return answer

    async def logout(self, request: Request) -> Response | None:
        """Ends the session."""
        sessions.log_out(engine(), session_secret(request))
        answer = RedirectResponse(str(request.url_for("admin:login")), status_code=HTTPStatus.SEE_OTHER)
        answer.delete_cookie(cookie_name(request), path="/", secure=is_https(request.scope), httponly=True, samesite="lax")
        return answer


def set_cookie(request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
    """Set a cookie that is bound to this host and that no script reads."""
    https = is_https(request.scope)
    answer.set_cookie(cookie_name(request, name), value, max_age=seconds, path="/", secure=https, httponly=True, samesite="lax")


def begin_session(request: Request, user_id: int, following: str) -> Response:
    """Log in a user whom the caller has authenticated, and go on to `following`."""
    browser = request.headers.get("user-agent", "")
    return _logged_in(request, sessions.begin(engine(), user_id, address_of(request), _rules(), browser), following)


def _logged_in(request: Request, secret: str, following: str) -> Response:
    # The session that this browser had before, of this user or of another, ends with it.
    sessions.log_out(engine(), session_secret(request))
    answer = RedirectResponse(following, status_code=HTTPStatus.SEE_OTHER)
    set_cookie(request, answer, browser_session.COOKIE, secret, settings().session_hours * 3600)
    PreLogin(request).forget(answer)
    return answer


def target(request: Request) -> str:
    """Where somebody who has logged in wanted to go, if that is here."""
    fallback = index_url(request)
    return safe_redirect_url(request.query_params.get("next") or fallback, request, fallback)


def login_limit() -> Limit:
    """How often a password may be guessed."""
    return limit_of(settings())


def _rules() -> LoginRules:
    return LoginRules(timedelta(hours=settings().session_hours), login_limit())


def device_of(request: Request) -> str:
    """What the browser's own cookie holds, by which a user's earlier logins in it are known."""
    return request.cookies.get(cookie_name(request, _DEVICE_COOKIE), "")


def too_many(error: TooManyAttemptsError) -> str:
    """The sentence for somebody who has to wait."""
    message = gettext("Too many attempts with this name or from this address. Try again in %(minutes)d min.")
    return message % {"minutes": -(-error.retry_after // 60)}


def log_in_again_url(request: Request) -> str:
    """The login page, which leads back to this page."""
    return f"{request.url_for('admin:login')}?{urlencode({'again': 1, 'next': request.url.path})}"


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client and request.client.host else ""


def _refused(request: Request, templates: Jinja2Templates, status: HTTPStatus, message: str) -> Response:
    return templates.TemplateResponse(request=request, name="login.html", context={"error": message}, status_code=status)
