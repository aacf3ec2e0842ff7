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
