"""The document of mailingAPI, the Django project that this service replaces, sentence by sentence.

The document itself is not in this repository. Its sentences are reconstructed from the models, serializers and admin of that project as
they are public (an app `management` with Client, Mailing and Message), and from the paths that it had: client, mailing, message,
statistic-messages, messages-in-mailing, auth-rest, add-users, del-users, docs, admin. Each test is named after one; pages are looked at
in a real browser, in both languages.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from playwright.sync_api import expect
from sqlalchemy import Engine

from chalicelib.services import accounts
from chalicelib.services.accounts import Account
from local.ledger import ProviderClient
from local.stack import PASSWORD, SUPERUSER, Stack
from tests.browser.conftest import USER_PASSWORD, Visit, superuser
from tests.browser.visitor import Visitor

LOCALES = pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
WORDS = {
    "Clients": "Клиенты",
    "Mailings": "Рассылки",
    "Messages": "Сообщения",
    "Users": "Пользователи",
    "New client": "Добавить клиента",
    "New user": "Добавить пользователя",
    "Save": "Сохранить",
    "Documentation": "Документация",
    "Log in": "Войти",
    "Log out": "Выйти",
    "Change password": "Сменить пароль",
}
CLIENT = {"phone": "+79990000001", "time_zone": "Europe/Moscow", "tags": ["document"]}


class Caller:
    """A program with a token."""

    def __init__(self, url: str, username: str | None = None, password: str = USER_PASSWORD) -> None:
        self._url = url
        self._session = requests.Session()
        if username:
            made = self.ask("POST", "/api/v1/auth-rest/login/", {"username": username, "password": password})
            self._session.headers["Authorization"] = f"Token {made['token']}"

    def ask(self, method: str, path: str, body: object = None, expect: int | None = None) -> Any:
        answer = self._session.request(method, self._url + path, json=body, timeout=60, allow_redirects=False)
        assert answer.status_code == expect if expect else answer.ok, (method, path, answer.status_code, answer.text[:300])
        return answer.json() if answer.content and method != "HEAD" else None

    def status(self, method: str, path: str) -> int:
        return self._session.request(method, self._url + path, timeout=60, allow_redirects=False).status_code

    def finished(self, mailing_id: int) -> dict[str, Any]:
        deadline = time.monotonic() + 90
        while (found := self.ask("GET", f"/api/v1/mailing/{mailing_id}"))["status"] != "finished":
            assert time.monotonic() < deadline, found
            time.sleep(0.3)
        return dict(found)


@pytest.fixture(scope="module")
def anna(stack: Stack, database: Engine) -> Caller:
    """An ordinary user's program."""
    accounts.create(database, superuser(database), Account("document"), USER_PASSWORD)
    return Caller(stack.url, "document")


@pytest.fixture(scope="module")
def root(stack: Stack) -> Caller:
    return Caller(stack.url, SUPERUSER, PASSWORD)


@pytest.fixture
def client(anna: Caller) -> Iterator[int]:
    """One client of hers, gone afterwards."""
    made = anna.ask("POST", "/api/v1/client/", CLIENT)["id"]
    yield made
    anna.ask("DELETE", f"/api/v1/client/{made}/")


def said(locale: str, words: str) -> str:
    return WORDS[words] if locale == "ru-RU" else words


# Clients


def test_a_client_is_added_with_all_attributes_and_its_operator_code_is_taken_from_the_phone(anna: Caller, client: int) -> None:
    found = anna.ask("GET", f"/api/v1/client/{client}/")
    assert {name: found[name] for name in CLIENT} == CLIENT
    assert found["operator_code"] == "999"


def test_the_attributes_of_a_client_are_updated(anna: Caller, client: int) -> None:
    anna.ask("PATCH", f"/api/v1/client/{client}/", {"tags": ["other"]})
    anna.ask("PUT", f"/api/v1/client/{client}/", {**CLIENT, "time_zone": "Asia/Tokyo"})
    assert anna.ask("GET", f"/api/v1/client/{client}/")["time_zone"] == "Asia/Tokyo"


