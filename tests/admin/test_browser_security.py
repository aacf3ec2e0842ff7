"""What protects a browser: CSRF tokens, cookies, headers, and where redirects lead."""

from collections.abc import Iterator
from html import unescape
from urllib.parse import quote, urljoin, urlsplit

import pytest
from sqlalchemy import Engine
from starlette.routing import BaseRoute, Mount, Route

from chalicelib import config
from chalicelib.admin.site import build_site
from chalicelib.api.routes import ROUTES
from tests.admin.browser import PASSWORD, Answer, Browser
from tests.admin.conftest import add_user
from tests.api.lambda_event import call

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HSTS = "strict-transport-security"


@pytest.fixture
def https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://mailings.example")
    config.settings.cache_clear()


def secure(**cookies: str) -> Browser:
    return Browser(host="mailings.example", forwarded="https", cookies=dict(cookies))


def create(browser: Browser, token: str) -> int:
    body = f"phone=%2B79101234567&time_zone=UTC&csrftoken={token}"
    return browser.ask("POST", "/admin/client/create", body, FORM).status


def test_a_csrf_token_is_good_for_its_own_session_alone(root: Browser) -> None:
    """Also not for another session of the same user, nor one from before logging in, nor one that was tampered with."""
    other = Browser().login("root")
    stranger = Browser()
    stranger.get("/login")
    good = root.csrf
    for wrong in ("", "x", good[:-1], good + "0", "0" * 32 + good[32:], other.csrf, stranger.csrf, "\u0663" * 96):
        assert create(root, quote(wrong)) == 403, wrong
    assert create(root, good) == 303


def test_logging_in_replaces_token_and_cookie(root: Browser) -> None:
    del root
    somebody = Browser()
    somebody.get("/login")
    before, cookies = somebody.csrf, dict(somebody.cookies)
    answer = somebody.post("/login", {"username": "root", "password": PASSWORD})
    assert create(somebody, before) == 403
    assert create(Browser(cookies={**somebody.cookies, **cookies}), before) == 403
    assert any(cookie.startswith('mailing_login=""') for cookie in answer.cookies)
    first = dict(somebody.cookies)
    somebody.cookies.update(cookies)
    somebody.post("/logout")
    again = Browser().login("root")
    assert again.cookies["mailing_session"] != first["mailing_session"]


def test_the_login_form_needs_the_token_of_its_own_visitor(root: Browser) -> None:
    del root
    one, two = Browser(), Browser()
    one.get("/login")
    two.get("/login")
    body = f"username=root&password={quote(PASSWORD)}&csrftoken="
    assert one.ask("POST", "/admin/login", body + two.csrf, FORM).status == 403
    assert one.ask("POST", "/admin/login", body + one.csrf, FORM).status == 303


@pytest.mark.usefixtures("root", "https")
def test_cookies_that_matter_are_bound_to_the_host_and_unreadable_for_scripts() -> None:
    browser = secure()
    cookies = browser.get("/login").cookies
    cookies += browser.post("/login", {"username": "root", "password": PASSWORD}).cookies
    assert {cookie.partition("=")[0] for cookie in cookies} >= {
        "__Host-mailing_login",
        "__Host-mailing_session",
        "__Host-mailing_device",
    }
    for cookie in cookies:
        assert cookie.startswith("__Host-"), cookie
        parts = set(cookie.lower().split("; ")[1:])
        assert {"httponly", "secure", "path=/", "samesite=lax"} <= parts, cookie
        assert not any(part.startswith("domain") for part in parts)


def test_only_the_login_form_sets_a_cookie_for_strangers(browser: Browser) -> None:
    for path in ("/", "/client/list", "/static/mailing/admin.css", "/static/icons.css", "/static/none.css", "/nothing"):
        cookies = Browser().ask("GET", f"/admin{path}").cookies
        assert [each for each in cookies if "Max-Age=0" not in each] == [], path
    assert browser.get("/login").cookies
    assert browser.get("/login").cookies == []
    assert Browser().ask("HEAD", "/admin/login").status == 200


