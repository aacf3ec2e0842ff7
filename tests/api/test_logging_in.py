"""Tokens: logging in, out, and the keys that programs use."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.auth import throttle
from tests.api.conftest import PASSWORD, Api, make_user
from tests.api.lambda_event import Answer, call

LOGIN = "/api/v1/auth-rest/login"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def login(username: str, password: str) -> Answer:
    return call("POST", LOGIN, body={"username": username, "password": password})


def test_a_login_gives_a_token_that_works_until_logout(anna: Api) -> None:
    token = login("ANNA", PASSWORD).json["token"]
    assert token.startswith("mlg_")
    assert call("GET", "/api/v1/client", token=token).status == 200
    assert call("POST", "/api/v1/auth-rest/logout", token=token).status == 204
    assert call("GET", "/api/v1/client", token=token).status == 401
    assert call("GET", "/api/v1/client", token=anna.token).status == 200


def test_wrong_name_and_wrong_password_are_answered_alike(anna: Api) -> None:
    del anna
    answers = {(login(*each).status, login(*each).body) for each in (("anna", "wrong password"), ("nobody", PASSWORD))}
    assert len(answers) == 1
    assert answers.pop()[0] == 401


def test_secrets_are_stored_as_hashes_only(anna: Api, engine: Engine) -> None:
    secret = str(anna.token).split("_", 2)[2]
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT * FROM api_token")).all())
    assert secret not in stored
    assert str(anna.token)[:10] in stored


def test_the_header_may_be_written_in_any_case_and_no_other_way(anna: Api) -> None:
    for value, status in (
        (f"token {anna.token}", 200),
        (f"TOKEN   {anna.token} ", 200),
        (f"Bearer {anna.token}", 401),
        (str(anna.token), 401),
    ):
        assert call("GET", "/api/v1/client", headers={"Authorization": value}).status == status, value


def test_too_many_guesses_are_put_off_and_the_right_password_forgives(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    del anna
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "3")
    config.settings.cache_clear()
    for _ in range(2):
        for _ in range(2):
            assert login("anna", "wrong password").status == 401
        assert login("anna", PASSWORD).status == 200
    assert [login("anna", "wrong password").status for _ in range(4)] == [401, 401, 401, 429]
    turned_away = login("Anna", PASSWORD)
    assert (turned_away.status, turned_away.json["code"]) == (429, "too_many_requests")
    assert 0 < int(turned_away.headers["retry-after"]) <= 900
    assert login("boris", "wrong password").status == 401


def test_one_address_has_a_limit_of_its_own(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    del api
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "1")
    config.settings.cache_clear()
    assert [login(f"user{n}", "wrong password").status for n in range(11)] == [401] * 10 + [429]


def test_right_passwords_do_not_count_against_an_address(engine: Engine) -> None:
    """Nor do they take back what was guessed wrong there."""
    limit = throttle.Limit(1, 900)
    for number in range(30):
        throttle.succeeded(engine, throttle.admit(engine, f"user{number}", "192.0.2.1", limit))
    for number in range(10):
        throttle.admit(engine, f"other{number}", "192.0.2.1", limit)
    with pytest.raises(throttle.TooManyAttemptsError):
        throttle.admit(engine, "user1", "192.0.2.1", limit)


def test_guesses_made_side_by_side_do_not_slip_past(engine: Engine) -> None:
    def guess(_: int) -> bool:
        try:
            throttle.admit(engine, "anna", "192.0.2.1", throttle.Limit(5, 900))
        except throttle.TooManyAttemptsError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(guess, range(40))) <= 5


def test_old_attempts_are_forgotten(engine: Engine) -> None:
    limit = throttle.Limit(1, 900)
    throttle.admit(engine, "anna", "192.0.2.1", limit)
    with engine.begin() as connection:
        connection.execute(text("UPDATE login_attempt SET at = at - interval '16 minutes'"))
    throttle.admit(engine, "anna", "192.0.2.1", limit)
    with engine.connect() as connection:
        kept = text("SELECT count(*) FROM login_attempt WHERE at > now() - interval '1 minute'")
        assert connection.execute(kept).scalar_one() == 3
        connection.execute(text("UPDATE login_attempt SET at = at - interval '61 minutes'"))
        connection.commit()
    throttle.admit(engine, "anna", "192.0.2.1", limit)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM login_attempt")).scalar_one() == 3


def test_a_program_may_send_a_form(api: Api, engine: Engine) -> None:
    del api
    make_user(engine, "anna")
    form = f"username=anna&password={PASSWORD.replace(' ', '+')}"
    assert call("POST", LOGIN, body=form, headers=FORM).json["token"].startswith("mlg_")


@pytest.mark.parametrize(
    "body", ["username=anna", "username=anna&password=x&colour=red", "username=%00&password=x", "username=%ff&password=x"]
)
def test_forms_are_checked_like_json(api: Api, body: str) -> None:
    del api
    assert call("POST", LOGIN, body=body, headers=FORM).status in (400, 422)


def test_tokens_for_programs(anna: Api, boris: Api) -> None:
    made = anna.post("/api/v1/token", {"name": "nightly import", "days": 2})
    assert call("GET", "/api/v1/client", token=made["token"]).status == 200
    shown = anna.get("/api/v1/token")["results"]
    assert [token["name"] for token in shown] == ["login", "nightly import"]
    assert all("token" not in token for token in shown)
    assert made["token"].startswith(shown[1]["prefix"])
    assert shown[1]["last_used_at"] is not None
    boris.ask("DELETE", f"/api/v1/token/{made['id']}", expect=404)
    anna.ask("DELETE", f"/api/v1/token/{made['id']}", expect=204)
    assert call("GET", "/api/v1/client", token=made["token"]).status == 401
    changes = anna.get(
        f"/api/v1/user/{anna.post('/api/v1/client', {'phone': '+79101234567', 'time_zone': 'UTC'})['owner']}/history"
    )
    assert [row["action"] for row in changes["results"]] == ["create_token", "revoke_token"]


def test_an_expired_token_is_worth_nothing(anna: Api, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_token SET expires_at = now()"))
    assert call("GET", "/api/v1/client", token=anna.token).status == 401


def test_a_tokens_use_is_written_once_a_minute(anna: Api, engine: Engine) -> None:
    def used() -> object:
        with engine.connect() as connection:
            return connection.execute(text("SELECT last_used_at FROM api_token")).scalar_one()

    anna.get("/api/v1/client")
    first = used()
    anna.get("/api/v1/client")
    assert used() == first
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_token SET last_used_at = last_used_at - interval '61 seconds'"))
    anna.get("/api/v1/client")
    assert str(used()) > str(first)


def test_the_authorizer_lets_good_tokens_through_and_no_others(anna: Api) -> None:
    from app import authorize

    event = {"type": "TOKEN", "methodArn": "arn:aws:execute-api:eu-central-1:1:api/dev/GET/api/v1/client"}
    policy = authorize({**event, "authorizationToken": f"Token {anna.token}"}, {})
    assert policy["policyDocument"]["Statement"][0]["Resource"] == ["arn:aws:execute-api:eu-central-1:1:api/dev/*/*"]
    for wrong in (
        "",
        "Token",
        f"Token {anna.token}x",
        "Bearer x",
        f"Token {str(anna.token)[:-5]}wrong",
    ):
        # Not an exception: Lambda would count an error of the function for each guess, and the alarm would go off.
        (statement,) = authorize({**event, "authorizationToken": wrong}, {})["policyDocument"]["Statement"]
        assert statement == {
            "Action": "execute-api:Invoke",
            "Effect": "Deny",
            "Resource": ["arn:aws:execute-api:eu-central-1:1:api/dev/*/*"],
        }
