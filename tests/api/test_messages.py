"""Single messages through the API: by hand, again, away."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Engine, func, insert, text, update

from chalicelib import config
from chalicelib.storage.models import Base, Mailing, MailingZone, Message, MessageCall
from tests.api.conftest import MAILING, PHONE, Api
from tests.conftest import AwsCalls


def change(engine: Engine, table: type[Base], **columns: object) -> None:
    """Gives every row these columns."""
    with engine.begin() as connection:
        connection.execute(update(table).values(columns))


def fate(engine: Engine, **columns: object) -> None:
    """Gives every message these columns, as a worker would."""
    change(engine, Message, **columns)


def soon(seconds: int) -> ColumnElement[datetime]:
    """So many seconds from now, by the database's clock."""
    return func.now() + timedelta(seconds=seconds)


@pytest.fixture
def running(anna: Api, engine: Engine) -> dict[str, Any]:
    """A message by hand of a mailing that runs, and will for an hour."""
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    mailing = anna.post("/api/v1/mailing", {**MAILING, "filter_tags": ["nobody"]})
    change(engine, Mailing, status="running")
    change(engine, MailingZone, opens_at=soon(-3600), expires_at=soon(3600))
    made: dict[str, Any] = anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    return made


def path(message: dict[str, Any]) -> str:
    return f"/api/v1/message/{message['id']}"


def test_a_client_is_added_by_hand_whatever_the_selection(
    anna: Api, running: dict[str, Any], engine: Engine, aws_calls: AwsCalls
) -> None:
    assert (running["status"], running["status_title"], running["phone"]) == (1, "waiting to be sent", PHONE)
    assert anna.get(path(running)) == {**running, "calls": []}
    assert anna.get("/api/v1/message?status=1")["results"] == [running]
    assert anna.get(f"/api/v1/message?mailing={running['mailing']}&client=99")["results"] == []
    assert [body["mailing_id"] for _, body, _ in aws_calls.sent] == [running["mailing"]]
    again = anna.post("/api/v1/message", {"mailing": running["mailing"], "client": running["client"]}, expect=409)
    assert "already" in again["message"]
    for status in ("draft", "finished", "cancelled"):
        change(engine, Mailing, status=status)
        refused = anna.post("/api/v1/message", {"mailing": running["mailing"], "client": running["client"]}, expect=409)
        assert "scheduled, running or paused" in refused["message"]


def test_a_client_in_a_zone_that_is_new_to_the_mailing_is_reached_there(anna: Api) -> None:
    mailing = anna.post("/api/v1/mailing", {**MAILING, "time_zone": None})
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "Asia/Tokyo"})
    made = anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    assert (made["time_zone"], made["not_before"]) == ("Asia/Tokyo", "2030-05-01T00:00:00.000Z")
    assert anna.get(f"/api/v1/mailing/{mailing['id']}")["next_run_at"] == "2030-05-01T00:00:00.000Z"


def test_a_message_by_hand_goes_with_the_start_of_its_mailing(anna: Api) -> None:
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    mailing = anna.post("/api/v1/mailing", {**MAILING, "filter_tags": ["nobody"]})
    message = path(anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]}))
    assert anna.get(message)["not_before"] == "2030-05-01T09:00:00.000Z"
    earlier = {"starts_at": "2030-04-01T09:00:00", "ends_at": "2030-04-02T09:00:00"}
    anna.ask("PATCH", f"/api/v1/mailing/{mailing['id']}", earlier)
    assert anna.get(message)["not_before"] == "2030-04-01T09:00:00.000Z"
    started = anna.post(f"/api/v1/mailing/{mailing['id']}/start", expect=200)
    assert anna.get(message)["not_before"] == started["next_run_at"] < "2030"


def test_a_phone_that_is_to_be_left_alone_is_left_alone(anna: Api) -> None:
    anna.post("/api/v1/do-not-contact", {"phone": PHONE, "reason": "asked"})
    mailing = anna.post("/api/v1/mailing", MAILING)
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    made = anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    assert (made["status"], made["error_code"]) == (4, "do_not_contact")


