"""The dashboard: days of the reader's zone, and the provider's health."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text

from chalicelib.config import Settings
from tests.admin.browser import Browser
from tests.admin.test_lists import fill_with_message


def test_days_are_the_readers(root: Browser, engine: Engine) -> None:
    fill_with_message(engine)
    auckland = ZoneInfo("Pacific/Auckland")
    today = datetime.now(auckland).date()

    def sent_at(day: date, at: time) -> None:
        moment = datetime.combine(day, at, auckland)
        with engine.begin() as connection:
            connection.execute(text("UPDATE message SET status = 2, sent_at = :at, created_at = :at"), {"at": moment})

    def days(zone: str) -> dict[str, int]:
        root.cookies["timezone"] = zone
        found = root.get("/dashboard.json").json["days"]
        assert len(found) == 14
        return {day["day"]: day["counts"]["sent"] for day in found if any(day["counts"].values())}

    # Just after midnight there it is noon of the day before in UTC.
    sent_at(today - timedelta(days=3), time(0, 10))
    assert days("Pacific/Auckland") == {(today - timedelta(days=3)).isoformat(): 1}
    assert days("UTC") == {(today - timedelta(days=4)).isoformat(): 1}
    sent_at(today - timedelta(days=13), time(0, 0))
    assert days("Pacific/Auckland") == {(today - timedelta(days=13)).isoformat(): 1}
    sent_at(today - timedelta(days=14), time(23, 59, 59))
    assert days("Pacific/Auckland") == {}
    assert root.get("/dashboard.json").json["totals"]["sent"] == 1


def test_the_providers_health(root: Browser, engine: Engine, settings: Settings) -> None:
    assert root.get("/dashboard.json").json["providers"][0]["ok"] is True
    opened = datetime.now(UTC)
    with engine.begin() as connection:
        state = {"name": settings.provider_name, "opened": opened, "probe": opened + timedelta(seconds=20)}
        connection.execute(
            text("""INSERT INTO provider_state (name, failures, opened_at, probe_at, reason) VALUES (:name, 9, :opened, :probe, 'HTTP 503')
                    ON CONFLICT (name) DO UPDATE SET failures = 9, opened_at = :opened, probe_at = :probe, reason = 'HTTP 503'"""),
            state,
        )
    found = root.get("/dashboard.json").json["providers"][0]
    assert (found["ok"], found["title"]) == (False, "The provider fails")
    assert "HTTP 503" in found["text"]
    assert "alert-danger" in root.get("/").text


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("en", "The provider limits the number of calls", ["Calls a second now: 5;", "HTTP 429, Retry-After 9000 s"]),
        ("ru", "Провайдер ограничивает число обращений", ["Обращений в секунду сейчас: 5;", "HTTP 429, Retry-After 9000 s"]),
    ],
)
def test_the_pace_of_a_provider_that_throttles(
    root: Browser, engine: Engine, settings: Settings, language: str, title: str, words: list[str]
) -> None:
    with engine.begin() as connection:
        connection.execute(
            # It has not begun to grow: how long the page takes would else be seen in it.
            text(
                "INSERT INTO provider_state (name, pace, pace_at, pace_steady, pace_ceiling, held_until, held_reason)"
                " VALUES (:name, 5, now() + interval '5 minutes', 600, 7.5, now() + interval '10 minutes', 'HTTP 429, Retry-After 9000 s')"
            ),
            {"name": settings.provider_name},
        )
    root.language = language
    found = root.get("/dashboard.json").json["providers"][0]
    assert (found["ok"], found["state"], found["title"]) == (False, "warning", title)
    assert all(each in found["text"] for each in words), found["text"]
    assert "alert-warning" in root.get("/").text


def test_the_calls_for_a_message_are_on_its_page(root: Browser, engine: Engine) -> None:
    fill_with_message(engine)
    with engine.begin() as connection:
        [message] = connection.execute(text("SELECT id, mailing_id FROM message"))
        assert "None is kept" in root.get(f"/message/detail?pk={message.id}").text
        connection.execute(
            text(
                "INSERT INTO message_call (mailing_id, message_id, slot, claim_no, attempt, at, provider, kind, error_code, detail)"
                " VALUES (:mailing, :message, 0, 1, 1, now(), 'default', 'unknown', 'unknown_outcome', 'HTTP 502')"
            ),
            {"mailing": message.mailing_id, "message": message.id},
        )
    page = root.get(f"/message/detail?pk={message.id}").text
    assert "HTTP 502" in page
    assert "Nobody can tell whether it was delivered" in page
    assert "Last attempted at" in page


def test_the_test_clients_come_and_go(root: Browser, anna: Browser, engine: Engine) -> None:
    def press(browser: Browser, action: str) -> str:
        browser.post("/test-clients", {"action": action})
        return browser.get("/").alerts[0]

    assert press(root, "add") == "2,160 test clients were made."
    assert press(root, "add") == "0 test clients were made."
    assert press(anna, "delete") == "Only a superuser may do this."
    assert "delete-all-clients" not in anna.get("/").text
    assert press(root, "delete") == "2,160 clients were deleted."
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM client")).scalar_one() == 0
