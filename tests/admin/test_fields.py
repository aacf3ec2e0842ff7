"""Every field of a client and of a mailing: an odd value stays what it is, whatever else is changed, by whichever door."""

import csv
import io
import re
from dataclasses import fields
from datetime import datetime, time
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from chalice.test import Client as ChaliceClient
from sqlalchemy import Engine, text

from app import app
from chalicelib.admin.russian import MESSAGES
from chalicelib.admin.views.clients import ClientView
from chalicelib.admin.views.mailings import MailingView
from chalicelib.api.schemas.clients import ClientIn, ClientOut, ClientPatch
from chalicelib.api.schemas.mailings import MailingIn, MailingOut, MailingPatch
from chalicelib.domain import columns
from chalicelib.services.clients import ClientChanges, NewClient
from chalicelib.services.mailings import NewMailing
from chalicelib.storage.models import Client, Mailing
from local.settings import ROOT
from tests.admin.browser import Browser
from tests.admin.test_lists import imported
from tests.api.conftest import Api, make_user

CLIENT: dict[str, Any] = {
    "phone": "+4915112345678",
    "time_zone": "America/St_Johns",
    "operator_code": "0007",  # not that of the phone
    "tags": ["a,b", 'q"x', "вип", "=1"],
    "attributes": {"name": "=1+1", "visits": 3, "code": "007", "street": "Line 1\nLine 2"},
    "owner": 2,
}
OTHER_CLIENT: dict[str, Any] = {
    "phone": "+4915112345679",
    "time_zone": "Asia/Kathmandu",
    "operator_code": "9",
    "tags": [],
    "attributes": {},
    "owner": 1,
}
MAILING: dict[str, Any] = {
    "name": 'sale, "new"; =1',
    "text": "Hello,\n${name|friend} $$${name|x}",
    "filter_operator_codes": ["0007", "9"],
    "filter_tags": ["a,b", 'q"x', "вип"],
    "starts_at": "2098-03-30T02:30:01",
    "ends_at": "2098-10-26T02:30:59",
    "time_zone": "Europe/Berlin",
    "send_from": "22:00:00",
    "send_until": "06:30:00",
    "rate_limit": 7,
    "providers": ["second", "first.1"],
    "draft": True,
    "owner": 2,
}
OTHER_MAILING: dict[str, Any] = {
    "name": "other",
    "text": "Bye",
    "filter_operator_codes": [],
    "filter_tags": [],
    "starts_at": "2098-04-01T00:00:00",
    "ends_at": "2098-12-31T00:00:00",
    "time_zone": None,
    "send_from": "21:00:00",
    "send_until": "07:00:00",
    "rate_limit": None,
    "providers": [],
    "draft": False,
    "owner": 1,
}
STORED_OTHERWISE = {"owner": "owner_id", "draft": "status"}
FOLLOWS = {("client", "phone"): {"operator_code"}, ("mailing", "draft"): {"next_run_at", "schedule_at"}}
"""A new phone without an operator code has it derived; a mailing that is no draft any more gets its first moment."""
CONFIRMED = {"client": "", "mailing": "?confirmed=true"}


