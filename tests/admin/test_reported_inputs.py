"""Inputs from reports about services like this one, through every door that takes such a thing: the value that it must become.

The doors are those of people and programs: requests to the API, its import, the panel's forms and its import. What only a service sees is
in tests/integration/test_odd_inputs.py.
"""

import csv
import io
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import Engine, text

from chalicelib.domain.cells import join_attributes, join_words
from tests.admin.browser import Browser
from tests.admin.test_fields import api
from tests.api.conftest import Api
from tests.api.lambda_event import call

__all__ = ["api"]  # a fixture

OTHER = {"phone": "+14155550100", "time_zone": "UTC"}
MAILING = {"name": "sale", "text": "Hello", "starts_at": "2098-05-01T09:00:00", "ends_at": "2098-05-02T09:00:00", "draft": True}
Given = dict[str, Any]
Door = Callable[[Browser, Api, Given, str], str]
"""Gives a client to the service; returns why it was refused, or nothing."""


def asked(api: Api, method: str, path: str, body: object, country: str = "", media: str = "application/json") -> Any:
    query = f"{'&' if '?' in path else '?'}default_country={country}" if country else ""
    return call(method, f"{path}{query}", token=api.token, body=body, headers={"content-type": media})


def why(answer: Any) -> str:
    return "" if answer.status < 400 else str(answer.body)


def posted(_: Browser, api: Api, given: Given, country: str) -> str:
    return why(asked(api, "POST", "/api/v1/client", given, country))


def posted_as_one_of_many(_: Browser, api: Api, given: Given, country: str) -> str:
    return why(asked(api, "POST", "/api/v1/client?on_conflict=update", {"clients": [given]}, country))


def put_by_phone(_: Browser, api: Api, given: Given, country: str) -> str:
    rest = {name: value for name, value in given.items() if name != "phone"}
    return why(asked(api, "PUT", f"/api/v1/client/by-phone/{quote(given['phone'], safe='')}", rest, country))


def replaced(_: Browser, api: Api, given: Given, country: str) -> str:
    number = api.post("/api/v1/client", OTHER)["id"]
    return why(asked(api, "PUT", f"/api/v1/client/{number}", given, country))


def patched(_: Browser, api: Api, given: Given, country: str) -> str:
    number = api.post("/api/v1/client", OTHER)["id"]
    return why(asked(api, "PATCH", f"/api/v1/client/{number}", given, country))


def file_of(given: Given) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["phone", "time_zone", "tags", "attributes"])
    writer.writerow([given["phone"], given["time_zone"], *typed(given).values()])
    return out.getvalue()


def typed(given: Given) -> dict[str, str]:
    return {"tags": join_words(given.get("tags", [])), "attributes": join_attributes(given.get("attributes", {}))}


def imported_by_program(_: Browser, api: Api, given: Given, country: str) -> str:
    path = "/api/v1/client/import"
    dry = asked(api, "POST", path, file_of(given), country, "text/csv").json
    report = asked(api, "POST", f"{path}?dry_run=false", file_of(given), country, "text/csv").json
    assert {**dry, "dry_run": False} == report
    return "".join(each["message"] for each in report["errors"])


def taken(root: Browser, raw: bytes, country: str = "", encoding: str = "") -> Any:
    """The panel's import: the report of its preview and of the import, which must agree, or why the file cannot be read."""
    upload = root.send("/import/begin", {"size": len(raw)})
    root.send("/import/part", {**upload, "position": 0, "data": b64encode(raw).decode()})
    read = root.ask(
        "POST",
        "/admin/import/read",
        json.dumps({**upload, "encoding": encoding}),
        {"Content-Type": "application/json", "X-CSRFToken": root.csrf},
    )
    if read.status == 422:
        return read.json["message"]
    targets = [column["target"] or column["attribute"] or "" for column in read.json["columns"]]
    root.send("/import/choose", {**upload, "targets": targets, "country": country, "duplicates": "update"})
    reports = []
    for apply in (False, True):
        root.send("/import/take", {**upload, "position": 0, "apply": apply})
        reports.append(root.send("/import/report", {**upload, "apply": apply}))
    assert reports[0] == reports[1]
    assert reports[1]["accounted"]
    return reports[1]


def imported_by_person(root: Browser, _: Api, given: Given, country: str) -> str:
    return "".join(message for _row, _name, _cell, message, _code in taken(root, file_of(given).encode(), country)["errors"])


