"""Selection, backoff, personal texts, states."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import life_cycle
from chalicelib.domain.errors import ConflictError
from chalicelib.domain.outcome import MAX_RETRY_AFTER, delay
from chalicelib.domain.personal_text import MissingValueError, TextError, fill, placeholders, render
from chalicelib.domain.selection import Selection
from chalicelib.domain.status import MailingStatus


@pytest.mark.parametrize(
    ("codes", "tags", "selected"),
    [
        ((), (), True),
        (("910",), (), True),
        (("911", "910"), (), True),
        (("911",), (), False),
        ((), ("vip",), True),
        ((), ("new", "vip"), True),
        ((), ("new",), False),
        (("910",), ("vip",), True),
        (("910",), ("new",), False),
        (("911",), ("vip",), False),
    ],
)
def test_any_of_each_list_and_both_lists(codes: tuple[str, ...], tags: tuple[str, ...], selected: bool) -> None:
    assert Selection(codes, tags).matches("910", ["vip", "old"]) is selected


@given(st.integers(1, 100), st.floats(0, 10_000), st.integers())
def test_backoff_waits_what_was_asked_and_at_most_the_cap_on_top(attempt: int, asked: float, seed: int) -> None:
    waited = delay(attempt, base=2, cap=600, random=Random(seed), retry_after=asked)
    assert asked <= waited <= asked + min(600, 2 * 2.0 ** min(attempt - 1, 32))


def test_backoff_spreads_over_the_whole_stretch_and_bounds_retry_after() -> None:
    random = Random(1)
    waits = [delay(5, base=2, cap=600, random=random) for _ in range(1000)]
    assert min(waits) < 2
    assert 30 < max(waits) <= 32
    assert delay(1, base=1e-9, cap=600, random=random, retry_after=1e9) == pytest.approx(MAX_RETRY_AFTER)


def test_texts_are_filled_from_attributes() -> None:
    text = "Dear ${name}, ${gift|a surprise} costs $5 or $${price}"
    assert placeholders(text) == {"name", "gift"}
    assert render(text, {"name": "Olga"}) == "Dear Olga, a surprise costs $5 or ${price}"
    assert render(text, {"name": 7, "gift": "tea"}) == "Dear 7, tea costs $5 or ${price}"
    assert render("${name|}!", {}) == "!"


@pytest.mark.parametrize("given", [{}, {"name": ""}, {"name": None}, {"Name": "Olga"}])
def test_a_text_never_has_a_hole(given: dict[str, object]) -> None:
    with pytest.raises(MissingValueError, match="name"):
        render("Dear ${name}", given)


@pytest.mark.parametrize("text", ["${", "${}", "${a b}", "${1a}", "${a", "x ${é!}", "${a|${b}}", "${a.b}"])
def test_unknown_syntax_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(TextError, match="position"):
        placeholders(text)


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        names = placeholders(text)
    except TextError:
        return
    assert fill(text, dict.fromkeys(names, "x")) is not None


def test_conflicts_say_which_states_allow_it() -> None:
    with pytest.raises(ConflictError, match="a finished mailing cannot be paused: it must be scheduled or running"):
        life_cycle.require("paused", MailingStatus.FINISHED, life_cycle.PAUSABLE)
    with pytest.raises(ConflictError, match="before the mailing's first run"):
        life_cycle.require_editable(MailingStatus.PAUSED, has_run=True, fields={"starts_at"})
    life_cycle.require_editable(MailingStatus.FINISHED, has_run=True, fields={"name"})
    life_cycle.require_editable(MailingStatus.PAUSED, has_run=True, fields={"text", "ends_at"})