class FormValues(HTMLParser):
    """What a browser would send if a form was left as it is."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.values: list[tuple[str, str]] = []
        self._select = self._area = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value")
        if tag == "select":
            self._select = name
        elif tag == "textarea":
            self._area = name
            self.values.append((name, ""))
        elif tag == "option" and self._select and "selected" in given:
            self.values.append((self._select, value or ""))
        elif tag == "input" and name and given.get("type") not in ("checkbox", "radio", "submit", "file"):
            self.values.append((name, value or ""))
        elif tag == "input" and name and "checked" in given:
            self.values.append((name, "on" if value is None else value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            name, so_far = self.values[-1]
            self.values[-1] = (name, so_far + (data.removeprefix("\n") if not so_far else data))


def form_of(browser: Browser, path: str) -> list[tuple[str, str]]:
    page = browser.get(path).text
    [form] = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL | re.IGNORECASE)[-1:]
    return [(name, value) for name, value in FormValues(form).values if name != "csrftoken"]


@pytest.fixture
def api(root: Browser, engine: Engine) -> Api:
    """The superuser, whose id is 1, at the API; beside, user 2."""
    del root
    make_user(engine, "anna")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO provider (name, kind) VALUES ('first.1', 'twilio'), ('second', 'twilio')"))
    return Api(ChaliceClient(app, stage_name="tests")).as_user(engine, 1)


def post_form(browser: Browser, path: str, values: list[tuple[str, str]]) -> None:
    body = urlencode([("csrftoken", browser.csrf), *values])
    answer = browser.ask("POST", f"/admin{path}", body, {"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status == 303, (answer.errors, answer.alerts)


def stored(engine: Engine, kind: str) -> dict[str, Any]:
    with engine.connect() as connection:
        return dict(connection.execute(text(f"SELECT * FROM {kind} ORDER BY id DESC LIMIT 1")).mappings().one())


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {"client": (CLIENT, OTHER_CLIENT), "mailing": (MAILING, OTHER_MAILING)}


def allowed_changes(kind: str, name: str) -> set[str]:
    return {STORED_OTHERWISE.get(name, name)} | FOLLOWS.get((kind, name), set())


def test_every_field_of_a_client_has_an_odd_value_here() -> None:
    """A new field is written here first: then the tests below are about it, too."""
    by_people = {column.name for column in Client.__table__.columns} - {"id", "created_at", "owner_id"} | {"owner"}
    assert CLIENT.keys() == OTHER_CLIENT.keys() == by_people
    assert {field.name for field in fields(NewClient)} == by_people - {"owner"} | {"owner_id", "country"}
    assert ClientChanges.__annotations__.keys() == {field.name for field in fields(NewClient)}
    assert ClientIn.model_fields.keys() == ClientPatch.model_fields.keys() == by_people
    assert ClientOut.model_fields.keys() >= by_people
    assert {field.name for field in ClientView.fields} >= by_people - {"owner"}


def test_every_field_of_a_mailing_has_an_odd_value_here() -> None:
    assert MAILING.keys() == OTHER_MAILING.keys()
    assert {field.name for field in fields(NewMailing)} == MAILING.keys() - {"owner"} | {"owner_id"}
    assert MailingIn.model_fields.keys() == MailingPatch.model_fields.keys() == MAILING.keys()
    assert MailingOut.model_fields.keys() >= MAILING.keys() - {"draft"}
    assert {column.name for column in Mailing.__table__.columns} >= MAILING.keys() - {"draft", "owner"}
    assert {field.name for field in MailingView.fields} >= MAILING.keys() - {"owner"}
    shown = {name for row in MailingView.form_layout for name in ([row] if isinstance(row, str) else row)}
    assert shown == MAILING.keys() - {"owner"} | {"owner_id", "confirmed"}


def create(api: Api, engine: Engine, kind: str) -> dict[str, Any]:
    """The row of a thing with odd values, the only one of its kind."""
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {kind}"))
    api.post(f"/api/v1/{kind}{CONFIRMED[kind]}", KINDS[kind][0])
    return stored(engine, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_values_are_stored_and_shown_as_they_were_given(api: Api, engine: Engine, kind: str) -> None:
    odd, _ = KINDS[kind]
    row = create(api, engine, kind)
    plain = {name: value.isoformat() if isinstance(value, datetime | time) else value for name, value in row.items()}
    expected = {STORED_OTHERWISE.get(name, name): value for name, value in odd.items()} | (
        {"status": "draft"} if kind == "mailing" else {}
    )
    assert differing(expected, plain) == set()
    shown = api.get(f"/api/v1/{kind}/{row['id']}")
    assert differing({name: value for name, value in odd.items() if name != "draft"}, shown) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_of_one_field_leaves_all_others(api: Api, engine: Engine, kind: str) -> None:
    for name, value in KINDS[kind][1].items():
        before = create(api, engine, kind)
        api.ask("PATCH", f"/api/v1/{kind}/{before['id']}{CONFIRMED[kind]}", {name: value})
        changed = differing(before, stored(engine, kind))
        assert STORED_OTHERWISE.get(name, name) in changed, name
        assert changed <= allowed_changes(kind, name), name


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_that_is_left_untouched_changes_nothing(root: Browser, api: Api, engine: Engine, kind: str) -> None:
    before = create(api, engine, kind)
    path = f"/{kind}/edit?pk={before['id']}"
    form = form_of(root, path)
    assert {name for name, _ in form} >= {STORED_OTHERWISE.get(name, name) for name in KINDS[kind][0]} - {"status"}
    post_form(root, path, form)
    assert differing(before, stored(engine, kind)) == set()


TYPED = {
    "tags": "",
    "attributes": "",
    "filter_operator_codes": "",
    "filter_tags": "",
    "time_zone": "",
    "rate_limit": "",
    "providers": "",
    "draft": None,
    "confirmed": "on",
}
"""How a person types the other value, where it is not written like the value: None is a box without its mark."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_form_in_which_one_field_is_changed_leaves_all_others(root: Browser, api: Api, engine: Engine, kind: str) -> None:
    for name, value in KINDS[kind][1].items():
        before = create(api, engine, kind)
        path = f"/{kind}/edit?pk={before['id']}"
        field = "owner_id" if name == "owner" else name
        typed = str(value) if value not in ([], {}, None, False) else TYPED[name]
        form = [(each, old) for each, old in form_of(root, path) if each != field]
        confirmed = [("confirmed", "on")] if kind == "mailing" else []
        post_form(root, path, form + ([(field, typed)] if typed is not None else []) + confirmed)
        changed = differing(before, stored(engine, kind))
        assert STORED_OTHERWISE.get(name, name) in changed, name
        assert changed <= allowed_changes(kind, name), name


