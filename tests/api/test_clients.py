"""Clients through the API."""

from tests.api.conftest import Api

PHONE = "+79101234567"


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


def test_the_same_phone_twice_is_a_conflict_for_one_owner_only(anna: Api, boris: Api) -> None:
    for somebody in (anna, boris):
        somebody.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    assert anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"}, expect=409)["code"] == "conflict"


def test_test_clients_are_made_once_and_by_a_superuser(root: Api, anna: Api) -> None:
    assert anna.post("/add-users", expect=403)["code"] == "forbidden"
    assert root.post("/add-users")["created"] == 2160
    assert root.post("/add-users/") == {"created": 0, "total": 2160, "message": "0 test clients made, 2160 were there already"}
    page = root.get("/api/v1/client?page_size=500&operator_code=910")
    assert len(page["results"]) == len({client["time_zone"] for client in page["results"]}) == 24
