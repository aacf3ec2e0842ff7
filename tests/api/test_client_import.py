"""Clients from files and programs: import, upsert by phone, policies for phones that are taken."""

from typing import Any

import pytest

from tests.api.conftest import PHONE, Api

PATH = "/api/v1/client/import"
FILE = b"phone,time_zone,tags\n+79101234567,Europe/Moscow,vip\n\n9261234567,Europe/Moscow,\n+7910,UTC,\n"


def sent(api: Api, query: str = "", raw: bytes = FILE, kind: str = "text/csv", expect: int = 200) -> Any:
    response = api.call("POST", PATH + query, raw, {"Content-Type": kind})
    assert response.status_code == expect, response.body
    return response.json_body


def test_a_file_is_a_dry_run_unless_it_is_said(anna: Api) -> None:
    dry = sent(anna)
    assert anna.get("/api/v1/client")["results"] == []
    done = sent(anna, "?dry_run=false")
    assert {**done, "dry_run": True} == dry
    counts = {name: done[name] for name in ("rows", "created", "updated", "unchanged", "bad", "blank")}
    assert counts == {"rows": 4, "created": 1, "updated": 0, "unchanged": 0, "bad": 2, "blank": 1}
    assert [(each["row"], each["column"], each["cell"]) for each in done["errors"]] == [
        (4, "phone", "9261234567"),
        (5, "phone", "+7910"),
    ]
    assert [each["target"] for each in done["columns"]] == ["phone", "time_zone", "tags"]
    assert done["countries"] == {"RU": 1}
    assert [row["phone"] for row in anna.get("/api/v1/client")["results"]] == [PHONE]


def test_a_default_country_and_an_update(anna: Api) -> None:
    sent(anna, "?dry_run=false")
    changed = FILE.replace(b"vip", b"gold")
    assert sent(anna, "?dry_run=false&default_country=RU", changed)["unchanged"] == 1
    done = sent(anna, "?dry_run=false&default_country=ru&on_conflict=update", changed)
    assert (done["created"], done["updated"], done["unchanged"], done["bad"]) == (0, 1, 1, 1)
    assert anna.get("/api/v1/client?tag=gold")["results"][0]["phone"] == PHONE


def test_columns_that_are_not_known(anna: Api) -> None:
    raw = "Телефон;Пояс;Город\n+79101234567;UTC;Тверь\n".encode()
    refused = sent(anna, "", raw, expect=422)
    assert refused["errors"][0]["field"] == "columns"
    assert "Город" in refused["errors"][0]["message"]
    assert sent(anna, "?unknown_columns=leave_out", raw)["created"] == 1
    done = sent(anna, "?unknown_columns=attributes&dry_run=false", raw)
    assert done["columns"][2] == {"name": "Город", "target": "attributes.город"}
    assert anna.get("/api/v1/client")["results"][0]["attributes"] == {"город": "Тверь"}


@pytest.mark.parametrize(
    ("query", "raw", "kind", "status", "why"),
    [
        ("", b'phone,time_zone\n"+79101234567,UTC\n', "text/csv", 422, "row 2: a quotation mark"),
        ("", "phone,time_zone\n+79101234567,Ц".encode("windows-1251"), "text/csv", 422, "row 2: is not in utf-8"),
        ("", "phone,time_zone,tags\n+79101234567,UTC,\ufffd".encode(), "text/csv", 422, "row 2: holds a character that was lost"),
        ("?encoding=windows-1251", FILE, "text/csv", 422, "no such field"),  # through the gateway other bytes than UTF-8 are lost
        ("", b"+79101234567,UTC\n+79101234568,UTC\n", "text/csv", 422, "does the first row hold the names of the columns?"),
        ("", b"", "text/csv", 422, "the file is empty"),
        ("", b"phone\n+79101234567", "text/csv", 422, "no column was chosen for: time_zone"),
        ("?default_country=UK", FILE, "text/csv", 422, "ISO 3166"),
        ("?dry_run=maybe", FILE, "text/csv", 422, ""),
        ("", FILE, "application/json", 415, "text/csv"),
        ("", b"x" * (4 * 2**20 + 1), "text/csv", 413, ""),
        ("?owner=999999", FILE, "text/csv", 422, "only a superuser"),
    ],
)
def test_what_is_refused_as_a_whole(anna: Api, query: str, raw: bytes, kind: str, status: int, why: str) -> None:
    answer = sent(anna, query, raw, kind, status)
    assert why in " ".join([answer["message"], *(each["message"] for each in answer.get("errors", []))])
    assert anna.get("/api/v1/client")["results"] == []


