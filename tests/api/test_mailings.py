"""Mailings through the API."""

from typing import Any

from tests.api.conftest import MAILING, Api


def test_a_mailing_is_written_read_and_listed(anna: Api, boris: Api) -> None:
    made = anna.post("/api/v1/mailing", MAILING)
    assert made["status"] == "scheduled"
    assert made["next_run_at"] == "2030-05-01T09:00:00Z"
    assert made["counts"] == {"waiting": 0, "sent": 0, "expired": 0, "failed": 0, "cancelled": 0, "total": 0}
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
