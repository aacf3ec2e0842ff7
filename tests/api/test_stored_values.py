"""A value that is stored already is accepted as it is, at every door, although a new one like it would be refused.

Rules become stricter, and an import may bring what no form takes. Each field of clients and mailings that has a rule is tried.
"""

import csv
import io
import json
from dataclasses import fields
from datetime import datetime, time
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.characters import canonical
from chalicelib.services.clients import NewClient
from chalicelib.services.mailings import NewMailing
from tests.api.conftest import MAILING, PHONE, Api

TAGS = tuple(f"tag{number}" for number in range(60))
CODES = tuple(str(number) for number in range(501))
CLIENTS: dict[str, tuple[Any, ...]] = {
    "phone": ("+789121234567", "+2105551234", "+7910123", "+99912345678901"),
    "time_zone": ("Etc/GMT-3", "Etc/GMT+12", "Mars/Olympus", "EST", "localtime"),
    "operator_code": ("MTS", "", "9 1"),
    "tags": (["VIP"], [" a  b "], ["\ufffd"], ["a\nb"], ["x" * 51], [""], list(TAGS)),
    "attributes": ({"a b": "x"}, {"a-b": "x"}, {"a": "x" * 501}, {"a": 2**60}, {"a": "\ufffd"}, {f"n{place}": 1 for place in range(51)}),
}  # fmt: skip
MAILINGS: dict[str, tuple[Any, ...]] = {
    "name": ("  two  words ", "a\nb", "\u200b", "\ufffd", ""),
    "text": ("Hello, ${", "x" * 2_001, "\u200b", "a\r\nb", "\ufffd", ""),
    "starts_at": (datetime(1999, 5, 1, 9), datetime(2030, 5, 1, 9, 0, 0, 123_456)),
    "ends_at": (datetime(3001, 5, 1, 9), datetime(2030, 5, 2, 9, 0, 0, 123_456)),
    "time_zone": ("Etc/GMT-3", "Mars/Olympus", "EST"),
    "send_from": (time(9, 0, 0, 5), time(22)),  # beside send_until 22:00
    "send_until": (time(22, 0, 0, 5), time(9)),  # beside send_from 09:00
    "filter_operator_codes": (["MTS"], [""], list(CODES)),
    "filter_tags": (["VIP"], [" a  b "], ["\ufffd"], ["x" * 51], list(CODES)),
    "rate_limit": (200_000,),
    "providers": (["gone"], ["a b"], ["x"] * 2, list(TAGS)),
}
NO_RULES = {"country", "owner_id", "draft"}
"""`country` is not stored; an owner that is none and a draft that is neither true nor false cannot be."""


def cases(of: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(name, value, id=f"{name}-{value!r:.20}") for name, values in of.items() for value in values]


def test_every_field_with_a_rule_is_tried() -> None:
    assert {each.name for each in fields(NewClient)} - NO_RULES == CLIENTS.keys()
    assert {each.name for each in fields(NewMailing)} - NO_RULES == MAILINGS.keys()


def stored(engine: Engine, table: str, row_id: int, field: str, value: Any) -> None:
    """The row with a value that no door accepts today."""
    as_json = isinstance(value, dict)
    new = "CAST(:value AS jsonb)" if as_json else ":value"
    parameters = {"value": json.dumps(value) if as_json else value, "id": row_id}
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {field} = {new} WHERE id = :id"), parameters)


WRITABLE_CLIENT = ("phone", "time_zone", "operator_code", "tags", "attributes")
WRITABLE_MAILING = tuple(MAILINGS)


@pytest.mark.parametrize(("field", "value"), cases(CLIENTS))
def test_a_client_keeps_what_is_stored(anna: Api, engine: Engine, field: str, value: Any) -> None:
    body = {"phone": PHONE, "time_zone": "UTC", "tags": ["new"], "attributes": {"name": "Anna"}}
    made = anna.post("/api/v1/client", body)
    path = f"/api/v1/client/{made['id']}"
    stored(engine, "client", made["id"], field, value)
    before = anna.get(path)
    assert before[field] == value
    whole = {name: before[name] for name in WRITABLE_CLIENT}
    assert anna.ask("PUT", path, whole) == before
    assert anna.ask("PATCH", path, {field: before[field]}) == before
    for other in WRITABLE_CLIENT:
        assert anna.ask("PATCH", path, {other: before[other]}) == before
    # Something else changes, and this stays.
    more = {"visits": 1} if len(before["attributes"]) < 50 else {}
    changed = anna.ask("PUT", path, {**whole, "attributes": {**before["attributes"], **more}})
    assert changed[field] == ({**value, "visits": 1} if field == "attributes" and len(value) < 50 else value)
    # By the phone, and in a list. A phone that is spelt in an old way means the client with its canonical form.
    if before["phone"] != "+789121234567":
        for mode in ("skip", "update"):
            answer = anna.post(f"/api/v1/client?on_conflict={mode}", {"clients": [whole]})
            assert (answer["created"], answer["results"][0]["id"]) == (0, made["id"])
            assert answer["results"][0][field] in (
                value,
                changed[field],
                [canonical(tag) for tag in value] if field == "tags" else value,
            )
        by_phone = {name: each for name, each in whole.items() if name != "phone"}
        assert anna.ask("PUT", f"/api/v1/client/by-phone/{before['phone'].replace('+', '%2B')}", by_phone)["id"] == before["id"]
    # A new value of the kind is refused.
    if value not in (["VIP"], [" a  b "], "+789121234567", ""):
        refused = anna.post("/api/v1/client", {**body, "phone": "+79101234568", field: value}, expect=422)
        assert {each["field"].partition(".")[0] for each in refused["errors"]} == {field}


