"""Answers fit into what a Lambda function may answer, whatever the rows hold: `next` comes earlier, and nothing is left out."""

import json
from typing import Any, get_args
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel
from sqlalchemy import Engine, text

from chalicelib.api import pages
from chalicelib.api.operations import Schema, declared
from chalicelib.api.pages import Page
from chalicelib.api.routes import ROUTES, V1
from tests.api.conftest import Api, make_user
from tests.api.lambda_event import Answer, call

LAMBDA_LIMIT = 6 * 2**20
ROWS = 500
"""The largest page there is."""
# Letters of two bytes, which become six in the function's answer, and quotation marks, which become two and then four.
FILL = """
INSERT INTO client (owner_id, phone, operator_code, tags, time_zone, attributes)
SELECT :owner, '+7' || 9100000000 + n, '910', array_fill(repeat('я', 50), ARRAY[5]), 'UTC',
       (SELECT jsonb_object_agg('name' || a, repeat('"я', 250)) FROM generate_series(1, 6) a)
FROM generate_series(1, CAST(:rows AS int)) n;
INSERT INTO mailing (owner_id, name, text, starts_at, ends_at, time_zone, status, filter_tags)
SELECT :owner, repeat('я', 200), repeat('"я', 5000), '2030-05-01', '2030-05-02', 'UTC', 'draft', array_fill(repeat('я', 50), ARRAY[100])
FROM generate_series(1, 200) n;
INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, status, not_before, error_code, error_detail)
SELECT (SELECT min(id) FROM mailing), :owner, id, phone, time_zone, 4, now(), 'refused', repeat('"я', 100) FROM client;
INSERT INTO do_not_contact (owner_id, phone, reason)
SELECT :owner, '+7' || 9200000000 + n, repeat('"я', 100) FROM generate_series(1, CAST(:rows AS int)) n;
INSERT INTO history (kind, object_id, owner_id, user_id, username, action, changes)
SELECT kind, id, :owner, :owner, 'anna', 'update', jsonb_build_object('text', jsonb_build_array(repeat('"я', 5000), repeat('я"', 5000)))
FROM (SELECT 'client' AS kind, min(id) AS id FROM client UNION ALL SELECT 'mailing', min(id) FROM mailing
      UNION ALL SELECT 'message', min(id) FROM message UNION ALL SELECT 'user', :owner UNION ALL SELECT 'provider', 1) things
CROSS JOIN generate_series(1, 120) n;
INSERT INTO provider (name, kind, options) SELECT 'provider' || n, 'http', repeat('"я', 5000)
FROM generate_series(1, CAST(:rows AS int)) n;
INSERT INTO api_token (user_id, name, prefix, secret_sha256, expires_at)
SELECT :owner, repeat('"я', 50), 'mlg_' || n, sha256(n::text::bytea), '2040-01-01' FROM generate_series(1, CAST(:rows AS int)) n;
INSERT INTO "user" (username, password_hash) SELECT repeat('я', 140) || n, '-' FROM generate_series(1, CAST(:rows AS int)) n
"""


def has_pages(answer: Any) -> bool:
    """Is the answer a page, or does it hold some?"""
    if not (isinstance(answer, type) and issubclass(answer, BaseModel)):
        return any(has_pages(inner) for inner in get_args(answer))
    return issubclass(answer, Page) or any(has_pages(field.annotation) for field in answer.model_fields.values())


LISTS = sorted(
    route.path
    for route in ROUTES
    if route.path.startswith(V1) and "GET" in route.handlers and has_pages(declared(route.handlers["GET"]).answer)
)


@pytest.fixture
def fat(anna: Api, engine: Engine) -> Api:
    """Somebody with as much of everything as the limits of fields allow; a superuser, who sees all lists."""
    with engine.begin() as connection:
        owner = connection.execute(text("""UPDATE "user" SET is_superuser = true RETURNING id""")).scalar_one()
        for statement in FILL.split(";\n"):
            named = {name: value for name, value in {"owner": owner, "rows": ROWS}.items() if f":{name}" in statement}
            connection.execute(text(statement), named)
    return anna


