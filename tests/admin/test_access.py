"""Getting in, staying in, and being put out."""

import re

import pytest
from jinja2 import Environment, PackageLoader
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.admin.site import NonceLoader, TemplateChangedError, require_replaceable
from chalicelib.domain.languages import preferred_language
from chalicelib.services import progress, sessions
from tests.admin.browser import PASSWORD, Browser
from tests.admin.conftest import add_user, user_id


def test_nobody_sees_anything_before_logging_in(browser: Browser) -> None:
    for path in ("/", "/client/list", "/mailing/create", "/tokens", "/import", "/dashboard.json", "/data/mailing/1"):
        assert "/admin/login?next=" in browser.get(path, expect=303).location


@pytest.mark.usefixtures("root")
def test_logging_in_leads_where_one_was_going_and_nowhere_else() -> None:
    somebody = Browser()
    target = somebody.get("/client/list?page=2", expect=303).location
    answer = somebody.post(target.partition("/admin")[2], {"username": "root", "password": PASSWORD})
    assert answer.location == "http://localhost/admin/client/list?page=2"
    elsewhere = Browser()
    elsewhere.get("/login")
    answer = elsewhere.post("/login?next=https://evil.example/", {"username": "root", "password": PASSWORD})
    assert answer.location == "http://localhost/admin/"


