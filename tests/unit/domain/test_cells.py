"""Words and attributes as one text: what is written is read back the same."""

import pytest

from chalicelib.domain.cells import join_attributes, join_words, split_attributes, split_words

ODD = [
    "a,b",
    "c;d",
    "'q",
    '"z"',
    '"',
    " lead",
    "trail ",
    '5" wide',
    "two\nlines",
    "'=1+1",
    "=x",
    "👨‍👩‍👧",
    "עברית",
    "e\u0301",
    "a\u2028b",
    "\u00a0",
]


NUMBERS = [5, -1, 0, 10**14, "5", "-1", "007", "0", "1e3"]


@pytest.mark.parametrize("words", [[], ODD, *([word] for word in ODD), ["a", "b c", "vip"]])
def test_words_come_back_the_same(words: list[str]) -> None:
    assert split_words(join_words(words)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vip, new;b,,vip ; ", ["vip", "new", "b"]),
        ('"a,b" ; c', ["a,b", "c"]),
        ('"a"b, "c', ['"a"b', '"c']),
        ('""', ['""']),
        ("", []),
        (" \n ", []),
    ],
)
def test_words_as_people_write_them(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@pytest.mark.parametrize(
    "value", [5, -1, 0, 10**14, "5", "-1", "007", "0", "1e3", *ODD, "", "a = b", "a\r\nb", '"', '"a', "\x85", "x" * 500]
)
def test_attributes_come_back_the_same(value: str | int) -> None:
    attributes = {"first": "Anna", "odd": value, "last": "x"}
    assert split_attributes(join_attributes(attributes)) == attributes


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        ("name = Anna\r\nsum=5\r\n\r\n", {"name": "Anna", "sum": 5}),
        ('name = "Anna', {"name": '"Anna'}),
        ("name", {"name": ""}),
        (
            'a = "5"\nb = 007\nc = -3\nd = 1.5\ne = 12345678901234567890',
            {"a": "5", "b": "007", "c": -3, "d": "1.5", "e": "12345678901234567890"},
        ),
    ],
)
def test_attributes_as_people_write_them(text: str, attributes: dict[str, str | int]) -> None:
    assert split_attributes(text) == attributes