def test_a_client_whose_end_is_past_gets_a_message_that_says_so(anna: Api, engine: Engine) -> None:
    mailing = anna.post("/api/v1/mailing", MAILING)
    client = anna.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    change(engine, MailingZone, expires_at=soon(-1))
    made = anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    assert made["status"] == 3


def test_a_failed_message_is_tried_again_and_its_mailing_runs_again(
    anna: Api, running: dict[str, Any], engine: Engine, aws_calls: AwsCalls
) -> None:
    fate(engine, status=4, error_code="refused", error_detail="HTTP 400", attempts=3, claim_no=3)
    change(engine, Mailing, status="finished", finished_at=soon(0), final_counts={"failed": 1}, next_run_at=None)
    aws_calls.sent.clear()
    again = anna.ask("PATCH", path(running), {"status": 1})
    assert (again["status"], again["attempts"], again["error_code"], again["error_detail"]) == (1, 0, None, None)
    mailing = anna.get(f"/api/v1/mailing/{running['mailing']}")
    assert (mailing["status"], mailing["finished_at"], mailing["counts"]["waiting"]) == ("running", None, 1)
    assert [body["source"] for _, body, _ in aws_calls.sent] == ["api"]
    assert anna.ask("PATCH", path(running), {"status": 1}) == again
    with engine.connect() as connection:
        assert connection.execute(text("SELECT claim_no FROM message")).scalar_one() == 3


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"status": 2}, "only a failed (4) or expired (3)"),
        ({"status": 5}, "only a failed (4) or expired (3)"),
        ({"status": 4, "error_code": "unknown_outcome"}, "may have been delivered"),
        ({"status": 4, "error_code": "client_deleted", "client_id": None, "phone": "+79107654321"}, "client was deleted"),
    ],
)
def test_another_try_that_could_be_a_second_delivery_is_refused(
    anna: Api, running: dict[str, Any], engine: Engine, columns: dict[str, object], why: str
) -> None:
    fate(engine, **columns)
    assert why in anna.ask("PATCH", path(running), {"status": 1}, expect=409)["message"]