def with_country(root: Browser, country: str) -> None:
    root.post("/account", {"default_country": country})


def added(root: Browser, _: Api, given: Given, country: str) -> str:
    with_country(root, country)
    form = {"phone": given["phone"], "time_zone": given["time_zone"], **typed(given)}
    answer = root.ask("POST", "/admin/client/create", *encoded(root, form))
    return "" if answer.status == 303 else answer.explained


def edited(root: Browser, api: Api, given: Given, country: str) -> str:
    with_country(root, country)
    number = api.post("/api/v1/client", OTHER)["id"]
    form = {"phone": given["phone"], "time_zone": given["time_zone"], "operator_code": "", **typed(given)}
    answer = root.ask("POST", f"/admin/client/edit?pk={number}", *encoded(root, form))
    return "" if answer.status == 303 else answer.explained


def encoded(root: Browser, form: Given) -> tuple[str, dict[str, str]]:
    return urlencode({"csrftoken": root.csrf, **form}), {"Content-Type": "application/x-www-form-urlencoded"}


DOORS: tuple[Door, ...] = (
    posted,
    posted_as_one_of_many,
    put_by_phone,
    replaced,
    patched,
    imported_by_program,
    imported_by_person,
    added,
    edited,
)
MOSCOW = "+79121230017"
# As typed, the default country, and the stored phone or a part of the refusal.
PHONES = [
    ("+7 (912) 123-00-17", "", MOSCOW),
    ("+7 8 912 123 00 17", "", MOSCOW),
    ("8 (912) 123-00-17", "RU", MOSCOW),
    ("9121230017", "RU", MOSCOW),
    ("79121230017", "RU", MOSCOW),
    ("79121230017", "", "can belong to any country"),
    ("8 (495) 123-45-67", "", "can belong to any country"),
    ("+79121230017", "GB", MOSCOW),
    ("+44 (0)7700 900982", "", "+447700900982"),
    ("+4407700900123", "", "+447700900123"),
    ("+49016012345678", "", "+4916012345678"),
    ("+330612345678", "", "+33612345678"),
    ("07400 123456", "GB", "+447400123456"),
    ("0044 7400 123456", "", "00"),
    ("\u202a+7\u00a0912\u2011123\u2010" + "00\u201317\u202c", "", MOSCOW),  # copied from a page of contacts
    ("+7\u200b912\u200b1230017", "", MOSCOW),
    ("＋７９１２１２３００１７", "", MOSCOW),
    ("tel:+79121230017", "", MOSCOW),
    ("7.91E+10", "", "rounded"),
    ("7,91212E+10", "RU", "rounded"),
    ("79121230017.0", "RU", "decimals"),
    ('="+79121230017"', "", "formula"),
    ("+7912123OO17", "", "letters"),
    ("+79121230017, +79121230018", "", "several numbers"),
    ("+7 912 123 00 17 ext 12", "", "extension"),
    ("n.a.", "RU", "letters"),
]


