"""Messages in the panel: added by what people know client and mailing by; moved, tried again, cancelled one by one."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.access import Principal
from chalicelib.services import clients, mailings, previews
from chalicelib.services.clients import NewClient
from chalicelib.services.mailings import NewMailing
from tests.admin.browser import Browser
from tests.admin.conftest import user_id

START = datetime(2098, 5, 1, 9)


@pytest.fixture
def things(root: Browser, engine: Engine) -> Principal:
    """Mailings and clients of the superuser."""
    del root
    owner = Principal(user_id(engine, "root"), "root", is_superuser=True)
    for name in ("May sale", "May sale again", "June"):
        mailings.create(engine, owner, NewMailing(name, "Hello", START, START + timedelta(days=1), time_zone="UTC"))
    for phone, name in (("+79100000001", "Anna"), ("+79100000002", "Anna"), ("+79100000003", "Boris")):
        clients.create(engine, owner, NewClient(phone, "UTC", attributes={"name": name}))
    return owner


def rows(engine: Engine, columns: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM message ORDER BY id"))]


def test_client_and_mailing_are_found_by_phone_name_and_id(root: Browser, things: Principal, engine: Engine) -> None:
    del things
    for mailing, client in (("June", "+7 910 000-00-01"), ("may sale", "boris"), ("2", "2")):
        root.post("/message/create", {"mailing_id": mailing, "client_id": client})
    assert rows(engine, "mailing_id, client_id") == [(3, 1), (1, 3), (2, 2)]


def test_what_is_found_twice_or_never_is_said(root: Browser, things: Principal, engine: Engine) -> None:
    del things
    page = root.post("/message/create", {"mailing_id": "sale", "client_id": "Boris"}, expect=422)
    assert page.errors["mailing_id"] == "Several are found, write the ID of one: #2 May sale again; #1 May sale"
    page = root.post("/message/create", {"mailing_id": "June", "client_id": "anna"}, expect=422)
    assert page.errors["client_id"].startswith("Several are found, write the ID of one: #2 Anna +79100000002; #1 Anna")
    page = root.post("/message/create", {"mailing_id": "%", "client_id": "anna"}, expect=422)
    assert page.errors["mailing_id"] == "Nothing is found by these words."
    assert rows(engine, "id") == []


def test_nobody_finds_what_is_anothers(root: Browser, things: Principal, anna: Browser) -> None:
    del root, things
    page = anna.post("/message/create", {"mailing_id": "June", "client_id": "Boris"}, expect=422)
    assert page.errors["mailing_id"] == "Nothing is found by these words."


@pytest.fixture
def message(root: Browser, things: Principal) -> int:
    del things
    root.post("/message/create", {"mailing_id": "June", "client_id": "Boris"})
    return 1


def test_the_moment_of_a_waiting_one_is_moved(root: Browser, message: int, engine: Engine) -> None:
    page = root.get(f"/message/edit?pk={message}").text
    assert "they are the record by which nobody is sent the same message twice" in page
    assert "2098-05-01T09:00" in page
    assert re.search(r'name="(phone|status|mailing_id|client_id)"', page) is None
    root.post(f"/message/edit?pk={message}", {"moves_to": "2098-05-01T12:30"})
    assert rows(engine, "not_before") == [(datetime(2098, 5, 1, 12, 30, tzinfo=UTC),)]
    root.post(f"/message/edit?pk={message}", {"moves_to": "2001-05-01T12:30"})
    assert rows(engine, "not_before") == [(datetime(2098, 5, 1, 9, 0, tzinfo=UTC),)]  # no sooner than the mailing starts
    late = root.post(f"/message/edit?pk={message}", {"moves_to": "2098-05-02T09:00"}, expect=422)
    assert "end is past" in late.errors["moves_to"]
    for wrong in ("", "tomorrow"):
        root.post(f"/message/edit?pk={message}", {"moves_to": wrong}, expect=422)


def test_what_the_form_does_not_have_is_not_written(root: Browser, message: int, engine: Engine) -> None:
    before = rows(engine, "phone, status, client_id, mailing_id")
    root.post(
        f"/message/edit?pk={message}", {"moves_to": "2098-05-01T12:30", "phone": "+79109999999", "status": "2", "client_id": "1"}
    )
    assert rows(engine, "phone, status, client_id, mailing_id") == before


def test_one_is_cancelled(root: Browser, message: int, engine: Engine) -> None:
    root.act("message", "cancel", message)
    assert rows(engine, "status, phone") == [(5, "+79100000003")]
    assert "present state" in root.act("message", "cancel", message, expect=400).json["msg"]
    late = root.post(f"/message/edit?pk={message}", {"moves_to": "2098-05-01T12:30"}, expect=422)
    assert "only a message that waits" in late.errors["moves_to"].lower()
    root.post("/message/create", {"mailing_id": "June", "client_id": "Boris"})  # on purpose, and in the same row
    assert rows(engine, "id, status") == [(message, 1)]
    again = root.post("/message/create", {"mailing_id": "June", "client_id": "Boris"}, expect=422)
    assert "has a message of this mailing already" in again.text


def test_what_is_being_sent_is_left_alone(root: Browser, message: int, engine: Engine, owner_engine: Engine) -> None:
    del engine
    with owner_engine.begin() as connection:
        connection.execute(text("UPDATE message SET lease_until = now() + interval '1 minute', dispatched_at = now()"))
    assert "being sent" in root.act("message", "cancel", message, expect=400).text
    assert "being sent" in root.post(f"/message/edit?pk={message}", {"moves_to": "2098-05-01T12:30"}, expect=422).text.lower()


def test_another_users_message_is_not_found(root: Browser, message: int, anna: Browser) -> None:
    del root
    anna.get(f"/message/edit?pk={message}", expect=404)
    anna.post(f"/message/edit?pk={message}", {"moves_to": "2098-05-01T12:30"}, expect=404)
    assert anna.ask("POST", f"/admin/_api/message/row-action?name=cancel&pk={message}").status in (403, 404)


def test_what_nobody_knew_is_settled_by_hand(root: Browser, things: Principal, engine: Engine) -> None:
    """One by one and several at once; offered only for those of unknown outcome."""
    del things
    for mailing, client in (("1", "1"), ("1", "2"), ("2", "1"), ("3", "1")):
        root.post("/message/create", {"mailing_id": mailing, "client_id": client})
    with engine.begin() as connection:
        unknown = "UPDATE message SET status = 4, unknown = true, error_code = 'unknown_outcome' WHERE id < 4"
        connection.execute(text(unknown))
    assert "It was delivered" in root.get("/message/detail?pk=1").text
    assert "It was delivered" not in root.get("/message/detail?pk=4").text
    root.act("message", "not_delivered", 1)
    root.post("/_api/message/action?name=delivered&pks=1&pks=2&pks=3&pks=4", expect=200)
    assert rows(engine, "status, error_code") == [(4, "not_delivered"), (2, None), (2, None), (1, None)]
    page = root.get("/message/detail?pk=1").text
    assert "Settle" in page
    assert "It was delivered" not in page


def test_the_export_has_the_size_of_each_text(root: Browser, things: Principal, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE mailing SET text = :text WHERE name = 'June'"), {"text": "${name}! " + "a" * 154})
    for client in ("+79100000001", "Boris"):
        root.post("/message/create", {"mailing_id": "June", "client_id": client})
    with engine.begin() as connection:
        connection.execute(text("""UPDATE client SET attributes = '{"name": "Борис"}' WHERE phone = '+79100000003'"""))
    asked = {"scope": "all", "format": "csv", "fields": ["phone", "text_segments", "text_alphabet"]}
    file = root.post("/_api/message/action?name=export", asked, expect=200)
    assert sorted(file.text.removeprefix("\ufeff").splitlines()) == [
        "'+79100000001,1,GSM-7",
        "'+79100000003,3,UCS-2",
        "phone,text_segments,text_alphabet",
    ]
    assert previews.sizes(engine, Principal(things.user_id + 1, "anna", is_superuser=False), [1, 2]) == {}
