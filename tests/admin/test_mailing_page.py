"""A mailing's page: what comes next in words, and how much there is of it."""

import re
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.access import Principal
from chalicelib.services import clients, mailings
from chalicelib.services.clients import NewClient
from chalicelib.services.mailings import NewMailing
from tests.admin.browser import Browser
from tests.admin.conftest import user_id

START = datetime(2098, 5, 1, 9)


@pytest.mark.parametrize(
    ("time_zone", "language", "headline"),
    [
        (
            None,
            "en",
            "Next: 3 clients in Asia/Seoul and 1 more time zone at 09:00 their time (UTC+9), which is 1 May 2098, 00:00:00 UTC here.",
        ),
        ("UTC", "en", "Next: 4 clients in Asia/Seoul and 2 more time zones at 1 May 2098, 09:00:00 UTC."),
        (
            None,
            "ru",
            "Дальше: 3 клиента, Asia/Seoul и ещё 1 часовой пояс, в 09:00 по их времени (UTC+9); здесь это 1 мая 2098, 00:00:00 UTC.",
        ),
    ],
)
def test_what_comes_next_in_words(root: Browser, engine: Engine, time_zone: str | None, language: str, headline: str) -> None:
    principal = Principal(user_id(engine, "root"), "root", is_superuser=True)
    for place, zone in enumerate(("Asia/Tokyo", "Asia/Seoul", "Asia/Seoul", "Europe/Moscow", "Africa/Lagos")):
        tags = () if zone == "Africa/Lagos" else ("vip",)  # nobody selected lives there
        clients.create(engine, principal, NewClient(f"+7910000000{place}", zone, tags=tags))
    new = NewMailing("sale", "Hello", START, START + timedelta(days=1), time_zone=time_zone, filter_tags=("vip",))
    mailing = mailings.create(engine, principal, new)
    root.language = language
    data = root.get(f"/data/mailing/{mailing.id}").json
    assert data["headline"] == headline
    assert (data["bar"]["sent"], data["bar"]["ended"], data["bar"]["total"]) == (0, 0, 4)
    page = root.get(f"/mailing/detail?pk={mailing.id}").text
    assert ("Send now" if language == "en" else "Отправить сейчас") in page


def test_each_status_and_each_reason_leads_to_its_messages(root: Browser, engine: Engine) -> None:
    principal = Principal(user_id(engine, "root"), "root", is_superuser=True)
    for place in range(6):
        clients.create(engine, principal, NewClient(f"+7910000000{place}", "UTC"))
    new = NewMailing("sale", "Hello", START, START + timedelta(days=1))
    mailing, other = (mailings.create(engine, principal, new).id for _ in range(2))
    planned = text(r"""
        INSERT INTO message (mailing_id, client_id, phone, time_zone, owner_id, status, error_code, error_detail, not_before)
        SELECT CAST(:mailing AS bigint), id, phone, time_zone, owner_id, CASE WHEN n < 3 THEN 2 WHEN n < 5 THEN 4 ELSE 1 END,
          CASE WHEN n BETWEEN 3 AND 4 THEN 'refused' END,
          CASE n WHEN 3 THEN 'HTTP 400: "a (b) AND c\"' END, now()
        FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM client) c
        """)
    with engine.begin() as connection:
        for each in (mailing, other):
            connection.execute(planned, {"mailing": each})
    data = root.get(f"/data/mailing/{mailing}").json
    assert {each["key"]: each["number"] for each in data["counts"]} | {"waiting": 2, "sent": 2, "failed": 2} == {
        each["key"]: each["number"] for each in data["counts"]
    }
    counted = [(each["url"], each["number"]) for each in data["counts"] if each["number"]]
    counted += [(each["url"], 2) for each in data["errors"]]  # a reason, whatever its details
    assert len(counted) == 5
    for url, number in counted:
        assert (url, root.get(url.partition("/admin")[2]).text.count("data-sa-pk=")) == (url, number)


def test_a_finished_mailing_without_failures_offers_no_second_try(root: Browser, engine: Engine) -> None:
    principal = Principal(user_id(engine, "root"), "root", is_superuser=True)
    clients.create(engine, principal, NewClient("+79100000000", "UTC"))
    mailing = mailings.create(engine, principal, NewMailing("sale", "Hello", START, START + timedelta(days=1)))
    finish = text("""
        UPDATE mailing SET status = 'finished', finished_at = now(), final_counts =
          jsonb_build_object('waiting', 0, 'sent', 1, 'expired', 0, 'failed', CAST(:failed AS int), 'cancelled', 0, 'total', 1)
        """)
    for failed in (0, 1):
        with engine.begin() as connection:
            connection.execute(finish, {"failed": failed})
        assert ('data-sa-name="retry_failed"' in root.get(f"/mailing/detail?pk={mailing.id}").text) is bool(failed)


@pytest.mark.parametrize(
    ("status", "has_run", "hints"),
    [
        ("draft", False, {"name": "Must not be empty", "starts_at": "Must not be empty", "time_zone": "Empty: each client"}),
        ("scheduled", False, {"ends_at": "Must not be empty", "filter_tags": "empty: all"}),
        ("running", False, {"name": "Must not be empty", "text": "Pause the mailing", "starts_at": "Pause the mailing"}),
        ("running", True, {"starts_at": "Fixed since", "filter_tags": "Fixed since", "ends_at": "Pause the mailing"}),
        ("paused", True, {"time_zone": "Fixed since", "draft": "Fixed since", "text": "is the client&#39;s attribute"}),
    ],
)
def test_the_form_of_a_mailing_says_what_is_true_in_its_state(
    root: Browser, engine: Engine, status: str, has_run: bool, hints: dict[str, str]
) -> None:
    principal = Principal(user_id(engine, "root"), "root", is_superuser=True)
    mailing = mailings.create(engine, principal, NewMailing("sale", "Hello", START, START + timedelta(days=1), draft=True))
    with engine.begin() as connection:
        values = {"status": status, "started_at": START if has_run else None}
        connection.execute(text("UPDATE mailing SET status = :status, started_at = :started_at"), values)
    page = root.get(f"/mailing/edit?pk={mailing.id}").text
    form = page[page.index("<form") :]
    assert "Empty: now" not in form
    assert "Empty: the first words" not in form
    assert "Empty: a day after" not in form
    for name, hint in hints.items():
        field = form[re.search(rf'id="{name}"', form).start() :]  # type: ignore[union-attr]  # a field that is not there fails, too
        assert hint in field[: field.index("</div>")], (name, field[:600])
    assert "Empty: now" in root.get("/mailing/create").text
