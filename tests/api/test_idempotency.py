"""One answer for one key."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.errors import ConflictError
from chalicelib.services import idempotency
from chalicelib.storage.idempotency import KeyPlace
from tests.api.conftest import MAILING, PHONE, Api
from tests.api.lambda_event import Answer, call

KEY = {"Idempotency-Key": "b5d1"}


def write(somebody: Api, body: object = MAILING, path: str = "/api/v1/mailing") -> Answer:
    return call("POST", path, token=somebody.token, body=body, headers=KEY)


def test_a_repeated_call_is_answered_and_not_done_again(anna: Api, boris: Api) -> None:
    first, second = write(anna), write(anna, path="/api/v1/mailing/")
    assert (first.status, first.body) == (second.status, second.body)
    assert ("idempotent-replayed" in first.headers, second.headers["idempotent-replayed"]) == (False, "true")
    assert write(boris).json["id"] != first.json["id"]
    assert write(anna, {"phone": PHONE, "time_zone": "UTC"}, "/api/v1/client").status == 201
    assert len(anna.get("/api/v1/mailing")["results"]) == 1


def test_the_key_with_another_body_is_refused(anna: Api) -> None:
    write(anna)
    answer = write(anna, {**MAILING, "name": "June"})
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_a_refused_call_leaves_the_key_free(anna: Api) -> None:
    assert write(anna, {**MAILING, "ends_at": "2029-01-01T00:00:00"}).status == 422
    assert write(anna).status == 201


def test_a_call_that_broke_off_is_not_done_again(anna: Api) -> None:
    with patch("chalicelib.services.mailings.create", side_effect=RuntimeError):
        assert write(anna).status == 500
    answer = write(anna)
    assert (answer.status, "broke off" in answer.json["message"]) == (409, True)


def test_a_key_lives_a_day(anna: Api, engine: Engine) -> None:
    first = write(anna)
    with engine.begin() as connection:
        connection.execute(text("UPDATE idempotency_key SET created_at = created_at - interval '24 hours 1 second'"))
    assert write(anna).json["id"] != first.json["id"]


def test_one_of_many_at_once_is_done(anna: Api, engine: Engine) -> None:
    del anna
    with engine.connect() as connection:
        user = connection.execute(text('SELECT id FROM "user"')).scalar_one()

    def begin(_: int) -> bool:
        try:
            return idempotency.begin(engine, KeyPlace(user, "POST", "/x", "k"), b"body") is None
        except ConflictError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(32))) == 1


def test_answers_with_secrets_are_not_kept(anna: Api, engine: Engine) -> None:
    first, second = (write(anna, {"name": "x"}, "/api/v1/token") for _ in range(2))
    assert first.json["token"] != second.json["token"]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM idempotency_key")).scalar_one() == 0


@pytest.mark.parametrize("key", ["", " ", "a b", "ключ", "x" * 201])
def test_a_key_is_visible_ascii(anna: Api, key: str) -> None:
    answer = call("POST", "/api/v1/mailing", token=anna.token, body=MAILING, headers={"Idempotency-Key": key})
    assert (answer.status, answer.json["errors"][0]["field"]) == (422, "Idempotency-Key")