def paths(routes: list[BaseRoute], before: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from paths(route.routes, before + route.path)
        elif isinstance(route, Route):
            yield before + route.path


def bound(cookie: str, *, https: bool) -> bool:
    """Is it this host's alone, of this site's requests alone, and unreadable for scripts?"""
    first, *attributes = (part.strip().lower() for part in cookie.split(";"))
    secure_as_said = first.startswith("__host-") == ("secure" in attributes) == https
    named = {attribute.partition("=")[0] for attribute in attributes}
    return secure_as_said and {"httponly", "path=/", "samesite=lax"} <= set(attributes) and "domain" not in named


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("tls", [True, False])
def test_every_cookie_of_every_route_is_bound(monkeypatch: pytest.MonkeyPatch, tls: bool) -> None:
    """Also the library's, for what a page says of the last action, and when they are deleted."""
    monkeypatch.setenv("PUBLIC_URL", f"http{'s' * tls}://mailings.example")
    config.settings.cache_clear()
    stranger = Browser(host="mailings.example", forwarded="https" if tls else "http")
    known = Browser(host="mailings.example", forwarded="https" if tls else "http")
    asked = [known.get("/login"), known.post("/login", {"username": "root", "password": PASSWORD})]
    asked += [known.post("/client/create", {"phone": "+79101234567", "time_zone": "UTC"}), known.get("/client/list")]
    assert "successfully" in asked[-1].text
    for path in set(paths(build_site().routes)) - {"/admin/logout"}:
        for name in ("{key}", "{pk}", "{mailing_id}", "{token_id}", "{session_id}"):
            path = path.replace(name, "client" if name == "{key}" else "1")
        asked += [who.ask(method, path) for who in (known, stranger) for method in ("GET", "HEAD", "POST")]
    asked += [known.get("/login", expect=303), known.post("/logout")]
    cookies = [cookie for answer in asked for cookie in answer.cookies]
    assert [cookie for cookie in cookies if not bound(cookie, https=tls)] == []
    names = {cookie.partition("=")[0].removeprefix("__Host-") for cookie in cookies}
    assert names >= {"mailing_login", "mailing_session", "mailing_device", "starlette_admin_flash"}
    assert {"max-age=0" in cookie.lower() for cookie in cookies if "starlette_admin_flash" in cookie} == {True, False}


@pytest.mark.usefixtures("https")
def test_over_tls_no_cookie_counts_that_another_host_could_have_set(root: Browser) -> None:
    del root
    known = secure().login("root")
    for name, value in (("language", "ru"), ("timezone", "Asia/Tokyo")):
        plain = secure(**known.cookies, **{name: value}).get("/client/list").text
        bound_to_host = secure(**known.cookies, **{f"__Host-{name}": value}).get("/client/list").text
        assert value not in plain.split("<body", 1)[0].split("<head", 1)[0], name
        assert plain != bound_to_host
    assert '<html lang="ru"' in secure(**known.cookies, **{"__Host-language": "ru"}).get("/client/list").text
    assert '<html lang="ru"' not in secure(**known.cookies, language="ru").get("/client/list").text
    secure(mailing_session=known.cookies["__Host-mailing_session"]).get("/client/list", expect=303)


def test_every_answer_of_the_panel_has_the_headers(root: Browser, https: None) -> None:
    """Pages, data, static files, redirects and errors, for somebody who is logged in and for strangers."""
    del https
    known = secure().login("root")
    found = set(paths(build_site().routes)) - {"/admin/logout"}
    assert len(found) > 20
    assert root.cookies
    values = {"{key}": "client", "{pk}": "1", "{mailing_id}": "1", "{token_id}": "1"}
    static = [
        "mailing/admin.css",
        "mailing/admin.js",
        "icons.css",
        "js/list.js",
        "none.css",
        "mailing",
        "../edge.py",
        "%2e%2e/edge.py",
    ]
    addresses = [*found, *(f"/admin/static/{name}" for name in static), "/admin", "/admin/none", "/admin/client/detail?pk=7"]
    kept = 0
    for address in addresses:
        for name, value in values.items():
            address = address.replace(name, value)
        for who in (secure(**known.cookies), secure()):
            for method in ("GET", "HEAD", "POST"):
                kept += _checked(who.ask(method, address), method, address)
    assert kept >= 16


def _checked(answer: Answer, method: str, address: str) -> bool:
    place = (method, address, answer.status)
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff", place
    assert headers["x-frame-options"] == "DENY", place
    assert headers[HSTS].startswith("max-age="), place
    assert "default-src 'none'" in headers["content-security-policy"], place
    is_kept = headers["cache-control"] != "no-store"
    if is_kept:
        assert (answer.status, "/static/" in address, answer.cookies) == (200, True, []), place
        assert "immutable" in headers["cache-control"]
    return is_kept


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_answer_of_the_api_has_the_headers(browser: Browser, route: object) -> None:
    """Of each method, right and wrong ones, errors too."""
    del browser
    assert isinstance(route, type(ROUTES[0]))
    path = route.path.replace("{id}", "1").replace("{status}", "1").replace("{file}", "swagger-ui.css")
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = call(method, path, resource=route.path, body="{" if method == "POST" else None)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers[HSTS].startswith("max-age=")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert "set-cookie" not in answer.headers


BAD_TARGETS = [
    "https://evil.example/",
    "//evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "/\r//evil.example/",
    "\t//evil.example/",
    " //evil.example/",
    "\x00//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t\\evil.example/",
    "ht\ttps://evil.example/",
    "http:evil.example/",
    "http:///evil.example/",
    "http://[",
    "javascript:alert(1)",
    "java\tscript:alert(1)",
    "http://localhost\\@evil.example/",
    "http://localhost@evil.example/",
    "\u3000//evil.example/",
]


def _here(location: str) -> bool:
    """As a browser reads it: without tabs and line breaks, with slashes for backslashes."""
    seen = "".join(each for each in location if each not in "\t\r\n").strip("".join(map(chr, range(33)))).replace("\\", "/")
    parts = urlsplit(urljoin("http://localhost/admin/client/create", seen))
    return (parts.scheme, parts.netloc) == ("http", "localhost")


def test_no_form_leads_off_the_site(root: Browser, engine: Engine) -> None:
    """Neither `_origin` after creating or editing, also one inside the other, nor links back, nor `next` after logging in."""
    add_user(engine, "anna")
    for number, target in enumerate(BAD_TARGETS):
        fields = {"phone": f"+791012345{number:02}", "time_zone": "UTC"}
        origin = f"_origin={quote(target, safe='')}"
        assert _here(root.post(f"/client/create?{origin}", fields).location), target
        pk = number + 1
        assert _here(root.post(f"/client/edit?pk={pk}&{origin}", fields).location), target
        nested = quote(f"/admin/client/detail?pk={pk}&{origin}", safe="")
        for page in (f"/client/create?{origin}", f"/client/detail?pk={pk}&_origin={nested}"):
            links = [part.split('"')[0] for part in root.get(page).text.split('href="')[1:]]
            assert all(_here(unescape(link)) for link in links if not link.startswith("data:")), target
        deleted = root.ask(
            "POST", f"/admin/_api/client/row-action?name=delete&pk={pk}&_origin={nested}", "", {"X-CSRFToken": root.csrf}
        )
        assert _here(deleted.headers.get("location", deleted.json.get("redirect") or "/")), target
    for target in BAD_TARGETS[:8]:
        answer = Browser().login("anna").ask("GET", f"/admin/login?next={quote(target, safe='')}")
        assert _here(answer.location), target
        somebody = Browser()
        answer = somebody.post(f"/login?next={quote(target, safe='')}", {"username": "anna", "password": PASSWORD})
        assert _here(answer.location), target
