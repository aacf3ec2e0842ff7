"""What a browser proves its session with: the cookie, and the token that its forms carry against forged requests.

The panel and the API's own pages share both, so that somebody who has logged in at one is known at the other.
"""

import hashlib
import hmac

COOKIE = "mailing_session"
BOUND = "__Host-"
"""Before a cookie's name, it binds the cookie to this host and to TLS."""


def cookie_name(name: str = COOKIE, *, https: bool) -> str:
    """The name with that prefix, which browsers refuse over plain http on loopback."""
    return f"{BOUND}{name}" if https else name


def secret_in(cookies: str, *, https: bool) -> str:
    """Return the session's secret from a Cookie header, or an empty string."""
    return cookie_in(cookies, cookie_name(https=https))


def cookie_in(cookies: str, name: str) -> str:
    """Return one cookie's value from a Cookie header, or an empty string."""
    for part in cookies.split(";"):
        given, _, value = part.strip().partition("=")
        if given == name:
            return value.strip('"')
    return ""


def ended_cookie(*, https: bool) -> str:
    """Return the Set-Cookie header that makes a browser forget its session."""
    attributes = "; HttpOnly; Max-Age=0; Path=/; SameSite=lax" + ("; Secure" if https else "")
    return f"{cookie_name(https=https)}={attributes}"


def form_token(secret: str) -> str:
    """Return the token that forms of this session carry: nobody who cannot read the cookie or the page can make it."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def is_form_token(secret: str, given: str) -> bool:
    """Is `given` the token of this session's forms?"""
    return bool(secret) and hmac.compare_digest(form_token(secret).encode(), given.encode())
