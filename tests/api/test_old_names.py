"""Who writes to this API as they wrote to mailingAPI is told what has another name now; nothing is taken for something else."""

import pytest

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
