"""Every page, in both languages, for both kinds of users; and who sees what."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from chalicelib.domain.access import Principal
from chalicelib.services import clients, do_not_contact, mailings
from chalicelib.services.clients import NewClient
from chalicelib.services.do_not_contact import NewEntry
from chalicelib.services.mailings import NewMailing
from tests.admin.browser import Browser
from tests.admin.conftest import user_id

EVERYONES = (
    "/",
    "/dashboard.json",
    "/client/list",
    "/client/create",
    "/mailing/list",
    "/mailing/create",
    "/message/list",
    "/message/create",
    "/do-not-contact/list",
    "/do-not-contact/create",
    "/import",
    "/import/sample.csv",
    "/tokens",
    "/account",
    "/data/selection",
)
SUPERUSERS = ("/user/list", "/user/create", "/provider/list", "/provider/create")
OBJECTS = ("/client/detail?pk=1", "/client/edit?pk=1", "/mailing/detail?pk=1", "/mailing/edit?pk=1", "/data/mailing/1")


def fill(engine: Engine, username: str, phone: str = "+79101234567") -> Principal:
    """One of everything, of this user's."""
    principal = Principal(user_id(engine, username), username, is_superuser=False)
    clients.create(engine, principal, NewClient(phone, "Asia/Tokyo", tags=("vip",), attributes={"name": "Анна <b>"}))
    start = datetime(2098, 5, 1, 9)
    mailings.create(engine, principal, NewMailing(f"sale of {username}", "Hello, ${name}!", start, start + timedelta(days=1)))
    do_not_contact.put(engine, principal, [NewEntry(phone, "asked")])
    return principal


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "path", [*EVERYONES, *SUPERUSERS, *OBJECTS, "/user/detail?pk=1", "/user/edit?pk=1", "/do-not-contact/detail?pk=1"]
)
def test_a_superusers_pages(root: Browser, engine: Engine, path: str, language: str) -> None:
    fill(engine, "root")
    root.language = language
    answer = root.get(path)
    assert "Анна <b>" not in answer.text
    if answer.text.startswith("<!DOCTYPE"):
        assert f'lang="{language}"' in answer.text


@pytest.mark.parametrize("path", EVERYONES)
def test_an_ordinary_users_pages(anna: Browser, path: str) -> None:
    assert "Owner" not in anna.get(path).text


@pytest.mark.parametrize("path", SUPERUSERS)
def test_users_are_for_superusers(anna: Browser, path: str) -> None:
    anna.get(path, expect=403)
    assert "/user/list" not in anna.get("/").text


def test_everyone_sees_their_own(root: Browser, anna: Browser, engine: Engine) -> None:
    fill(engine, "root")
    fill(engine, "anna", "+79217654321")
    seen = anna.get("/client/list").text
    assert ("+79217654321" in seen, "+79101234567" in seen) == (True, False)
    assert "sale of root" not in anna.get("/mailing/list").text
    for path in OBJECTS:
        anna.get(path, expect=404)
    assert anna.get("/dashboard.json").json["totals"] == {"clients": 1, "mailings": 1, "sent": 0, "errors": 0, "waiting": 0}
    assert "+79217654321" in root.get("/client/list").text
    assert root.get("/dashboard.json").json["totals"]["clients"] == 2
    for action, key in (("delete", "client"), ("delete", "mailing"), ("pause", "mailing")):
        anna.act(key, action, 1, expect=400)
    for action, key in (("password", "user"), ("probe", "provider"), ("delete", "provider")):
        anna.act(key, action, 1, {"password": "correct horse battery"}, expect=403)
    assert root.get("/client/detail?pk=1").status == 200


@pytest.mark.parametrize("zone", ["../../etc/passwd", "x" * 300, "Europe", "/etc", "Mars/Olympus", "%00", ""])
def test_a_cookie_with_a_time_zone_that_is_none(root: Browser, zone: str) -> None:
    root.cookies = {"timezone": zone, **root.cookies}
    assert root.get("/dashboard.json").json["now"].endswith("UTC")


def test_a_selection_tells_the_longest_values_of_the_names_in_the_text_alone(root: Browser, engine: Engine) -> None:
    """All the names that a million clients have would take seconds, at each key that is pressed."""
    fill(engine, "root")
    found = root.get(f"/data/selection?names=name,city,%24%7B,{'x' * 300},name,").json
    assert found["values"] == {"name": ["Анна <b>", "Анна <b>", False], "city": ["", None, True]}
    assert root.get("/data/selection").json["values"] == {}
    many = ",".join(f"n{number}" for number in range(500))
    assert len(root.get(f"/data/selection?names={many}").json["values"]) == 50