@pytest.mark.parametrize(("field", "value"), cases({name: CLIENTS[name] for name in ("phone", "time_zone", "operator_code")}))
def test_a_file_may_say_what_is_stored(anna: Api, engine: Engine, field: str, value: str) -> None:
    made = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    stored(engine, "client", made["id"], field, value)
    before = anna.get(f"/api/v1/client/{made['id']}")
    file = io.StringIO()
    csv.writer(file).writerows(
        [("phone", "time_zone", "operator code"), [before[name] for name in ("phone", "time_zone", "operator_code")]]
    )
    for mode in ("skip", "update"):
        for dry_run in ("true", "false"):
            path = f"/api/v1/client/import?on_conflict={mode}&dry_run={dry_run}"
            answer = anna.call("POST", path, file.getvalue().encode(), {"Content-Type": "text/csv"}).json_body
            if value in ("+789121234567", ""):  # means another phone; the code is taken from the phone
                assert answer["bad"] == 0
            else:
                assert (answer["unchanged"], answer["bad"], answer["errors"]) == (1, 0, [])


@pytest.mark.parametrize(("field", "value"), cases(MAILINGS))
def test_a_mailing_keeps_what_is_stored(anna: Api, engine: Engine, field: str, value: Any) -> None:
    hours = {"send_from": "09:00:00", "send_until": "22:00:00"} if field in ("send_from", "send_until") else {}
    made = anna.post("/api/v1/mailing", {**MAILING, "draft": True, **hours})
    path = f"/api/v1/mailing/{made['id']}"
    stored(engine, "mailing", made["id"], field, value)
    before = anna.get(path)
    whole = {name: before[name] for name in WRITABLE_MAILING} | {"draft": True}
    assert anna.ask("PUT", path, whole) == before
    assert anna.ask("PATCH", path, {field: before[field]}) == before
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT {field} FROM mailing")).scalar_one() == value
    # Something else changes, and this stays.
    changed = anna.ask("PUT", path, {**whole, "rate_limit": 7} if field != "rate_limit" else {**whole, "name": "June"})
    assert changed[field] == before[field]


def test_one_more_than_stored_is_held_to_the_rule(anna: Api, engine: Engine) -> None:
    """Words and attributes that were stored stay; what is new beside them is checked, and the number of all may only fall."""
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    path = f"/api/v1/client/{client['id']}"
    stored(engine, "client", client["id"], "tags", list(TAGS))
    stored(engine, "client", client["id"], "attributes", {"a b": "x", "a": 1})
    assert anna.ask("PATCH", path, {"tags": list(TAGS[:55])})["tags"] == list(TAGS[:55])
    anna.ask("PATCH", path, {"tags": [*TAGS[:54], "new"]}, expect=422)
    assert anna.ask("PATCH", path, {"attributes": {"a b": "x", "a": 2}})["attributes"] == {"a b": "x", "a": 2}
    for wrong in ({"a b": "y", "a": 2}, {"a b": "x", "c d": "z"}):
        anna.ask("PATCH", path, {"attributes": wrong}, expect=422)
    # True is no number, although Python takes it for 1.
    anna.ask("PATCH", path, {"attributes": {"a b": "x", "a": True}}, expect=422)
    # A zone can be left, and not come back to.
    stored(engine, "client", client["id"], "time_zone", "Etc/GMT-3")
    assert [each["id"] for each in anna.get("/api/v1/client?time_zone=Etc/GMT-3")["results"]] == [client["id"]]
    anna.ask("PATCH", path, {"time_zone": "Europe/Moscow"})
    anna.ask("PATCH", path, {"time_zone": "Etc/GMT-3"}, expect=422)