def test_a_provider_that_honours_the_key_may_be_asked_again_after_an_unknown_outcome(
    anna: Api, running: dict[str, Any], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fate(engine, status=4, error_code="unknown_outcome", unknown=True)
    monkeypatch.setenv("PROVIDER_HONOURS_KEY", "true")
    config.settings.cache_clear()
    assert anna.ask("PATCH", path(running), {"status": 1})["status"] == 1
    with engine.connect() as connection:  # what is known of the first call does not change
        assert connection.execute(text("SELECT unknown FROM message")).scalar_one()


def test_what_is_over_is_not_tried_again(anna: Api, running: dict[str, Any], engine: Engine) -> None:
    fate(engine, status=4, error_code="refused")
    anna.post("/api/v1/do-not-contact", {"phone": PHONE})
    assert "do-not-contact" in anna.ask("PATCH", path(running), {"status": 1}, expect=409)["message"]
    change(engine, MailingZone, expires_at=soon(0))
    assert "end is past" in anna.ask("PATCH", path(running), {"status": 1}, expect=409)["message"]
    change(engine, Mailing, status="cancelled")
    assert "cancelled" in anna.ask("PATCH", path(running), {"status": 1}, expect=409)["message"]


def test_put_keeps_what_a_message_is(anna: Api, running: dict[str, Any], engine: Engine) -> None:
    whole = {"mailing": running["mailing"], "client": running["client"], "status": 1}
    assert anna.ask("PUT", path(running), whole) == running
    fate(engine, status=4, error_code="refused")
    assert anna.ask("PUT", path(running), {**whole, "status": 4})["status"] == 4
    anna.ask("PUT", path(running), {**whole, "status": 2}, expect=409)
    anna.ask("PUT", path(running), {**whole, "client": 99}, expect=409)
    assert anna.ask("PUT", path(running), whole)["status"] == 1


def test_a_deleted_message_is_out_of_sight_and_comes_back_only_if_it_was_never_called_for(
    anna: Api, running: dict[str, Any], engine: Engine
) -> None:
    anna.ask("DELETE", path(running), expect=204)
    anna.get(path(running), expect=404)
    assert anna.get("/api/v1/message")["results"] == []
    assert anna.get("/api/v1/statistic-messages")["total"] == 0
    assert anna.get(f"/api/v1/mailing/{running['mailing']}")["counts"]["total"] == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT status FROM message")).scalar_one() == 5
    again = {"mailing": running["mailing"], "client": running["client"]}
    fate(engine, claim_no=1)
    anna.post("/api/v1/message", again, expect=409)
    fate(engine, claim_no=0)
    assert anna.post("/api/v1/message", again)["id"] == running["id"]


@pytest.mark.parametrize("columns", [{"lease_until": soon(60)}, {"unknown": True}])
def test_a_message_whose_fate_is_not_known_is_not_deleted(
    anna: Api, running: dict[str, Any], engine: Engine, columns: dict[str, Any]
) -> None:
    fate(engine, **columns)
    anna.ask("DELETE", path(running), expect=409)
    assert anna.get(path(running)) == {**running, "calls": []}


def test_the_counts_that_a_finished_mailing_keeps_follow(anna: Api, running: dict[str, Any], engine: Engine) -> None:
    fate(engine, status=2)
    change(engine, Mailing, status="finished", finished_at=soon(0), final_counts={"sent": 1, "total": 1})
    assert anna.get(f"/api/v1/mailing/{running['mailing']}")["counts"]["sent"] == 1
    anna.ask("DELETE", path(running), expect=204)
    assert anna.get(f"/api/v1/mailing/{running['mailing']}")["counts"]["sent"] == 0


def test_the_counts_of_a_mailing_that_runs_go_on_after_a_message_was_deleted(
    anna: Api, running: dict[str, Any], engine: Engine
) -> None:
    client = anna.post("/api/v1/client", {"phone": "+79101234568", "time_zone": "UTC"})
    anna.post("/api/v1/message", {"mailing": running["mailing"], "client": client["id"]})
    anna.ask("DELETE", path(running), expect=204)
    fate(engine, status=2)
    counts = anna.get(f"/api/v1/mailing/{running['mailing']}")["counts"]
    assert (counts["sent"], counts["total"]) == (1, 1)


def test_a_client_that_is_deleted_while_its_message_is_being_sent_is_left_to_it(
    anna: Api, running: dict[str, Any], engine: Engine
) -> None:
    fate(engine, lease_until=soon(60))
    anna.ask("DELETE", f"/api/v1/client/{running['client']}", expect=204)
    assert (anna.get(path(running))["status"], anna.get(path(running))["client"]) == (1, None)


@pytest.mark.parametrize("columns", [{"unknown": True}, {"lease_until": soon(-1)}])
def test_a_deleted_clients_message_that_may_have_been_delivered_says_so(
    anna: Api, running: dict[str, Any], engine: Engine, columns: dict[str, Any]
) -> None:
    fate(engine, **columns)
    anna.ask("DELETE", f"/api/v1/client/{running['client']}", expect=204)
    assert anna.get(path(running))["error_code"] == "unknown_outcome"


def test_statistics_show_each_status_with_its_messages(anna: Api, running: dict[str, Any], engine: Engine) -> None:
    fate(engine, status=4, error_code="refused")
    found = anna.get("/api/v1/statistic-messages?page_size=1")
    assert (found["total"], [each["count"] for each in found["statuses"]]) == (1, [0, 0, 0, 1, 0])
    failed = found["statuses"][3]
    assert failed == anna.get("/api/v1/statistic-messages/4?page_size=1")
    assert [message["id"] for message in failed["messages"]["results"]] == [running["id"]]
    mine = anna.get(f"/api/v1/messages-in-mailing/{running['mailing']}?status=4")
    assert (mine["mailing"]["counts"]["failed"], len(mine["messages"]["results"])) == (1, 1)
    assert anna.get(f"/api/v1/messages-in-mailing/{running['mailing']}?status=2")["messages"]["results"] == []


@pytest.mark.usefixtures("running")
def test_statistics_of_finished_mailings_are_those_they_finished_with(anna: Api, engine: Engine) -> None:
    with engine.begin() as connection:
        (over,) = connection.execute(
            text(
                "INSERT INTO mailing (owner_id, name, text, starts_at, ends_at, status, finished_at, final_counts)"
                " SELECT owner_id, 'over', 'over', starts_at, ends_at, 'finished', now(), CAST(:counts AS jsonb) FROM mailing LIMIT 1"
                " RETURNING id"
            ),
            {"counts": '{"sent": 70, "failed": 5, "total": 75}'},
        ).one()
    assert over
    found = anna.get("/api/v1/statistic-messages")
    assert [each["count"] for each in found["statuses"]] == [1, 70, 0, 5, 0]
    assert found["total"] == 76


def test_the_rest_of_a_status_is_a_link_away(anna: Api) -> None:
    mailing = anna.post("/api/v1/mailing", MAILING)
    clients = anna.post("/api/v1/client", {"clients": [{"phone": f"+7910123456{n}", "time_zone": "UTC"} for n in range(3)]})
    for client in clients["results"]:
        anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]})
    link = anna.get("/api/v1/statistic-messages?page_size=2")["statuses"][0]["messages"]["next"]
    assert "/api/v1/statistic-messages/1?page_size=2&cursor=after:2" in link
    path_of_link = link[link.index("/api") :]
    assert len(anna.get(path_of_link)["messages"]["results"]) == 1


