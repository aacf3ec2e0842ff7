"""One parser for JSON from outside: what two readers would understand differently is refused with its place, all else is what it was."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chalicelib
from chalicelib.domain.strict_json import MAX_DEPTH, MAX_DIGITS, JsonError, parse
from chalicelib.providers.calls import parsed
from chalicelib.scheduling import handler
from chalicelib.sending.worker import PoisonError, parse_chunk

HERE = Path(chalicelib.__file__).parent
MOST = 10_000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "a name twice": ('{"a": 1, "b": 2, "a": 3}', "gives the field 'a' at its top level twice, as fields 1 and 3 of the object"),
    "the same value": ('{"a": 1, "a": 1}', "as fields 1 and 2 of the object"),
    "an escaped name": ('{"a": 1, "\\u0061": 1}', "gives the field 'a'"),
    "deeper": ('{"clients": [{}, {"x": {"é": 1, "é": 2}}]}', "gives the field '\\xe9' at clients.1.x twice"),
    "one inside of another": ('{"a": {"x": 1, "x": 2}, "a": 3}', "gives the field 'a' at its top level twice"),
    "NaN": ('{"a": [1, NaN]}', "has NaN at a.1, which is no number of JSON"),
    "Infinity": ("[-Infinity]", "has -Infinity at 0"),
    "a large fraction": ('{"a": 1e999}', "has a number at a that is larger than any field takes"),
    "a long fraction": ('{"a": 0.' + "1" * MAX_DIGITS + "}", "has a number at a"),
    "a long number": ('{"a": {"b": ' + "9" * (MAX_DIGITS + 1) + "}}", f"has a number of more than {MAX_DIGITS} digits at a.b"),
    "a long negative number": ("[-" + "9" * (MAX_DIGITS + 1) + "]", "digits at 0"),
    "half of a pair": ('{"a": ["x", "\\ud800"]}', "has half of a surrogate pair at a.1"),
    "the other half": ('{"a": "\\uDFFF\\uD800"}', "has half of a surrogate pair at a"),
    "half of a pair in a name": ('{"b": {"\\ud83d": 1}}', "has half of a surrogate pair in a name at b"),
    "half of a pair that is no escape": ('["\ud800"]', "has half of a surrogate pair at 0"),
    "deep": ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested deeper than {MAX_DEPTH} levels"),
    "open": ("[" * 5_000, f"nested deeper than {MAX_DEPTH} levels"),
    "long": ('"' + "x" * MOST + '"', f"has more than {MOST:,} bytes"),
    "long in bytes": ('"' + "я" * (MOST // 2) + '"', f"has more than {MOST:,} bytes"),
    "no JSON": ('{"a": 1,\n "b": }', "is not JSON: Expecting value, line 2, column 7"),
    "nothing": ("", "is not JSON"),
    "two values": ("1 2", "is not JSON: Extra data, line 1, column 3"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "is not JSON"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8 at byte 1"),
    "a broken byte": (b'{"a": "\xff"}', "is not UTF-8 at byte 8"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_would_understand_differently_is_refused_with_its_place(name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(JsonError) as refused:
        parse(text, MOST)
    assert why in str(refused.value)
    assert str(refused.value).encode()  # it can be answered


@given(VALUES)
def test_all_else_is_what_it_was(value: Any) -> None:
    for ascii_only in (False, True):
        text = json.dumps(value, ensure_ascii=ascii_only)
        given_back = parse(text, 2**20)
        assert json.dumps(given_back) == json.dumps(value)
        assert parse(text.encode(), 2**20) == given_back


def test_pairs_of_halves_brackets_in_strings_and_limits_themselves_are_taken() -> None:
    assert parse('["\\ud83d\\ude00"]', MOST) == ["😀"]
    assert parse(json.dumps(["[" * 500 + '\\"{']), MOST) == ["[" * 500 + '\\"{']
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, MOST) is not None
    assert parse("9" * MAX_DIGITS, MOST) == int("9" * MAX_DIGITS)
    assert parse('"x"', 3) == "x"
    assert type(parse("7.0", MOST)) is float
    assert type(parse("7.0", MOST, whole=True)) is int


@pytest.mark.parametrize(
    ("text", "why"),
    [('{"a":1,"b":2}', "more than 1 field, of which the first is 'a'"), ('[{"a":1},{"a":2},{"a":3}]', "of more than 2 fields")],
)
def test_fields_are_counted_where_it_is_asked_for(text: str, why: str) -> None:
    with pytest.raises(JsonError, match=why):
        parse(text, MOST, fields=1, all_fields=2)


ODD = [name for name in REFUSED if "long" not in name and "pair" not in name and "half" not in name]


@pytest.mark.parametrize("name", ODD)
def test_a_providers_answer_and_the_bodies_of_queues_go_by_the_same_rules(name: str) -> None:
    text = REFUSED[name][0]
    assert parsed(text if isinstance(text, bytes) else text.encode()) is None
    if isinstance(text, str):
        assert handler._parse(text) is None
        with pytest.raises(PoisonError):
            parse_chunk(text)


def test_a_chunk_with_two_lists_of_messages_is_poison_and_says_where() -> None:
    with pytest.raises(PoisonError, match="gives the field 'message_ids' at its top level twice, as fields 3 and 4"):
        parse_chunk('{"v": 1, "mailing_id": 1, "message_ids": [1], "message_ids": [2]}')
    assert handler._parse('{"mailing_id": 1, "source": "api", "mailing_id": 2}') is None
    assert handler._parse('{"mailing_id": 1, "source": "api"}') is not None


def test_half_of_a_pair_in_a_providers_answer_does_not_make_its_code_void() -> None:
    assert parsed(b'{"code": 0, "message": "\\ud800"}') == {"code": 0, "message": "\ud800"}


_OWN = {
    "api/openapi.py": "our own document",
    "domain/cells.py": "a text in quotation marks, which the service checks",
    "domain/strict_json.py": "the parser",
    "manage.py": "our own report",
    "storage/paging.py": "a plan of PostgreSQL",
}


def test_nothing_else_parses_json_from_outside() -> None:
    found = set()
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"
                if called in ("json.loads", "json.load") or (node.func.attr == "json" and not node.args):
                    found.add(str(path.relative_to(HERE)))
    assert found == set(_OWN)
