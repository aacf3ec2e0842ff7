"""One's own account: password, tokens, sessions; and what a superuser sees of a user's tokens."""

import re

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from tests.admin.browser import PASSWORD, Browser
from tests.admin.conftest import user_id

NEW = {"old_password": PASSWORD, "password": "staple of horses", "again": "staple of horses"}


def tokens(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT name FROM api_token ORDER BY id")).scalars())


def test_another_password_revokes_ones_tokens_unless_they_are_kept(anna: Browser, engine: Engine) -> None:
    anna.post("/tokens", {"name": "shop"}, expect=200)
    anna.post("/account", {**NEW, "keep_tokens": "1"})
    assert tokens(engine) == ["shop"]
    anna.post("/account", {**NEW, "old_password": NEW["password"], "password": PASSWORD, "again": PASSWORD})
    assert tokens(engine) == []


def test_sessions_are_listed_and_ended_by_their_user(anna: Browser) -> None:
    other, third = Browser().login("anna"), Browser().login("anna")
    page = anna.get("/account").text
    assert page.count("this session") == 1
    assert page.count("203.0.113.7") == 3
    ends = re.findall(r"/account/sessions/(\d+)/end", page)
    assert len(ends) == 2
    anna.post(f"/account/sessions/{ends[0]}/end")
    assert sorted(each.ask("GET", "/admin/account").status for each in (other, third)) == [200, 303]
    anna.post("/account/sessions/others/end")
    assert [each.ask("GET", "/admin/account").status for each in (other, third, anna)] == [303, 303, 200]


def test_nobody_ends_the_session_of_another(root: Browser, anna: Browser, engine: Engine) -> None:
    with engine.connect() as connection:
        roots = connection.execute(
            text("SELECT id FROM session WHERE user_id = :user"), {"user": user_id(engine, "root")}
        ).scalar_one()
    anna.post(f"/account/sessions/{roots}/end")
    anna.post("/account/sessions/999999999999999999999/end")
    root.get("/account")


def test_a_session_that_is_not_used_ends(anna: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESSION_IDLE_MINUTES", "10")
    config.settings.cache_clear()

    def unused(minutes: int) -> None:
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE session SET last_used_at = now() - make_interval(mins => :minutes)"), {"minutes": minutes}
            )

    def idle_minutes() -> float:
        with engine.connect() as connection:
            asked = 'SELECT max(extract(epoch FROM now() - last_used_at)) / 60 FROM session s JOIN "user" u ON u.id = user_id'
            return float(connection.execute(text(f"{asked} WHERE username = 'anna'")).scalar_one())

    unused(9)
    anna.get("/dashboard.json")  # what the open page asks for by itself is no use
    assert idle_minutes() > 8
    anna.get("/")
    assert idle_minutes() < 1
    unused(11)
    anna.get("/", expect=303)


def test_a_superuser_lists_makes_and_revokes_a_users_tokens(root: Browser, anna: Browser, engine: Engine) -> None:
    user = user_id(engine, "anna")
    anna.post("/tokens", {"name": "annas own"}, expect=200)
    page = root.get(f"/user/detail?pk={user}").text
    assert "annas own" in page
    assert re.search(r"<code>mlg_\d+_.{4}…</code>", page)
    assert f"/admin/tokens?user={user}" in page
    made = root.post(f"/tokens?user={user}", {"name": "made for anna"}, expect=200).text
    assert re.search(r'<code id="new-token" class="token">mlg_', made)
    assert "API tokens: anna" in made
    later = root.get(f"/user/detail?pk={user}").text
    assert "made for anna" in later
    assert re.search(r"mlg_\d+_[A-Za-z0-9_-]{43}", later) is None
    assert "Create token" in later  # in history, with whom
    number = re.findall(r"/tokens/(\d+)/revoke", later)[0]
    assert f"/user/detail?pk={user}" in root.post(f"/tokens/{number}/revoke").location
    assert tokens(engine) == ["annas own"]
    root.post(f"/tokens/revoke-all?user={user}")
    assert tokens(engine) == []


def test_an_ordinary_user_sees_no_other_tokens(root: Browser, anna: Browser, engine: Engine) -> None:
    roots = user_id(engine, "root")
    root.post("/tokens", {"name": "roots own"}, expect=200)
    for path in (f"/tokens?user={roots}", "/tokens?user=x", "/tokens?user=99999999999999999999"):
        anna.get(path, expect=404)
    anna.post(f"/tokens?user={roots}", {"name": "x"}, expect=404)
    anna.post(f"/tokens/revoke-all?user={roots}", expect=404)
    anna.post("/tokens/1/revoke")
    assert tokens(engine) == ["roots own"]


def test_deactivation_revokes_tokens(root: Browser, anna: Browser, engine: Engine) -> None:
    anna.post("/tokens", {"name": "shop"}, expect=200)
    root.post(f"/user/edit?pk={user_id(engine, 'anna')}", {"username": "anna"})
    assert tokens(engine) == []


def test_the_menu_leads_to_documentation_api_and_front_page(anna: Browser) -> None:
    staged = Browser(host="x.execute-api.example", cookies=dict(anna.cookies), context={"path": "/prod/admin/account"})
    page = staged.get("/account").text
    for path in ("/docs", "/api/v1/", "/"):
        assert f'class="nav-link" href="/prod{path}"' in page
        assert f'class="nav-link" href="{path}"' in anna.get("/account").text


def let_age(engine: Engine, minutes: int) -> None:
    """All sessions began so long ago."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE session SET created_at = now() - make_interval(mins => :minutes)"), {"minutes": minutes})


def test_sessions_and_second_factor_are_changed_shortly_after_logging_in_alone(anna: Browser, engine: Engine) -> None:
    """Whoever finds a session open locks its user out neither by an app of theirs nor by ending the other sessions."""
    other = Browser().login("anna")
    let_age(engine, 14)
    assert "totp-key" in anna.get("/second-factor").text
    let_age(engine, 16)
    page = anna.get("/second-factor").text
    assert "Log in again" in page
    assert "totp-key" not in page
    for action in ("on", "off", "codes"):
        assert "og in again first" in anna.post("/second-factor", {"action": action, "code": "123456"}, expect=422).text
    listed = anna.get("/account").text
    assert "Log in again" in listed
    assert "/end" not in listed
    with engine.connect() as connection:
        number = connection.execute(text("SELECT max(id) FROM session")).scalar_one()
    for which in (number, "others"):
        anna.post(f"/account/sessions/{which}/end")
    other.get("/account")

    before = Browser(cookies=dict(anna.cookies))
    again = "/login?again=1&next=/admin/second-factor"
    assert 'name="password"' in anna.get(again).text
    assert anna.post(again, {"username": "anna", "password": PASSWORD}).location.endswith("/admin/second-factor")
    assert "totp-key" in anna.get("/second-factor").text
    before.get("/account", expect=303)
    anna.post("/account/sessions/others/end")
    other.get("/account", expect=303)


def test_a_superuser_ends_the_sessions_of_a_user(root: Browser, anna: Browser, engine: Engine) -> None:
    anna.post("/tokens", {"name": "shop"}, expect=200)
    user = user_id(engine, "anna")
    address = f"/admin/_api/user/row-action?name=end-sessions&pk={user_id(engine, 'root')}"
    assert anna.ask("POST", address, "", {"X-CSRFToken": anna.csrf}).status == 403
    root.act("user", "end-sessions", user)
    anna.get("/account", expect=303)
    assert tokens(engine) == ["shop"]
    assert "End sessions" in root.get(f"/user/detail?pk={user}").text
    root.get("/account")


def test_wrong_passwords_and_codes_of_an_open_session_are_in_the_audit_log(
    anna: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "2")
    config.settings.cache_clear()
    anna.post("/account", {**NEW, "old_password": "wrong"}, expect=422)
    anna.post("/second-factor", {"action": "off", "code": "123456"}, expect=422)
    anna.post("/second-factor", {"action": "codes", "code": "123456"}, expect=422)
    anna.post("/account", NEW, expect=422)
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT event, details ->> 'by' FROM audit_event WHERE user_id = :user ORDER BY id"),
            {"user": user_id(engine, "anna")},
        ).all()
    assert [tuple(row) for row in found] == [
        ("login_ok", "password"),
        ("login_failed", "old_password"),
        ("login_failed", "code"),
        ("throttled", "code"),
    ], "of throttled guesses, one a minute is kept"