def test_what_people_did_to_a_mailing_stays_in_its_history(anna: Api, running: dict[str, Any], engine: Engine) -> None:
    path_of_mailing = f"/api/v1/mailing/{running['mailing']}"
    fate(engine, status=4, error_code="refused")
    anna.post(f"{path_of_mailing}/retry-failed", expect=200)
    anna.ask("PATCH", path_of_mailing, {"name": "autumn"})
    change(engine, Mailing, status="cancelled")
    anna.ask("DELETE", path_of_mailing, expect=204)
    found = anna.get(f"{path_of_mailing}/history")["results"]
    assert [(row["action"], row["changes"]) for row in found[1:]] == [
        ("add_message", {"message": [None, running["id"]]}),
        ("retry_failed", {"messages": [None, 1]}),
        ("update", {"name": [MAILING["name"], "autumn"]}),
        ("delete", {}),
    ]


def test_a_client_of_another_owner_joins_no_mailing_even_by_a_superuser(anna: Api, boris: Api, root: Api) -> None:
    mailing = anna.post("/api/v1/mailing", MAILING)
    client = boris.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    refused = root.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]}, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["client"]
    anna.post("/api/v1/message", {"mailing": mailing["id"], "client": client["id"]}, expect=404)


def test_the_calls_for_a_message_are_shown_with_it(anna: Api, boris: Api, running: dict[str, Any], engine: Engine) -> None:
    made = {"mailing_id": running["mailing"], "message_id": running["id"], "provider": "default", "kind": "not_delivered"}
    with engine.begin() as connection:
        for number in (2, 1):
            values = {**made, "slot": number - 1, "claim_no": number, "attempt": number, "at": func.now(), "detail": "HTTP 503"}
            connection.execute(insert(MessageCall).values(**values, error_code="not_delivered", milliseconds=None))
    fate(engine, attempted_at=func.now())
    shown = anna.get(path(running))
    assert shown["last_attempted_at"] >= shown["calls"][0]["at"]
    assert [call["attempt"] for call in shown["calls"]] == [1, 2]
    assert {**shown["calls"][0], "at": ""} == {
        "at": "",
        "provider": "default",
        "attempt": 1,
        "kind": "not_delivered",
        "error_code": "not_delivered",
        "error_detail": "HTTP 503",
        "milliseconds": None,
    }
    assert "calls" not in anna.get("/api/v1/message?status=1")["results"][0], "only with a single message"
    boris.get(path(running), expect=404)


@pytest.mark.parametrize("path", ["/api/v1/message", "/api/v1/do-not-contact"])
def test_a_plus_that_an_address_made_a_space_is_told(anna: Api, path: str) -> None:
    [refused] = anna.get(f"{path}?phone=+79101234567", expect=422)["errors"]
    assert (refused["field"], "%2B" in refused["message"]) == ("phone", True)
    assert anna.get(f"{path}?phone=%2B79101234567")["results"] == []
