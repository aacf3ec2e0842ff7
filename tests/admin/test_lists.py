"""Lists: every filter that the builder offers, every column that sorts, search, pages, files."""

import csv
import io
import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, text

from chalicelib.admin.views import base
from chalicelib.domain.access import Principal
from chalicelib.domain.paging import Slice
from chalicelib.services import clients
from chalicelib.services.clients import NewClient
from chalicelib.storage.clients import ClientFilter
from tests.admin.browser import Answer, Browser
from tests.admin.test_forms import value_of
from tests.admin.test_pages import fill

KEYS = ("client", "mailing", "message", "do-not-contact", "user")
# For each kind of value that a filter takes, one that it can be asked for.
VALUES = {"string": "9", "number": "1", "date": "2026-05-01", "datetime": "2026-05-01T10:00", "time": "10:00", "tags": "vip"}


def filters_of(page: Answer) -> list[tuple[str, str]]:
    """Each filter that the list's builder offers, and the query that asks for it."""
    found = re.search(r"initFilterBuilder\(\{\s*fields: (\[.*?\]),\s*initialFilter", page.text, re.DOTALL)
    assert found is not None
    made = []
    for field in json.loads(found[1]):
        for each in field["filters"]:
            choices = each.get("choices") or field.get("choices") or []
            kind = each["data_type"].lower()
            value = ",".join(str(choice["value"] if isinstance(choice, dict) else choice[0]) for choice in choices) or VALUES.get(
                kind
            )
            query = f"{field['name']}__{each['name']}"
            if kind != "none":
                assert value is not None, (field["name"], each)
                query += f"={value}..{value}" if each["has_value2"] else f"={value}"
            made.append((f"{field['name']} {each['name']}", query))
    return made


@pytest.mark.parametrize("key", KEYS)
def test_every_filter_answers(root: Browser, engine: Engine, key: str) -> None:
    fill_with_message(engine)
    offered = filters_of(root.get(f"/{key}/list"))
    assert len(offered) > 5
    expected = {"message": {"status in", "sent_at after"}, "client": {"tags has", "created_at after"}, "mailing": {"status in"}}
    assert expected.get(key, set()) <= {name for name, _query in offered}
    wrong = [name for name, query in offered if root.ask("GET", f"/admin/{key}/list?filter={quote(query)}").status != 200]
    assert wrong == []


@pytest.mark.parametrize("key", KEYS)
def test_every_column_sorts(root: Browser, engine: Engine, key: str) -> None:
    fill_with_message(engine)
    columns = set(re.findall(r"sort=(\w+?)__(?:asc|desc)", root.get(f"/{key}/list").text))
    assert len(columns) >= 3
    for column in columns:
        for way in ("asc", "desc"):
            root.get(f"/{key}/list?sort={column}__{way}")


