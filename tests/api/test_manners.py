"""How the API answers what it cannot do, and what browsers ask before they ask."""

import io
import json
import logging
from unittest.mock import patch

import pytest
from sqlalchemy.exc import InterfaceError

from chalicelib import config, observability
from chalicelib.api.routes import ROUTES
from tests.api.conftest import Api
from tests.api.lambda_event import call

OBJECT = {"field": "body", "code": "wrong_type", "message": "must be a JSON object"}
CLIENT = {"phone": "+79101234567", "time_zone": "UTC"}


def test_head_is_get_without_a_body(anna: Api) -> None:
    made = anna.post("/api/v1/client", CLIENT)
    for path in ("/api/v1/client", f"/api/v1/client/{made['id']}", "/api/v1/statistic-messages", "/health"):
        answer = call("HEAD", path, token=anna.token)
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, "", "application/json")
    assert call("HEAD", "/api/v1/client/99", token=anna.token).status == 404


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES if "GET" in route.handlers}))
def test_head_of_every_path_is_get_without_a_body(root: Api, path: str) -> None:
    root.post("/api/v1/client", CLIENT)
    root.post(
        "/api/v1/mailing", {"text": "Hello", "starts_at": "2030-05-01T09:00:00", "ends_at": "2030-05-02T09:00:00", "draft": True}
    )
    asked = path.replace("{id}", "1").replace("{status}", "1").replace("{file}", "swagger-ui.css")
    for token in (root.token, None):
        got, head = (call(method, asked, token=token, resource=path) for method in ("GET", "HEAD"))
        assert (head.status, head.body) == (got.status, "")
        length = head.headers.get("content-length")
        assert length in (None, str(len(got.body.encode())))
        ignored = {"content-length", "date", "x-request-id"}
        assert {name: value for name, value in head.headers.items() if name not in ignored} == {
            name: value for name, value in got.headers.items() if name not in ignored
        }


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_method_that_a_path_lacks_is_told_which_there_are(anna: Api, route: object) -> None:
    assert isinstance(route, type(ROUTES[0]))
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - set(route.methods):
        path = route.path.replace("{id}", "1").replace("{status}", "1").replace("{file}", "x")
        answer = call(method, path, token=anna.token, resource=route.path)
        assert answer.status == 405
        assert answer.headers["allow"] == ", ".join(route.methods)
        assert method == "HEAD" or answer.json["code"] == "method_not_allowed"


def test_options_needs_no_token_and_lists_the_methods(api: Api) -> None:
    del api
    answer = call("OPTIONS", "/api/v1/client/7")
    assert (answer.status, answer.body) == (204, "")
    assert answer.headers["allow"] == "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
    assert "access-control-allow-origin" not in answer.headers


def test_browsers_of_allowed_origins_are_let_in(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", "https://one.test, https://two.test")
    config.settings.cache_clear()
    asked = call("OPTIONS", "/api/v1/client", headers={"Origin": "https://two.test", "Access-Control-Request-Method": "POST"})
    assert asked.headers["access-control-allow-origin"] == "https://two.test"
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    answer = call("GET", "/api/v1/client", token=anna.token, headers={"Origin": "https://one.test"})
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == ("https://one.test", "Origin")
    refused = call("GET", "/api/v1/client", headers={"Origin": "https://one.test"})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, "https://one.test")
    assert "access-control-allow-origin" not in call("GET", "/health", headers={"Origin": "https://three.test"}).headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 422),
        ("null", 422),
        ("[]", 422),
        ('"x"', 422),
        ("{", 400),
        ("{'a': 1}", 400),
        ('{"phone": NaN}', 400),
        ("[" * 100_000, 400),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, 400),
        ('{"phone": "' + "9" * (4 * 2**20) + '"}', 413),
        ('{"owner": ' + "9" * 5_000 + "}", 400),
    ],
)
def test_bodies_that_cannot_be_read_or_are_no_client(anna: Api, body: str, status: int) -> None:
    answer = call("POST", "/api/v1/client", token=anna.token, body=body, headers={"Content-Type": "application/json"})
    assert answer.status == status, answer.body
    assert set(answer.json) >= {"code", "message"}


