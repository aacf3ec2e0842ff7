"""People with a browser: whether an answer shall be a page, in which language, and who has a session."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from chalicelib.api.operations import Call, Reply
from chalicelib.auth import browser_session
from chalicelib.domain.access import Principal
from chalicelib.domain.languages import LANGUAGES, preferred_language
from chalicelib.services import sessions


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page."""

    principal: Principal | None
    """None: nobody who has logged in."""
    secret: str
    language: str

    @property
    def form_token(self) -> str:
        """What their forms carry."""
        return browser_session.form_token(self.secret) if self.principal else ""


def visitor_of(call: Call[Any, Any]) -> Visitor:
    """Return who has the browser that sent this request."""
    cookies = call.headers.get("cookie", "")
    secret = browser_session.secret_in(cookies, https=is_https(call))
    principal = sessions.whose(call.engine, secret) if secret else None
    chosen = browser_session.cookie_in(
        cookies, browser_session.cookie_name("language", https=is_https(call))
    )  # the panel's switch
    language = chosen if chosen in LANGUAGES else preferred_language(call.headers.get("accept-language", ""))
    return Visitor(principal, secret, language)


def is_https(call: Call[Any, Any]) -> bool:
    """Do people reach the service over TLS?"""
    return call.base_url.startswith("https:")


def wants_page(call: Call[Any, Any]) -> bool:
    """Is HTML named by the Accept header, and not less liked than JSON? Programs say `*/*`, or nothing."""
    html, json = (_quality(call.headers.get("accept", ""), kind) for kind in ("text/html", "application/json"))
    return html > 0 and html >= json


def _quality(accept: str, kind: str) -> float:
    for part in accept.split(",", 50)[:50]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name == kind:
            given = next((value for piece in parameters for key, _, value in [piece.partition("=")] if key.strip() == "q"), "1")
            try:
                return min(1.0, max(0.0, float(given)))
            except ValueError:
                return 0.0
    return 0.0


def redirect(call: Call[Any, Any], path: str, headers: dict[str, str] | None = None) -> Reply:
    """Send a browser to one of our paths."""
    return Reply(HTTPStatus.SEE_OTHER, "", {"Location": f"{call.base_url}{path}", **(headers or {})})