def test_a_file_sent_twice_under_one_key_and_a_dry_run_under_it(anna: Api) -> None:
    key = {"Content-Type": "text/csv", "Idempotency-Key": "k1"}
    first = anna.call("POST", f"{PATH}?dry_run=false", FILE, key)
    again = anna.call("POST", f"{PATH}?dry_run=false", FILE, key)
    assert first.json_body == again.json_body
    assert anna.call("POST", PATH, FILE, key).status_code == 422, "another call than that of the key"


def test_a_client_is_put_by_phone(anna: Api, boris: Api) -> None:
    path = "/api/v1/client/by-phone/%2B79101234567"
    made = anna.ask("PUT", path, {"time_zone": "UTC", "tags": ["vip"]})
    again = anna.ask("PUT", path, {"time_zone": "Asia/Tokyo"})
    assert (made["id"], made["phone"]) == (again["id"], PHONE)
    assert (again["time_zone"], again["tags"]) == ("Asia/Tokyo", [])
    for spelling in ("+79101234567", "+7%208%20910%20123-45-67", "8%20910%20123-45-67?default_country=RU"):
        assert anna.ask("PUT", f"/api/v1/client/by-phone/{spelling}", {"time_zone": "UTC"})["id"] == made["id"]
    assert boris.ask("PUT", path, {"time_zone": "UTC"})["id"] != made["id"]
    assert (
        anna.ask("PUT", "/api/v1/client/by-phone/9101234567", {"time_zone": "UTC"}, expect=422)["errors"][0]["field"] == "phone"
    )
    assert anna.ask("PUT", path, {"time_zone": "UTC", "phone": PHONE}, expect=422)["errors"][0]["field"] == "phone"
    actions = [each["action"] for each in anna.get(f"/api/v1/client/{made['id']}/history")["results"]]
    assert sorted(actions) == ["create", "update", "update"]


@pytest.mark.parametrize(
    ("policy", "zones", "counts"),
    [("skip", ["UTC", "Asia/Tokyo"], (1, 0)), ("update", ["Asia/Tokyo", "Asia/Tokyo"], (1, 1))],
)
def test_what_happens_to_phones_that_are_taken(anna: Api, policy: str, zones: list[str], counts: tuple[int, int]) -> None:
    first = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    many = {"clients": [{"phone": phone, "time_zone": "Asia/Tokyo"} for phone in (PHONE, "+79107654321")]}
    assert "clients.0.phone" in str(anna.post("/api/v1/client", many, expect=422))
    done = anna.post(f"/api/v1/client?on_conflict={policy}", many)
    assert (done["created"], done["updated"]) == counts
    assert [row["time_zone"] for row in done["results"]] == zones
    assert done["results"][0]["id"] == first["id"]
    assert anna.post(f"/api/v1/client?on_conflict={policy}", many)["created"] == 0
    twice = {"clients": [many["clients"][0], {"phone": "+7 8 910 123 45 67", "time_zone": "UTC"}]}
    refused = anna.post(f"/api/v1/client?on_conflict={policy}", twice, expect=422)
    assert [each["field"] for each in refused["errors"]] == ["clients.1.phone"]
    one = anna.post(f"/api/v1/client?on_conflict={policy}", {"phone": PHONE, "time_zone": "UTC"})
    assert (one["id"], one["time_zone"]) == (first["id"], "UTC")
    assert anna.post("/api/v1/client?on_conflict=replace", many, expect=422)["errors"][0]["field"] == "on_conflict"
