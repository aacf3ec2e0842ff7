"""Mailings through the API."""

from typing import Any

from tests.api.conftest import MAILING, PHONE, Api


def test_a_mailing_is_written_read_and_listed(anna: Api, boris: Api) -> None:
    made = anna.post("/api/v1/mailing", MAILING)
    assert made["status"] == "scheduled"
    assert made["next_run_at"] == "2030-05-01T09:00:00.000Z"
    assert made["counts"] == {"waiting": 0, "sent": 0, "expired": 0, "failed": 0, "cancelled": 0, "unplanned": 0, "total": 0}
    assert anna.get(f"/api/v1/mailing/{made['id']}") == made
    assert anna.get("/api/v1/mailing?status=scheduled&starts_after=2030-04-30T00:00:00")["results"] == [made]
    assert anna.get("/api/v1/mailing?starts_before=2030-05-01T09:00:00")["results"] == []
    boris.get(f"/api/v1/mailing/{made['id']}", expect=404)
    assert anna.get(f"/api/v1/messages-in-mailing/{made['id']}")["messages"]["results"] == []
    boris.get(f"/api/v1/messages-in-mailing/{made['id']}", expect=404)


def refused(anna: Api, **changes: Any) -> dict[str, str]:
    answer = anna.post("/api/v1/mailing", {**MAILING, **changes}, expect=422)
    return {error["field"]: error["message"] for error in answer["errors"]}


def test_a_wall_time_with_an_offset_is_refused_and_told_why(anna: Api) -> None:
    for offset in ("Z", "+03:00", "-0500"):
        assert "has no offset" in refused(anna, starts_at=f"2030-05-01T09:00:00{offset}")["starts_at"]


def test_what_cannot_be_right_is_refused_by_name(anna: Api) -> None:
    assert set(refused(anna, ends_at="2030-05-01T09:00:00")) == {"ends_at"}
    assert set(refused(anna, time_zone="localtime")) == {"time_zone"}
    assert set(refused(anna, colour="red", rate_limit=0)) == {"colour", "rate_limit"}
    assert set(refused(anna, starts_at="2030-02-30T09:00:00")) == {"starts_at"}
    assert set(refused(anna, send_from="25:00")) == {"send_from"}
    assert set(refused(anna, text="Hi ${")) == {"text"}


def test_statistics_count_nothing_before_anything_was_planned(anna: Api) -> None:
    found = anna.get("/api/v1/statistic-messages")
    assert [(each["status"], each["count"]) for each in found["statuses"]] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert anna.get("/api/v1/statistic-messages/2")["title"] == "sent"
    assert "1 waiting" in anna.get("/api/v1/statistic-messages/6", expect=404)["message"]


def test_patch_changes_what_is_named_and_put_replaces(anna: Api) -> None:
    made = anna.post("/api/v1/mailing", {**MAILING, "filter_tags": ["vip"], "send_from": "09:00", "send_until": "21:00:00"})
    path = f"/api/v1/mailing/{made['id']}"
    assert (made["send_from"], made["send_until"]) == ("09:00:00", "21:00:00")
    assert anna.ask("PATCH", path, {"name": "June", "starts_at": "2030-06-01T09:00", "ends_at": "2030-06-02T09:00"}) == {
        **made,
        "name": "June",
        "starts_at": "2030-06-01T09:00:00",
        "ends_at": "2030-06-02T09:00:00",
        "next_run_at": "2030-06-01T09:00:00.000Z",
    }
    replaced = anna.ask("PUT", path, {**MAILING, "draft": True})
    assert (replaced["status"], replaced["filter_tags"], replaced["send_from"]) == ("draft", [], None)
    assert set(anna.ask("PATCH", path, {"send_from": "09:00"}, expect=422)["errors"][0]) == {"field", "code", "message"}
    assert anna.ask("PATCH", path, {"draft": False})["status"] == "scheduled"


def test_the_life_cycle_has_its_verbs(anna: Api) -> None:
    path = f"/api/v1/mailing/{anna.post('/api/v1/mailing', {**MAILING, 'draft': True})['id']}"
    anna.post(f"{path}/pause", expect=409)
    for verb, status in (("start", "scheduled"), ("pause", "paused"), ("resume", "scheduled"), ("cancel", "cancelled")):
        assert anna.post(f"{path}/{verb}", expect=200)["status"] == status
    assert "cancelled" in anna.post(f"{path}/start", expect=409)["message"]
    assert [row["action"] for row in anna.get(f"{path}/history")["results"]] == ["create", "start", "pause", "resume", "cancel"]
    anna.ask("DELETE", path, expect=204)
    anna.get(path, expect=404)