def stored(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT phone, tags, attributes FROM client ORDER BY id")))


def forget(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM client"))
        connection.execute(text("DELETE FROM do_not_contact"))


@pytest.mark.parametrize(("phone", "country", "outcome"), PHONES)
def test_a_phone_is_the_same_by_every_door(
    root: Browser, api: Api, engine: Engine, phone: str, country: str, outcome: str
) -> None:
    canonical = outcome if outcome.startswith("+") else None
    for door in DOORS:
        forget(engine)
        refused = door(root, api, {"phone": phone, "time_zone": "UTC"}, country)
        found = [row.phone for row in stored(engine)]
        if canonical:
            assert (refused, found) == ("", [canonical]), door.__name__
        else:
            assert outcome.casefold() in refused.casefold(), (door.__name__, refused)
            assert found in ([], [OTHER["phone"]]), door.__name__
    listed = asked(api, "POST", "/api/v1/do-not-contact", {"phone": phone}, country)
    with_country(root, country)
    by_form = root.ask("POST", "/admin/do-not-contact/create", *encoded(root, {"phone": phone}))
    with engine.connect() as connection:
        found = list(connection.execute(text("SELECT phone FROM do_not_contact")).scalars())
    assert found == ([canonical] if canonical else [])
    assert (listed.status < 300, by_form.status == 303) == (canonical is not None, canonical is not None)


# What is given, and what is kept of it: tags and attributes.
WORDS: list[tuple[list[str], list[str] | str]] = [
    (["VIP", " vip ", "Vip\u200b", "\u00a0vIP"], ["vip"]),
    (["ＶＩＰ", "vip"], ["vip"]),
    (["Новый год", "новый  ГОД", "новый\u00a0год"], ["новый год"]),
    (["ÉTÉ", "e\u0301te\u0301"], ["été"]),
    (["İstanbul", "istanbul"], ["istanbul"]),
    (["a,b", "c;d"], ["a,b", "c;d"]),
    (['5" pipe'], ['5" pipe']),
    (["=1+1", "@x"], ["=1+1", "@x"]),
    (["👨\u200d👩\u200d👧"], ["👨\u200d👩\u200d👧"]),
    (["x" * 51], "50"),
    (["a\0b"], "NUL"),
]


@pytest.mark.parametrize(("given", "kept"), WORDS, ids=lambda each: ascii(each)[:40])
def test_tags_are_the_same_by_every_door(
    root: Browser, api: Api, engine: Engine, given: list[str], kept: list[str] | str
) -> None:
    for door in DOORS:
        if isinstance(kept, str) and "\0" in given[0] and "imported" in door.__name__:
            continue  # such a file is refused as a whole: see FILES
        forget(engine)
        refused = door(root, api, {**CLIENT, "tags": given}, "")
        found = [row.tags for row in stored(engine) if row.phone == MOSCOW]
        if isinstance(kept, str):
            assert kept in refused, (door.__name__, refused)
            assert found == [], door.__name__
        else:
            assert (refused, found) == ("", [kept]), door.__name__


CLIENT = {"phone": MOSCOW, "time_zone": "UTC"}
ATTRIBUTES: list[tuple[Given, Given]] = [
    ({"name": "Анна"}, {"name": "Анна"}),
    ({"visits": 3, "code": "007", "digits": "3"}, {"visits": 3, "code": "007", "digits": "3"}),
    ({"name": ""}, {"name": ""}),
    ({"имя": "x", "и\u0306": "y"}, {"имя": "x", "й": "y"}),
    ({"street": "Line 1\nLine 2"}, {"street": "Line 1\nLine 2"}),
    ({"name": "=cmd|' /C calc'!A0"}, {"name": "=cmd|' /C calc'!A0"}),
    ({"big": "12345678901234567890"}, {"big": "12345678901234567890"}),
    ({"mood": "😀"}, {"mood": "😀"}),
    ({"Name": "A", "name": "a"}, {"Name": "A", "name": "a"}),
]


@pytest.mark.parametrize(("given", "kept"), ATTRIBUTES, ids=lambda each: ascii(each)[:40])
def test_attributes_are_the_same_by_every_door(root: Browser, api: Api, engine: Engine, given: Given, kept: Given) -> None:
    for door in DOORS:
        forget(engine)
        refused = door(root, api, {**CLIENT, "attributes": given}, "")
        assert (refused, [row.attributes for row in stored(engine)]) == ("", [kept]), door.__name__


# The bytes of a file, the encoding that is chosen on the page, and the phones with their attributes or a part of the refusal.
FILES: list[tuple[bytes, str, dict[str, Given] | str]] = [
    ("\ufeffphone,time_zone,name\r\n+79121230017,UTC,Анна\r\n".encode(), "", {MOSCOW: {"name": "Анна"}}),
    ("phone\ttime_zone\tname\r\n+79121230017\tUTC\tАнна\r\n".encode("utf-16"), "", {MOSCOW: {"name": "Анна"}}),
    (b"phone,time_zone\r+79121230017,UTC\r", "", {MOSCOW: {}}),
    (b"sep=;\r\nphone;time_zone;\r\n+79121230017;UTC;\r\n", "", {MOSCOW: {}}),
    ("Телефон;Часовой пояс;Имя\n+79121230017;UTC;Анна\n".encode("cp1251"), "windows-1251", {MOSCOW: {"имя": "Анна"}}),
    ("Телефон;Часовой пояс;Имя\n+79121230017;UTC;Анна\n".encode("cp1251"), "", "row 1: is not in utf-8"),
    (b'phone, time_zone, name\n"+79121230017", "UTC", "A, B"\n', "", {MOSCOW: {"name": "A, B"}}),
    (b'phone,time_zone,size\n+79121230017,UTC,5" pipe\n', "", {MOSCOW: {"size": '5" pipe'}}),
    (b'phone,time_zone,size\n+79121230017,UTC,"5"" pipe"\n', "", {MOSCOW: {"size": '5" pipe'}}),
    (b'phone,time_zone,street\n+79121230017,UTC,"Line 1\nLine 2"\n', "", {MOSCOW: {"street": "Line 1\nLine 2"}}),
    (b'phone,time_zone,name\n+79121230017,UTC,"Anna\n+79121230018,UTC,Boris\n', "", "row 2: a quotation mark"),
    (b'phone,time_zone,name\n+79121230017,UTC,"Anna\n+79121230018,UTC,Boris"\n', "", "row 2: a quotation mark"),
    (b" PHONE \xe2\x80\x8b,Time Zone\n+79121230017,UTC\n", "", {MOSCOW: {}}),
    (b"phone,time_zone,name\n'+79121230017,UTC,'=1+1\n", "", {MOSCOW: {"name": "=1+1"}}),
    (b"phone,time_zone\n\n+79121230017,UTC\n,\n\x1a", "", {MOSCOW: {}}),
    ("phone,time_zone,name\n+79121230017,UTC,Ann\ufffd\n".encode(), "", "row 2: holds a character that was lost"),
    (b"phone,time_zone\n+79121230017,UTC,x\n", "", "has 3 cells, the header has 2"),
    (b"phone;time_zone,name\n+79121230017;UTC,x\n", "", "more than one of comma, semicolon and tab"),
]


@pytest.mark.parametrize(("raw", "encoding", "outcome"), FILES, ids=lambda each: ascii(each)[:60])
def test_a_file_is_the_same_by_both_doors(
    root: Browser, api: Api, engine: Engine, raw: bytes, encoding: str, outcome: dict[str, Given] | str
) -> None:
    def program() -> str:
        path = "/api/v1/client/import?dry_run=false&unknown_columns=attributes"
        body = {"body": b64encode(raw).decode(), "base64_body": True}
        answer = call("POST", path, token=api.token, headers={"content-type": "text/csv"}, **body)  # type: ignore[arg-type]  # of two types
        return why(answer) or "".join(each["message"] for each in answer.json["errors"])

    def person() -> str:
        try:
            report = taken(root, raw, encoding=encoding)
        except AssertionError as refused:  # the choice of columns
            return str(refused)
        return report if isinstance(report, str) else "".join(each[3] for each in report["errors"])

    doors = [person] if encoding else [person, program]  # through the gateway a program sends UTF-8 alone
    for door in doors:
        forget(engine)
        refused = door()
        found = {row.phone: row.attributes for row in stored(engine)}
        if isinstance(outcome, str):
            assert outcome.casefold() in refused.casefold(), door.__name__
            assert found == {}
        else:
            assert (refused, found) == ("", outcome), door.__name__


# A text, the attributes of the only client, and what that client reads or why the text is refused or not sent; then how many SMS it takes.
TEXTS: list[tuple[str, Given, str, str]] = [
    ("Price: $${price}", {"price": 5}, "Price: ${price}", "GSM-7 17 1"),  # a bracket takes two places
    ("Price: $$${price}", {"price": 5}, "Price: $5", "GSM-7 9 1"),
    ("Price: $5 {x} 100%", {}, "Price: $5 {x} 100%", "GSM-7 20 1"),
    ("Hello, ${name|friend}!", {"name": " "}, "Hello, friend!", "GSM-7 14 1"),
    ("Hello, ${name|friend}!", {"name": "\u200b"}, "Hello, friend!", "GSM-7 14 1"),
    ("Hello, ${name}!", {"name": " "}, "missing name", ""),
    ("Hello, ${Name}!", {"name": "Анна"}, "missing Name", ""),
    ("Hello, ${nmae}!", {"name": "Анна"}, "missing nmae", ""),
    ("${nick|}", {}, "error empty_text", ""),
    ("   ", {}, "refused text", ""),
    ("\u200b", {}, "refused text", ""),
    ("Hello, ${name", {}, "refused text", ""),
    ("Hello, ${a b}", {}, "refused text", ""),
    ("Hello, ${}", {}, "refused text", ""),
    ("Привет, ${имя}!", {"имя": "Анна"}, "Привет, Анна!", "UCS-2 13 1"),
    ("Привет, ${и\u0306}!", {"й": "x"}, "Привет, x!", "UCS-2 10 1"),
    ("a" * 160, {}, "a" * 160, "GSM-7 160 1"),
    ("a" * 159 + "€", {}, "a" * 159 + "€", "GSM-7 161 2"),
    ("😀" * 35, {}, "😀" * 35, "UCS-2 70 1"),
    ("😀" * 36, {}, "😀" * 36, "UCS-2 72 2"),
    ("ё" * 71, {}, "ё" * 71, "UCS-2 71 2"),
    ("It’s", {}, "It’s", "UCS-2 4 1"),  # as a word processor writes it
    ("x" * 2001, {}, "refused text", ""),
    ("Hi\0", {}, "refused text", ""),
]


@pytest.mark.parametrize(("given", "attributes", "outcome", "size"), TEXTS, ids=lambda each: ascii(each)[:40])
def test_a_text_is_the_same_by_every_door(
    root: Browser, api: Api, given: str, attributes: Given, outcome: str, size: str
) -> None:
    api.post("/api/v1/client", {**CLIENT, "attributes": attributes})

    def create() -> Any:
        return asked(api, "POST", "/api/v1/mailing", {**MAILING, "text": given}).status

    def patch() -> Any:
        number = api.post("/api/v1/mailing", MAILING)["id"]
        return asked(api, "PATCH", f"/api/v1/mailing/{number}", {"text": given}).status

    def replace() -> Any:
        number = api.post("/api/v1/mailing", MAILING)["id"]
        return asked(api, "PUT", f"/api/v1/mailing/{number}", {**MAILING, "text": given}).status

    def form() -> Any:
        return root.ask("POST", "/admin/mailing/create", *encoded(root, {**MAILING, "draft": "on", "text": given})).status

    for door in (create, patch, replace, form):
        status = door()
        newest = api.get("/api/v1/mailing?ordering=-id")["results"][0]["id"] if status < 400 else 0
        if outcome == "refused text":
            assert status == 422, door.__name__
            continue
        assert status < 400, door.__name__
        seen = api.get(f"/api/v1/mailing/{newest}/preview")
        sample = seen["sample"]
        if outcome.startswith(("missing ", "error ")):
            assert (sample["text"], seen["text"]["failing"]) == (None, 1), door.__name__
            assert outcome in (f"missing {sample['missing']}", f"error {sample['error_code']}"), door.__name__
        else:
            assert (sample["text"], seen["text"]["failing"]) == (outcome, 0), door.__name__
            assert " ".join(str(seen["text"][name]) for name in ("encoding", "units", "segments")) == size, door.__name__


@pytest.mark.parametrize(
    ("raw", "status", "says"),
    [
        (b'{"phone":"+79121230017","phone":"+79121230018","time_zone":"UTC"}', 400, "twice"),
        (b'{"phone":"+79121230017","time_zone":"UTC","attributes":{"a":"1","\\u0061":"2"}}', 400, "twice"),
        ('{"phone":"+79121230017","time_zone":"UTC","attributes":{"й":"1","и\u0306":"2"}}'.encode(), 422, "given twice"),
        ('{"phone":"+79121230017","time_zone":"UTC","tags":["я"]}'.encode("cp1251"), 400, "not UTF-8"),
        ('{"phone":"+79121230017","time_zone":"UTC","tags":["\ufffd"]}'.encode(), 400, "UTF-8"),
        (b'{"phone":"+79121230017","time_zone":"UTC","tags":["\\ufffd"]}', 422, "wrong_characters"),
        (b'{"phone":"+79121230017","time_zone":"UTC","tags":["\\ud83d"]}', 422, "wrong_characters"),
        ('{"phone":"+79121230017","time_zone":"UTC"}'.encode("utf-16"), 400, "not UTF-8"),
        (b'\xef\xbb\xbf{"phone":"+79121230017","time_zone":"UTC"}', 400, "without one"),
        (b'{"phone":"+79121230017","time_zone":"UTC","attributes":{"a":NaN}}', 400, "NaN"),
        (b'{"phone":79121230017,"time_zone":"UTC"}', 422, "wrong_type"),
    ],
    ids=ascii,
)
def test_a_broken_body_is_refused_and_nothing_kept(
    root: Browser, api: Api, engine: Engine, raw: bytes, status: int, says: str
) -> None:
    del root
    answer = call(
        "POST", "/api/v1/client", token=api.token, body=b64encode(raw).decode(), base64_body=True,
        headers={"content-type": "application/json"},
    )  # fmt: skip
    assert (answer.status, stored(engine)) == (status, []), answer
    assert says in answer.body
