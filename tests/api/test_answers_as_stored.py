"""Answers show what is stored, whatever it is: no schema of an answer refuses a row that the database took.

Earlier versions had other rules, an import brings what no form takes, and while a release is under way a newer version writes, too.
"""

import enum
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainSerializer, WithJsonSchema
from sqlalchemy import Engine, text

from chalicelib.api.operations import declared
from chalicelib.api.routes import ROUTES
from chalicelib.domain.outcome import OutcomeKind
from chalicelib.domain.status import ErrorCode, MailingStatus, StartSource
from chalicelib.domain.window import Obstacle
from tests.api.conftest import MAILING, PHONE, Api

HELD_BY_THE_DATABASE = {MailingStatus, StartSource}
"""Enumerations that a CHECK of the column knows."""
COMPUTED = {Obstacle, OutcomeKind, ErrorCode}
"""Enumerations that are never read from a row where they stand in an answer: in previews and test messages."""
IDS = {"id", "user", "owner", "client", "mailing", "message_id"}
"""Whole numbers of 1 and more: sequences give them."""


def constraints(schema: Any, path: str, seen: set[Any]) -> Iterator[tuple[str, Any]]:
    """Everything in a schema that can refuse a value of the right type."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        if schema not in seen:
            seen.add(schema)
            for name, field in schema.model_fields.items():
                yield from ((f"{schema.__name__}.{name}", each) for each in field.metadata)
                yield from constraints(field.annotation, f"{schema.__name__}.{name}", seen)
        return
    for each in getattr(schema, "__metadata__", ()):
        yield from ((path, inner) for inner in getattr(each, "metadata", [each]))
    if isinstance(schema, type) and issubclass(schema, enum.Enum):
        yield path, schema
    for inner in get_args(schema):
        if not isinstance(inner, str):
            yield from constraints(inner, path, seen)


def test_no_answer_refuses_what_is_stored() -> None:
    seen: set[Any] = set()
    answers = [declared(place).answer for route in ROUTES for place in route.handlers.values()]
    found = [each for answer in answers for each in constraints(answer, "", seen)]
    assert len(seen) > 20
    refusing = [
        (path, each)
        for path, each in found
        if not isinstance(each, (PlainSerializer, WithJsonSchema))
        and each not in HELD_BY_THE_DATABASE | COMPUTED
        # A number that a CHECK holds to 1 to 5, and ids.
        and not (path.rpartition(".")[2] in IDS | {"status"} and type(each).__name__ in ("Ge", "Le"))
        # Reads texts, and lets dates and times of the database pass.
        and not (isinstance(each, BeforeValidator) and path in WALL_CLOCK)
    ]
    assert refusing == []
    assert any(isinstance(each, BeforeValidator | AfterValidator) for _, each in found)  # this test finds them


WALL_CLOCK = {f"MailingOut.{name}" for name in ("starts_at", "ends_at", "send_from", "send_until")}
ROWS: dict[str, dict[str, tuple[str, ...]]] = {
    "client": {
        "phone": ("'+7'", "'+7910'", "'+0'", "''", "'x'", "E'+7\n'"),
        "operator_code": ("''", "'MTS'", "'  '", "E'\\u0007'"),
        "tags": ("'{NULL}'", "'{\"\"}'", "'{VIP,VIP}'", "'{{a,b},{c,d}}'"),
        "attributes": ("'[]'", "'null'", "'\"x\"'", "'{\"a\": 1.5}'", "'{\"a\": null}'", "'{\"a\": {\"b\": [true]}}'"),
        "time_zone": ("''", "'Mars/Olympus'", "'../etc/passwd'"),
        "created_at": ("'0001-01-01'", "'1969-12-31'", "'9999-12-31'"),
    },
    "mailing": {
        "name": ("''", "E'a\nb'"),
        "text": ("''", "'${'", "'${a|}'"),
        "filter_operator_codes": ("'{NULL}'", "'{\"\"}'"),
        "filter_tags": ("'{NULL}'", "'{\"\"}'"),
        "starts_at": ("'0001-01-01'", "'1969-12-31T23:59:59.5'"),
        "ends_at": ("'9999-12-31T23:59:59'",),
        "time_zone": ("''", "'Mars/Olympus'"),
        "rate_limit": ("2147483647",),
        "next_run_at": ("'0001-01-02'", "NULL"),
        "started_at": ("'1969-12-31'",),
        "finished_at": ("'9999-12-30'",),
        "final_counts": ("'{}'", "'{\"sent\": 1}'", "'{\"other\": 2}'"),
    },
    "message": {
        "phone": ("NULL", "'+7'", "'x'", "''", "'+0'"),
        "time_zone": ("''", "'Mars/Olympus'"),
        "not_before": ("'0001-01-01'", "'9999-12-31'"),
        "sent_at": ("'1969-12-31'",),
        "attempted_at": ("'1969-12-31'",),
        "attempts": ("-1", "2147483647"),
        "error_code": ("''", "'of_a_newer_version'"),
        "error_detail": ("''", "E'a\nb'"),
        "provider": ("''", "NULL", "'x y'"),
        "provider_reference": ("''",),
        "segments": ("-1", "32767"),
        "client_id": ("NULL",),
    },
    "do_not_contact": {"phone": ("'+7'", "'x'", "''"), "reason": ("''", "E'a\nb'"), "created_at": ("'0001-01-01'",)},
    '"user"': {"username": ("''", "E'a\nb'", "'  '"), "created_at": ("'0001-01-01'",)},
    "api_token": {"name": ("''", "E'a\nb'"), "prefix": ("''",), "last_used_at": ("'0001-01-01'",)},
    "history": {
        "action": ("''", "'of_a_newer_version'"),
        "changes": ("'{}'", "'{\"a\": [1]}'", "'{\"a\": [null, {\"b\": 1.5}]}'"),
        "username": ("''",),
    },
}  # fmt: skip
CASES = [(table, column, value) for table, columns in ROWS.items() for column, values in columns.items() for value in values]
LISTS = {
    "client": "/api/v1/client",
    "mailing": "/api/v1/mailing",
    "message": "/api/v1/message",
    "do_not_contact": "/api/v1/do-not-contact",
    '"user"': "/api/v1/user",
    "api_token": "/api/v1/token",
    "history": "/api/v1/client/1/history",
}


@pytest.fixture
def one_of_each(root: Api, engine: Engine) -> Api:
    root.post("/api/v1/client", {"phone": PHONE, "time_zone": "UTC"})
    root.post("/api/v1/mailing", {**MAILING, "draft": True})
    root.post("/api/v1/do-not-contact", {"phone": "+79101234568"})
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO message (mailing_id, owner_id, client_id, phone, time_zone, status, not_before)"
                f" SELECT mailing.id, mailing.owner_id, client.id, '{PHONE}', 'UTC', 4, now() FROM mailing, client"
            )
        )
    return root


@pytest.mark.parametrize(("table", "column", "value"), CASES)
def test_a_row_is_shown(one_of_each: Api, owner_engine: Engine, table: str, column: str, value: str) -> None:
    with owner_engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = {value}".replace(":", "\\:")))
    for path in {LISTS[table], *LISTS.values()}:
        found = one_of_each.get(path)["results"]
        assert found, path
        if path not in (LISTS["history"], LISTS["api_token"]):
            assert one_of_each.get(f"{path}/{found[0]['id']}")["id"] == found[0]["id"]
    for path in (
        "/api/v1/statistic-messages",
        "/api/v1/statistic-messages/4",
        "/api/v1/messages-in-mailing/1",
        "/api/v1/mailing/1/history",
    ):
        one_of_each.get(path)
    one_of_each.post("/api/v1/person/export", {"phone": PHONE}, expect=200)