def test_a_client_is_deleted(anna: Caller) -> None:
    made = anna.ask("POST", "/api/v1/client/", {**CLIENT, "phone": "+79990000002"})["id"]
    anna.ask("DELETE", f"/api/v1/client/{made}/")
    anna.ask("GET", f"/api/v1/client/{made}/", expect=404)


# Mailings


def test_a_mailing_needs_only_a_text_and_has_the_defaults_now_and_a_day_later(anna: Caller) -> None:
    made = anna.ask("POST", "/api/v1/mailing/", {"text": "Only a text", "draft": True})
    start, end = (datetime.fromisoformat(made[name]) for name in ("starts_at", "ends_at"))
    assert end - start == timedelta(days=1)
    assert abs(start.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_mailing_is_updated_and_deleted(anna: Caller) -> None:
    made = anna.ask("POST", "/api/v1/mailing/", {"text": "Hello", "draft": True})["id"]
    assert anna.ask("PATCH", f"/api/v1/mailing/{made}/", {"text": "Bye"})["text"] == "Bye"
    anna.ask("DELETE", f"/api/v1/mailing/{made}/")
    anna.ask("GET", f"/api/v1/mailing/{made}/", expect=404)


def test_a_mailing_whose_start_is_now_is_sent_to_the_clients_of_its_filters_at_once(
    anna: Caller, client: int, provider: ProviderClient
) -> None:
    del provider
    for other in ({"phone": "+79980000001"}, {"phone": "+79990000003", "tags": ["no"]}):
        anna.ask("POST", "/api/v1/client/", {**CLIENT, **other})
    made = anna.ask("POST", "/api/v1/mailing/", {"text": "Hello", "filter_operator_codes": ["999"], "filter_tags": ["document"]})
    counts = anna.finished(made["id"])["counts"]
    assert (counts["sent"], counts["total"]) == (1, 1)
    found = anna.ask("GET", f"/api/v1/messages-in-mailing/{made['id']}/")
    assert [message["client"] for message in found["messages"]["results"]] == [client]


def test_a_mailing_whose_start_is_in_the_future_starts_by_itself(anna: Caller, client: int, provider: ProviderClient) -> None:
    del client, provider
    soon = (datetime.now(UTC) + timedelta(seconds=4)).replace(tzinfo=None)
    body = {"text": "Later", "time_zone": "UTC", "filter_operator_codes": ["999"], "filter_tags": ["document"]}
    body |= {"starts_at": f"{soon:%Y-%m-%dT%H:%M:%S}", "ends_at": f"{soon + timedelta(days=1):%Y-%m-%dT%H:%M:%S}"}
    made = anna.ask("POST", "/api/v1/mailing/", body)
    assert made["status"] == "scheduled"
    assert anna.finished(made["id"])["counts"]["sent"] == 1


def test_a_client_whose_time_is_past_the_end_is_not_sent_to(anna: Caller, client: int, provider: ProviderClient) -> None:
    del client, provider
    late = anna.ask("POST", "/api/v1/client/", {"phone": "+79970000001", "time_zone": "Pacific/Kiritimati", "tags": ["late"]})[
        "id"
    ]
    early = anna.ask("POST", "/api/v1/client/", {"phone": "+79970000002", "time_zone": "Pacific/Pago_Pago", "tags": ["late"]})[
        "id"
    ]
    now = datetime.now(UTC).replace(tzinfo=None)
    body = {"text": "Too late for some", "filter_tags": ["late"], "ends_at": f"{now + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}"}
    made = anna.ask("POST", "/api/v1/mailing/?confirmed=true", body)
    deadline = time.monotonic() + 60
    while True:
        found = anna.ask("GET", f"/api/v1/messages-in-mailing/{made['id']}/")["messages"]["results"]
        statuses = {message["client"]: message["status"] for message in found}
        if len(statuses) == 2 and 1 not in statuses.values():
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.3)
    assert statuses == {late: 3, early: 2}


