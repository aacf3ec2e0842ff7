"""Requests to the panel that nobody means well: never a 500, never a traceback, nothing kept that was not readable."""

import random
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.admin import handler
from tests.admin.browser import Browser
from tests.api.test_hostile_requests import BROKEN, ODD, odd_headers

_PATHS = (
    "/ /login /logout /tokens /account /import /data /data/mailing/{} /data/selection /data/dependents /static/{} /{} /{}/list"
    " /client/list /client/create /client/detail /client/edit /client/{} /mailing/list /mailing/create /mailing/detail"
    " /message/list /user/list /do-not-contact/list /_api/client/row-action /_api/mailing/action"
)


def test_odd_headers_paths_and_queries_are_never_500(root: Browser) -> None:
    chance = random.Random(20300501)
    for path in _PATHS.split() * 12:
        query = urlencode(
            {
                name: chance.choice(ODD).encode("utf-8", "replace")
                for name in chance.sample(["pk", "page", "sort", "filter", "q", "next", "name", "timezone"], 2)
            }
        )
        address = f"/admin{path.format(quote(chance.choice(ODD).encode('utf-8', 'replace')))}?{query}"
        method, headers = chance.choice(["GET", "GET", "HEAD", "POST"]), odd_headers(chance)
        if "Cookie" not in headers and chance.random() < 0.3:
            headers = {
                **headers,
                "Cookie": f"mailing_session={root.cookies['mailing_session']}; timezone={quote(chance.choice(ODD), errors='replace')}",
            }
        answer = root.ask(method, address, "", headers)
        assert answer.status < 500, (method, address, headers, answer.text[-500:])
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("broken", BROKEN, ids=repr)
def test_forms_that_are_not_utf_8_are_refused(root: Browser, engine: Engine, broken: bytes) -> None:
    fields = {"csrftoken": root.csrf, "text": "x", "starts_at": "2030-05-01T09:00", "ends_at": "2031-05-01T09:00"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert root.ask("POST", "/admin/mailing/create", urlencode({**fields, "name": b"x" + broken}), form).status == 400
    raw = {**{name: value.encode() for name, value in fields.items()}, "name": b"x" + broken}
    head = b'--frontier\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    parts = b"".join(head % (name.encode(), value) for name, value in raw.items())
    answer = root.ask_bytes(
        "POST", "/admin/mailing/create", parts + b"--frontier--\r\n", "multipart/form-data; boundary=frontier"
    )
    assert answer.status == 400
    assert root.ask("GET", f"/admin/client/list?q=x{quote(broken)}").status == 400
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM mailing")).scalar_one() == 0


ODD_FORMS = {
    "many fields": ("application/x-www-form-urlencoded", b"&".join(b"f%d=v" % n for n in range(501))),
    "only separators": ("application/x-www-form-urlencoded", b"&" * 10_000),
    "many parts": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nv\r\n' * 501 + b"--x--",
    ),
    "no boundary": ("multipart/form-data", b"csrftoken=x"),
    "empty boundary": ('multipart/form-data; boundary=""', b"----"),
    "not closed": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nv'),
    "no name": ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nv\r\n--x--\r\n"),
    "no disposition": ("multipart/form-data; boundary=x", b"--x\r\n\r\nv\r\n--x--\r\n"),
    "bad header": ("multipart/form-data; boundary=x", b"--x\r\nA\x00: b\r\n\r\nv\r\n--x--\r\n"),
    "no form at all": ("multipart/form-data; boundary=x", b"csrftoken=x"),
    "odd charset": ("application/x-www-form-urlencoded; charset=utf-7", b"csrftoken=+AGE-"),
    "long part": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + b"v" * 2**21 + b"\r\n--x--\r\n",
    ),
}


@pytest.mark.parametrize("path", ["/admin/login", "/admin/client/create", "/admin/import/begin"])
@pytest.mark.parametrize("kind", ODD_FORMS)
def test_odd_forms_are_refused_before_anybody_has_logged_in(browser: Browser, kind: str, path: str) -> None:
    content_type, body = ODD_FORMS[kind]
    assert browser.ask_bytes("POST", path, body, content_type).status in (400, 403)


def test_the_login_form_is_small(browser: Browser) -> None:
    fields = {"csrftoken": browser.csrf, "username": "x"}
    form = "application/x-www-form-urlencoded"
    for size, status in ((15_000, 401), (17_000, 400)):
        body = urlencode({**fields, "password": "p" * size}).encode()
        assert browser.ask_bytes("POST", "/admin/login", body, form).status == status


def test_a_request_that_cannot_be_read_is_told_so_in_the_reader_s_language(browser: Browser) -> None:
    browser.language = "ru"
    answer = browser.ask("GET", "/admin/login?next=%FF")
    assert (answer.status, answer.text[:5]) == (400, "Этот ")


