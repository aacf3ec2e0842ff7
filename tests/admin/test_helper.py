"""What a failing test of the panel says."""

import pytest
from sqlalchemy import Engine

from chalicelib.services import history
from tests.admin.browser import Browser
from tests.admin.test_pages import fill


def test_a_page_that_fails_says_the_error_and_not_its_markup(
    root: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, "root")

    def fail(*_arguments: object) -> None:
        raise RuntimeError("this is why")

    monkeypatch.setattr(history, "page", fail)
    with pytest.raises(AssertionError) as failed:
        root.get("/client/detail?pk=1")
    assert "RuntimeError: this is why" in str(failed.value)
    assert "in history_of" in str(failed.value)
    assert "<" not in str(failed.value).replace("<frozen", "").partition("this is why")[2]


def test_a_form_that_is_refused_says_its_fields(root: Browser) -> None:
    with pytest.raises(AssertionError, match="phone: "):
        root.post("/client/create", {"phone": "12", "time_zone": "UTC"})
