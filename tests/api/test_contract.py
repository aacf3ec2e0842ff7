"""The contract beside the schemas: examples that work, versions, places of what was made, filters, codes."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import Engine, text

from chalicelib.api.examples import EXAMPLES
from chalicelib.api.openapi import document
from chalicelib.api.operations import NoBody, declared
from chalicelib.api.routes import ROUTES
from chalicelib.domain.errors import FieldCode
from chalicelib.domain.status import ErrorCode
from tests.api.conftest import MAILING, Api, make_user
from tests.api.lambda_event import call

CLIENT = {"phone": "+79101234567", "time_zone": "UTC"}
OFFERED = [
    (route, method, place)
    for route in ROUTES
    for method, place in route.handlers.items()
    if declared(place).body is not NoBody and not declared(place).hidden
]


@pytest.mark.parametrize(("route", "method", "place"), OFFERED, ids=lambda each: each if isinstance(each, str) else None)
def test_every_example_works_as_it_is_offered(api: Api, engine: Engine, route: Any, method: str, place: str) -> None:
    """As a superuser who has one of each thing, which is what Swagger UI's button sends."""
    anna = make_user(engine, "anna", superuser=True)
    own = api.as_user(engine, anna)
    operation = document()["paths"][route.path][method.lower()]
    [(media, content)] = operation["requestBody"]["content"].items()
    example = content["examples"]["default"]["value"]
    assert example == EXAMPLES[place]
    taken = place in ("clients:create", "persons:export", "persons:erase")
    own.post("/api/v1/client", {**CLIENT, "phone": "+79100000001" if taken else CLIENT["phone"]})
    own.post("/api/v1/mailing", {**MAILING, "draft": place.startswith("mailings")})
    if place in ("messages:replace", "messages:change"):
        own.post("/api/v1/message", {"mailing": 1, "client": 1})
    if place == "providers:change":
        own.post("/api/v1/provider", EXAMPLES["providers:create"])
    if place == "messages:resolve":
        own.post("/api/v1/message", {"mailing": 1, "client": 1})
        with engine.begin() as connection:
            connection.execute(text("UPDATE message SET status = 4, unknown = true, error_code = 'unknown_outcome'"))
    path = re.sub(r"{id}", str(anna) if "/user/" in route.path else "1", route.path).replace("{phone}", "%2B79101234567")
    answer = call(method, path, token=own.token, body=example, headers={"content-type": media}, resource=route.path)
    assert answer.status in (200, 201, 204), answer


def test_every_body_has_an_example_that_its_schema_takes() -> None:
    components = document()["components"]
    for route, method, place in OFFERED:
        [content] = document()["paths"][route.path][method.lower()]["requestBody"]["content"].values()
        whole = {**content["schema"], "components": components}
        assert Draft202012Validator(whole).is_valid(EXAMPLES[place]), place


def test_codes_are_enumerated() -> None:
    schemas = document()["components"]["schemas"]
    assert set(schemas["ErrorCode"]["enum"]) == {str(code) for code in ErrorCode}
    assert set(schemas["FieldCode"]["enum"]) == {str(code) for code in FieldCode}
    assert "not_found" in schemas["ProblemCode"]["enum"]
    assert schemas["MessageOut"]["properties"]["status"]["enum"] == [1, 2, 3, 4, 5]
    assert "finished" in schemas["MailingStatus"]["enum"]
    attributes = schemas["ClientIn"]["properties"]["attributes"]
    assert "patternProperties" not in json.dumps(document())
    assert attributes["propertyNames"]["pattern"]
    assert attributes["additionalProperties"]["anyOf"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "required"),
        ({**CLIENT, "colour": 1}, "unknown_field"),
        ({**CLIENT, "phone": 7}, "wrong_type"),
        ({**CLIENT, "tags": ["x" * 51]}, "wrong_length"),
        ({**CLIENT, "time_zone": "Mars"}, "wrong_format"),
        ({**CLIENT, "operator_code": "x"}, "wrong_format"),
        ({**CLIENT, "owner": 0}, "out_of_range"),
        ({**CLIENT, "tags": ["\0"]}, "wrong_characters"),
        ({**CLIENT, "owner": 987654}, "not_allowed"),
        ({"clients": [CLIENT, CLIENT]}, "taken"),
    ],
)
def test_fields_have_stable_codes(anna: Api, body: dict[str, Any], code: str) -> None:
    answer = call("POST", "/api/v1/client", token=anna.token, body=body)
    assert answer.status == 422
    assert {error["code"] for error in answer.json["errors"]} == {code}


def test_what_was_made_says_where_it_is(anna: Api) -> None:
    for path, body in (("client", CLIENT), ("mailing", MAILING), ("message", {"mailing": 1, "client": 1})):
        key = {"Idempotency-Key": f"make-{path}"}
        first, again = (call("POST", f"/api/v1/{path}", token=anna.token, body=body, headers=key, stage="/dev") for _ in range(2))
        assert first.status == again.status == 201, first
        assert first.headers["location"] == again.headers["location"] == f"https://api.test/dev/api/v1/{path}/{first.json['id']}"
        assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
        found = call("GET", first.headers["location"].removeprefix("https://api.test/dev"), token=anna.token)
        assert found.json["id"] == first.json["id"]
    many = call("POST", "/api/v1/client", token=anna.token, body={"clients": [{**CLIENT, "phone": "+79100000009"}]})
    assert (many.status, many.headers.get("location")) == (201, None)


