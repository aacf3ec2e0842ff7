"""What the API shows to people: the front page, the way to the login page, the log-out page, the documentation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

import chalicelib.api
from chalicelib import config
from chalicelib.api.handlers import front
from chalicelib.api.words import RUSSIAN
from chalicelib.auth.throttle import Limit
from chalicelib.domain.access import Principal
from chalicelib.services import sessions
from chalicelib.services.logins import LoginRules
from tests.api.conftest import PASSWORD, Api, make_user
from tests.api.lambda_event import Answer, call

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
LOGOUT = "/api/v1/auth-rest/logout"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Person:
    """Somebody with a browser and a session."""

    secret: str
    language: str = "en"

    def ask(self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        cookie = f"__Host-language={self.language}; __Host-mailing_session={self.secret}; other=x"
        return call(method, path, body=body, headers={"Accept": HTML, "Cookie": cookie, **(headers or {})}, stage="/prod")

    @property
    def form_token(self) -> str:
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.ask("GET", LOGOUT).body)
        assert found is not None
        return found[1]


def session_of(engine: Engine, username: str) -> Person:
    return Person(sessions.log_in(engine, username, PASSWORD, "192.0.2.1", LoginRules(timedelta(hours=1), Limit(10, 900))))


@pytest.fixture
def person(api: Api, engine: Engine) -> Person:
    """An ordinary user."""
    del api
    make_user(engine, "anna")
    return session_of(engine, "anna")


class _Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.add(dict(attrs)["href"] or "")


def links(answer: Answer) -> set[str]:
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return _Links(answer.body).found


EVERYONES = {"/prod/admin/", "/prod/docs", "/prod/api/v1/", "/prod/health"}


@pytest.mark.usefixtures("api")
def test_the_front_page_is_a_page_for_browsers_and_json_for_programs() -> None:
    page = call("GET", "/", headers={"Accept": HTML}, stage="/prod")
    assert links(page) == {*EVERYONES, "/prod/api/v1/auth-rest/login"}
    for accept in ("application/json", "*/*", "", "text/html;q=0.5, application/json", "text/html;q=0", "text/html;q=x"):
        answer = call("GET", "/", headers={"Accept": accept}, stage="/prod")
        assert answer.json["name"] == "mailing-api", accept
        assert answer.json["links"]["documentation"] == "https://api.test/prod/docs"
        assert answer.json["links"]["login"] == "https://api.test/prod/api/v1/auth-rest/login"


def test_the_front_page_knows_who_has_logged_in(person: Person, engine: Engine) -> None:
    page = person.ask("GET", "/")
    assert links(page) == {*EVERYONES, "/prod/api/v1/auth-rest/logout", "/prod/admin/account"}
    assert "<b>anna</b>" in page.body
    make_user(engine, "root", superuser=True)
    assert "/prod/add-users" in links(session_of(engine, "root").ask("GET", "/"))


def test_test_clients_are_not_offered_where_they_are_switched_off(
    person: Person, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    del person
    make_user(engine, "root", superuser=True)
    root = session_of(engine, "root")
    monkeypatch.setenv("TEST_CLIENTS_ENABLED", "false")
    config.settings.cache_clear()
    assert "/prod/add-users" not in links(root.ask("GET", "/"))
    assert "add_test_clients" not in call("GET", "/").json["links"]


def test_pages_are_in_the_readers_language(person: Person) -> None:
    for language, words in (("en", "Documentation"), ("ru", "Документация")):
        person.language = language
        page = person.ask("GET", "/")
        assert f'<html lang="{language}">' in page.body
        assert page.headers["content-language"] == language
        assert words in page.body
    by_header = call("GET", "/", headers={"Accept": HTML, "Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"})
    assert '<html lang="ru">' in by_header.body


@pytest.mark.parametrize("header", ["en;q=1.2.3", ";;;,,,", "ru;q=" + "9" * 10_000, "x" * 100_000, "ru;q=0", "q=,ru-", "\x00"])
@pytest.mark.usefixtures("api")
def test_a_strange_accept_language_is_english(header: str) -> None:
    answer = call("GET", "/", headers={"Accept": HTML, "Accept-Language": header})
    assert answer.status == 200
    if not header.startswith("q="):
        assert '<html lang="en">' in answer.body


def test_names_are_escaped_and_the_policy_lets_nothing_in(api: Api, engine: Engine) -> None:
    del api
    make_user(engine, "<script>x")
    person = session_of(engine, "<script>x")
    for path in ("/", LOGOUT, "/docs"):
        page = person.ask("GET", path)
        assert "<script>x" not in page.body
        assert "&lt;script&gt;x" in page.body
        assert page.headers["cache-control"] == "no-store"
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert path == "/docs" or ("unsafe-inline" not in policy and "script-src" not in policy)


def test_every_text_of_the_pages_has_its_russian() -> None:
    templates = Path(chalicelib.api.__file__).parent / "templates"
    said = {text for path in templates.glob("*.html") for text in re.findall(r"""\b_\("([^"]*)"\)""", path.read_text())}
    root = Principal(1, "root", is_superuser=True)
    said |= {text for _, *texts in front._cards(root, test_clients=True) for text in texts}
    assert said <= set(RUSSIAN)


