"""Each rule about a mailing and a client is the service's: the API and the admin panel refuse the same value of the same field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib.admin.translations import said
from chalicelib.domain import limits
from chalicelib.domain.access import Principal
from chalicelib.domain.errors import FieldCode, FieldError, InvalidInputError
from chalicelib.services import clients, mailings
from chalicelib.services.clients import ClientChanges, NewClient
from chalicelib.services.mailings import NewMailing
from tests.admin.browser import Browser
from tests.admin.test_fields import api, form_of
from tests.api.conftest import Api

__all__ = ["api"]  # a fixture

MAILING: dict[str, Any] = {
    "name": "sale",
    "text": "Hello",
    "starts_at": datetime(2098, 5, 1, 9),
    "ends_at": datetime(2098, 5, 2, 9),
    "time_zone": "UTC",
    "send_from": time(9),
    "send_until": time(21),
    "draft": True,
}
CLIENT: dict[str, Any] = {"phone": "+79101234567", "time_zone": "UTC"}


@dataclass(frozen=True)
class Wrong:
    """A value that breaks a rule: as the service takes it, and as a person types it into the form."""

    kind: str
    field: str
    value: Any
    typed: str
    code: FieldCode

    def __str__(self) -> str:
        return f"{self.kind}-{self.field}-{self.code}"


def _words(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def _attributes(values: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in values.items())


_MANY = {f"n{number}": "x" for number in range(limits.ATTRIBUTES + 1)}
_LONG_VALUE = {"a": "x" * (limits.ATTRIBUTE_VALUE_LENGTH + 1)}
_LONG_NAME, _LONG_TEXT = "x" * (limits.MAILING_NAME_LENGTH + 1), "x" * (limits.MAILING_TEXT_LENGTH + 1)
_LONG_TAG, _LONG_CODE = "x" * (limits.TAG_LENGTH + 1), "1" * (limits.CODE_LENGTH + 1)
_CODES, _TAGS, _OWN_TAGS = _words(limits.FILTER_WORDS + 1), _words(limits.FILTER_WORDS + 1), _words(limits.TAGS + 1)

WRONG = (
    Wrong("mailing", "name", _LONG_NAME, _LONG_NAME, FieldCode.WRONG_LENGTH),
    Wrong("mailing", "name", "a\0", "a\0", FieldCode.WRONG_CHARACTERS),
    Wrong("mailing", "name", "a\x07b", "a\x07b", FieldCode.WRONG_CHARACTERS),
    Wrong("mailing", "text", _LONG_TEXT, _LONG_TEXT, FieldCode.WRONG_LENGTH),
    Wrong("mailing", "text", "a\0", "a\0", FieldCode.WRONG_CHARACTERS),
    Wrong("mailing", "text", "\u200b", "\u200b", FieldCode.BLANK),
    Wrong("mailing", "text", "Hello, ${", "Hello, ${", FieldCode.WRONG_FORMAT),
    Wrong("mailing", "filter_operator_codes", ("9a",), "9a", FieldCode.WRONG_FORMAT),
    Wrong("mailing", "filter_operator_codes", (_LONG_CODE,), _LONG_CODE, FieldCode.WRONG_LENGTH),
    Wrong("mailing", "filter_operator_codes", _CODES, ",".join(_CODES), FieldCode.WRONG_LENGTH),
    Wrong("mailing", "filter_tags", (_LONG_TAG,), _LONG_TAG, FieldCode.WRONG_LENGTH),
    Wrong("mailing", "filter_tags", ("a\0",), "a\0", FieldCode.WRONG_CHARACTERS),
    Wrong("mailing", "filter_tags", _TAGS, ",".join(_TAGS), FieldCode.WRONG_LENGTH),
    Wrong("mailing", "rate_limit", 0, "0", FieldCode.OUT_OF_RANGE),
    Wrong("mailing", "rate_limit", -1, "-1", FieldCode.OUT_OF_RANGE),
    Wrong("mailing", "rate_limit", limits.RATE + 1, str(limits.RATE + 1), FieldCode.OUT_OF_RANGE),
    Wrong("mailing", "providers", ("nobody",), "nobody", FieldCode.NOT_ALLOWED),
    Wrong("mailing", "providers", ("a b",), "a b", FieldCode.WRONG_FORMAT),
    Wrong("mailing", "providers", ("x" * 65,), "x" * 65, FieldCode.WRONG_FORMAT),
    Wrong("mailing", "providers", _words(limits.PROVIDERS + 1), ",".join(_words(limits.PROVIDERS + 1)), FieldCode.WRONG_LENGTH),
    Wrong("mailing", "time_zone", "Mars/Olympus", "Mars/Olympus", FieldCode.WRONG_FORMAT),
    Wrong("mailing", "ends_at", datetime(2098, 5, 1, 9), "2098-05-01T09:00", FieldCode.CONTRADICTION),
    Wrong("mailing", "send_until", time(9), "09:00", FieldCode.CONTRADICTION),
    Wrong("mailing", "send_until", None, "", FieldCode.CONTRADICTION),
    Wrong("client", "phone", "+7910", "+7910", FieldCode.WRONG_FORMAT),
    Wrong("client", "phone", "x", "x", FieldCode.WRONG_FORMAT),
    Wrong("client", "time_zone", "Mars/Olympus", "Mars/Olympus", FieldCode.WRONG_FORMAT),
    Wrong("client", "operator_code", "9a", "9a", FieldCode.WRONG_FORMAT),
    Wrong("client", "operator_code", _LONG_CODE, _LONG_CODE, FieldCode.WRONG_LENGTH),
    Wrong("client", "tags", (_LONG_TAG,), _LONG_TAG, FieldCode.WRONG_LENGTH),
    Wrong("client", "tags", ("a\0",), "a\0", FieldCode.WRONG_CHARACTERS),
    Wrong("client", "tags", _OWN_TAGS, ",".join(_OWN_TAGS), FieldCode.WRONG_LENGTH),
    Wrong("client", "attributes", _MANY, _attributes(_MANY), FieldCode.WRONG_LENGTH),
    Wrong("client", "attributes", _LONG_VALUE, _attributes(_LONG_VALUE), FieldCode.WRONG_LENGTH),
    Wrong("client", "attributes", {"a b": "x"}, "a b = x", FieldCode.WRONG_CHARACTERS),
    Wrong("client", "attributes", {"a": "x\0"}, "a = x\0", FieldCode.WRONG_CHARACTERS),
)


def as_json(value: Any) -> Any:
    if isinstance(value, datetime | time):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def count(engine: Engine, kind: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {kind}")).scalar_one())


def refused_by_service(engine: Engine, wrong: Wrong, stored_id: int | None) -> FieldError:
    """The one error of the service, for a new thing or for a change of a stored one."""
    root, change = Principal(1, "root", is_superuser=True), {wrong.field: wrong.value}
    with pytest.raises(InvalidInputError) as refused:
        call_service(engine, root, wrong.kind, change, stored_id)
    [error] = refused.value.errors
    return error


def call_service(engine: Engine, root: Principal, kind: str, change: dict[str, Any], stored_id: int | None) -> None:
    if stored_id is None:
        if kind == "mailing":
            mailings.create(engine, root, NewMailing(**{**MAILING, **change}))
        else:
            clients.create(engine, root, NewClient(**{**CLIENT, **change}))
    elif kind == "mailing":
        mailings.edit(engine, root, stored_id, change)
    else:
        clients.change(engine, root, stored_id, ClientChanges(**change))  # type: ignore[typeddict-item]  # any field: what is tested


@pytest.mark.parametrize("edited", [False, True], ids=["create", "edit"])
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_rule_holds_by_service_api_and_form_alike(root: Browser, api: Api, engine: Engine, wrong: Wrong, edited: bool) -> None:
    base = MAILING if wrong.kind == "mailing" else CLIENT
    body = {name: as_json(value) for name, value in base.items()}
    stored_id = int(api.post(f"/api/v1/{wrong.kind}", body)["id"]) if edited else None

    error = refused_by_service(engine, wrong, stored_id)
    assert (error.field, error.code) == (wrong.field, wrong.code)

    change = {wrong.field: as_json(wrong.value)}
    if stored_id is None:
        answer = api.post(f"/api/v1/{wrong.kind}", {**body, **change}, expect=422)
    else:
        answer = api.ask("PATCH", f"/api/v1/{wrong.kind}/{stored_id}", change, expect=422)
    [told] = answer["errors"]
    assert (told["field"].partition(".")[0], told["code"]) == (wrong.field, wrong.code)

    path = f"/{wrong.kind}/create" if stored_id is None else f"/{wrong.kind}/edit?pk={stored_id}"
    form = dict(form_of(root, path))
    if stored_id is None:
        form |= {name: as_json(value) for name, value in base.items()} | ({"draft": "on"} if wrong.kind == "mailing" else {})
    page = root.post(path, {**form, wrong.field: wrong.typed}, expect=422)
    assert page.errors == {wrong.field: said(error.message)}
    assert count(engine, wrong.kind) == edited


def test_every_field_with_a_rule_is_tried() -> None:
    free = {"mailing": {"starts_at", "send_from", "draft", "owner_id"}, "client": {"owner_id", "country"}}
    tried = {(wrong.kind, wrong.field) for wrong in WRONG}
    names = {"mailing": NewMailing.__dataclass_fields__, "client": NewClient.__dataclass_fields__}
    assert tried == {(kind, name) for kind in names for name in names[kind] if name not in free[kind]}
