"""A person who was met with everything that the service can do is erased, and the whole database is searched for them."""

import json
from base64 import b64encode
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib import config
from chalicelib.api.routes import ROUTES
from tests.admin.browser import Browser
from tests.admin.conftest import user_id
from tests.api.lambda_event import Answer, call
from tests.personal import holding

V1 = "/api/v1"
PHONE, EARLIER, TYPED = "+79101234567", "+79105550042", "8 (910) 123-45-67"
NAME, CITY, NOTE = "Эрменгарда Лиликова", "Xanten-on-the-Rhine", "asked by letter of May"
TRACES = (PHONE[1:], EARLIER[1:], PHONE[2:], TYPED, NAME, CITY, NOTE)
MAILING = {
    "name": "May",
    "text": "Dear ${name|you}",
    "starts_at": "2090-05-01T09:00:00",
    "ends_at": "2090-05-02T09:00:00",
    "time_zone": "UTC",
}
CLIENT: dict[str, Any] = {"phone": EARLIER, "time_zone": "UTC", "tags": ["vip"], "attributes": {"name": NAME, "city": CITY}}
OF_NOBODY = {
    "/docs/token",
    "/add-users",
    "/del-users",
    f"{V1}/auth-rest/login",
    f"{V1}/auth-rest/logout",
    f"{V1}/token",
    f"{V1}/provider",
    f"{V1}/provider/{{id}}",
    f"{V1}/user",
    f"{V1}/user/{{id}}",
    f"{V1}/user/{{id}}/deactivate",
    f"{V1}/user/{{id}}/revoke-tokens",
    f"{V1}/user/me/password",
}
"""Routes that take nothing of a client."""


class Calls:
    """Calls of the API by one user, each under an Idempotency-Key; which routes they were is kept."""

    def __init__(self, token: str, made: set[str], key: str) -> None:
        self._token, self._made, self._key, self._number = token, made, key, 0

    def __call__(self, method: str, route: str, body: object = None, expect: int | None = 200, **values: object) -> Any:
        path = f"{V1}{route}"
        self._made.add(path.partition("?")[0])
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", str(value))
        self._number += 1
        headers = {"Idempotency-Key": f"{self._key}-{self._number}"} if method == "POST" else {}
        headers |= {"content-type": "text/csv"} if isinstance(body, str) else {}
        answer: Answer = call(
            method, path, token=self._token, body=body, headers=headers, resource=f"{V1}{route.partition('?')[0]}"
        )
        assert answer.status == expect or (expect is None and answer.status < 500), (method, route, answer)
        return answer.json if answer.body else None


@pytest.fixture
def made() -> set[str]:
    return set()


def token_of(browser: Browser) -> str:
    found = browser.post("/tokens", {"name": "programs"}, expect=200).text.partition('id="new-token" class="token">')[2]
    return found.partition("<")[0]


def through_the_api(anna: Calls, root: Calls, owner: int) -> None:
    client = anna("POST", "/client", CLIENT, 201)["id"]
    anna("POST", "/client", {"clients": [{**CLIENT, "phone": "+79109998877", "attributes": {}}]}, 201)
    anna("PATCH", "/client/{id}", {"attributes": {"name": f"{NAME}!", "city": CITY}}, id=client)
    anna("PUT", "/client/{id}", {**CLIENT, "phone": PHONE}, id=client)
    anna("PUT", "/client/by-phone/{phone}", {key: CLIENT[key] for key in ("time_zone", "attributes")}, phone="%2B79101234567")
    for row in (PHONE, TYPED):  # one that is imported, one that is refused with its cells
        file = f"phone,time_zone,attributes.name,attributes.city\n{row},{'UTC' if row == PHONE else CITY},{NAME},{CITY}\n"
        for query in ("", "?dry_run=false&on_conflict=update"):
            anna("POST", f"/client/import{query}", file)
            root("POST", f"/client/import{query}{'&' if query else '?'}owner={owner}", file)
    entry = anna("POST", "/do-not-contact", {"phone": PHONE, "reason": NOTE}, 201)["id"]
    anna("DELETE", "/do-not-contact/{id}", None, 204, id=entry)
    mailing = anna("POST", "/mailing", MAILING, 201)["id"]
    anna("PUT", "/mailing/{id}", MAILING, id=mailing)
    anna("PATCH", "/mailing/{id}", {"name": "June"}, id=mailing)
    assert NAME in json.dumps(anna("GET", "/mailing/{id}/preview", id=mailing), ensure_ascii=False)
    for who in (anna, root):
        assert NAME in who("POST", "/mailing/{id}/test", {"phone": PHONE, "client": client}, id=mailing)["text"]
    message = anna("POST", "/message", {"mailing": mailing, "client": client}, 201)["id"]
    given = {"mailing": mailing, "client": client, "status": 1}
    anna("PUT", "/message/{id}", given, id=message)
    anna("PATCH", "/message/{id}", {"status": 1}, id=message)
    for verb in ("pause", "resume"):
        anna("POST", f"/mailing/{{id}}/{verb}", None, None, id=mailing)
    anna("POST", "/mailing/{id}/retry-failed", None, None, id=mailing)
    anna("POST", "/mailing/{id}/start", None, None, id=mailing)
    anna("POST", "/mailing/{id}/resolve", f"message,delivered\n{message},true\n", None, id=mailing)
    anna("POST", "/message/{id}/resolve", {"delivered": True}, None, id=message)
    anna("POST", "/mailing/{id}/cancel", None, None, id=mailing)
    for who in (anna, root):
        who("POST", "/client", {**CLIENT, "phone": PHONE}, 409) if who is anna else None
        assert NAME in json.dumps(who("POST", "/person/export", {"phone": PHONE}), ensure_ascii=False)
        who("GET", "/client/{id}", id=client)
        who("GET", "/client/{id}/history", id=client)
        who("GET", "/message/{id}", id=message)
    root("PATCH", "/client/{id}", {"attributes": {"name": NAME, "city": CITY, "of": "root"}}, id=client)
    anna("POST", "/do-not-contact", {"phone": PHONE, "reason": NOTE}, 201)
    anna("POST", "/do-not-contact", {"phones": [{"phone": PHONE, "reason": f"{NOTE}!"}]}, 201)


