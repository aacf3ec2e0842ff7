"""Who writes to this API as they wrote to mailingAPI is told what has another name now; nothing is taken for something else."""

import re

import pytest

from chalicelib.api import old_names, reading
from chalicelib.api.errors import ApiError
from chalicelib.api.operations import FileBody, NoBody, NoQuery, declared
from chalicelib.api.routes import ROUTES, Route
from chalicelib.domain.errors import FieldCode
from tests.api.conftest import MAILING, PHONE, Api

CLIENT = {"phone": PHONE, "time_zone": "UTC"}
OLD = [
    ("client", {"phone_number": "79101234567", **CLIENT}, "phone_number", "it is now called phone"),
    ("client", {"tag": "vip", **CLIENT}, "tag", "it is now called tags, a list"),
    ("client", {"user": 1, **CLIENT}, "user", "it is now called owner"),
    ("client", {**CLIENT, "phone": "79101234567"}, "phone", "did you mean +79101234567?"),
    ("client", {**CLIENT, "phone": "89101234567"}, "phone", "did you mean +79101234567?"),
    ("client", {**CLIENT, "time_zone": 3}, "time_zone", "IANA name now: Europe/Moscow in place of 3"),
    ("mailing", {**MAILING, "date_time_start_sending": "2030-05-01 09:00"}, "date_time_start_sending", "now called starts_at"),
    ("mailing", {**MAILING, "date_time_end_sending": "2030-05-01 09:00"}, "date_time_end_sending", "now called ends_at"),
    ("mailing", {**MAILING, "filter_operator_code": "900;901"}, "filter_operator_code", "filter_operator_codes, a list"),
    ("mailing", {**MAILING, "filter_tag": "tag1;tag2"}, "filter_tag", "filter_tags, a list"),
    ("mailing", {**MAILING, "filter_operator_codes": "900;901"}, "filter_operator_codes", 'it is a list now: ["900", "901"]'),
    ("mailing", {**MAILING, "active": False}, "active", "it is now called draft"),
]


@pytest.mark.parametrize(("kind", "body", "field", "words"), OLD, ids=lambda each: each if isinstance(each, str) else "")
def test_an_old_name_is_told_the_new_one(anna: Api, kind: str, body: dict[str, object], field: str, words: str) -> None:
    refused = anna.post(f"/api/v1/{kind}", body, expect=422)
    (problem,) = [each for each in refused["errors"] if each["field"] == field]
    assert words in problem["message"]
    assert anna.get(f"/api/v1/{kind}")["results"] == []


def test_query_parameters_too(anna: Api) -> None:
    refused = anna.call("GET", "/api/v1/client?order=-id")
    assert refused.status_code == 422
    assert "it is now called ordering" in str(refused.json_body)


@pytest.mark.parametrize("phone", ["791012345678", "12345", "+7910", "9101234567 ext 5", 79101234567])
def test_no_other_phone_is_guessed_at(anna: Api, phone: object) -> None:
    assert "did you mean" not in str(anna.post("/api/v1/client", {**CLIENT, "phone": phone}, expect=422))


def test_values_are_not_told_back(anna: Api) -> None:
    for body in ({**CLIENT, "time_zone": "x" * 50}, {**CLIENT, "phone": "secret-1234"}):
        refused = anna.post("/api/v1/client", body, expect=422)
        assert "secret" not in str(refused)
        assert "xxx" not in str(refused)


OPERATIONS = [(route, method, place) for route in ROUTES for method, place in route.handlers.items()]
OLD_NAMES = {*old_names._NOW, *old_names._ANSWERED, "phon", "time_zon", "xyz"}
"""All of mailingAPI's, and some that nobody ever had."""


@pytest.mark.parametrize(("route", "method", "place"), OPERATIONS, ids=lambda each: getattr(each, "path", None) or str(each))
def test_a_hint_names_only_what_the_operation_takes(route: Route, method: str, place: str) -> None:
    """Over every operation, its body and its query: no name is suggested that is refused when it is given."""
    for schema in (declared(place).query, declared(place).body):
        if schema in (NoBody, NoQuery, FileBody):
            continue
        accepted = reading._fields(schema)
        assert accepted, (route.path, method)
        for name in OLD_NAMES - accepted:
            with pytest.raises(ApiError) as refused:
                reading.validated(schema, {name: "x"})
            (problem,) = [each for each in refused.value.errors if each.code is FieldCode.UNKNOWN_FIELD]
            assert problem.field == name
            promised = re.search(r"is now called (\w+)|did you mean (\w+)\?", problem.message)
            if promised and "cannot be given" not in problem.message:
                assert {promised[1] or promised[2]} <= accepted, problem
            else:
                assert problem.message.startswith("no such field")


USERS = [("active", "it is now called is_active"), ("usrname", "did you mean username?"), ("xyz", "allowed: is_active, ")]


@pytest.mark.parametrize(("field", "words"), USERS)
def test_the_hint_is_that_of_the_place(root: Api, field: str, words: str) -> None:
    """`active` was a mailing's in mailingAPI, and of a user it is something else."""
    user = root.get("/api/v1/user/me")["id"]
    (problem,) = root.call("PATCH", f"/api/v1/user/{user}", {field: True}).json_body["errors"]
    assert words in problem["message"]


@pytest.mark.parametrize("zone", ["3", "+3", "-11", 0, 14])
def test_hours_are_told_as_numbers_and_as_texts(anna: Api, zone: object) -> None:
    refused = anna.post("/api/v1/client", {**CLIENT, "time_zone": zone}, expect=422)
    assert "IANA name now: Europe/Moscow in place of 3" in str(refused)


def test_the_first_status_of_mailingapi_is_told_the_new_numbers(anna: Api) -> None:
    refused = anna.call("GET", "/api/v1/message?status=0")
    assert refused.status_code == 422
    assert "1 waiting, 2 sent, 3 expired, 4 failed, 5 cancelled" in str(refused.json_body)