def test_a_message_that_the_provider_refuses_has_the_status_of_an_error(
    anna: Caller, client: int, provider: ProviderClient
) -> None:
    del client
    provider.configure(faults=[{"kind": "status", "status": 400}])
    made = anna.ask(
        "POST", "/api/v1/mailing/", {"text": "Refused", "filter_operator_codes": ["999"], "filter_tags": ["document"]}
    )
    assert anna.finished(made["id"])["counts"]["failed"] == 1


# Messages and statistics


def test_general_statistics_count_the_messages_of_each_status(anna: Caller) -> None:
    found = anna.ask("GET", "/api/v1/statistic-messages/")
    assert [each["status"] for each in found["statuses"]] == [1, 2, 3, 4, 5]
    assert found["total"] == sum(each["count"] for each in found["statuses"])
    for status in (1, 2, 3, 4):
        assert anna.ask("GET", f"/api/v1/statistic-messages/{status}/")["status"] == status


def test_detailed_statistics_show_a_mailing_with_its_messages(anna: Caller) -> None:
    mailing = anna.ask("GET", "/api/v1/mailing/?ordering=-id")["results"][0]
    found = anna.ask("GET", f"/api/v1/messages-in-mailing/{mailing['id']}/")
    assert found["mailing"]["id"] == mailing["id"]
    assert len(found["messages"]["results"]) == found["mailing"]["counts"]["total"]


def test_messages_are_listed_read_and_added_by_hand(anna: Caller, client: int) -> None:
    mailing = anna.ask(
        "POST", "/api/v1/mailing/", {"text": "By hand", "starts_at": "2098-05-01T09:00:00", "filter_tags": ["nobody"]}
    )["id"]
    made = anna.ask("POST", "/api/v1/message/", {"mailing": mailing, "client": client})
    assert anna.ask("GET", f"/api/v1/message/{made['id']}/")["status"] == 1
    listed = anna.ask("GET", f"/api/v1/message/?mailing={mailing}")["results"]
    assert made["id"] in [each["id"] for each in listed]
    anna.ask("DELETE", f"/api/v1/message/{made['id']}/")
    anna.ask("POST", f"/api/v1/mailing/{mailing}/cancel/")


# Authorization


def test_without_a_token_the_api_answers_401(stack: Stack) -> None:
    for path in ("client", "mailing", "message", "statistic-messages", "user"):
        assert Caller(stack.url).status("GET", f"/api/v1/{path}/") == 401


def test_a_user_sees_their_own_and_a_superuser_everything(root: Caller, client: int, stack: Stack, database: Engine) -> None:
    accounts.create(database, superuser(database), Account("document2"), USER_PASSWORD)
    other = Caller(stack.url, "document2")
    assert other.ask("GET", "/api/v1/client/")["results"] == []
    assert other.status("GET", f"/api/v1/client/{client}/") == 404
    assert root.ask("GET", f"/api/v1/client/{client}/")["id"] == client


def test_add_users_makes_2160_test_clients_and_del_users_deletes_all_for_superusers_alone(anna: Caller, root: Caller) -> None:
    for path in ("/add-users/", "/del-users/"):
        anna.ask("POST", path, expect=403)
    assert root.ask("POST", "/add-users/")["total"] == 2160
    assert root.ask("GET", "/api/v1/client/?tag=tag10&count=true")["count"] == 24
    assert root.ask("POST", "/del-users/")["deleted"] >= 2160


def test_login_gives_a_token_and_logout_ends_it(stack: Stack, anna: Caller) -> None:
    del anna
    caller = Caller(stack.url, "document")
    assert caller.status("GET", "/api/v1/client/") == 200
    caller.ask("POST", "/api/v1/auth-rest/logout/")
    assert caller.status("GET", "/api/v1/client/") == 401


def test_the_root_of_the_api_links_to_its_routes(anna: Caller) -> None:
    links = [each["href"] for each in anna.ask("GET", "/api/v1/")["routes"]]
    for path in ("client", "mailing", "message", "statistic-messages", "user"):
        assert any(link.endswith(f"/api/v1/{path}") for link in links)


