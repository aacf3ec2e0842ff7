"""Users by API, and tokens that end when they should."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.services.logins import issue
from tests.api.conftest import PASSWORD, Api, make_user
from tests.api.lambda_event import Answer, call

USERS = "/api/v1/user"
NEW = "staple of horses"


def login(username: str, password: str) -> Answer:
    return call("POST", "/api/v1/auth-rest/login", body={"username": username, "password": password})


def works(token: object) -> bool:
    return call("GET", f"{USERS}/me", token=str(token)).status == 200


def test_automation_sets_up_an_account_and_its_token(root: Api) -> None:
    made = root.post(USERS, {"username": "shop", "password": PASSWORD})
    assert (made["username"], made["is_superuser"], made["is_active"]) == ("shop", False, True)
    assert "password" not in str(made)
    token = root.post("/api/v1/token", {"name": "orders", "user": made["id"]})
    assert token["user"] == made["id"]
    assert call("GET", f"{USERS}/me", token=token["token"]).json == made
    assert root.get(f"{USERS}?username=SHOP")["results"] == [made]
    assert [row["action"] for row in root.get(f"{USERS}/{made['id']}/history")["results"]] == ["create", "create_token"]


def test_users_are_listed_read_changed_and_deleted(root: Api, anna: Api) -> None:
    del anna
    users = {row["username"]: row["id"] for row in root.get(USERS)["results"]}
    assert set(users) == {"root", "anna"}
    path = f"{USERS}/{users['anna']}"
    assert root.ask("PATCH", path, {"username": "anya", "is_superuser": True})["username"] == "anya"
    assert root.get(path)["is_superuser"] is True
    root.ask("PATCH", path, {"username": "ROOT"}, expect=422)
    root.ask("PATCH", path, {"password": "12345678"}, expect=422)
    root.ask("PATCH", path, {"colour": "red"}, expect=422)
    root.ask("DELETE", path, expect=204)
    root.get(path, expect=404)
    root.ask("DELETE", f"{USERS}/{users['root']}", expect=409)
    root.ask("PATCH", f"{USERS}/{users['root']}", {"is_superuser": False}, expect=409)
    root.ask("PATCH", f"{USERS}/{users['root']}", {"password": NEW}, expect=409)


def test_everybody_reads_themselves_and_nobody_else(anna: Api, root: Api) -> None:
    me, roots = anna.get(f"{USERS}/me"), root.get(f"{USERS}/me")["id"]
    assert anna.get(f"{USERS}/{me['id']}") == me
    for method, body in (("GET", None), ("PATCH", {"is_active": False}), ("DELETE", None)):
        anna.ask(method, f"{USERS}/{roots}", body, expect=404)
    for method, body in (("PATCH", {"is_superuser": True}), ("DELETE", None)):
        anna.ask(method, f"{USERS}/{me['id']}", body, expect=403)
    anna.ask("POST", f"{USERS}/{me['id']}/deactivate", expect=403)
    anna.post(USERS, {"username": "eve", "password": PASSWORD}, expect=403)
    anna.get(f"/api/v1/token?user={roots}", expect=404)
    anna.post("/api/v1/token", {"name": "x", "user": roots}, expect=422)


def test_another_password_revokes_tokens_unless_they_are_kept(anna: Api) -> None:
    other = login("anna", PASSWORD).json["token"]
    body = {"old_password": PASSWORD, "password": NEW}
    anna.post(f"{USERS}/me/password", {**body, "old_password": "wrong"}, expect=422)
    assert works(other)
    anna.post(f"{USERS}/me/password", {**body, "revoke_tokens": False}, expect=204)
    assert works(other)
    assert login("anna", PASSWORD).status == 401
    anna.post(f"{USERS}/me/password", {"old_password": NEW, "password": PASSWORD}, expect=204)
    assert (works(other), works(anna.token)) == (False, True)


def test_the_token_that_asks_stays_although_the_one_that_made_it_goes(anna: Api) -> None:
    child = Api(anna.client, anna.post("/api/v1/token", {"name": "child"})["token"])
    child.post(f"{USERS}/me/password", {"old_password": PASSWORD, "password": NEW}, expect=204)
    assert (works(anna.token), works(child.token)) == (False, True)


@pytest.mark.parametrize("change", [{"password": NEW}, {"is_active": False}])
def test_reset_and_deactivation_revoke_for_good(root: Api, anna: Api, change: dict[str, object]) -> None:
    user = anna.get(f"{USERS}/me")["id"]
    root.ask("PATCH", f"{USERS}/{user}", change)
    root.ask("PATCH", f"{USERS}/{user}", {"is_active": True})
    assert not works(anna.token)
    assert root.get(f"/api/v1/token?user={user}")["results"] == []


def test_deactivation_has_a_path_of_its_own(root: Api, anna: Api) -> None:
    user = anna.get(f"{USERS}/me")["id"]
    assert root.post(f"{USERS}/{user}/deactivate", expect=200)["is_active"] is False
    assert not works(anna.token)
    root.post("/api/v1/token", {"name": "x", "user": user}, expect=422)


def test_superusers_list_and_revoke_everyones_tokens(root: Api, anna: Api, boris: Api) -> None:
    everyone = root.get("/api/v1/token")["results"]
    assert len(everyone) == 3
    annas = anna.get("/api/v1/token")["results"]
    assert root.get(f"/api/v1/token?user={annas[0]['user']}")["results"] == annas
    root.ask("DELETE", f"/api/v1/token/{annas[0]['id']}", expect=204)
    assert (works(anna.token), works(boris.token)) == (False, True)
    user = boris.get(f"{USERS}/me")["id"]
    assert root.post(f"{USERS}/{user}/revoke-tokens", expect=200) == {"revoked": 1}
    assert not works(boris.token)
    root.post(f"{USERS}/987654321/revoke-tokens", expect=404)


def test_a_token_mints_none_that_outlives_it(anna: Api, api: Api, engine: Engine) -> None:
    user = anna.get(f"{USERS}/me")["id"]
    with engine.begin() as connection:
        short = Api(api.client, issue(connection, user, "short", timedelta(days=2)).token)
    refused = short.post("/api/v1/token", {"name": "long", "days": 3}, expect=422)
    assert refused["errors"][0]["field"] == "days"
    short.post("/api/v1/token", {"name": "long", "days": 3_650}, expect=422)
    child = short.post("/api/v1/token", {"name": "as long as it may be"})
    grandchild = Api(api.client, child["token"]).post("/api/v1/token", {"name": "one day", "days": 1})
    with engine.connect() as connection:
        latest = connection.execute(text("SELECT max(expires_at) FROM api_token WHERE parent_id IS NOT NULL")).scalar_one()
        parents = connection.execute(text("SELECT expires_at FROM api_token WHERE name = 'short'")).scalar_one()
    assert latest <= parents
    assert call("POST", "/api/v1/auth-rest/logout", token=short.token).status == 204
    assert not works(child["token"])
    assert not works(grandchild["token"])
    assert works(anna.token)


def test_a_superusers_token_mints_none_for_others_that_outlives_it(root: Api, anna: Api) -> None:
    user = anna.get(f"{USERS}/me")["id"]
    root.post("/api/v1/token", {"name": "x", "user": user, "days": 365}, expect=422)
    made = root.post("/api/v1/token", {"name": "x", "user": user})
    call("POST", "/api/v1/auth-rest/logout", token=root.token)
    assert not works(made["token"])


@pytest.fixture
def three_tokens(anna: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("TOKENS_PER_USER", "3")
    config.settings.cache_clear()
    return anna


def test_a_user_has_a_limit_of_tokens(three_tokens: Api, engine: Engine) -> None:
    for name in ("a", "b"):
        three_tokens.post("/api/v1/token", {"name": name})
    assert "at most 3" in three_tokens.post("/api/v1/token", {"name": "c"}, expect=409)["message"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_token SET expires_at = now() WHERE name = 'b'"))
    three_tokens.post("/api/v1/token", {"name": "c"})


def test_the_limit_holds_side_by_side(three_tokens: Api, engine: Engine) -> None:
    def make(_: int) -> int:
        return three_tokens.call("POST", "/api/v1/token", {"name": "x"}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(make, range(6))).count(201) == 2
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM api_token")).scalar_one() == 3


def test_logging_in_again_and_again_ends_the_login_that_was_not_used_for_longest(three_tokens: Api, engine: Engine) -> None:
    del engine
    first = login("anna", PASSWORD).json["token"]
    made = three_tokens.post("/api/v1/token", {"name": "made by hand"})["token"]
    assert works(three_tokens.token)
    assert works(made)
    newer = login("anna", PASSWORD).json["token"]  # the token with which another was made stays
    assert [works(each) for each in (first, made, newer, three_tokens.token)] == [False, True, True, True]


def test_who_has_made_all_tokens_by_hand_is_told(three_tokens: Api, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_token SET name = 'by hand'"))
    for name in ("a", "b"):
        three_tokens.post("/api/v1/token", {"name": name})
    answer = login("anna", PASSWORD)
    assert (answer.status, answer.json["code"]) == (409, "conflict")


def test_who_is_deactivated_while_they_log_in_gets_no_token(api: Api, engine: Engine) -> None:
    del api
    make_user(engine, "anna", active=False)
    assert login("anna", PASSWORD).status == 401
