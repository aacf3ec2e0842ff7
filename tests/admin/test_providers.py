"""Superusers manage providers in the panel, by the same rules as by the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.admin.words import provider_kinds
from chalicelib.config import Settings
from chalicelib.providers import KINDS
from chalicelib.storage import providers
from tests.admin.browser import Browser

FORM = {
    "name": "second",
    "kind": "twilio",
    "url": "",
    "sender": "Shop",
    "options": "",
    "rate": "30",
    "enabled": "on",
    "position": "1",
}


def row(engine: Engine, name: str) -> Any:
    with engine.connect() as connection:
        return providers.by_name(connection, name)


def test_every_kind_can_be_chosen() -> None:
    assert [kind for kind, _words in provider_kinds()] == list(KINDS)


def test_a_provider_is_added_changed_and_deleted(root: Browser, engine: Engine) -> None:
    root.post("/provider/create", FORM)
    made = row(engine, "second")
    assert (made.kind, made.sender, made.rate, made.enabled, made.position, made.honours_key) == (
        "twilio",
        "Shop",
        30,
        True,
        1,
        False,
    )
    page = root.get(f"/provider/detail?pk={made.id}").text
    assert "Twilio" in page
    changed = {name: value for name, value in FORM.items() if name not in ("name", "enabled")} | {"rate": ""}
    root.post(f"/provider/edit?pk={made.id}", changed)
    after = row(engine, "second")
    assert (after.rate, after.enabled, after.sender) == (0, False, "Shop")
    assert "Update" in root.get(f"/provider/detail?pk={made.id}").text
    root.act("provider", "delete", made.id)
    assert row(engine, "second") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "not a name!"}, "letters"),
        ({"kind": "http", "url": ""}, "needed for the kind http"),
        ({"url": "ftp://x"}, "https://host"),
        ({"honours_key": "on"}, "delivers twice what it is given twice"),
        ({"rate": "-1"}, "0"),
    ],
)
def test_what_the_service_refuses_stands_at_its_field(root: Browser, engine: Engine, changes: dict[str, str], words: str) -> None:
    refused = root.post("/provider/create", FORM | changes, expect=422)
    assert words in " ".join(refused.errors.values()), refused.errors
    assert row(engine, "second") is None


def test_an_open_circuit_breaker_is_probed_now(root: Browser, engine: Engine, settings: Settings) -> None:
    root.post("/provider/create", FORM)
    made = row(engine, "second")
    assert "circuit breaker is closed" in str(root.act("provider", "probe", made.id, expect=400).json)
    opened = datetime.now(UTC) - timedelta(minutes=1)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO provider_state (name, failures, opened_at, probe_at, reason) VALUES ('second', 9, :at, :later, 'HTTP 401')"
            ),
            {"at": opened, "later": opened + timedelta(hours=1)},
        )
    health = {each["name"]: each for each in root.get("/dashboard.json").json["providers"]}
    assert health.keys() == {settings.provider_name, "second"}
    assert (health["second"]["ok"], health[settings.provider_name]["ok"]) == (False, True)
    assert "HTTP 401" in health["second"]["text"]
    root.act("provider", "probe", made.id)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT probe_at <= now() FROM provider_state WHERE name = 'second'")).scalar_one()
    assert "Probe" in root.get(f"/provider/detail?pk={made.id}").text


def test_the_list_says_which_cannot_be_called(root: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    root.post("/provider/create", FORM)
    assert "PROVIDERS" in root.get("/provider/list").text or "credential" in root.get("/provider/list").text.lower()
    monkeypatch.setenv("PROVIDERS", '{"second": "AC0:secret"}')
    config.settings.cache_clear()
    assert "AC0" not in root.get("/provider/list").text


def test_only_superusers_see_them(root: Browser, anna: Browser, engine: Engine) -> None:
    root.post("/provider/create", FORM)
    made = row(engine, "second")
    for path in ("/provider/list", "/provider/create", f"/provider/edit?pk={made.id}", f"/provider/detail?pk={made.id}"):
        anna.get(path, expect=403)
    assert "/provider/list" not in anna.get("/").text
