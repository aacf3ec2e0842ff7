"""The do-not-contact list, through the API."""

from sqlalchemy import Engine, text

from tests.api.conftest import PHONE, Api

PATH = "/api/v1/do-not-contact"


def test_a_phone_is_put_on_the_list_once(anna: Api, boris: Api) -> None:
    made = anna.post(PATH, {"phone": PHONE, "reason": "asked"})
    again = anna.post(PATH, {"phone": PHONE, "reason": "asked twice"})
    assert again == {**made, "reason": "asked twice"}
    assert anna.get(PATH)["results"] == [again]
    assert anna.get(f"{PATH}?phone=%2B79101234567")["results"] == [again]
    assert boris.get(PATH)["results"] == []
    boris.ask("DELETE", f"{PATH}/{made['id']}", expect=404)
    anna.ask("DELETE", f"{PATH}/{made['id']}", expect=204)
    anna.get(f"{PATH}/{made['id']}", expect=404)


def test_many_phones_at_once(anna: Api) -> None:
    phones = [{"phone": f"+7910765432{digit}"} for digit in range(5)]
    assert len(anna.post(PATH, {"phones": [*phones, phones[0]]})["results"]) == 5
    refused = anna.post(PATH, {"phones": [*phones, {"phone": "+999101234567"}]}, expect=422)
    assert [error["field"] for error in refused["errors"]] == ["phones.5.phone"]


def test_a_superuser_may_put_it_on_anothers_list(anna: Api, root: Api) -> None:
    owner = anna.post(PATH, {"phone": "+79100000000"})["owner"]
    made = root.post(PATH, {"phone": PHONE, "owner": owner})
    assert made["owner"] == owner
    assert len(anna.get(PATH)["results"]) == 2
    assert anna.post(PATH, {"phone": PHONE, "owner": owner + 1}, expect=422)["errors"][0]["field"] == "owner"


def test_who_changed_an_entry_is_known_until_its_person_is_erased(anna: Api, root: Api, engine: Engine) -> None:
    entry = anna.post("/api/v1/do-not-contact", {"phone": PHONE, "reason": "asked by letter"})
    anna.post("/api/v1/do-not-contact", {"phone": PHONE, "reason": "asked by letter"})
    anna.post("/api/v1/do-not-contact", {"phone": PHONE, "reason": "asked twice"})
    root.ask("DELETE", f"/api/v1/do-not-contact/{entry['id']}", expect=204)
    known = anna.post("/api/v1/person/export", {"phone": PHONE}, expect=200)
    changes = [(row["username"], row["action"], row["changes"]) for row in known["history"] if row["kind"] == "do_not_contact"]
    assert changes == [
        ("anna", "create", {"phone": [None, PHONE], "reason": [None, "asked by letter"]}),
        ("anna", "update", {"phone": [PHONE, PHONE], "reason": ["asked by letter", "asked twice"]}),
        ("root", "delete", {"phone": [PHONE, None], "reason": ["asked twice", None]}),
    ]
    again = anna.post("/api/v1/do-not-contact", {"phone": PHONE, "reason": "asked again"})
    anna.post("/api/v1/person/erase", {"phone": PHONE}, expect=200)
    anna.ask("DELETE", f"/api/v1/do-not-contact/{again['id']}", expect=204)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT changes::text FROM history WHERE kind = 'do_not_contact' ORDER BY id")).scalars()
        assert list(rows) == ["{}"] * 4 + ['{"reason": ["", null]}'], "not even the hash"