@pytest.mark.usefixtures("root")
def test_the_cookie_is_bound_to_host_and_tls_where_there_is_any(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Browser()
    plain.get("/login")
    cookie = plain.post("/login", {"username": "root", "password": PASSWORD}).cookies[0]
    assert re.match(r"mailing_session=\S+; HttpOnly; Max-Age=43200; Path=/; SameSite=lax$", cookie)

    monkeypatch.setenv("PUBLIC_URL", "https://mailings.example")
    config.settings.cache_clear()
    secure = Browser(host="mailings.example", forwarded="https")
    csrf = secure.get("/login").cookies[0]
    cookie = secure.post("/login", {"username": "root", "password": PASSWORD}).cookies[0]
    assert re.match(r"__Host-mailing_session=\S+; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure$", cookie)
    assert csrf.endswith("; Secure")
    assert secure.get("/client/list").headers["strict-transport-security"]


def test_a_post_without_the_csrf_token_is_refused(root: Browser, engine: Engine) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    client = "phone=%2B79101234567&time_zone=UTC"
    assert root.ask("POST", "/admin/client/create", client, form).status == 403
    assert root.ask("POST", "/admin/client/create", f"{client}&csrftoken={Browser().get('/login') and 'x'}", form).status == 403
    assert root.ask("POST", "/admin/_api/client/row-action?name=delete&pk=1").status == 403
    assert root.ask("POST", "/admin/import/take", "{}", {"Content-Type": "application/json"}).status == 403
    stranger = Browser()
    stranger.get("/login")
    assert root.ask("POST", "/admin/client/create", f"{client}&csrftoken={stranger.csrf}", form).status == 403
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM client")).scalar_one() == 0


@pytest.mark.usefixtures("root")
def test_ten_wrong_passwords_slow_the_account_down_and_say_so(engine: Engine) -> None:
    add_user(engine, "anna")
    guesser = Browser()
    guesser.get("/login")
    for _ in range(10):
        answer = guesser.post("/login", {"username": "anna", "password": "wrong"}, expect=401)
        assert answer.alerts == ["No user has this name and password."]
    answer = guesser.post("/login", {"username": "anna", "password": PASSWORD}, expect=429)
    assert "Try again in 15 min" in answer.alerts[0]
    assert int(answer.headers["retry-after"]) > 800
    assert "anna" not in "".join(answer.headers.values())


@pytest.mark.usefixtures("root")
def test_who_goes_through_names_from_one_address_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times as many failures as one name may have; whoever comes from elsewhere is let in."""
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "1")
    config.settings.cache_clear()
    guesser = Browser()
    guesser.get("/login")
    for number in range(10):
        guesser.post("/login", {"username": f"user{number}", "password": "wrong"}, expect=401)
    answer = guesser.post("/login", {"username": "root", "password": PASSWORD}, expect=429)
    assert "Try again in 15 min" in answer.alerts[0]
    Browser(context={"identity": {"sourceIp": "198.51.100.9"}}).login("root")


def test_another_password_and_deactivation_end_sessions_at_once(root: Browser, anna: Browser, engine: Engine) -> None:
    root.act("user", "password", user_id(engine, "anna"), {"password": "staple of horses"})
    anna.get("/", expect=303)
    again = Browser().login("anna", "staple of horses")
    root.post(f"/user/edit?pk={user_id(engine, 'anna')}", {"username": "anna"})
    again.get("/", expect=303)


def test_logging_out_ends_the_session(anna: Browser) -> None:
    cookie = dict(anna.cookies)
    anna.post("/logout")
    anna.cookies = cookie
    anna.get("/", expect=303)


def test_ones_own_password(anna: Browser) -> None:
    other = Browser().login("anna")
    good = {"old_password": PASSWORD, "password": "staple of horses", "again": "staple of horses"}
    for wrong, why in (
        ({"old_password": "not it"}, "This is not your password."),
        ({"password": "anna-anna-1", "again": "anna-anna-1"}, "does not contain"),
        ({"again": "x"}, "not the same"),
    ):
        assert why in anna.post("/account", {**good, **wrong}, expect=422).text
    anna.post("/account", good)
    anna.get("/account")
    other.get("/", expect=303)


def test_every_answer_carries_the_policy_and_only_static_files_are_kept(root: Browser) -> None:
    page = root.get("/client/list")
    nonce = re.search(r"script-src 'self' 'nonce-([\w-]+)'", page.headers["content-security-policy"])
    assert nonce is not None
    assert set(re.findall(r"<script[^>]*?nonce=\"([^\"]*)\"", page.text)) == {nonce[1]}
    assert "<script " in page.text
    assert re.search(r"<script(?! nonce=)", page.text) is None
    assert page.headers["cache-control"] == "no-store"
    address = re.search(r'href="http://localhost/admin(/static/icons.css[^"]*)"', page.text)
    assert address is not None
    icons = root.get(address[1])
    assert "immutable" in icons.headers["cache-control"]
    assert "data:font/woff2" in icons.text
    assert "url(.." not in icons.text


def test_the_librarys_templates_hold_no_handler_that_the_policy_forbids() -> None:
    library, ours = PackageLoader("starlette_admin", "templates"), NonceLoader()
    for name in library.list_templates():
        source = ours.get_source(Environment(autoescape=True), name)[0]
        assert re.findall(r'\son[a-z]+="', source) == [], name


def test_the_librarys_templates_are_replaced_where_the_site_says_so() -> None:
    """Each by each: no text is left that was to be replaced, in any template, and its replacement stands in the template's."""
    library, ours = PackageLoader("starlette_admin", "templates"), NonceLoader()
    environment = Environment(autoescape=True)
    everything = {old for texts in NonceLoader.REPLACED.values() for old in texts}
    for name in library.list_templates():
        source = ours.get_source(environment, f"@core/{name}")[0]
        assert [old for old in everything if old in source] == [], name
        assert [new for new in NonceLoader.REPLACED.get(name, {}).values() if new not in source] == [], name


@pytest.mark.parametrize(("name", "old"), [(name, old) for name, texts in NonceLoader.REPLACED.items() for old in texts])
def test_a_library_without_one_of_the_replaced_texts_is_refused(name: str, old: str) -> None:
    library = PackageLoader("starlette_admin", "templates")

    def other_version(template: str) -> str:
        source = library.get_source(Environment(autoescape=True), template)[0]
        return source.replace(old, "") if template == name else source

    with pytest.raises(TemplateChangedError, match=re.escape(f"{name}: {old}")):
        require_replaceable(other_version, NonceLoader.REPLACED)


def test_the_stage_stands_before_every_address(root: Browser) -> None:
    staged = Browser(host="x.execute-api.example", cookies=dict(root.cookies), forwarded="http")
    staged.context = {"path": "/prod/admin/client/list"}
    page = staged.get("/client/list")
    assert "http://x.execute-api.example/prod/admin/static/" in page.text
    assert 'href="http://x.execute-api.example/admin' not in page.text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ru-RU,ru;q=0.9,en-US;q=0.8", "ru"),
        ("en-US,en;q=0.9,ru;q=0.8", "en"),
        ("de-DE,de;q=0.9,ru;q=0.5,en;q=0.3", "ru"),
        ("de", "en"),
        ("", "en"),
        ("*", "en"),
        ("ru;q=x", "en"),
    ],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_a_cookie_names_only_languages_that_we_speak(root: Browser) -> None:
    for cookie, language in (("ru", "ru"), ("de", "en"), ("rubbish", "en"), ("en", "en")):
        root.cookies = {"language": cookie, **root.cookies}
        root.cookies["language"] = cookie
        assert f'<html lang="{language}"' in root.get("/tokens").text


def test_what_nobody_foresaw_is_a_page_and_not_a_trace(root: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(progress, "overview", fail)
    answer = root.get("/", expect=500)
    assert "Something went wrong on our side." in answer.text
    assert "secret detail" not in answer.text

    monkeypatch.setattr(sessions, "log_in", fail)
    stranger = Browser()
    stranger.get("/login")
    answer = stranger.post("/login", {"username": "root", "password": PASSWORD}, expect=500)
    assert "Something went wrong on our side." in answer.text
    assert answer.text.startswith("<!DOCTYPE html>")


def test_an_id_that_is_none_is_not_found(root: Browser) -> None:
    for pk in ("x", "1", "9" * 30, "-1", "%00"):
        root.get(f"/client/detail?pk={pk}", expect=404)


@pytest.mark.usefixtures("root")
def test_head_of_the_login_page_is_the_page_and_no_attempt(engine: Engine) -> None:
    answer = Browser().ask("HEAD", "/admin/login")
    assert answer.status == 200
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM login_attempt")).scalar_one() == 0
