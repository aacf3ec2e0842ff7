"""The main job: a mailing is written, its moment comes, everybody gets one message."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import requests

from local import aws, logs
from local.stack import PASSWORD, SUPERUSER
from tests import personal
from tests.e2e.stage import ALL_CLIENTS, CLIENTS_OF_ONE_CODE, Stage


def test_a_mailing_is_sent_to_every_client_once(stage: Stage, schedules_fire: bool) -> None:
    """Its schedule starts it; one whose schedule was lost, and every one where schedules never fire, is started by reconcile."""
    stage.provider.configure(latency_ms=20)
    mailing = stage.write_mailing(starts_in=20)
    assert (mailing["status"], mailing["started_by"]) == ("scheduled", None)
    lost = stage.write_mailing(starts_in=20, filter_operator_codes=["911"])
    stage.lose_schedule(lost["id"])

    mailing, lost = stage.finished(mailing["id"], within=120), stage.finished(lost["id"], within=120)

    assert (mailing["started_by"], lost["started_by"]) == ("schedule" if schedules_fire else "reconcile", "reconcile")
    assert mailing["started_at"] >= mailing["starts_at"]
    sent = [*stage.assert_sent(mailing, ALL_CLIENTS), *stage.assert_sent(lost, CLIENTS_OF_ONE_CODE)]
    assert stage.provider.deliveries() == dict.fromkeys(sent, 1)
    ledger = stage.provider.summary()
    assert ledger["calls"] == ledger["accepted"] == ledger["deliveries"] == ALL_CLIENTS + CLIENTS_OF_ONE_CODE


def test_a_finished_mailing_leaves_no_schedule(stage: Stage) -> None:
    mailing = stage.write_mailing(starts_in=-1, filter_operator_codes=["912"])
    stage.finished(mailing["id"], within=60)

    assert stage.schedules(mailing["id"]) == []


def test_the_providers_page_tells_what_the_functions_were_given(stage: Stage) -> None:
    [provider] = [each for each in stage.api.get("/api/v1/provider")["results"] if each["environment"]]
    assert (provider["kind"], provider["url"], provider["honours_key"]) == ("contract", stage.stack.provider.url, True)


def test_no_function_logs_whom_it_met_nor_what_it_was_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines of all functions since the stack was deployed, what Lambda and libraries write included."""
    phone, name, typed = "+79107770001", "Ermengarde of Xanten", "correct horse 0815"
    api, url = stage.api, stage.stack.url
    client = api.post("/api/v1/client", {"phone": phone, "time_zone": "UTC", "attributes": {"name": name}, "tags": ["met-once"]})
    start = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(seconds=1)
    more = {"time_zone": "UTC", "filter_tags": ["met-once"]}
    mailing = api.create_mailing("e2e", "Personal regards, ${name}", start, start + timedelta(hours=2), **more)
    stage.finished(mailing["id"], within=60)
    api.post(f"/api/v1/mailing/{mailing['id']}/test", {"phone": phone, "client": client["id"]})
    token = api.post("/api/v1/token", {"name": "seen once"})["token"]
    with requests.Session() as browser:
        browser.trust_env = False
        page = browser.get(f"{url}/admin/login", timeout=60).text
        csrf = re.search(r'name="csrf-token" content="([^"]*)"', page)
        assert csrf is not None
        for username, password in ((name, typed), (SUPERUSER, PASSWORD)):
            fields = {"username": username, "password": password, "csrftoken": csrf[1]}
            browser.post(f"{url}/admin/login", fields, timeout=60)
        assert browser.get(f"{url}/admin/client/list", params={"q": phone}, timeout=60).ok
        secrets = [cookie.value or "" for cookie in browser.cookies if "session" in cookie.name or "device" in cookie.name]
    for path in (f"/api/v1/client/by-phone/{phone}", f"/api/v1/{phone}", f"/{name}?q={phone}"):
        requests.get(f"{url}{path}", headers={"Authorization": f"Token {token}"}, timeout=60)
    api.post("/api/v1/person/erase", {"phone": phone})

    monkeypatch.setattr(logs, "PREFIX", "/aws/lambda/")
    lines = [line for _, _, line in logs._lines(aws.client("logs", stage.stack.endpoint), 0)]
    assert any('"audit": "erased"' in line for line in lines), "the last call is among them"
    assert {event_of(line) for line in lines} >= {"request", "admin", "audit"}
    texts = [phone[1:], name, typed, PASSWORD, token, "Personal regards", "met-once", *secrets]
    assert {each: line for line in lines for each in personal.told(line, texts)} == {}


def event_of(line: str) -> str:
    found = re.search(r'"event": "(\w+)"', line)
    return found[1] if found else ""
