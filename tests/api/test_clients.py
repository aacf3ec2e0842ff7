"""Clients through the API."""

import pytest

from chalicelib import config
from tests.api.conftest import MAILING, PHONE, Api


def test_a_client_is_added_read_and_listed(anna: Api) -> None:
    made = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "Europe/Moscow", "tags": ["vip"]})
    assert (made["operator_code"], made["tags"], made["attributes"]) == ("910", ["vip"], {})
    assert anna.get(f"/api/v1/client/{made['id']}/") == made
    assert anna.get("/api/v1/client/") == {"results": [made], "next": None, "previous": None}


def test_another_owners_client_is_not_there(anna: Api, boris: Api) -> None:
    made = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "Europe/Moscow"})
    theirs = boris.get(f"/api/v1/client/{made['id']}", expect=404)
    assert theirs == boris.get("/api/v1/client/999999", expect=404) == {"code": "not_found", "message": "no such client"}
    assert boris.get("/api/v1/client")["results"] == []


def test_many_are_added_at_once_or_none(anna: Api) -> None:
    good = [{"phone": f"+7910765432{digit}", "time_zone": "UTC"} for digit in range(9)]
    answer = anna.post("/api/v1/client", {"clients": [*good, {"phone": "+7", "time_zone": "UTC"}]}, expect=422)
    assert [error["field"] for error in answer["errors"]] == ["clients.9.phone"]
    answer = anna.post("/api/v1/client", {"clients": [*good, {**good[0], "time_zone": "localtime"}]}, expect=422)
    assert [error["field"] for error in answer["errors"]] == ["clients.9.time_zone"]
    assert anna.get("/api/v1/client")["results"] == []
    assert anna.post("/api/v1/client", {"clients": good})["created"] == 9
    answer = anna.post("/api/v1/client", {"clients": [good[3], {**good[0], "phone": PHONE}]}, expect=422)
    assert [error["field"] for error in answer["errors"]] == ["clients.0.phone"]
    assert len(anna.get("/api/v1/client")["results"]) == 9


def test_all_that_is_wrong_is_named_at_once(anna: Api) -> None:
    wrong = {"phone": "+71", "time_zone": "Mars/Olympus", "tags": [""], "operator_code": "x"}
    answer = anna.post("/api/v1/client", {"clients": [{"phone": "+0", "time_zone": "localtime"}, wrong]}, expect=422)
    named = {error["field"]: error["message"] for error in answer["errors"]}
    assert named.keys() == {
        "clients.0.phone",
        "clients.0.time_zone",
        *(f"clients.1.{name}" for name in ("phone", "time_zone", "tags.0", "operator_code")),
    }
    assert named["clients.1.time_zone"] == "not the IANA name of a time zone, like Europe/Moscow"
    assert named["clients.0.phone"] == "has 1 digit: a phone number has more"


def test_the_same_phone_twice_is_a_conflict_for_one_owner_only(anna: Api, boris: Api) -> None:
    for somebody in (anna, boris):
        somebody.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    assert anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"}, expect=409)["code"] == "conflict"


def test_test_clients_are_made_once_and_by_a_superuser(root: Api, anna: Api) -> None:
    assert anna.post("/add-users", expect=403)["code"] == "forbidden"
    assert root.post("/add-users")["created"] == 2160
    assert root.post("/add-users/") == {"created": 0, "total": 2160, "message": "0 test clients made, there already: 2,160"}
    page = root.get("/api/v1/client?page_size=500&operator_code=910")
    assert len(page["results"]) == len({client["time_zone"] for client in page["results"]}) == 24
    tags = {tag for client in root.get("/api/v1/client?page_size=500&time_zone=UTC")["results"] for tag in client["tags"]}
    assert tags == set()  # no test client is in UTC itself
    for number in (10, 55, 99):
        of_tag = root.get(f"/api/v1/client?tag=tag{number}&count=true")
        assert (of_tag["count"], {client["operator_code"] for client in of_tag["results"]}) == (24, {f"9{number}"})
    assert root.get("/api/v1/client?tag=test&count=true")["count"] == 2160


def test_put_replaces_and_patch_changes_what_is_named(anna: Api) -> None:
    made = anna.post(
        "/api/v1/client", {"phone": PHONE, "time_zone": "UTC", "tags": ["vip"], "attributes": {"name": "Анна", "n": 3}}
    )
    path = f"/api/v1/client/{made['id']}"
    assert anna.ask("PATCH", path, {"time_zone": "Asia/Tokyo"}) == {**made, "time_zone": "Asia/Tokyo"}
    assert anna.ask("PATCH", path, {}) == {**made, "time_zone": "Asia/Tokyo"}
    assert anna.ask("PATCH", path, {"phone": "+79261234567"})["operator_code"] == "926"
    assert anna.ask("PATCH", path, {"operator_code": "900"})["operator_code"] == "900"
    assert anna.ask("PATCH", path, {"tags": ["a", "a"]})["operator_code"] == "900"
    assert anna.ask("PATCH", path, {"operator_code": None})["operator_code"] == "926"
    replaced = anna.ask("PUT", path, {"phone": PHONE, "time_zone": "UTC"})
    assert replaced == {**made, "tags": [], "attributes": {}}
    for method in ("PUT", "PATCH"):
        answer = anna.ask(method, path, {"phone": "1", "time_zone": "UTC", "colour": "red"}, expect=422)
        assert {error["field"] for error in answer["errors"]} == {"phone", "colour"}
    assert anna.ask("PUT", path, {"time_zone": "UTC"}, expect=422)["errors"][0]["field"] == "phone"


