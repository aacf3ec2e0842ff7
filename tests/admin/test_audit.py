"""The audit log's page."""

import logging

import pytest
from sqlalchemy import Engine, text

from tests.admin.browser import Browser
from tests.admin.conftest import user_id

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def events(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT event FROM audit_event ORDER BY id")).scalars())


def test_a_superuser_reads_filters_and_exports_it(root: Browser, anna: Browser, engine: Engine) -> None:
    anna.post("/tokens", {"name": "import"}, expect=200)
    root.language = "ru"
    for expected in ("Журнал аудита", "Создан токен API", "Вход", "203.0.113.7", "anna"):
        assert expected in root.get("/audit/list").text
    root.language = "en"
    found = root.get("/audit/list?q=anna").text
    assert "API token created" in found
    assert "Logged in" in root.get("/audit/list?q=203.0.113.7").text
    one = root.get(
        "/audit/list?where=" + '{"logic":"AND","rules":[{"field":"event","operator":"in","value":["login_failed"]}]}'
    ).text
    assert one
    page = root.get("/audit/detail?pk=1").text
    assert "Logged in" in page
    export = root.post("/_api/audit/action?name=export&all=1", {"format": "csv", "scope": "all"}, expect=200)
    assert "token_made" in export.text or "API token created" in export.text
    assert events(engine)[-1] == "exported"


def test_nobody_else_does_and_nothing_is_changed_there(root: Browser, anna: Browser, engine: Engine) -> None:
    for path in ("/audit/list", "/audit/detail?pk=1"):
        anna.get(path, expect=403)
    assert events(engine)[-1] == "forbidden"
    before = events(engine)
    for path in ("/audit/create", "/audit/edit?pk=1"):
        root.ask("GET", f"/admin{path}")
        assert root.ask("POST", f"/admin{path}", f"csrftoken={root.csrf}", FORM).status >= 400
    assert root.ask("POST", "/admin/_api/audit/row-action?name=delete&pk=1", "", {"X-CSRFToken": root.csrf}).status >= 400
    assert root.ask("POST", "/admin/_api/audit/action?name=delete&pks=1", "", {"X-CSRFToken": root.csrf}).status >= 400
    assert events(engine)[: len(before)] == before


def test_the_panels_line_says_who_and_from_where(anna: Browser, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("mailing-api.events")
    logger.addHandler(caplog.handler)
    try:
        anna.get("/tokens")
        Browser().get("/tokens", expect=303)
    finally:
        logger.removeHandler(caplog.handler)
    known, stranger = [record.__dict__["fields"] for record in caplog.records if record.getMessage() == "admin"]
    assert (known["user_id"], known["address"]) == (user_id(engine, "anna"), "203.0.113.7")
    assert stranger["address"] == "203.0.113.7"
    assert "user_id" not in stranger


def test_exports_of_lists_are_written_down(root: Browser, engine: Engine) -> None:
    root.post("/client/create", {"phone": "+79101234567", "time_zone": "UTC"})
    root.post("/_api/client/action?name=export&all=1", {"format": "csv", "scope": "all"}, expect=200)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT user_id, details FROM audit_event WHERE event = 'exported'")).one()
    assert found == (user_id(engine, "root"), {"what": "client", "rows": 1})


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "path", ["user/row-action?name=end-sessions&pk=1", "user/action?name=delete&pks=1", "audit/action?name=export"]
)
def test_an_action_that_is_not_for_its_user_is_refused_and_written_down(
    anna: Browser, engine: Engine, path: str, language: str
) -> None:
    anna.language = language
    assert anna.ask("POST", f"/admin/_api/{path}", "", {"X-CSRFToken": anna.csrf}).status == 403
    with engine.connect() as connection:
        found = connection.execute(text("SELECT event, user_id FROM audit_event ORDER BY id DESC LIMIT 1")).one()
    assert tuple(found) == ("forbidden", user_id(engine, "anna"))