def test_a_paused_mailing_does_not_become_a_draft(anna: Api) -> None:
    path = f"/api/v1/mailing/{anna.post('/api/v1/mailing', MAILING)['id']}"
    anna.post(f"{path}/pause", expect=200)
    answer = anna.ask("PATCH", path, {"draft": True}, expect=409)
    assert answer["message"] == "a paused mailing cannot be drafted: it must be draft or scheduled"
    assert anna.ask("PATCH", path, {"draft": False, "name": "June"})["status"] == "paused"


def test_a_mailing_with_messages_keeps_its_owner(anna: Api, boris: Api, root: Api) -> None:
    clients = [somebody.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"}) for somebody in (anna, boris)]
    mailing = anna.post("/api/v1/mailing", MAILING)
    path, given = f"/api/v1/mailing/{mailing['id']}", {"owner": clients[1]["owner"]}
    assert root.ask("PATCH", path, given)["owner"] == clients[1]["owner"]
    root.ask("PATCH", path, {"owner": clients[0]["owner"]})
    anna.post("/api/v1/message", {"mailing": mailing["id"], "client": clients[0]["id"]})
    assert "has no messages" in root.ask("PATCH", path, given, expect=409)["message"]
    boris.get(f"/api/v1/messages-in-mailing/{mailing['id']}", expect=404)


def test_a_look_before_sending(anna: Api, boris: Api) -> None:
    clients = [
        {"phone": f"+7910123456{n}", "time_zone": zone, "attributes": {"name": "Анна"}}
        for n, zone in enumerate(["UTC", "Asia/Tokyo"])
    ]
    anna.post("/api/v1/client", {"clients": clients})
    anna.post("/api/v1/do-not-contact", {"phone": clients[0]["phone"]})
    path = f"/api/v1/mailing/{anna.post('/api/v1/mailing', {**MAILING, 'text': 'Hi ${name}', 'time_zone': None, 'draft': True})['id']}"
    found = anna.get(f"{path}/preview")
    assert (found["clients"], found["do_not_contact"], found["sample"]["text"]) == (2, 1, "Hi Анна")
    assert [(zone["time_zone"], zone["opens_at"]) for zone in found["zones"]] == [
        ("Asia/Tokyo", "2030-05-01T00:00:00.000Z"),
        ("UTC", "2030-05-01T09:00:00.000Z"),
    ]
    boris.get(f"{path}/preview", expect=404)
    sent = anna.post(f"{path}/test", {"phone": "+79109876543"}, expect=200)
    assert (sent["text"], sent["outcome"]) == ("Hi Анна", "not_delivered")
    boris.post(f"{path}/test", {"phone": "+79109876543"}, expect=404)
    assert anna.post(f"{path}/test", {"phone": "1"}, expect=422)["errors"][0]["field"] == "phone"
    assert anna.get("/api/v1/statistic-messages")["total"] == 0
    anna.post(f"{path}/retry-failed", expect=409)


def test_missing_values_are_confirmed_before_a_mailing_starts(anna: Api) -> None:
    anna.post("/api/v1/client", {"phone": "+79101234567", "time_zone": "UTC", "attributes": {"name": "Olga"}})
    wanted = {**MAILING, "text": "Hi ${nmae}"}
    refused = anna.post("/api/v1/mailing", wanted, expect=409)
    assert (refused["code"], refused["errors"][0]["field"], refused["errors"][0]["code"]) == (
        "conflict",
        "text",
        "missing_values",
    )
    assert "nmae (do you mean name?)" in refused["message"]
    draft = anna.post("/api/v1/mailing", {**wanted, "draft": True})["id"]
    seen = anna.get(f"/api/v1/mailing/{draft}/preview")["text"]
    assert (seen["failing"], seen["known_names"], seen["encoding"], seen["segments"]) == (1, ["name"], "GSM-7", 1)
    assert seen["lacked"] == [{"name": "nmae", "clients": 1, "has_default": False, "nearest": "name"}]
    anna.post(f"/api/v1/mailing/{draft}/start", expect=409)
    anna.ask("PATCH", f"/api/v1/mailing/{draft}", {"draft": False}, expect=409)
    assert anna.post(f"/api/v1/mailing/{draft}/start?confirmed=true", expect=200)["status"] == "scheduled"
    assert anna.post("/api/v1/mailing?confirmed=true", wanted)["status"] == "scheduled"


def test_one_limit_for_texts(anna: Api) -> None:
    assert len(anna.post("/api/v1/mailing", {**MAILING, "text": "x" * 2_000, "draft": True})["text"]) == 2_000
    assert set(refused(anna, text="x" * 2_001)) == {"text"}
