"""Forms: what is wrong stands next to its field, and what was typed is still there."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.access import Principal
from chalicelib.services import clients
from chalicelib.services.clients import NewClient
from tests.admin.browser import PASSWORD, Answer, Browser
from tests.admin.test_pages import fill

MAILING = {
    "name": "sale",
    "text": "Hello, ${name|friend}",
    "filter_operator_codes": "910; 911",
    "filter_tags": "vip, new",
    "starts_at": "2098-05-01T09:00",
    "ends_at": "2098-05-01T12:00:30",
    "time_zone": "Asia/Tokyo",
    "send_from": "22:00",
    "send_until": "06:30",
    "rate_limit": "15",
}


def value_of(page: Answer, field: str) -> str:
    area = re.search(rf'<textarea id="{field}".*?>\n?(.*?)</textarea>', page.text, re.DOTALL)
    found = area or re.search(rf'<input id="{field}".*?value="(.*?)"', page.text, re.DOTALL)
    assert found is not None, field
    return unescape(found[1]).strip()


def test_a_mailing_of_nothing_but_its_text(root: Browser, engine: Engine) -> None:
    empty = {"name": "", "starts_at": "", "ends_at": "", "time_zone": "", "send_from": "", "send_until": "", "draft": "on"}
    root.post("/mailing/create", {**MAILING, **empty})
    with engine.connect() as connection:
        name, length = connection.execute(text("SELECT name, ends_at - starts_at FROM mailing")).one()
    assert (name, length) == ("Hello, ${name|friend}", timedelta(days=1))
    page = root.post("/mailing/edit?pk=1", {**MAILING, **empty}, expect=422)
    assert {page.errors["starts_at"], page.errors["ends_at"]} == {"Must not be empty."}
    assert "1 to 200 characters" in page.errors["name"]


@pytest.mark.parametrize(
    ("field", "wrong", "why"),
    [
        ("text", "", "required"),
        ("name", "x" * 300, "1 to 200 characters"),
        ("text", "Hello, ${", "placeholder"),
        ("ends_at", "2098-05-01T08:00", "after the start"),
        ("starts_at", "0001-01-01T00:00", "years 2000 to 2999"),
        ("ends_at", "9999-12-31T23:59", "years 2000 to 2999"),
        ("starts_at", "2098-05-01T09:00+03:00", "not a date and time"),
        ("time_zone", "Mars/Olympus", "IANA name"),
        ("send_until", "", "Both hours"),
        ("send_until", "22:00", "Must differ"),
        ("rate_limit", "0", "1"),
        ("rate_limit", "ten", "not a whole number"),
    ],
)
def test_a_mailing_that_is_wrong(root: Browser, engine: Engine, field: str, wrong: str, why: str) -> None:
    page = root.post("/mailing/create", {**MAILING, field: wrong}, expect=422)
    assert list(page.errors) == [field]
    assert why in page.errors[field]
    for name, typed in MAILING.items():
        if name not in (field, "filter_operator_codes"):
            assert value_of(page, name) == typed
    assert value_of(page, "filter_operator_codes") == "910, 911"
    assert value_of(page, field) == wrong
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM mailing")).scalar_one() == 0


@pytest.mark.parametrize(
    ("path", "form", "field", "why"),
    [
        ("/client/create", {"phone": "+79105550000", "time_zone": "UTC", "tags": "a\0"}, "tags", "NUL"),
        ("/client/create", {"phone": "+79105550000", "time_zone": "UTC", "attributes": "name = \0"}, "attributes", "NUL"),
        ("/mailing/create", {**MAILING, "name": "a\0"}, "name", "NUL"),
        ("/mailing/create", {**MAILING, "text": "a\0"}, "text", "NUL"),
        ("/mailing/create", {**MAILING, "filter_tags": "a\0"}, "filter_tags", "NUL"),
        ("/do-not-contact/create", {"phone": "+79105550000", "reason": "a\0"}, "reason", "NUL"),
        ("/do-not-contact/create", {"phone": "+79105550000", "reason": "x" * 201}, "reason", "0 to 200 characters"),
        ("/tokens", {"name": "a\0"}, "token", "NUL"),
        ("/tokens", {"name": "x" * 101}, "token", "1 to 100 characters"),
        ("/message/create", {"mailing_id": "one", "client_id": "9" * 25}, "mailing_id", "Nothing is found"),
        ("/message/create", {"mailing_id": "1", "client_id": "9" * 25}, "client_id", "Nothing is found"),
    ],
)
def test_what_no_database_can_keep(root: Browser, path: str, form: dict[str, str], field: str, why: str) -> None:
    page = root.post(path, form, expect=422)
    assert why in (page.errors[field] if path != "/tokens" else page.text)


@pytest.mark.parametrize(
    "path",
    ["/client/list?q=a%00b", "/message/list?q=%00", "/mailing/list?q=%00", "/user/list?q=%00", "/do-not-contact/list?q=%00"],
)
def test_what_no_database_can_look_for(root: Browser, path: str) -> None:
    page = root.get(path, expect=400)
    assert "cannot be looked for" in page.text


def test_a_page_far_beyond_the_last(root: Browser) -> None:
    root.get(f"/mailing/list?page={10**25}")


def test_a_mailing_that_is_right_and_its_edit(root: Browser) -> None:
    root.post("/mailing/create", {**MAILING, "draft": "on"})
    page = root.get("/mailing/edit?pk=1")
    assert {name: value_of(page, name) for name in MAILING} == {**MAILING, "filter_operator_codes": "910, 911"}
    root.post("/mailing/edit?pk=1", {**MAILING, "name": "sale of spring", "draft": "on"})
    detail = root.get("/mailing/detail?pk=1").text
    assert "sale → sale of spring" in detail
    assert "Draft" in detail


def test_a_client_that_is_there_already(root: Browser, engine: Engine) -> None:
    principal = fill(engine, "root")
    clients.create(engine, principal, NewClient("+79105550000", "UTC"))
    form = {"phone": "+7 910 555-00-00", "time_zone": "UTC", "attributes": "name = Anna\nsum = 5", "tags": "a, b"}
    page = root.post("/client/create", form, expect=422)
    assert page.errors == {"phone": "The owner has a client with this phone already."}
    assert (value_of(page, "attributes"), value_of(page, "tags")) == (form["attributes"], "a, b")


def test_a_password_is_in_no_page_that_comes_back(root: Browser) -> None:
    for username in ("", "root", "staple of horses"):
        page = root.post("/user/create", {"username": username, "password": "staple of horses"}, expect=422)
        assert page.text.count("staple of horses") == (username == "staple of horses")


LONG = "9" * 5_000


@pytest.mark.parametrize("pk", ["", "abc", "1,2", "%C2%B2", "%00", LONG])
def test_an_action_on_what_is_no_id(root: Browser, pk: str) -> None:
    for key, action in (
        ("mailing", "pause"),
        ("mailing", "test"),
        ("client", "leave_alone"),
        ("message", "retry"),
        ("user", "delete"),
    ):
        answer = root.post(f"/_api/{key}/row-action?name={action}&pk={pk}", expect=400)
        assert answer.json["msg"] == f"No such {key}."
    root.get(f"/client/detail?pk={pk}", expect=404)
    root.get(f"/data/dependents?key=client&pks={pk}")
    root.get(f"/data/selection?owner={pk}")
    assert root.post(f"/_api/message/action?name=retry&pks={pk}", expect=200).json["redirect"]


def test_a_link_is_no_action(root: Browser) -> None:
    for name in ("view", "edit", "schedule", "send_now"):
        assert root.post(f"/_api/client/row-action?name={name}&pk=1", expect=400).json["msg"]


@pytest.mark.parametrize(
    "path", ["/message/list?q=", "/message/list?q=%2B", "/client/detail?pk=", "/data/mailing/", "/mailing/edit?pk="]
)
def test_a_number_without_end(root: Browser, path: str) -> None:
    root.get(f"{path}{LONG}", expect=200 if "list" in path else 404)


@pytest.mark.parametrize("owner", ["abc", LONG])
def test_an_owner_who_is_no_id(root: Browser, owner: str) -> None:
    page = root.post("/client/create", {"phone": "+79105550000", "time_zone": "UTC", "owner_id": owner}, expect=422)
    assert page.errors == {"owner_id": "This is not a whole number."}


@pytest.mark.parametrize("step", ["begin", "part", "read", "choose", "take", "report"])
@pytest.mark.parametrize(
    "asked", [None, 5, [], "x", {"id": "x"}, {"id": [1]}, {"size": "x"}, {"size": 5, "owner": [1]}, {"id": 1, "position": "x"}]
)
def test_a_step_that_no_page_asks_for(root: Browser, step: str, asked: object) -> None:
    answer = root.send(f"/import/{step}", asked, expect=422)
    assert answer["message"] in ("This is not a step of an import.", "No such upload.")


def test_an_address_to_go_to_that_is_none(anna: Browser) -> None:
    answer = anna.post("/login?next=http://[evil", {"username": "anna", "password": PASSWORD})
    assert answer.location.endswith("/admin/")


@pytest.mark.parametrize("key", ["mailing", "client"])
def test_a_form_that_was_opened_before_somebody_elses_change_loses_nothing(root: Browser, key: str) -> None:
    forms = {
        "mailing": (MAILING, {**MAILING, "name": "theirs"}, {**MAILING, "name": "ours"}),
        "client": tuple({"phone": "+79105550000", "time_zone": "UTC", "tags": tag} for tag in ("a", "theirs", "ours")),
    }
    made, theirs, ours = forms[key]
    root.post(f"/{key}/create", made)
    version = re.search(r'name="version" value="([0-9a-f]{16})"', root.get(f"/{key}/edit?pk=1").text)
    assert version is not None
    root.post(f"/{key}/edit?pk=1", {**theirs, "version": version[1]})
    refused = root.post(f"/{key}/edit?pk=1", {**ours, "version": version[1]}, expect=422)
    assert "was changed since you read it" in unescape(refused.text)
    assert f'value="{version[1]}"' in refused.text
    assert "theirs" in root.get(f"/{key}/detail?pk=1").text


def test_missing_values_are_confirmed_in_the_form_and_in_the_review(root: Browser, engine: Engine) -> None:
    owner = root_principal(engine)
    clients.create(engine, owner, NewClient("+79105550000", "UTC", attributes={"name": "Olga"}))
    wrong = {**MAILING, "text": "Hello, ${nmae}", "filter_operator_codes": "", "filter_tags": ""}
    page = root.post("/mailing/create", wrong, expect=422)
    assert "do you mean name?" in page.errors["text"]
    root.post("/mailing/create", {**wrong, "draft": "on"})
    with engine.connect() as connection:
        mailing = connection.execute(text("SELECT id FROM mailing")).scalar_one()
    seen = unescape(root.get(f"/mailing/detail?pk={mailing}").text)
    assert "1 client would get no message" in seen
    assert "Do you mean name?" in seen
    review = root.get(f"/review?pk={mailing}&when=now").text
    assert "Nobody would get this mailing" in review
    refused = root.post(f"/review?pk={mailing}&when=now", {"reviewed": "0"}, expect=409)
    assert "lack a value: 1" in unescape(refused.text)
    root.post(f"/review?pk={mailing}&when=now", {"reviewed": "0", "confirmed": "1"}, expect=303)
    root.post("/mailing/create", {**wrong, "confirmed": "on"})


def root_principal(engine: Engine) -> Principal:
    with engine.connect() as connection:
        return Principal(
            connection.execute(text("""SELECT id FROM "user" WHERE username = 'root'""")).scalar_one(), "root", is_superuser=True
        )


CLIENT_FORM = ("phone", "operator_code", "tags", "time_zone", "attributes")
STORED_CLIENTS = {
    "phone": "'+2105551234'",
    "time_zone": "'Etc/GMT-3'",
    "operator_code": "'MTS'",
    "tags": "ARRAY['VIP', 'a,b', 'x y']",
    "attributes": """'{"a b": "x", "a": "1", "b": 2}'""",
}
STORED_MAILINGS = {
    "name": "'\u200b'",
    "text": "'Hello, ${'",
    "filter_operator_codes": "ARRAY['MTS']",
    "filter_tags": "ARRAY['VIP', 'a,b']",
    "starts_at": "'1999-05-01T09:00:07.5'",
    "ends_at": "'3001-05-01T09:00:07.5'",
    "time_zone": "'Etc/GMT+12'",
    "send_from": "'21:00:30.25'",
    "send_until": "'06:00:30.25'",
    "rate_limit": "200000",
    "providers": "ARRAY['gone', 'a b']",
}


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        *(("client", field, value) for field, value in STORED_CLIENTS.items()),
        *(("mailing", field, value) for field, value in STORED_MAILINGS.items()),
    ],
)
def test_a_form_that_is_sent_as_it_came_changes_nothing(root: Browser, engine: Engine, key: str, field: str, value: str) -> None:
    """Also where a value is older than a rule."""
    if key == "client":
        root.post("/client/create", {"phone": "+79101234567", "time_zone": "UTC", "tags": "new", "attributes": "name = Anna"})
    else:
        root.post("/mailing/create", {**MAILING, "draft": "on"})
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {key} SET {field} = {value.replace(':', chr(92) + ':')}"))
        before = connection.execute(text(f"SELECT * FROM {key}")).one()
    page = root.get(f"/{key}/edit?pk=1")
    form = {name: value_of(page, name) for name in (CLIENT_FORM if key == "client" else (*MAILING, "providers"))}
    root.post(f"/{key}/edit?pk=1", form | ({"draft": "on"} if key == "mailing" else {}))
    with engine.connect() as connection:
        assert connection.execute(text(f"SELECT * FROM {key}")).one() == before
        assert connection.execute(text("SELECT count(*) FROM history WHERE action = 'update'")).scalar_one() == 0