@pytest.mark.usefixtures("api")
def test_the_way_to_the_login_page_leads_back_to_the_front_page() -> None:
    answer = call("GET", "/api/v1/auth-rest/login", headers={"Accept": HTML}, stage="/prod")
    assert (answer.status, answer.headers["location"]) == (303, "https://api.test/prod/admin/login?next=%2Fprod%2F")


def test_who_has_logged_in_is_not_asked_again(person: Person) -> None:
    answer = person.ask("GET", "/api/v1/auth-rest/login")
    assert (answer.status, answer.headers["location"]) == (303, "https://api.test/prod/")


def test_a_session_ends_by_the_log_out_button(person: Person) -> None:
    body = f"csrf_token={person.form_token}"
    answer = person.ask("POST", LOGOUT, body, FORM)
    assert (answer.status, answer.headers["location"]) == (303, "https://api.test/prod/")
    assert answer.headers["set-cookie"] == "__Host-mailing_session=; HttpOnly; Max-Age=0; Path=/; SameSite=lax; Secure"
    again = person.ask("POST", LOGOUT, body, FORM)  # the button in another tab
    assert again.status == 401
    assert "You are not logged in." in again.body
    assert "/prod/api/v1/auth-rest/login" in links(again)
    assert person.ask("POST", LOGOUT, body, {**FORM, "Accept": "application/json"}).json["code"] == "not_authenticated"
    assert "/prod/api/v1/auth-rest/login" in links(person.ask("GET", LOGOUT))


def test_no_other_site_logs_anybody_out(person: Person, engine: Engine) -> None:
    make_user(engine, "eve")
    eves = session_of(engine, "eve").form_token
    for body in ("", "csrf_token=", "csrf_token=x", f"csrf_token={eves}", "csrf_token=%D0%B0"):
        refused = person.ask("POST", LOGOUT, body, FORM)
        assert refused.status == 403, body
        assert "This form was out of date, and you are still logged in." in refused.body
        assert person.form_token in refused.body
        assert person.ask("POST", LOGOUT, body, {**FORM, "Accept": "*/*"}).json["code"] == "forbidden"
    assert person.ask("GET", "/").body.count("anna") == 1


def test_a_cookie_without_a_session_is_nobody(person: Person) -> None:
    for secret in ("", "x", person.secret + "x", "\x00", "a" * 5000):
        assert "/prod/api/v1/auth-rest/login" in links(Person(secret).ask("GET", "/"))


def test_a_plain_cookie_is_not_taken_over_https(person: Person) -> None:
    answer = call("GET", "/", headers={"Accept": HTML, "Cookie": f"mailing_session={person.secret}"})
    assert "anna" not in answer.body


def _documentation_token(person: Person, form_token: str) -> Answer:
    return person.ask("POST", "/docs/token", headers={"X-CSRF-Token": form_token, "Accept": "*/*"})


def test_the_documentation_is_authorised_for_some_minutes_and_with_the_session(person: Person, engine: Engine) -> None:
    found = re.search(r'name="form-token" content="([0-9a-f]{64})"', person.ask("GET", "/docs").body)
    assert found is not None
    made = _documentation_token(person, found[1]).json
    assert made["seconds"] == 900
    assert call("GET", "/api/v1/user/me", token=made["token"]).json["username"] == "anna"
    listed = call("GET", "/api/v1/token", token=made["token"]).json["results"]
    assert listed == []  # it is no token of thirty days that anybody has to look after
    with engine.connect() as connection:
        lifetime = connection.execute(text("SELECT max(expires_at - created_at) FROM api_token")).scalar_one()
    assert lifetime <= timedelta(minutes=15)
    child = call("POST", "/api/v1/token", token=made["token"], body={"name": "made in the documentation"})
    sessions.log_out(engine, person.secret)
    assert call("GET", "/api/v1/user/me", token=made["token"]).status == 401
    assert call("GET", "/api/v1/user/me", token=child.json["token"]).status == 401


def test_only_our_page_is_given_a_token(person: Person, engine: Engine) -> None:
    for given in ("", "x", "a" * 64):
        assert _documentation_token(person, given).status == 403
    assert _documentation_token(Person(""), "").status == 403
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM api_token")).scalar_one() == 0
    assert 'name="form-token"' not in call("GET", "/docs").body


def test_many_visits_leave_few_tokens(person: Person, engine: Engine) -> None:
    form_token = person.form_token
    for _ in range(15):
        assert _documentation_token(person, form_token).status == 200
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM api_token")).scalar_one() == 10