def test_moments_have_one_width(anna: Api, engine: Engine) -> None:
    anna.post("/api/v1/client", CLIENT)
    for moment in ("2030-05-01 06:00:00+00", "2030-05-01 06:00:00.5+00", "2030-05-01 06:00:00.123456+00"):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE client SET created_at = '{moment}'")
        assert re.fullmatch(r"2030-05-01T06:00:00\.\d{3}Z", anna.get("/api/v1/client/1")["created_at"])


@pytest.mark.parametrize(
    ("path", "made", "one", "other", "whole"),
    [
        ("/api/v1/client", CLIENT, {"tags": ["a"]}, {"tags": ["b"]}, {**CLIENT, "tags": ["c"]}),
        ("/api/v1/mailing", {**MAILING, "draft": True}, {"name": "a"}, {"text": "b"}, {**MAILING, "name": "c"}),
    ],
)
def test_a_lost_update_is_a_412(anna: Api, path: str, made: Any, one: Any, other: Any, whole: Any) -> None:
    written = call("POST", path, token=anna.token, body=made)
    read = call("GET", f"{path}/1", token=anna.token)
    etag = read.headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{16}"', etag)
    assert written.headers["etag"] == etag
    changed = call("PATCH", f"{path}/1", token=anna.token, body=one, headers={"If-Match": etag})
    assert (changed.status, changed.headers["etag"] == etag) == (200, False)
    for method, body in (("PATCH", other), ("PUT", whole)):
        lost = call(method, f"{path}/1", token=anna.token, body=body, headers={"If-Match": etag})
        assert (lost.status, lost.json["code"]) == (412, "precondition_failed"), lost
        nonsense = call(method, f"{path}/1", token=anna.token, body=body, headers={"If-Match": "W/x"})
        assert (nonsense.status, nonsense.json["errors"][0]["field"]) == (422, "If-Match")
    for header in ("*", f'"0000000000000000", {changed.headers["etag"]}'):
        assert call("PATCH", f"{path}/1", token=anna.token, body={}, headers={"If-Match": header}).status == 200
    assert call("PUT", f"{path}/1", token=anna.token, body=whole).status == 200


def test_messages_are_filtered(anna: Api, root: Api, engine: Engine) -> None:
    for number in range(4):
        anna.post("/api/v1/client", {**CLIENT, "phone": f"+7910123456{number}", "tags": ["a", "b"][: number % 2 + 1]})
    anna.post("/api/v1/mailing", MAILING)
    for number in range(1, 5):
        anna.post("/api/v1/message", {"mailing": 1, "client": number})
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE message SET status = 4, error_code = 'refused' WHERE id = 1")
        connection.exec_driver_sql("UPDATE message SET status = 2, sent_at = '2026-01-02 03:00:00+00' WHERE id = 2")
        connection.exec_driver_sql("UPDATE message SET status = 2, sent_at = '2026-01-03 03:00:00+00' WHERE id = 3")

    def found(query: str, api: Api = anna) -> list[int]:
        return [each["id"] for each in api.get(f"/api/v1/message?{query}")["results"]]

    for api in (anna, root):
        assert found(f"phone={quote('+79101234562')}", api) == [3]
        assert found("error_code=refused", api) == [1]
        assert found("sent_after=2026-01-02T03:00:00Z", api) == [2, 3]
        assert found("sent_after=2026-01-02T06:00:01%2B03:00&sent_before=2026-01-03T03:00:01Z", api) == [3]
        assert found("sent_before=2026-01-03T03:00:00Z&mailing=1", api) == [2]
        assert found(f"phone={quote('+79101234562')}&status=1", api) == []
    assert anna.get("/api/v1/message?error_code=x", expect=422)["errors"][0]["field"] == "error_code"
    assert anna.get("/api/v1/message?sent_after=2026-01-02T03:00:00", expect=422)["errors"][0]["field"] == "sent_after"
    assert [each["id"] for each in anna.get("/api/v1/client?tag=a&tag=B")["results"]] == [2, 4]
    page = anna.get("/api/v1/client?tag=a&tag=b&page_size=1")
    assert "tag=a&tag=b" in page["next"]


def test_lists_by_owner_are_for_superusers(anna: Api, root: Api, engine: Engine) -> None:
    anna.post("/api/v1/client", CLIENT)
    anna.post("/api/v1/mailing", MAILING)
    anna.post("/api/v1/message", {"mailing": 1, "client": 1})
    anna.post("/api/v1/do-not-contact", {"phone": "+79100000000"})
    root.post("/api/v1/client", CLIENT)
    with engine.connect() as connection:
        ids: dict[str, int] = {row[0]: row[1] for row in connection.exec_driver_sql('SELECT username, id FROM "user"')}
    for path in ("client", "mailing", "message", "do-not-contact"):
        assert [each["owner"] for each in root.get(f"/api/v1/{path}?owner={ids['anna']}")["results"]] == [ids["anna"]]
        assert len(anna.get(f"/api/v1/{path}?owner={ids['anna']}")["results"]) == 1
        assert anna.get(f"/api/v1/{path}?owner={ids['root']}", expect=422)["errors"][0]["code"] == "not_allowed"
        assert root.get(f"/api/v1/{path}?owner=987654")["results"] == []
