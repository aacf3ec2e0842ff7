"""Lists by page."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.api.conftest import Api
from tests.api.lambda_event import call


def add(anna: Api, count: int, first: int = 0) -> None:
    clients = [{"phone": f"+7910{first + n:07}", "time_zone": "UTC", "tags": ["even"] * (n % 2 == 0)} for n in range(count)]
    anna.post("/api/v1/client", {"clients": clients})


def follow(anna: Api, url: str | None, direction: str) -> list[int]:
    found: list[int] = []
    while url is not None:
        parts = urlsplit(url)
        page = call("GET", f"{parts.path}?{parts.query}", token=anna.token).json
        ids = [client["id"] for client in page["results"]]
        found.extend(ids if direction == "next" else reversed(ids))
        url = page[direction]
    return found


@pytest.mark.parametrize(("ordering", "step"), [("id", 1), ("-id", -1)])
def test_pages_hold_everything_once_in_both_directions(anna: Api, ordering: str, step: int) -> None:
    add(anna, 11)
    everything = list(range(1, 12))[::step]
    assert follow(anna, f"/api/v1/client?page_size=3&ordering={ordering}", "next") == everything
    last = f"/api/v1/client?page_size=3&ordering={ordering}&cursor=after:{everything[-2]}"
    assert follow(anna, last, "previous") == everything[::-1]


def test_pages_stay_right_while_rows_come_and_go(anna: Api) -> None:
    add(anna, 6)
    first = anna.get("/api/v1/client?page_size=3&tag=even")
    assert [client["id"] for client in first["results"]] == [1, 3, 5]
    first = anna.get("/api/v1/client?page_size=2")
    add(anna, 2, first=100)
    for gone in (1, 2, 3):
        call("DELETE", f"/api/v1/client/{gone}", token=anna.token)
    assert follow(anna, first["next"], "next") == [4, 5, 6, 7, 8]


def test_the_ends_of_a_list_are_told(anna: Api) -> None:
    add(anna, 4)
    first = anna.get("/api/v1/client?page_size=4")
    assert (first["next"], first["previous"]) == (None, None)
    beyond = anna.get("/api/v1/client?page_size=2&cursor=after:4")
    assert (beyond["results"], beyond["next"]) == ([], None)
    assert follow(anna, beyond["previous"], "previous") == [4, 3, 2, 1]
    before = anna.get("/api/v1/client?page_size=2&cursor=before:1")
    assert (before["results"], before["previous"]) == ([], None)
    assert follow(anna, before["next"], "next") == [1, 2, 3, 4]


def test_a_link_keeps_the_filter(anna: Api) -> None:
    add(anna, 6)
    link = anna.get("/api/v1/client?page_size=1&phone_prefix=%2B7910&tag=even")["next"]
    assert parse_qs(urlsplit(link).query) == {
        "page_size": ["1"],
        "phone_prefix": ["+7910"],
        "tag": ["even"],
        "cursor": ["after:1"],
    }


@hypothesis_settings(
    max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(1, 9), ordering=st.sampled_from(["id", "-id"]), tag=st.sampled_from(["", "&tag=even"]))
def test_every_page_size_shows_everything_once(anna: Api, size: int, ordering: str, tag: str) -> None:
    if not anna.get("/api/v1/client?page_size=1")["results"]:
        add(anna, 8)
    everything = [number for number in range(1, 9) if not tag or number % 2]
    found = follow(anna, f"/api/v1/client?page_size={size}&ordering={ordering}{tag}", "next")
    assert found == (everything if ordering == "id" else everything[::-1])
