"""The page for exporting and erasing a person."""

import json

from sqlalchemy import Engine, text

from tests.admin.browser import Browser

PHONE = "+79101234567"


def test_a_person_is_exported_and_erased(anna: Browser, engine: Engine) -> None:
    anna.post("/client/create", {"phone": PHONE, "time_zone": "UTC", "attributes": "name = Ermengarde"})
    assert "Personal data" in anna.get("/persons").text
    answer = anna.post("/persons", {"phone": PHONE, "action": "export"}, expect=200)
    assert json.loads(answer.text)["clients"][0]["attributes"] == {"name": "Ermengarde"}
    assert "attachment" in answer.headers["content-disposition"]
    assert PHONE[1:] not in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    anna.post("/persons", {"phone": PHONE, "action": "erase"})
    assert "Erased: 1 client," in anna.get("/persons").text
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM client")).scalar_one() == 0


def test_what_is_no_phone_is_said_so(anna: Browser) -> None:
    for fields in ({"phone": "x", "action": "erase"}, {"phone": PHONE, "action": "other"}, {"phone": "", "action": "export"}):
        assert "is-invalid" in anna.post("/persons", fields, expect=422).text
