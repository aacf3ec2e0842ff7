"""Requests that nobody means well: deep, wide, long, broken. Each is refused in the API's own form, at a cost that grows with its size."""

import base64
import gc
import json
import random
import re
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from pydantic import BaseModel

from app import app
from chalicelib import config
from chalicelib.api.operations import FileBody, NoBody, declared
from chalicelib.api.reading import MAX_PUBLIC_BODY, read_body
from chalicelib.api.routes import ROUTES, Route
from chalicelib.domain.strict_json import MAX_DEPTH
from tests.api.conftest import Api
from tests.api.lambda_event import call, event_of

CLIENT = {"phone": "+79101234567", "time_zone": "UTC"}
WITH_BODY = [
    (route, method) for route in ROUTES for method, place in route.handlers.items() if declared(place).body is not NoBody
]
PUBLIC = [(route, method) for route, method in WITH_BODY if route.is_public(method)]
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "deep": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "deep objects": lambda size: b'{"a":' * (size // 6) + b"1" + b"}" * (size // 6),
    "deep, then wide": lambda size: b"[" * 30 + b",".join([b'"x"'] * (size // 4)) + b"]" * 30,
    "wide": lambda size: b"[" + b",".join([b'"x"'] * (size // 4)) + b"]",
    "pairs": lambda size: b"[" + b",".join([b"[]"] * (size // 3)) + b"]",
    "fields": lambda size: b"{" + b",".join(b'"f%d":1' % number for number in range(size // 10)) + b"}",
    "objects of unknown fields": lambda size: (
        b'{"clients":['
        + b",".join([b"{" + b",".join(b'"f%d":1' % number for number in range(90)) + b"}"] * min(size // 700, 1_000))
        + b"]}"
    ),
    "long text": lambda size: b'{"name":"' + b"x" * size + b'"}',
    "escapes": lambda size: b'{"name":"' + b"\\ud800" * (size // 6) + b'"}',
    "digits": lambda size: b'{"owner":' + b"9" * size + b"}",
    "many long numbers": lambda size: b"[" + b",".join([b"9" * 399] * (size // 400)) + b"]",
    "open quotation mark": lambda size: b'{"' + b'\\"' * (size // 2),
    "not UTF-8": lambda size: b'{"name":"' + b"\xff" * size + b'"}',
    "spaces": lambda size: b" " * size,
}


def refused(raw: bytes, schema: Any, *, form: bool = False) -> int:
    """The status that a body is refused with; 0 if it is taken."""
    from chalicelib.api.errors import ApiError

    try:
        read_body(raw, "application/json", schema, form=form)
    except ApiError as error:
        return int(error.status)
    return 0


def cost(raw: bytes, schema: Any) -> tuple[float, int]:
    """Seconds of the processor (the best of three, without tracing) and bytes that reading takes."""
    seconds = []
    gc.disable()  # whose passes over what other tests left behind are not this one's
    for _ in range(3):
        began = time.process_time()
        refused(raw, schema)
        seconds.append(time.process_time() - began)
    gc.enable()
    tracemalloc.start()
    refused(raw, schema)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return min(seconds), memory


@pytest.mark.parametrize("name", HOSTILE)
def test_time_and_memory_are_linear_in_a_body(name: str) -> None:
    """Four times the body costs about four times, whatever it holds; and little at that."""
    schema = declared("clients:create").body
    small, large = (HOSTILE[name](size) for size in (100_000, 400_000))
    assert refused(large, schema) in (400, 422)
    (time_small, memory_small), (time_large, memory_large) = cost(small, schema), cost(large, schema)
    assert memory_large <= 6 * memory_small + 2**20
    assert memory_large <= 100 * len(large)
    assert time_large <= 12 * time_small + 0.05


def test_the_largest_body_of_unknown_fields_is_cheap() -> None:
    body = HOSTILE["objects of unknown fields"](4 * 2**20 - 100)
    assert cost(body, declared("clients:create").body)[1] < 50 * 2**20


@pytest.mark.parametrize(("route", "method"), WITH_BODY, ids=lambda each: each.path if isinstance(each, Route) else each)
def test_every_route_refuses_hostile_bodies(anna: Api, route: Route, method: str) -> None:
    path = route.path.replace("{id}", "1").replace("{status}", "1")
    for name, make in HOSTILE.items():
        body = base64.b64encode(make(3_000)).decode()
        answer = call(method, path, token=anna.token, body=body, base64_body=True, resource=route.path)
        # 415: it takes a file, and no JSON at all.
        takes_a_file = declared(route.handlers[method]).body is FileBody
        assert answer.status in ((415,) if takes_a_file else (400, 404, 422)), (name, answer)
        assert set(answer.json) <= {"code", "message", "errors"}, name


@pytest.mark.parametrize(("route", "method"), PUBLIC, ids=lambda each: each.path if isinstance(each, Route) else each)
def test_routes_without_a_token_take_small_bodies_only(api: Api, route: Route, method: str) -> None:
    del api
    answer = call(method, route.path, body=json.dumps({"username": "x" * MAX_PUBLIC_BODY}))
    assert (answer.status, answer.json["code"]) == (413, "too_large")
    # The longest name and password that are allowed, each letter escaped.
    longest = {"username": "\U0001f600" * 150, "password": "\U0001f600" * 1024}
    assert call(method, route.path, body=json.dumps(longest)).status == (401 if route.path.endswith("login") else 422)


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_depth_is_counted_outside_of_texts(depth: int) -> None:
    class Anything(BaseModel):
        value: Any

    body = b'{"value": ' + b"[" * (depth - 1) + b'"[[[[{\\"]{{"' + b"]" * (depth - 1) + b"}"
    assert refused(body, Anything) == (0 if depth == MAX_DEPTH else 400)


BROKEN = [b"\xff", b"\xc3", b"\xed\xa0\x80", "\ufffd".encode(), "й".encode("cp1251"), "й".encode("utf-16")]


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
@pytest.mark.parametrize("encoded", [True, False])
def test_bodies_that_are_not_utf_8_are_refused(anna: Api, broken: bytes, encoded: bool) -> None:
    for path, body in (
        ("/api/v1/client", b'{"phone":"+79101234567","time_zone":"UTC","tags":["x%s"]}'),
        ("/api/v1/client", b'{"phone":"+79101234567","time_zone":"UTC","attributes":{"name":"x%s"}}'),
        ("/api/v1/mailing", b'{"name":"x%s","text":"x","starts_at":"2030-05-01T09:00:00","ends_at":"2030-05-02T09:00:00"}'),
        ("/api/v1/do-not-contact", b'{"phone":"+79101234567","reason":"x%s"}'),
        ("/api/v1/token", b'{"name":"x%s"}'),
        ("/api/v1/auth-rest/login", b'{"username":"x%s","password":"correct horse"}'),
    ):
        raw = body % broken
        # Without base64 the gateway puts U+FFFD where it cannot read.
        text = base64.b64encode(raw).decode() if encoded else raw.decode(errors="replace")
        answer = call("POST", path, token=anna.token, body=text, base64_body=encoded)
        assert (answer.status, answer.json["code"]) == (400, "malformed"), (path, answer)


def test_the_replacement_character_is_not_kept_however_it_is_written(anna: Api) -> None:
    for field, value in (("tags", ["x\ufffd"]), ("attributes", {"name": "\ufffd"})):
        answer = call("POST", "/api/v1/client", token=anna.token, body=json.dumps({**CLIENT, field: value}))
        assert (answer.status, answer.json["errors"][0]["field"].partition(".")[0]) == (422, field)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in ("username=%FF&password=x", "username=%EF%BF%BD&password=x"):
        assert call("POST", "/api/v1/auth-rest/login", body=body, headers=form).status in (400, 422)


@pytest.mark.parametrize("body", ["%%%", "AAA", "\ud800"])
def test_wrong_base64_and_half_characters_are_400(anna: Api, body: str) -> None:
    assert call("POST", "/api/v1/client", token=anna.token, body=body, base64_body=body != "\ud800").status == 400


@pytest.mark.parametrize(
    "body",
    ['{"phone":"+79101234567","phone":"+79101234567","time_zone":"UTC"}',
     '{"phone":"+79101234567","time_zone":"UTC","attributes":{"a":"1","\\u0061":"1"}}',
     '{"clients":[{"phone":"+79101234567","time_zone":"UTC","tags":[],"tags":[]}]}'],
)  # fmt: skip
def test_a_key_that_is_given_twice_is_400(anna: Api, body: str) -> None:
    answer = call("POST", "/api/v1/client", token=anna.token, body=body)
    assert (answer.status, answer.json["code"]) == (400, "malformed")
    assert "twice" in answer.json["message"]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 401])
def test_numbers_that_are_none_are_400(anna: Api, number: str) -> None:
    body = f'{{"phone":"+79101234567","time_zone":"UTC","owner":{number}}}'
    assert call("POST", "/api/v1/client", token=anna.token, body=body).status == 400


def test_settings_that_cannot_be_read_are_503_in_our_form(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    del api
    with monkeypatch.context() as patched:
        patched.setenv("PROVIDER_THREADS", "none")
        config.settings.cache_clear()
        answer = call("GET", "/api/v1/client", token="x")
    config.settings.cache_clear()
    assert (answer.status, answer.json["code"]) == (503, "unavailable")


def test_an_event_that_is_none_of_the_gateway_s_is_answered(api: Api) -> None:
    del api
    for event in ({}, {"requestContext": {"resourcePath": "/health"}}, {"requestContext": {"resourcePath": "/nowhere"}}):
        answer = app(event, None)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (500, "internal")
    event = event_of("TRACE", "/health")
    assert json.loads(app(event, None)["body"])["code"] == "method_not_allowed"


ODD = [
    "", "[", "]", "]:[", "x:99999", "x:y", "a b", "\u0131", "\u0130", "é", "\t", "%", "%00", "..", "//", "q=1.2.3", "en;q=1.2.3",
    "en;q=", "*;q=0.5", "0", "-1", "9" * 300, "1e999", "null", "Token", "Token ", "Token mlg_1_", "Token " + "x" * 5_000, "=", ";",
    "=?utf-8?b?=", "\\", "'", '"', "<script>", "{{7*7}}", "${x}", "W/\"1\"", "bytes=0-", "\ud800", "\ufffd", "\0", "\u202e",
]  # fmt: skip
NAMES = [
    "Host", "Accept", "Accept-Language", "Authorization", "Content-Type", "Content-Length", "Cookie", "Idempotency-Key", "If-Match",
    "If-None-Match", "Origin", "Referer", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Range", "Expect", "User-Agent",
]  # fmt: skip


def odd_headers(chance: random.Random) -> Mapping[str, str]:
    return {name: chance.choice(ODD) for name in chance.sample(NAMES, chance.randint(1, 4))}


def test_odd_headers_and_paths_are_never_500(anna: Api) -> None:
    """The same headers and ids at every route, seeded; those of the admin panel are in tests/admin."""
    chance = random.Random(20300501)
    for route in ROUTES:
        for method in (*route.handlers, "OPTIONS"):
            for _ in range(12):
                values = {name: chance.choice([*ODD, "1"]) for name in re.findall(r"{(\w+)}", route.path)}
                headers = odd_headers(chance)
                query = (
                    {chance.choice(["page_size", "cursor", "tag", *ODD]): [chance.choice(ODD)]} if chance.random() < 0.3 else {}
                )
                event = event_of(method, route.path, token=anna.token, headers=headers, resource=route.path)
                event["path"] = route.path.format(**values)
                event["pathParameters"] = values or None
                event["multiValueQueryStringParameters"] = query or None
                answer = app(event, None)
                assert answer["statusCode"] < 500, (method, route.path, values, headers, query, answer)
                assert "Traceback" not in answer["body"]


def test_an_idempotency_key_on_a_path_without_an_id_is_404(anna: Api) -> None:
    for number in ("9" * 300, "\ud83d", "x"):
        event = event_of("POST", "/api/v1/mailing/1/start", token=anna.token, headers={"Idempotency-Key": "k"})
        event["path"], event["pathParameters"] = f"/api/v1/mailing/{number}/start", {"id": number}
        assert app(event, None)["statusCode"] in (400, 404)


def test_raw_utf_8_in_a_query_string_is_read(anna: Api) -> None:
    anna.post("/api/v1/client", {**CLIENT, "tags": ["друзья"]})
    event = event_of("GET", "/api/v1/client", token=anna.token)
    event["multiValueQueryStringParameters"] = {"tag": ["друзья"]}
    assert len(json.loads(app(event, None)["body"])["results"]) == 1
    event["multiValueQueryStringParameters"] = {"tag": ["\ufffd\ufffd"]}
    assert app(event, None)["statusCode"] == 400


@pytest.mark.parametrize("name", ["Idempotency-Key", "If-Match", "Authorization", "content-type", "HOST"])
def test_a_header_that_is_given_twice_is_400(anna: Api, name: str) -> None:
    event = event_of("POST", "/api/v1/client", token=anna.token, body=CLIENT, headers={name: "b"})
    event["multiValueHeaders"] = {**event.get("multiValueHeaders", {}), name: ["a", "b"]}
    answer = app(event, None)
    assert answer["statusCode"] == 400
    assert f"the header {name} is given 2 times" in json.loads(answer["body"])["message"]
    assert anna.get("/api/v1/client")["results"] == []