def test_settings_that_cannot_be_read_are_a_plain_500(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    handler.forget()
    with monkeypatch.context() as patched:
        patched.setenv("PROVIDER_THREADS", "none")
        config.settings.cache_clear()
        answer = browser.ask("GET", "/admin/login")
    config.settings.cache_clear()
    assert (answer.status, answer.text[:9]) == (500, "Something")


@pytest.mark.parametrize(
    "make",
    [lambda: " OR ".join(["operator_code__eq=1"] * 400), lambda: "(" * 500 + "operator_code__eq=1" + ")" * 500,
     lambda: "tags__has=" + "x" * 100_000, lambda: " OR ".join(["tags__has=a"] * 51)],
)  # fmt: skip
def test_filters_are_bounded(root: Browser, make: Callable[[], str]) -> None:
    assert root.ask("GET", f"/admin/client/list?filter={quote(make())}").status == 400
    assert root.ask("GET", "/admin/client/list?filter=" + quote(" OR ".join(["tags__has=a"] * 50))).status == 200


_ODD_VALUES = (
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "1" * 400,
    "1" * 10_000,
    str(2**31),
    "-1",
    "1.5",
    "true",
    "null",
    "[]",
    "{}",
    '""',
)
_STEPS = {
    "begin": {"size": "9", "owner": "null"},
    "part": {"id": "ID", "position": "0", "data": '"eA=="'},
    "read": {"id": "ID", "again": "false", "encoding": '""', "delimiter": '""'},
    "choose": {"id": "ID", "targets": '["phone", "time_zone"]', "country": '""', "duplicates": '"skip"'},
    "take": {"id": "ID", "position": "0", "apply": "false"},
    "report": {"id": "ID", "apply": "false"},
}


@pytest.mark.parametrize("step", _STEPS)
def test_odd_json_in_a_step_of_the_import_is_refused_and_never_500(root: Browser, step: str) -> None:
    raw = b"phone,time_zone\n+79101234567,UTC\n"
    upload = root.send("/import/begin", {"size": len(raw)})
    root.send("/import/part", {**upload, "position": 0, "data": b64encode(raw).decode()})
    if step in ("take", "report"):
        root.send("/import/read", upload)
        root.send("/import/choose", {**upload, "targets": ["phone", "time_zone"], "country": "", "duplicates": "skip"})
    usual = {name: value.replace("ID", str(upload["id"])) for name, value in _STEPS[step].items()}
    headers = {"Content-Type": "application/json", "X-CSRFToken": root.csrf}
    deep = "[" * 200_000
    for name in usual:
        for odd in (*_ODD_VALUES, deep, deep + "]" * 200_000, '"\\ud800"', '"\\u0000"'):
            body = ", ".join(f'"{each}": {odd if each == name else value}' for each, value in usual.items())
            answer = root.ask("POST", f"/admin/import/{step}", f"{{{body}}}", headers)
            assert answer.status in (200, 422), (step, name, odd[:40], answer.explained)
            if name in ("size", "position", "id") or odd.startswith(deep):
                assert answer.status == 422, (step, name, odd[:40])
                assert answer.json["message"]
    for body in ("", "null", "[]", "1", "1e999", "{", deep):
        assert root.ask("POST", f"/admin/import/{step}", body, headers).status == 422, body[:40]


@pytest.mark.parametrize(
    ("address", "fields", "named"),
    [
        ("/admin/client/create", "phone=%2B79101234567&time_zone=UTC&phone=%2B79101234568", "'phone' is given 2 times"),
        ("/admin/client/create", "phone=%2B79101234567&time_zone=UTC&time%5fzone=Asia/Tokyo", "'time_zone' is given 2 times"),
        ("/admin/mailing/create?_origin=a&_origin=b", "name=x", "query parameter '_origin' is given 2 times"),
        ("/admin/account", "default_country=RU&default_country=KZ", "'default_country' is given 2 times"),
    ],
)
@pytest.mark.parametrize("multipart", [False, True])
def test_a_field_that_is_given_twice_is_refused(
    root: Browser, engine: Engine, address: str, fields: str, named: str, multipart: bool
) -> None:
    pairs = [("csrftoken", root.csrf), *parse_qsl(fields)]
    if multipart:
        head = '--frontier\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
        body = "".join(head.format(*pair) for pair in pairs) + "--frontier--\r\n"
        answer = root.ask_bytes("POST", address, body.encode(), "multipart/form-data; boundary=frontier")
    else:
        answer = root.ask("POST", address, urlencode(pairs), {"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status, named in answer.text) == (400, True), answer.text
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM client")).scalar_one() == 0


def test_attributes_with_two_values_come_back_as_they_were_typed(root: Browser, engine: Engine) -> None:
    typed = "name = Anna\ncity = Tver\nname = Boris"
    fields = {"csrftoken": root.csrf, "phone": "+79101234567", "time_zone": "UTC", "attributes": typed}
    answer = root.ask("POST", "/admin/client/create", urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.errors == {"attributes": "The attribute name stands in lines 1 and 3: give it once."}
    assert typed in answer.text
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM client")).scalar_one() == 0