def test_a_body_of_another_type_is_refused(anna: Api) -> None:
    answer = call(
        "POST", "/api/v1/client", token=anna.token, body="phone=1", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")
    sent = call(
        "POST", "/api/v1/client", token=anna.token, body=CLIENT, headers={"Content-Type": "application/json; charset=utf-8"}
    )
    assert sent.status == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone", "89101234567"),
        ("phone", "+7910123456x"),
        ("phone", "+999101234567"),
        ("phone", 79101234567),
        ("phone", None),
        ("time_zone", "localtime"),
        ("time_zone", "+03"),
        ("time_zone", "Etc/GMT+3"),
        ("time_zone", "europe/moscow"),
        ("time_zone", "../../etc/passwd"),
        ("operator_code", "９１０"),
        ("operator_code", 910),
        ("tags", "vip"),
        ("tags", ["", "x"]),
        ("tags", ["a\0b"]),
        ("tags", ["\ud800"]),
        ("attributes", {"a b": "x"}),
        ("attributes", {"a": None}),
        ("attributes", {"a": 1.5}),
        ("attributes", {"a": "x" * 501}),
        ("attributes", {"a": True}),
        ("attributes", {"a": 2**53}),
        ("attributes", {"\udfff": "x"}),
        ("owner", 2**63),
        ("owner", 0),
        ("owner", "1"),
        ("owner", True),
        ("owner", 12345),
        ("colour", "red"),
        ("id", 7),
    ],
)
def test_a_field_that_cannot_be_taken_is_named(anna: Api, field: str, value: object) -> None:
    answer = call("POST", "/api/v1/client", token=anna.token, body={**CLIENT, field: value})
    assert answer.status == 422
    assert {error["field"].split(".")[0] for error in answer.json["errors"]} == {field}


@pytest.mark.parametrize(
    "query",
    [
        "page_size=0",
        "page_size=501",
        "page_size=x",
        "cursor=1",
        "cursor=after:-1",
        "ordering=name",
        "colour=red",
        "page_size=1&page_size=2",
    ],
)
def test_query_parameters_are_checked(anna: Api, query: str) -> None:
    answer = call("GET", f"/api/v1/client?{query}", token=anna.token)
    assert answer.status == 422
    assert answer.json["errors"]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.0", "01", "%31", "9223372036854775808", "٣", "1" * 400, "null"])
def test_what_cannot_be_an_id_is_no_id(anna: Api, number: str) -> None:
    answer = call("GET", f"/api/v1/client/{number}", token=anna.token)
    assert (answer.status, answer.json) == (404, {"code": "not_found", "message": "no such client"})


def test_a_mistake_of_ours_is_told_without_its_details(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    observability.log("the handler is made at the first line")
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger("mailing-api.events").handlers[0], "stream", stream)
    with patch("chalicelib.services.clients.page", side_effect=RuntimeError("+79101234567")):
        answer = call("GET", "/api/v1/client", token=anna.token)
    assert (answer.status, answer.json["code"]) == (500, "internal")
    log = stream.getvalue()
    assert "RuntimeError" in log
    assert "+7910" not in log + answer.body
    assert "Traceback" not in log + answer.body


def test_a_request_is_found_by_whom_it_was_about(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    observability.log("the handler is made at the first line")
    stream = io.StringIO()
    monkeypatch.setattr(logging.getLogger("mailing-api.events").handlers[0], "stream", stream)
    made = anna.post("/api/v1/client", {"phone": "+79101234567", "time_zone": "UTC"})
    call("GET", f"/api/v1/client/{made['id']}", token=anna.token)
    call("GET", "/api/v1/client/79101234567", token=anna.token)
    call("GET", "/api/v1/client", token=anna.token)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    found = [line.get("client_id") for line in lines if line["event"] == "request"]
    assert found == [made["id"], made["id"], None, None]
    assert "9101234567" not in stream.getvalue()


def test_a_database_that_is_away_is_503(anna: Api) -> None:
    gone = InterfaceError("SELECT", {}, OSError("refused"))
    with patch("chalicelib.services.clients.page", side_effect=gone):
        answer = call("GET", "/api/v1/client", token=anna.token)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "unavailable", "5")
    with patch("chalicelib.services.health.autocommit", side_effect=gone):
        assert call("GET", "/health").status == 503


def test_links_follow_the_address_that_was_asked(anna: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    anna.post("/api/v1/client", {"clients": [{"phone": f"+7910123456{n}", "time_zone": "UTC"} for n in range(3)]})
    asked = call("GET", "/api/v1/client?page_size=2", token=anna.token, stage="/dev").json
    assert asked["next"] == "https://api.test/dev/api/v1/client?page_size=2&cursor=after:2"
    monkeypatch.setenv("PUBLIC_URL", "https://mailing.test/")
    config.settings.cache_clear()
    asked = call("GET", "/api/v1/client/?page_size=2", token=anna.token, stage="/dev").json
    assert asked["next"] == "https://mailing.test/api/v1/client?page_size=2&cursor=after:2"


def test_the_root_leads_everywhere(api: Api) -> None:
    found = api.get("/api/v1/")
    assert {"https" if link["href"].startswith("https") else "http" for link in found["routes"]} == {"http"}
    assert {"GET": "List clients", "POST": "Create one client, or many"} in [link["methods"] for link in found["routes"]]
    assert len(json.dumps(found)) < 20_000


def test_add_users_by_a_link_goes_to_the_button(api: Api) -> None:
    del api
    answer = call("GET", "/add-users")
    assert (answer.status, answer.headers["location"]) == (303, "https://api.test/admin/")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5", b""])
def test_a_body_that_is_no_object_is_told_so(anna: Api, body: bytes) -> None:
    for path in ("/api/v1/mailing", "/api/v1/client"):
        answer = anna.call("POST", path, body)
        assert (answer.status_code, answer.json_body["errors"]) == (422, [OBJECT])
