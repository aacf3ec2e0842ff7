"""A mailing needs only its text; a list answers how long it is when asked."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.mailing_defaults import name_from
from chalicelib.storage import paging
from tests.api.conftest import MAILING, Api

LISTS = (
    "/api/v1/client",
    "/api/v1/client?time_zone=UTC",
    "/api/v1/client?operator_code=910",
    "/api/v1/client?tag=vip",
    "/api/v1/mailing",
    "/api/v1/mailing?status=draft",
    "/api/v1/message",
    "/api/v1/message?status=1",
    "/api/v1/message?mailing={mailing}",
    "/api/v1/message?client={client}",
    "/api/v1/do-not-contact",
    "/api/v1/token",
    "/api/v1/client/{client}/history",
    "/api/v1/mailing/{mailing}/history",
)


def wall(value: str) -> datetime:
    return datetime.fromisoformat(value)


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo", "America/Los_Angeles"])
def test_a_text_is_enough(anna: Api, zone: str | None) -> None:
    for number, client_zone in enumerate(("Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago")):
        anna.post("/api/v1/client", {"phone": f"+7910123456{number}", "time_zone": client_zone})
    made = anna.post("/api/v1/mailing", {"text": "Hello,\n  ${name|friend}!", **({"time_zone": zone} if zone else {})})
    assert made["name"] == "Hello, ${name|friend}!"
    assert wall(made["ends_at"]) - wall(made["starts_at"]) == timedelta(days=1)
    moment = datetime.fromisoformat(made["next_run_at"])
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=5)
    preview = anna.get(f"/api/v1/mailing/{made['id']}/preview")
    # Everywhere at once, whatever clocks show there.
    assert {each["opens_at"] for each in preview["zones"]} == {made["next_run_at"]} or all(
        datetime.fromisoformat(each["opens_at"]) <= moment for each in preview["zones"]
    )


def test_what_is_said_is_kept(anna: Api) -> None:
    made = anna.post("/api/v1/mailing", {"text": "Hello", "starts_at": "2098-05-01T09:00:00"})
    assert (made["starts_at"], made["ends_at"]) == ("2098-05-01T09:00:00", "2098-05-02T09:00:00")
    made = anna.post("/api/v1/mailing", {"text": "Hello", "ends_at": "2098-05-01T09:00:00", "name": "May"})
    assert (made["name"], made["ends_at"]) == ("May", "2098-05-01T09:00:00")
    past = anna.post("/api/v1/mailing", {"text": "Hello", "ends_at": "2001-05-01T09:00:00"}, expect=422)
    assert past["errors"][0]["field"] == "ends_at"
    anna.post("/api/v1/mailing", {"name": "no text"}, expect=422)
    anna.post("/api/v1/mailing", {"text": ""}, expect=422)


def test_a_draft_starts_when_it_is_started(anna: Api) -> None:
    made = anna.post("/api/v1/mailing", {"text": "Hello", "draft": True})
    assert (made["status"], made["next_run_at"]) == ("draft", None)


def test_a_start_that_was_now_can_still_be_moved(anna: Api, engine: Engine) -> None:
    made = anna.post("/api/v1/mailing", {"text": "Hello"})
    path = f"/api/v1/mailing/{made['id']}"
    moved = anna.ask("PATCH", path, {"starts_at": "2098-05-01T09:00:00", "ends_at": "2098-05-02T09:00:00"})
    assert moved["next_run_at"] > "2098-"
    with engine.connect() as connection:
        assert connection.execute(text("SELECT start_now_at FROM mailing")).scalar_one() is None


def test_put_still_needs_all_that_has_no_default(anna: Api) -> None:
    made = anna.post("/api/v1/mailing", MAILING)
    refused = anna.ask("PUT", f"/api/v1/mailing/{made['id']}", {"text": "Hello"}, expect=422)
    assert {each["field"] for each in refused["errors"]} == {"name", "starts_at", "ends_at"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("  a \n b ", "a b"),
        ("x" * 100, "x" * 59 + "…"),
        ("word " * 30, ("word " * 11).strip() + "…"),
        ("x" * 60, "x" * 60),
        (" ", "…"),
        ("\x01", "…"),
        ("\u200b\x1f", "…"),
        ("a\x01b", "a b"),
    ],
)
def test_the_name_is_the_first_words(given: str, name: str) -> None:
    assert name_from(given) == name
    assert len(name_from(given)) <= 60


@pytest.fixture
def ids(anna: Api) -> dict[str, int]:
    clients = [
        anna.post("/api/v1/client", {"phone": f"+7910123456{number}", "time_zone": "UTC", "tags": ["vip"]})["id"]
        for number in range(3)
    ]
    anna.post("/api/v1/mailing", {**MAILING, "draft": True})
    mailing = anna.post("/api/v1/mailing", MAILING)["id"]
    for client in clients:
        anna.post("/api/v1/message", {"mailing": mailing, "client": client})
    anna.post("/api/v1/do-not-contact", {"phone": "+79100000000"})
    return {"client": clients[0], "mailing": mailing}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_answers_its_length_when_asked(anna: Api, root: Api, ids: dict[str, int], path: str) -> None:
    path = path.format(**ids)
    sign = "&" if "?" in path else "?"
    for asker in (anna, root):
        plain = asker.get(path)
        assert "count" not in plain
        if path == "/api/v1/token" and asker is root:
            assert len(plain["results"]) == 2
        for size in (1, 500):
            answer = asker.get(f"{path}{sign}count=true&page_size={size}")
            assert (answer["count"], answer["count_is_estimate"]) == (len(plain["results"]), False)
            assert answer["results"] == plain["results"][:size]
            assert answer["next"] is None or "count=true" in answer["next"]


def test_a_count_that_takes_too_long_is_an_estimate(anna: Api, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    user = anna.get("/api/v1/user/me")["id"]
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO client (owner_id, phone, operator_code, time_zone)"
                " SELECT :user, '+7910' || lpad(n::text, 7, '0'), '910', 'UTC' FROM generate_series(1, 200000) n"
            ),
            {"user": user},
        )
    monkeypatch.setattr(paging, "_COUNT_MILLISECONDS", 1)
    answer = anna.get("/api/v1/client?count=true&page_size=1")
    assert answer["count_is_estimate"] is True
    assert answer["count"] >= 0
    assert len(answer["results"]) == 1
    monkeypatch.setattr(paging, "_COUNT_MILLISECONDS", 1_000)
    assert anna.get("/api/v1/client?count=true&page_size=1")["count_is_estimate"] in (False, True)  # the connection is in order


def test_statistics_count_too(anna: Api, ids: dict[str, int]) -> None:
    answer = anna.get(f"/api/v1/messages-in-mailing/{ids['mailing']}?count=true&page_size=1")
    assert answer["messages"]["count"] == 3
    assert anna.get("/api/v1/statistic-messages/1?count=true&page_size=1")["messages"]["count"] == 3