def exported(browser: Browser) -> bytes:
    asked = {"scope": "all", "format": "csv", "fields": [field.name for field in ClientView.fields]}
    return browser.post("/_api/client/action?name=export", asked, expect=200).text.encode()


def test_an_exported_client_is_imported_as_it_was(root: Browser, api: Api, engine: Engine) -> None:
    """But for id and time of creation, and for the owner: files are imported for the person who imports them."""
    before = create(api, engine, "client")
    file = exported(root)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM client"))
    report = imported(root, file)
    assert (report["created"], report["errors"]) == (1, [])
    assert differing(before, stored(engine, "client")) == {"id", "created_at", "owner_id"}


def test_an_import_that_updates_leaves_every_field_that_has_no_column(api: Api, engine: Engine) -> None:
    """With the columns that a file must have, and with each of the others beside them."""
    importable = [name for name in columns.FIELDS if name not in columns.REQUIRED]
    for name in (None, *importable):
        before = create(api, engine, "client")
        header = [*columns.REQUIRED, *([name] if name else [])]
        value = {"operator_code": "9", "tags": "other", "attributes": "name = Boris"}.get(name or "", "")
        file = io.StringIO()
        csv.writer(file).writerows([header, [CLIENT["phone"], CLIENT["time_zone"], *([value] if name else [])]])
        answer = api.call(
            "POST",
            "/api/v1/client/import?dry_run=false&on_conflict=update&owner=2",
            file.getvalue().encode(),
            {"Content-Type": "text/csv"},
        )
        assert (answer.status_code, answer.json_body["errors"]) == (200, []), name
        assert differing(before, stored(engine, "client")) == ({name} if name else set())


def test_every_importable_field_stands_in_headers_page_sample_and_document(root: Browser) -> None:
    """Importable is every field of a client but its owner, who is chosen for the file."""
    assert set(columns.FIELDS) == CLIENT.keys() - {"owner"}
    assert {columns.suggested([name])[0] for name in columns.FIELDS} == set(columns.FIELDS)
    sample = root.get("/import/sample.csv").text.removeprefix("\ufeff").splitlines()[0].split(",")
    assert {target.split(".")[0] for target in columns.suggested(sample)} == set(columns.FIELDS)
    page = root.get("/import").text
    script = (ROOT / "chalicelib" / "admin" / "static" / "mailing" / "import.js").read_text(encoding="utf-8")
    document = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    for name in columns.FIELDS:
        assert f'"{name}":' in unescape(page), f"{name} has no word in the page"
        assert re.search(rf"\b{name}\b", script), f"{name} cannot be chosen in the page"
        assert f"`{name}`" in document, f"docs/import.md does not name {name}"


@pytest.mark.parametrize(("kind", "view"), [("client", ClientView), ("mailing", MailingView)])
def test_every_fields_name_has_its_russian(kind: str, view: type[ClientView] | type[MailingView]) -> None:
    """As a label, and as the service calls it in errors and in the history."""
    labels = {field.name: str(field.label) for field in view.fields}
    for name in KINDS[kind][0]:
        stored_name = "owner_id" if name == "owner" else name
        assert labels[stored_name] in MESSAGES, name
        assert stored_name in MESSAGES or stored_name in labels, name
