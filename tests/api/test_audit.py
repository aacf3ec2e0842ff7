"""The audit log: who did what, and from where; and what the request's line in the log says."""

import json
import logging
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from chalicelib import config
from chalicelib.api.routes import ROUTES
from tests.api.conftest import MAILING, PASSWORD, Api, make_user
from tests.api.lambda_event import call
from tests.api.test_who_may_what import walk, with_one_of_each

LOGIN = "/api/v1/auth-rest/login"


def events(engine: Engine, *columns: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        wanted = ", ".join(columns or ("event", "user_id", "token_id", "address"))
        return [tuple(row) for row in connection.execute(text(f"SELECT {wanted} FROM audit_event ORDER BY id"))]


def forget(engine: Engine) -> None:
    with engine.begin() as connection:  # as the owner of nothing: only `drop_old_audit_events` may, and not what is new
        connection.execute(text("SELECT drop_old_audit_events(now())"))


def test_logins_tokens_and_refusals_are_written_down(api: Api, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    del api
    monkeypatch.setenv("LOGIN_MAX_FAILURES", "2")
    config.settings.cache_clear()
    anna = make_user(engine, "anna")
    right = call("POST", LOGIN, body={"username": "Anna", "password": PASSWORD}).json["token"]
    login_token = int(right.split("_")[1])
    made = call("POST", "/api/v1/token", token=right, body={"name": "import"}).json
    call("DELETE", f"/api/v1/token/{made['id']}", token=right)
    call("DELETE", f"/api/v1/token/{made['id']}", token=right)
    assert call("POST", "/add-users", token=right).status == 403
    call("POST", "/api/v1/auth-rest/logout", token=right)
    for _ in range(4):
        call("POST", LOGIN, body={"username": "anna", "password": "wrong"})
    call("POST", LOGIN, body={"username": "hunter2", "password": "anna"})
    here = "192.0.2.1"
    assert events(engine) == [
        ("login_ok", anna, None, here),
        ("token_made", anna, None, here),
        ("token_made", anna, login_token, here),
        ("token_revoked", anna, login_token, here),
        ("forbidden", anna, login_token, here),
        ("token_revoked", anna, login_token, here),
        ("login_failed", anna, None, here),
        ("login_failed", anna, None, here),
        ("throttled", anna, None, here),
        ("login_failed", None, None, here),
    ]
    assert {row[0] for row in events(engine, "username")} == {"anna", ""}, "what was typed for a name is not kept"
    assert "hunter2" not in str(events(engine, "details", "username"))


def test_the_requests_line_says_who_and_from_where(anna: Api, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mailing-api.events")
    logger.addHandler(caplog.handler)
    try:
        anna.post("/api/v1/client", {"phone": "+79101234567", "time_zone": "UTC"})
        call("GET", "/api/v1/client")
    finally:
        logger.removeHandler(caplog.handler)
    known, stranger = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "request"]
    token = int(str(anna.token).split("_")[1])
    assert known.items() >= {"user_id": 1, "token_id": token, "client_id": 1}.items()
    assert "address" in known
    assert stranger["address"] == "192.0.2.1"
    assert not stranger.keys() & {"user_id", "token_id"}
    assert "79101234567" not in json.dumps(known)


def test_every_route_with_a_token_has_the_caller_in_its_line(anna: Api, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mailing-api.events")
    logger.addHandler(caplog.handler)
    try:
        for route in ROUTES:
            for method in route.methods:
                ends = ("/logout", "/token/{id}", "/password", "/revoke-tokens", "/deactivate", "/user/{id}")
                if method != "OPTIONS" and not route.is_public(method) and not route.path.endswith(ends):
                    caplog.clear()
                    path = route.path.replace("{id}", "1").replace("{status}", "1")
                    call(method, path, token=anna.token, resource=route.path, body={})
                    (line,) = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "request"]
                    assert {"user_id", "token_id", "address"} <= line.keys(), (method, route.path)
    finally:
        logger.removeHandler(caplog.handler)


# What a row holds besides what people change: counters, moments and the state of the work on it.
_PEOPLES_OWN = """
    SELECT (SELECT md5(string_agg(concat_ws('|', id, phone, time_zone, tags, attributes), ',' ORDER BY id)) FROM client),
      (SELECT md5(string_agg(concat_ws('|', id, name, text, status, starts_at, ends_at), ',' ORDER BY id)) FROM mailing),
      (SELECT md5(string_agg(concat_ws('|', id, status, deleted_at), ',' ORDER BY id)) FROM message),
      (SELECT md5(string_agg(concat_ws('|', id, phone, reason), ',' ORDER BY id)) FROM do_not_contact),
      (SELECT md5(string_agg(concat_ws('|', id, username, password_hash, is_superuser, is_active), ',' ORDER BY id)) FROM "user"),
      (SELECT md5(string_agg(concat_ws('|', id, name), ',' ORDER BY id)) FROM api_token)
"""
_TRACES = "SELECT (SELECT count(*) FROM history) + (SELECT count(*) FROM audit_event)"


def test_every_call_that_changes_something_leaves_a_trace_of_who_did_it(api: Api, engine: Engine) -> None:
    """A route that is added is in here by itself."""
    anna = with_one_of_each(api, engine, "anna")
    root = make_user(engine, "root", superuser=True)

    def state() -> tuple[object, int]:
        with engine.connect() as connection:
            return connection.execute(text(_PEOPLES_OWN)).one(), connection.execute(text(_TRACES)).scalar_one()

    changing = set()
    for route, method in walk():
        caller = root if "user" in route.path and "/me" not in route.path else anna.user
        token = anna.api.as_user(engine, caller).token
        (before, traces), answer, (after, more) = state(), anna.ask(route, method, token), state()
        if before != after:
            changing.add((method, route.path))
            assert more > traces, (method, route.path, answer)
    for kind in ("client", "mailing", "message", "do-not-contact", "token"):
        assert ("DELETE", f"/api/v1/{kind}/{{id}}") in changing, "the walk would see a change"


def test_the_functions_can_only_add_to_the_audit_log_and_to_the_history(anna: Api, engine: Engine, owner_engine: Engine) -> None:
    anna.post("/api/v1/token", {"name": "import"})
    for table in ("audit_event", "history"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET user_id = NULL", f"TRUNCATE {table}"):
            with pytest.raises(ProgrammingError, match="permission denied"), engine.begin() as connection:
                connection.execute(text(statement))
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE audit_event SET at = at - interval '31 days' WHERE id = 1"))
    forget(engine)
    assert min(row[0] for row in events(engine, "id")) == 2, "of the last month none is dropped, whatever is asked"


def test_test_sends_are_bounded_and_in_the_history(
    anna: Api, boris: Api, root: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TEST_SENDS_PER_HOUR", "3")
    config.settings.cache_clear()
    one, two = (anna.post("/api/v1/mailing", {**MAILING, "name": name})["id"] for name in ("one", "two"))
    other = boris.post("/api/v1/mailing", MAILING)["id"]
    phone = "+79101234567"
    logger = logging.getLogger("mailing-api.events")
    logger.addHandler(caplog.handler)
    try:
        statuses = [anna.call("POST", f"/api/v1/mailing/{each}/test", {"phone": phone}).status_code for each in (one, two, one)]
        refused = anna.call("POST", f"/api/v1/mailing/{two}/test", {"phone": phone})
    finally:
        logger.removeHandler(caplog.handler)
    assert statuses == [200] * 3
    assert (refused.status_code, refused.json_body["code"]) == (429, "too_many_requests")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert boris.call("POST", f"/api/v1/mailing/{other}/test", {"phone": phone}).status_code == 200, "each user has their own"
    assert root.call("POST", f"/api/v1/mailing/{one}/test", {"phone": phone}).status_code == 200
    sent = [row for row in anna.get(f"/api/v1/mailing/{one}/history")["results"] if row["action"] == "test_send"]
    assert [(row["username"], row["changes"]["phone"]) for row in sent] == [("anna", [None, phone])] * 2 + [
        ("root", [None, phone])
    ]
    lines = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "test_sent"]
    assert [line["user_id"] for line in lines] == [1, 1, 1]
    assert phone[1:] not in json.dumps([record.__dict__.get("fields", {}) for record in caplog.records], default=str)
