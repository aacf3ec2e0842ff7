"""Where the panel may redirect to: its own pages."""

from urllib.parse import urlsplit

import starlette_admin.auth.oauth
import starlette_admin.auth.password
import starlette_admin.base
import starlette_admin.helpers
import starlette_admin.views
from starlette.requests import Request
from starlette_admin.helpers import safe_redirect_url as _library_check

_USERS = (
    starlette_admin.helpers,
    starlette_admin.base,
    starlette_admin.views,
    starlette_admin.auth.password,
    starlette_admin.auth.oauth,
)


def safe_redirect_url(next_url: str, request: Request, fallback: str) -> str:
    """The address if it leads to this site, or else the fallback.

    Browsers drop tabs and line breaks from an address, strip spaces and control characters around it, and read a backslash as a slash:
    an address with any of them is not the one that the library's check sees.
    """
    if not next_url.isascii() or not next_url.isprintable() or " " in next_url or "\\" in next_url:
        return fallback
    try:
        urlsplit(next_url)
    except ValueError:  # no address at all
        return fallback
    return _library_check(next_url, request, fallback)


def install() -> None:
    """Puts this check into the library's modules, which import their own by name; safe to repeat."""
    for module in _USERS:
        if "safe_redirect_url" not in vars(module):
            raise ImportError(f"{module.__name__} of this version does not use safe_redirect_url: see what checks its redirects")
        setattr(module, "safe_redirect_url", safe_redirect_url)  # noqa: B010 - a name that the module imports