def test_a_phone_that_another_client_has_is_a_conflict(anna: Api) -> None:
    anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    other = anna.post("/api/v1/client", {"phone": "+79261234567", "time_zone": "UTC"})
    anna.ask("PATCH", f"/api/v1/client/{other['id']}", {"phone": PHONE}, expect=409)


def test_only_a_superuser_gives_a_client_away_and_only_before_it_has_messages(anna: Api, root: Api, boris: Api) -> None:
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    path = f"/api/v1/client/{client['id']}"
    boris_id = boris.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})["owner"]
    assert anna.ask("PATCH", path, {"owner": boris_id}, expect=422)["errors"][0]["field"] == "owner"
    root.ask("PATCH", path, {"owner": boris_id}, expect=409)
    boris.ask("DELETE", f"/api/v1/client/{boris.get('/api/v1/client')['results'][0]['id']}", expect=204)
    assert root.ask("PATCH", path, {"owner": boris_id})["owner"] == boris_id
    assert boris.ask("PUT", path, {"phone": PHONE, "time_zone": "UTC"})["owner"] == boris_id
    mailing = boris.post("/api/v1/mailing", MAILING)
    boris.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    assert "has no messages" in root.ask("PATCH", path, {"owner": client["owner"]}, expect=409)["message"]


def test_all_clients_are_deleted_by_a_superuser_who_is_told_how_many(root: Api, anna: Api) -> None:
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    mailing = anna.post("/api/v1/mailing", MAILING)
    message = anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    root.post("/add-users")
    anna.post("/del-users", expect=403)
    assert root.post("/del-users", expect=200) == {"deleted": 2161, "remaining": 0, "message": "2,161 clients deleted"}
    assert root.post("/del-users", expect=200)["deleted"] == 0
    left = anna.get(f"/api/v1/message/{message['id']}")
    assert (left["status"], left["error_code"], left["client"], left["phone"]) == (4, "client_deleted", None, PHONE)


def test_test_clients_can_be_switched_off(root: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_CLIENTS_ENABLED", "false")
    config.settings.cache_clear()
    for path in ("/add-users", "/del-users"):
        assert "switched off" in root.post(path, expect=403)["message"]


def test_history_tells_who_changed_what_and_outlives_the_client(anna: Api, boris: Api, root: Api) -> None:
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    path = f"/api/v1/client/{client['id']}"
    anna.ask("PATCH", path, {"tags": ["vip"]})
    root.ask("DELETE", path, expect=204)
    found = anna.get(f"{path}/history")["results"]
    assert [(row["username"], row["action"], row["changes"]) for row in found] == [
        ("anna", "create", {}),
        ("anna", "update", {"tags": [[], ["vip"]]}),
        ("root", "delete", {"phone": [PHONE, None]}),
    ]
    boris.get(f"{path}/history", expect=404)
    newest = anna.get(f"{path}/history?page_size=1&ordering=-id")
    assert newest["results"] == [found[2]]
    assert newest["next"].endswith(f"cursor=after:{found[2]['id']}")


def test_many_clients_whose_phones_another_owner_has(anna: Api, boris: Api) -> None:
    client = {"phone": "+79101234567", "time_zone": "UTC"}
    boris.post("/api/v1/client", client)
    assert len(anna.post("/api/v1/client", {"clients": [client]})["results"]) == 1


def test_attributes_have_names_of_any_script_in_their_composed_form(anna: Api) -> None:
    """From the request through a mailing's preview; names that are one name, and names that are none, are refused by their code."""
    decomposed, composed = "и\u0306мя", "\u0439мя"
    made = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC", "attributes": {decomposed: "Анна", "名前": 5}})
    assert made["attributes"] == {composed: "Анна", "名前": 5}
    mailing = anna.post("/api/v1/mailing", {"text": f"${{{decomposed}}}, ${{名前}} ${{Имя|}}", "draft": True})
    preview = anna.get(f"/api/v1/mailing/{mailing['id']}/preview")
    assert preview["sample"]["text"] == "Анна, 5 "
    assert (preview["text"]["failing"], preview["text"]["known_names"]) == (0, [composed, "名前"])
    for attributes, code in (
        ({decomposed: 1, composed: 2}, "given_twice"),
        ({"дата рождения": 1}, "wrong_characters"),
        ({"и" * 65: 1}, "wrong_characters"),
        ({"\u200bимя": 1}, "wrong_characters"),
    ):
        refused = anna.ask("PATCH", f"/api/v1/client/{made['id']}", {"attributes": attributes}, 422)
        assert [(error["field"].split(".")[0], error["code"]) for error in refused["errors"]] == [("attributes", code)], refused