def through_the_panel(anna: Browser) -> None:
    """With files: one as it should be, one without a header, whose first person becomes the names of columns."""
    for file in (
        f"phone,time_zone,name,city\n{PHONE},UTC,{NAME},{CITY}\n{TYPED},UTC,{NAME},{CITY}\n",
        f"{PHONE},UTC,{NAME},{CITY}\n{EARLIER},UTC,{NAME},{CITY}\n",
    ):
        raw = file.encode()
        upload = anna.send("/import/begin", {"size": len(raw)})
        anna.send("/import/part", {**upload, "position": 0, "data": b64encode(raw).decode()})
        anna.send("/import/read", upload)
        targets = ["phone", "time_zone", "attributes.name", "attributes.city"]
        anna.send("/import/choose", {**upload, "targets": targets, "country": "", "duplicates": "update"})
        for apply in (False, True):
            anna.send("/import/take", {**upload, "position": 0, "apply": apply})
            anna.send("/import/report", {**upload, "apply": apply})
    fields = {"phone": "+79105551111", "time_zone": "UTC", "attributes": f"name = {NAME}; city = {CITY}"}
    anna.post("/client/create", fields)
    anna.get(f"/client/list?q={PHONE[1:]}")
    anna.post("/client/create", {**fields, "phone": PHONE}, expect=422)
    anna.post("/persons", {"phone": PHONE, "action": "export"}, expect=200)
    Browser().post("/login", {"username": PHONE, "password": NAME}, 401)
    for kind in ("client", "do-not-contact", "message"):
        anna.post(f"/_api/{kind}/action?name=export&all=1", {"format": "csv", "scope": "all"}, expect=200)


@pytest.fixture
def anna_and_root(root: Browser, anna: Browser, made: set[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Calls, Calls]:
    monkeypatch.setenv("PROVIDER_URL", "http://127.0.0.1:9")
    config.settings.cache_clear()
    return Calls(token_of(anna), made, PHONE), Calls(token_of(root), made, "import")


@pytest.mark.parametrize("by", ["owner", "superuser"])
def test_nothing_of_an_erased_person_is_left_in_any_column(
    by: str, anna_and_root: tuple[Calls, Calls], anna: Browser, engine: Engine, owner_engine: Engine, made: set[str]
) -> None:
    """A route that is added is used here, or named as one that takes nothing of a client; a table that is added is searched."""
    through_the_api(*anna_and_root, user_id(engine, "anna"))
    through_the_panel(anna)
    with owner_engine.begin() as connection:  # as retention leaves what was sent long ago
        connection.execute(
            text("UPDATE message SET phone = NULL, error_detail = :said, provider_reference = :said"), {"said": f"to {PHONE}"}
        )
        connection.execute(  # as versions before this one left it
            text("UPDATE \"user\" SET import_columns = CAST(:names AS jsonb) WHERE username = 'anna'"),
            {"names": json.dumps({TYPED: "phone", NAME: "attributes.name"})},
        )
    before = holding(owner_engine, TRACES)
    tables = {each.partition(".")[0] for each in before}
    assert tables >= {"client", "do_not_contact", "history", "idempotency_key", "message", "upload_chunk", "upload_part", "user"}
    who = anna_and_root[by == "superuser"]
    for phone in (EARLIER, "+79105551111", PHONE):
        who("POST", "/person/erase", {"phone": phone})
    assert holding(owner_engine, TRACES) == set()

    changing = {route.path for route in ROUTES if route.handlers.keys() & {"POST", "PUT", "PATCH"}}
    assert changing - made == OF_NOBODY


def test_the_search_finds_a_person_wherever_they_are(owner_engine: Engine, engine: Engine) -> None:
    """In a table that was added yesterday, whatever kind its columns are of."""
    del engine
    kinds = {
        "text": PHONE,
        "jsonb": json.dumps([{"a": {"b": [NAME]}}]),
        "json": json.dumps({CITY: 1}),
        "text[]": [NOTE],
        "bytea": f"a file of {NAME}".encode("cp1251"),
    }
    with owner_engine.begin() as connection:
        connection.execute(text("CREATE TABLE added (id int)"))
        for number, (kind, value) in enumerate(kinds.items()):
            connection.execute(text(f"ALTER TABLE added ADD c{number} {kind}"))
            connection.execute(text(f"INSERT INTO added (c{number}) VALUES (CAST(:value AS {kind}))"), {"value": value})
    try:
        assert holding(owner_engine, TRACES) == {f"added.c{number}" for number in range(len(kinds))}
    finally:
        with owner_engine.begin() as connection:
            connection.execute(text("DROP TABLE added"))