def size(answer: Answer) -> int:
    """Bytes of what the function's runtime sends."""
    return len(
        json.dumps({"statusCode": answer.status, "headers": dict(answer.headers), "body": answer.body, "isBase64Encoded": False})
    )


def pages_in(body: Any) -> list[Any]:
    """The page of an answer, or the pages."""
    if "results" in body:
        return [body]
    return [body["messages"]] if "messages" in body else [status["messages"] for status in body["statuses"]]


def follow(token: str | None, url: str, direction: str) -> list[int]:
    found: list[int] = []
    following: str | None = url
    while following is not None:
        parts = urlsplit(following)
        answer = call("GET", f"{parts.path}?{parts.query}", token=token)
        assert answer.status == 200, answer.body[:500]
        assert size(answer) < LAMBDA_LIMIT
        (page,) = pages_in(answer.json)
        ids = [each["id"] for each in page["results"]]
        found += ids if direction == "next" else ids[::-1]
        following = page[direction]
    return found


def test_there_are_lists() -> None:
    assert len(LISTS) >= 10
    assert f"{V1}/statistic-messages" in LISTS


def test_every_list_fits_and_holds_everything(fat: Api, engine: Engine) -> None:
    with engine.connect() as connection:
        ids = connection.execute(
            text("""SELECT (SELECT min(id) FROM client) AS client, (SELECT min(id) FROM mailing) AS mailing,
                (SELECT min(id) FROM message) AS message,
                (SELECT min(id) FROM "user") AS user, (SELECT min(id) FROM provider) AS provider""")
        ).one()
    for path in LISTS:
        kind = path.removeprefix(f"{V1}/").split("/")[0].replace("messages-in-", "")
        url = path.replace("{id}", str(getattr(ids, kind, ""))).replace("{status}", "4")
        first = call("GET", f"{url}?page_size={ROWS}", token=fat.token)
        assert first.status == 200, (path, first.body[:300])
        assert size(first) < LAMBDA_LIMIT, path
        for page in pages_in(first.json):
            everything = [each["id"] for each in page["results"]]
            if page["next"] is not None:
                everything += follow(fat.token, page["next"], "next")
            if not everything:
                continue
            assert len(everything) == len(set(everything)) >= 120, path
            assert everything == sorted(everything), path
            if "statuses" not in first.json:
                last = f"{url}?page_size={ROWS}&cursor=before:{everything[-1] + 1}"
                assert follow(fat.token, last, "previous") == everything[::-1], path


def test_many_clients_are_answered_as_far_as_they_fit(api: Api, engine: Engine) -> None:
    """Also when the call is repeated with its key: all were added."""
    anna = api.as_user(engine, make_user(engine, "anna"))
    rows = [{"phone": f"+7910{n:07}", "time_zone": "UTC", "attributes": {"name": "я" * 500, "b": "я" * 500}} for n in range(1000)]
    key = {"Idempotency-Key": "once"}
    made = call("POST", f"{V1}/client", body=json.dumps({"clients": rows}, ensure_ascii=False), token=anna.token, headers=key)
    assert made.status == 201, made.body[:300]
    assert size(made) < LAMBDA_LIMIT
    assert made.json["created"] == 1000 > len(made.json["results"]) > 100
    again = call("POST", f"{V1}/client", body=json.dumps({"clients": rows}, ensure_ascii=False), token=anna.token, headers=key)
    assert (again.status, again.body) == (201, made.body)
    assert len(follow(anna.token, f"{V1}/client?page_size={ROWS}", "next")) == 1000


def test_one_row_is_shown_however_large_it_is() -> None:
    class Large(Schema):
        text: str

    assert [each.text for each in pages.fitting([Large(text="aaaa"), Large(text="b")], room=1)] == ["aaaa"]