@pytest.mark.parametrize("path", ["client", "mailing", "message", "statistic-messages"])
def test_get_head_and_options_are_answered(anna: Caller, path: str) -> None:
    assert [anna.status(method, f"/api/v1/{path}/") for method in ("GET", "HEAD", "OPTIONS")] == [200, 200, 204]


# Pages


@LOCALES
def test_the_front_page_leads_to_admin_api_documentation_and_login(visit: Visit, locale: str) -> None:
    visitor = visit(locale=locale)
    visitor.open("/")
    found = {link.get_attribute("href") for link in visitor.page.get_by_role("link").all()}
    assert {"/admin/", "/api/v1/", "/docs", "/health", "/api/v1/auth-rest/login"} <= found
    expect(visitor.page.get_by_role("link", name=said(locale, "Log in"))).to_be_visible()


@LOCALES
def test_docs_shows_swagger_ui_with_every_path(visit: Visit, locale: str) -> None:
    visitor = visit(locale=locale)
    visitor.open("/docs")
    for tag in ("clients", "mailings", "messages", "statistics", "users"):
        expect(visitor.page.locator(f"#operations-tag-{tag}")).to_be_visible()


@LOCALES
def test_the_login_page_logs_in_and_the_logout_page_logs_out(visit: Visit, anna: Caller, locale: str) -> None:
    del anna
    visitor = visit(locale=locale)
    visitor.open("/api/v1/auth-rest/login/")
    visitor.give("document", USER_PASSWORD)
    expect(visitor.page).to_have_url(f"{visitor.url}/")
    visitor.open("/api/v1/auth-rest/logout/")
    visitor.page.get_by_role("button", name=said(locale, "Log out")).click()
    expect(visitor.page.get_by_role("link", name=said(locale, "Log in"))).to_be_visible()


@LOCALES
def test_the_admin_panel_has_clients_mailings_messages_and_users(visit: Visit, locale: str) -> None:
    visitor = visit(locale=locale).log_in(SUPERUSER, PASSWORD)
    for words, path in (("Clients", "client"), ("Mailings", "mailing"), ("Messages", "message"), ("Users", "user")):
        visitor.press(said(locale, words), within=visitor.page.locator("#sidebar-menu"))
        expect(visitor.page.get_by_role("heading", name=said(locale, words)).first).to_be_visible()
        assert f"/{path}/list" in visitor.page.url


@LOCALES
def test_in_the_admin_panel_a_client_is_added_edited_and_deleted(visit: Visit, locale: str) -> None:
    phone = "+79960000001" if locale == "en-US" else "+79960000002"
    visitor = visit(locale=locale).log_in(SUPERUSER, PASSWORD)
    page = visitor.page
    visitor.open("/admin/client/create")
    page.locator("#phone").fill(phone)
    page.locator("#time_zone").fill("Europe/Moscow")
    visitor.press(said(locale, "Save"))
    visitor.open(f"/admin/client/list?q={phone[1:]}")
    expect(visitor.rows).to_have_count(1)
    row = visitor.rows.first.get_attribute("data-sa-pk")
    visitor.open(f"/admin/client/edit?pk={row}")
    page.locator("#tags").fill("edited")
    visitor.press(said(locale, "Save"))
    visitor.open(f"/admin/client/detail?pk={row}")
    expect(page.locator("body")).to_contain_text("edited")


@LOCALES
def test_in_the_admin_panel_a_superuser_adds_users_and_changes_their_passwords(visit: Visit, locale: str) -> None:
    name = f"user-{locale.lower()}"
    visitor: Visitor = visit(locale=locale).log_in(SUPERUSER, PASSWORD)
    page = visitor.page
    visitor.open("/admin/user/create")
    page.locator("#username").fill(name)
    page.locator("#password").fill(USER_PASSWORD)
    visitor.press(said(locale, "Save"))
    visitor.open("/admin/user/list")
    row = visitor.rows.filter(has_text=name)
    visitor.press(said(locale, "Change password"), within=row)
    visitor.question.locator("#new-password").fill("staple of horses")
    visitor.question.locator("#new-password").press("Enter")
    expect(visitor.alerts).not_to_be_empty()
    visit(locale=locale).log_in(name, "staple of horses")