def fill_with_message(engine: Engine) -> None:
    """One of everything, and a message."""
    principal = fill(engine, "root")
    with engine.begin() as connection:
        statement = """
            INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, status, not_before, error_code)
            SELECT m.id, :owner, c.id, c.phone, c.time_zone, 4, now(), 'refused' FROM mailing m, client c
            """
        connection.execute(text(statement), {"owner": principal.user_id})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("tags__has=vip", 1),
        ("tags__has=vi", 0),
        ("tags__lacks=vip", 1),
        ("tags__empty", 1),
        ("created_at__after=2026-01-01T03:00", 1),
        ("created_at__after=2026-01-01T03:01", 0),
        ("created_at__before=2026-01-01T03:00", 1),
        ("created_at__between=2026-01-01T02:59..2026-01-01T03:01", 1),
        ("owner_id__in=1", 2),
        ("owner_id__not_in=1", 0),
        ("owner_id__in=x", 0),
        ("phone__contains=0000002 OR tags__has=vip", 2),
    ],
)
def test_filters_find_what_they_say(root: Browser, engine: Engine, query: str, found: int) -> None:
    principal = fill(engine, "root")
    clients.create(engine, principal, NewClient("+79100000002", "UTC"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE client SET created_at = '2026-01-01T00:00Z' WHERE phone = '+79101234567'"))
        connection.execute(text("UPDATE client SET created_at = '2025-01-01T00:00Z' WHERE phone = '+79100000002'"))
    root.cookies["timezone"] = "Europe/Moscow"
    assert root.get(f"/client/list?filter={quote(query)}").text.count('data-sa-pk="') == found


def test_a_file_that_is_too_large_is_refused_in_words(root: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not by Lambda, which answers six megabytes at most."""
    fill(engine, "root")
    asked = {"format": "csv", "scope": "all", "fields": ["id", "phone"]}
    monkeypatch.setattr(base, "MAX_FILE", 20)
    root.post("/_api/client/action?name=export", asked)
    assert "filter the list, and export it in parts" in root.get("/client/list").text


def test_an_exported_file_is_all_that_matches_and_holds_no_formula(root: Browser, engine: Engine) -> None:
    principal = fill(engine, "root")
    new = [NewClient(f"+7910000{place:04}", "UTC", tags=("=1+1",), attributes={"name": "=cmd|x"}) for place in range(40)]
    clients.create_many(engine, principal, new)
    asked = {"scope": "all", "format": "csv", "fields": ["phone", "tags", "attributes"]}
    query = quote("?filter=tags__has%3D%3D1%2B1&page_size=10")
    file = root.post(f"/_api/client/action?name=export&_list_query={query}", asked, expect=200)
    assert file.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(file.text.removeprefix("\ufeff"))))
    assert len(rows) == 41
    assert rows[0] == ["phone", "tags", "attributes"]
    assert rows[1] == ["'+79100000000", "'=1+1", "name = =cmd|x"]
    page = root.post(f"/_api/client/action?name=export&_list_query={query}", {**asked, "scope": "page"}, expect=200)
    assert len(page.text.splitlines()) == 11


def imported(browser: Browser, raw: bytes) -> Any:
    """What the panel's page does with a file: all of its steps, with the columns that are suggested."""
    upload = browser.send("/import/begin", {"size": len(raw)})
    browser.send("/import/part", {**upload, "position": 0, "data": b64encode(raw).decode()})
    read = browser.send("/import/read", upload)
    targets = [column["target"] for column in read["columns"]]
    browser.send("/import/choose", {**upload, "targets": targets, "country": "", "duplicates": "skip"})
    browser.send("/import/take", {**upload, "position": 0, "apply": False})
    preview = browser.send("/import/report", {**upload, "apply": False})
    browser.send("/import/take", {**upload, "position": 0, "apply": True})
    report = browser.send("/import/report", {**upload, "apply": True})
    assert report == preview
    return report


ODD = NewClient(
    "+79100000001",
    "Europe/Moscow",
    tags=("a,b", "c;d", "'q", '"z"', "'=1", "lead", "👨‍👩‍👧", "עברית"),
    attributes={
        "n": 5,
        "digits": "5",
        "name": "Анна",
        "street": "Line 1\nLine 2",
        "space": "  x ",
        "quoted": '"y"',
        "empty": "",
        "parted": "a\u2028b",
    },
)


def test_a_file_of_clients_comes_back_as_it_went(root: Browser, engine: Engine) -> None:
    principal = fill(engine, "root")
    made = clients.create(engine, principal, ODD)
    asked = {"scope": "all", "format": "csv", "fields": ["id", "phone", "operator_code", "tags", "time_zone", "attributes"]}
    query = quote("?q=9100000001")
    file = root.post(f"/_api/client/action?name=export&_list_query={query}", asked, expect=200)
    clients.delete(engine, principal, made.id)
    report = imported(root, file.text.encode())
    assert (report["created"], report["errors"], report["accounted"]) == (1, [], True)
    [back] = clients.page(engine, principal, ClientFilter(None, phone_prefix=ODD.phone), Slice(limit=2))
    assert (tuple(back.tags), back.attributes, back.time_zone) == (ODD.tags, ODD.attributes, ODD.time_zone)


def test_a_form_that_nobody_touched_changes_nothing(root: Browser, engine: Engine) -> None:
    principal = fill(engine, "root")
    made = clients.create(engine, principal, ODD)
    page = root.get(f"/client/edit?pk={made.id}")
    typed = {name: value_of(page, name) for name in ("phone", "operator_code", "tags", "time_zone", "attributes")}
    root.post(f"/client/edit?pk={made.id}", {**typed, "attributes": typed["attributes"].replace("\n", "\r\n")})
    assert clients.get(engine, principal, made.id) == made


def test_pages_of_messages_are_the_same_from_either_end(root: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    principal = fill(engine, "root")
    clients.create_many(engine, principal, [NewClient(f"+7910000{place:04}", "UTC") for place in range(33)])
    with engine.begin() as connection:
        statement = """
            INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, status, not_before)
            SELECT 1, owner_id, id, phone, time_zone, 1, now() FROM client
            """
        connection.execute(text(statement))

    def pages(way: str) -> list[str]:
        found = [
            re.findall(r'data-sa-pk="(\d+)"', root.get(f"/message/list?page_size=10&sort=id__{way}&page={page}").text)
            for page in range(1, 6)
        ]
        assert [len(page) for page in found] == [10, 10, 10, 4, 0]
        return [pk for page in found for pk in page]

    walked = {way: pages(way) for way in ("asc", "desc")}
    assert walked["asc"] == walked["desc"][::-1]
    assert len(set(walked["asc"])) == 34
    monkeypatch.setattr("chalicelib.admin.views.messages._FAR", 0)
    assert {way: pages(way) for way in ("asc", "desc")} == walked


def test_a_clients_phone_goes_on_the_do_not_contact_list(root: Browser, anna: Browser, engine: Engine) -> None:
    principal = fill(engine, "anna", "+79105550000")
    client = clients.create(engine, principal, NewClient("+79105550001", "UTC"))
    root.act("client", "leave_alone", client.id, {"reason": "asked <b>"})
    assert "+79105550001" in anna.get("/do-not-contact/list?q=asked").text
    assert "asked <b>" not in anna.get("/do-not-contact/list").text


def test_selected_clients_are_deleted_and_the_answer_says_how_many_were_not(anna: Browser, engine: Engine) -> None:
    with engine.connect() as connection:
        owner_id = connection.execute(text("SELECT id FROM \"user\" WHERE username = 'anna'")).scalar_one()
    principal = Principal(owner_id, "anna", is_superuser=False)
    rows = [clients.create(engine, principal, NewClient(f"+7915000000{place}", "UTC")) for place in range(3)]

    def delete(*ids: object) -> Answer:
        chosen = "".join(f"&pks={each}" for each in ids)
        return anna.ask("POST", f"/admin/_api/client/action?name=delete{chosen}", "", {"X-CSRFToken": anna.csrf})

    answer = delete(rows[0].id, rows[0].id + 1_000_000)
    assert answer.status == 400
    assert answer.json["msg"] == "1 of 2 deleted; not found: 1; left for another try: 0"
    assert delete(rows[1].id, "x").status == 400
    assert delete(rows[1].id, rows[2].id).status == 200
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM client")).scalar_one() == 0
