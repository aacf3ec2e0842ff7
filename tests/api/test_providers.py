"""Providers, through the API."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.api.conftest import MAILING, PHONE, Api

PATH = "/api/v1/provider"
TWILIO = {"name": "twilio", "kind": "twilio", "sender": "+15550001111"}


def test_one_is_added_changed_and_deleted(root: Api) -> None:
    made = root.post(PATH, {**TWILIO, "rate": 10, "position": 2})
    assert (made["enabled"], made["environment"], made["credential"]) == (True, False, False)
    assert made["problem"] == "the service's secret has no providers.twilio"
    assert root.get(f"{PATH}/{made['id']}") == made
    changed = root.ask("PATCH", f"{PATH}/{made['id']}", {"rate": 20, "enabled": False})
    assert (changed["rate"], changed["enabled"], changed["sender"]) == (20, False, "+15550001111")
    assert root.get(PATH)["results"] == [changed]
    root.ask("DELETE", f"{PATH}/{made['id']}", expect=204)
    root.get(f"{PATH}/{made['id']}", expect=404)
    actions = [each["action"] for each in root.get(f"{PATH}/{made['id']}/history")["results"]]
    assert sorted(actions) == ["create", "delete", "update"]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"name": "a b"}, "name", ""),
        ({"kind": "telegraph"}, "kind", "contract"),
        ({"url": "ftp://x"}, "url", "https://host"),
        ({"url": "https://user:secret@host"}, "url", "without user name"),
        ({"kind": "infobip"}, "url", "is needed for the kind infobip"),
        ({"honours_key": True}, "honours_key", "twilio delivers twice"),
        ({"rate": -1}, "rate", ""),
        ({"sender": "x" * 101}, "sender", ""),
    ],
)
def test_what_is_wrong_is_named(root: Api, body: dict[str, Any], field: str, says: str) -> None:
    [error] = root.post(PATH, {**TWILIO, **body}, expect=422)["errors"]
    assert error["field"] == field
    assert says in error["message"]
    assert "secret@" not in error["message"]


def test_a_name_is_taken_once_and_never_changes(root: Api) -> None:
    made = root.post(PATH, TWILIO)
    assert root.post(PATH, TWILIO, expect=422)["errors"][0]["code"] == "taken"
    assert root.ask("PATCH", f"{PATH}/{made['id']}", {"name": "other"}, expect=422)["errors"][0]["field"] == "name"


def test_a_mailing_names_providers_in_its_order(root: Api, anna: Api) -> None:
    for name in ("one", "two"):
        root.post(PATH, {**TWILIO, "name": name})
    made = anna.post("/api/v1/mailing", {**MAILING, "draft": True, "providers": ["two", "one"]})
    assert made["providers"] == ["two", "one"]
    assert anna.ask("PATCH", f"/api/v1/mailing/{made['id']}", {"providers": []})["providers"] == []
    [error] = anna.ask("PATCH", f"/api/v1/mailing/{made['id']}", {"providers": ["three"]}, expect=422)["errors"]
    assert error["message"] == "no provider has the name three; there are: one, two"
    for wrong in (["one", "one"], ["a b"], "one", [1], ["one"] * 11):
        errors = anna.post("/api/v1/mailing", {**MAILING, "providers": wrong}, expect=422)["errors"]
        assert {each["field"].partition(".")[0] for each in errors} == {"providers"}


def test_one_that_a_mailing_names_is_not_deleted(root: Api, anna: Api) -> None:
    made = root.post(PATH, TWILIO)
    mailing = anna.post("/api/v1/mailing", {**MAILING, "draft": True, "providers": ["twilio"]})
    assert "disabled" in root.ask("DELETE", f"{PATH}/{made['id']}", expect=409)["message"]
    anna.ask("DELETE", f"/api/v1/mailing/{mailing['id']}", expect=204)
    root.ask("DELETE", f"{PATH}/{made['id']}", expect=204)


def test_the_provider_of_the_settings_changes_with_them_alone(root: Api, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO provider (name, kind, environment) VALUES ('default', 'contract', true)"))
    [found] = root.get(PATH)["results"]
    assert found["environment"]
    path = f"{PATH}/{found['id']}"
    assert root.ask("PATCH", path, {"sender": "Shop"}, expect=422)["errors"][0]["field"] == "sender"
    assert root.ask("PATCH", path, {"position": 5, "enabled": False})["position"] == 5
    root.ask("DELETE", path, expect=409)


def test_a_test_send_names_its_provider(root: Api, anna: Api) -> None:
    root.post(PATH, TWILIO)
    made = anna.post("/api/v1/mailing", {**MAILING, "draft": True})
    path = f"/api/v1/mailing/{made['id']}/test"
    for name, says in (("twilio", "no providers.twilio"), ("telegraph", "there are: twilio")):
        [error] = anna.post(path, {"phone": PHONE, "provider": name}, expect=422)["errors"]
        assert error["field"] == "provider"
        assert says in error["message"]
