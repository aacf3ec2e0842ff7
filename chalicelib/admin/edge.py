"""The outermost layer of the site: under which address people see it, what every answer carries, and where nothing escapes."""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.admin.reading import ReadSession
from chalicelib.auth.browser_session import BOUND, cookie_name
from chalicelib.config import settings
from chalicelib.domain.languages import preferred_language
from chalicelib.observability import log_exception

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BASE = "/admin"
_LIBRARY = (b"language=", b"timezone=", b"starlette_admin_flash=")
"""Cookies of starlette-admin, which knows no prefix."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_POLICY = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# The styles are the library's: it sets `style` attributes, which no nonce can allow.
_ZONE = re.compile(rb"(?:^|(?<=;))\s*timezone=([^;]*);?")
_OTHER_LANGUAGE = re.compile(rb"(?:^|(?<=;))\s*language=(?!(?:en|ru)\s*(?:;|$))[^;]*;?")


class Edge:
    """Wraps the site."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, with a plain 500 at the worst."""
        nonce = secrets.token_urlsafe(16)
        is_static = scope["path"].startswith(f"{BASE}/static/")
        scope["state"] = {**scope.get("state", {}), "csp_nonce": nonce, "session": ReadSession(), "is_static": is_static}
        started = False

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = [
                    (name, own_cookie(value, is_https(scope)) if name == b"set-cookie" else value)
                    for name, value in message["headers"]
                    if not (is_static and name == b"set-cookie")  # also not where there is no such file
                ]
                message["headers"] = [*given, *_headers(scope, nonce, message)]
            await send(message)

        try:
            place(scope)
            await self._app(scope, receive, send_on)
        except Exception:  # noqa: BLE001 - the last resort: a person gets a sentence, the log where it came from
            log_exception("admin request failed", method=scope["method"], path=scope["path"])
            if not started:
                await send_on({"type": "http.response.start", "status": 500, "headers": [(b"content-type", b"text/plain")]})
                await send_on(
                    {"type": "http.response.body", "body": b"Something went wrong on our side; it has been written down."}
                )


def place(scope: Scope) -> None:
    """Puts the address that people use into the scope: scheme, host and what stands before our paths (a stage, or nothing)."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    public = urlsplit(settings().public_url)
    host = headers.get(b"host", b"localhost").decode("latin-1")
    if public.netloc:
        # A browser on this machine may call it by either name of loopback.
        host = host if public.hostname in _LOOPBACK and _name_of(host) in _LOOPBACK else public.netloc
        scope["scheme"], prefix = public.scheme, public.path.rstrip("/")
    else:
        prefix = _stage_prefix(scope)
    path = scope["path"] if scope["path"] != BASE else f"{BASE}/"
    headers[b"host"] = host.encode("latin-1")
    # The library believes a cookie that names any language it knows; the words of most are not in the package.
    cookies = _known_cookies(headers.get(b"cookie", b""), https=is_https(scope))
    headers[b"cookie"] = _ZONE.sub(_readable_zone, _OTHER_LANGUAGE.sub(b"", cookies))
    headers[b"accept-language"] = preferred_language(headers.get(b"accept-language", b"").decode("latin-1")).encode()
    scope["headers"] = list(headers.items())
    scope["root_path"], scope["path"] = prefix, prefix + path


def own_cookie(header: bytes, https: bool) -> bytes:
    """A Set-Cookie header, of the library or of ours, bound to this host and unreadable for scripts, whatever it was before."""
    pair, *attributes = (part.strip() for part in header.decode("latin-1").split(";"))
    name, _, value = pair.partition("=")
    kept = [each for each in attributes if each.lower().startswith(("max-age=", "expires="))]
    return "; ".join(
        [
            f"{cookie_name(name.removeprefix(BOUND), https=https)}={value}",
            "HttpOnly",
            *kept,
            "Path=/",
            "SameSite=lax",
            *(["Secure"] if https else []),
        ]
    ).encode("latin-1")


def _known_cookies(header: bytes, *, https: bool) -> bytes:
    """The cookies that are bound to this host: over TLS another host of the domain, or a network in between, can set any other.

    Those that the library reads have its names.
    """
    if not https:
        return header
    bound = BOUND.encode()
    cookies = [part.strip() for part in header.split(b";") if part.strip().startswith(bound)]
    return b"; ".join(each.removeprefix(bound) if each.removeprefix(bound).startswith(_LIBRARY) else each for each in cookies)


def _name_of(host: str) -> str:
    """The name in a Host header without its port; nothing for what is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _readable_zone(found: re.Match[bytes]) -> bytes:
    """The cookie with the reader's time zone, or nothing: the library looks for a file of that name, whatever it is."""
    try:
        ZoneInfo(found[1].strip().decode("latin-1"))
    except ZoneInfoNotFoundError:
        pass  # that one it expects
    except (ValueError, OSError):
        return b""
    return found[0]


def _stage_prefix(scope: Scope) -> str:
    event = scope.get("aws.event", {})
    whole, own = str(event.get("requestContext", {}).get("path", "")), str(event.get("path", ""))
    return whole.removesuffix(own).rstrip("/") if own and whole.endswith(own) else ""


_PLAIN = {
    (400, "en"): "This request cannot be read.",
    (400, "ru"): "Этот запрос нельзя прочитать.",
    (500, "en"): "Something went wrong on our side; it has been written down.",
    (500, "ru"): "На нашей стороне что-то сломалось; мы это записали.",
}


def plain_answer(status: int, language: str, why: str = "") -> dict[str, Any]:
    """The answer of the function where the site itself cannot answer; `why` is for those who write programs, and English."""
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "content-security-policy": _POLICY.format(nonce=""),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "strict-transport-security": "max-age=31536000",
    }
    return {
        "statusCode": status,
        "headers": headers,
        "body": f"{_PLAIN[status, language]} {why}".strip(),
        "isBase64Encoded": False,
    }


def is_https(scope: Scope) -> bool:
    """Do people reach the site over TLS?"""
    return bool(scope["scheme"] == "https")


def _headers(scope: Scope, nonce: str, start: Message) -> list[tuple[bytes, bytes]]:
    given = {name.lower() for name, _ in start["headers"]}
    kept = (
        scope["state"]["is_static"] and start["status"] in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED) and b"set-cookie" not in given
    )
    found = [
        (b"content-security-policy", _POLICY.format(nonce=nonce).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"x-frame-options", b"DENY"),
    ]
    if b"cache-control" not in given:
        # Every link to a static file carries its version.
        found.append((b"cache-control", b"public, max-age=31536000, immutable" if kept else b"no-store"))
    if is_https(scope):
        found.append((b"strict-transport-security", b"max-age=31536000"))
    return found
