"""Personal texts and their size: escapes, emptiness, names that people take for the same, segments."""

import json
import random
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chalicelib.admin
from chalicelib.admin.words import segment_table
from chalicelib.domain.cells import join_attributes, split_attributes
from chalicelib.domain.characters import canonical, is_blank, tidy
from chalicelib.domain.limits import client_problems
from chalicelib.domain.personal_text import (
    ATTRIBUTE_NAME,
    TEXT_LENGTH,
    EmptyTextError,
    LongTextError,
    MissingValueError,
    TextError,
    attribute_name,
    escape,
    fill,
    nearest,
    needs,
    placeholders,
    render,
)
from chalicelib.domain.segments import GSM, GSM_EXTENSION, segments

DOLLARS = st.text(st.sampled_from("${}|a \\"), max_size=12)
BLANKS = ["", " ", "\u200b", "\n\t", "\u00a0\u2003", "\ufeff\u200e\u00ad", "\u2800", "\u3164", "\U000e0041", "\x07"]


@given(st.text() | DOLLARS)
def test_every_text_has_a_form_that_renders_to_it_exactly(text: str) -> None:
    assert fill(escape(text), {}) == text
    assert not placeholders(escape(text))


@given(st.text() | DOLLARS, DOLLARS)
def test_a_placeholder_may_stand_behind_any_text(before: str, after: str) -> None:
    """Dollar signs right before a placeholder are doubled like those before a brace."""
    literal = escape(before + "{")[:-1]
    assert fill(literal + "${price}" + escape(after), {"price": 5}) == f"{before}5{after}"


@pytest.mark.parametrize(
    ("text", "sent"),
    [("$${price}", "${price}"), ("$$${price}", "$5"), ("$$$${price}", "$${price}"), ("$$$$${price}", "$$5"), ("$5 $$ $", "$5 $$ $"),
     ("Price: $$${price|9}!", "Price: $5!"), ("{price}", "{price}"), ("$${", "${"), ("$${${price}}", "${5}")],
)  # fmt: skip
def test_dollar_signs_before_a_brace_are_read_in_pairs(text: str, sent: str) -> None:
    assert render(text, {"price": 5}) == sent


@pytest.mark.parametrize(
    "text",
    [
        "${дата рождения}",
        "${\u200bname}",
        "${1имя}",
        "${имя\U0001f600}",
        "${a-b}",
        "${Price list}",
        "${",
        "$$${",
        "${a|b",
        "${1}",
    ],
)
def test_the_error_says_how_to_write_it(text: str) -> None:
    with pytest.raises(
        TextError,
        match=r"position \d+: .*literal \$\{ is written \$\$\{.*before a placeholder \$\$.*made of letters, digits and _",
    ):
        needs(text)


SCRIPTS = ["имя", "Имя", "город_2", "näme", "名前", "नाम", "اسم", "ชื่อ", "שם", "이름", "\u0439", "\u0438\u0306", "_", "a" * 64]


@pytest.mark.parametrize("name", SCRIPTS)
def test_names_of_attributes_are_of_every_script_and_compared_in_their_composed_form(name: str) -> None:
    stored = attribute_name(name)
    assert placeholders(f"${{{name}}}") == placeholders(f"${{{unicodedata.normalize('NFD', name)}|x}}") == {stored}
    assert render(f"${{{name}}}!", {stored: "Анна"}) == "Анна!"
    assert client_problems(None, [], {stored: "x"}) == []
    assert client_problems(None, [], {f"{name}-": "x"})
    assert split_attributes(join_attributes({stored: "Анна"})) == {stored: "Анна"}


def test_the_pattern_of_names_holds_no_character_that_is_not_seen_and_its_composed_forms() -> None:
    inside = [chr(code) for code in range(0x10000) if re.fullmatch(ATTRIBUTE_NAME, f"_{chr(code)}")]
    assert [each for each in inside if is_blank(each) or unicodedata.category(each) in ("Zs", "Zl", "Zp", "Cc", "Cs", "Co")] == []
    assert [each for each in inside if not re.fullmatch(ATTRIBUTE_NAME, attribute_name(f"_{each}"))] == []
    letters = {
        chr(code) for code in range(0x80, 0x2000) if unicodedata.category(chr(code)) in ("Lu", "Ll", "Lo", "Mn", "Mc", "Nd")
    }
    assert [each for each in letters.difference(inside) if not is_blank(each) and each > "\u00bf"] == []


@pytest.mark.parametrize("blank", BLANKS)
def test_nothing_visible_is_never_sent(blank: str) -> None:
    assert is_blank(blank)
    for text in (blank, blank + "${nick|}", "${nick|" + blank + "}"):
        with pytest.raises(EmptyTextError):
            render(text, {"nick": blank})
    assert render("${nick|friend}", {"nick": blank}) == "friend"
    with pytest.raises(MissingValueError, match="nick"):
        render("Hello ${nick}", {"nick": blank})


def test_a_text_that_values_make_too_long_is_not_sent() -> None:
    assert len(render("${a}" * 4, {"a": "x" * 500})) == TEXT_LENGTH
    with pytest.raises(LongTextError):
        render("${a}" * 4 + "!", {"a": "x" * 500})


def test_what_a_text_needs() -> None:
    asked = needs("Hello ${name}, ${gift|}")
    assert (asked.names, asked.required, asked.by_values_alone) == (frozenset({"name", "gift"}), frozenset({"name"}), False)
    assert needs(" ${a|} ${b|\u200b}").by_values_alone
    assert not needs("${a|x}").by_values_alone


@pytest.mark.parametrize(
    ("name", "meant"), [("nmae", "name"), ("Name", "name"), ("nam", "name"), ("gfit", "gift"), ("zzz", None)]
)
def test_the_nearest_known_name(name: str, meant: str | None) -> None:
    assert nearest(name, ["name", "gift", "city"]) == meant


@pytest.mark.parametrize(
    "same",
    [
        ("VIP", "vip", " vip ", "v\u200bip", "ＶＩＰ", "\ufeffVip"),
        ("İstanbul", "istanbul", "ISTANBUL"),
        ("New  Clients", "new\u00a0clients"),
        ("Ёлка", "ёлка", "е\u0308лка"),
    ],
)
def test_names_that_people_take_for_the_same(same: tuple[str, ...]) -> None:
    assert len({canonical(each) for each in same}) == 1


@given(st.text())
def test_the_stored_form_of_a_name_is_its_own(name: str) -> None:
    assert canonical(canonical(name)) == canonical(name)
    assert tidy(tidy(name)) == tidy(name)
    assert canonical(f" {name}\u200b ") == canonical(name)


SIZES = [
    ("", "GSM-7", 0, 1),
    ("x" * 160, "GSM-7", 160, 1),
    ("x" * 161, "GSM-7", 161, 2),
    ("x" * 306, "GSM-7", 306, 2),
    ("x" * 307, "GSM-7", 307, 3),
    ("€" * 80, "GSM-7", 160, 1),
    ("€" * 81, "GSM-7", 162, 2),
    ("x" * 152 + "€" * 10, "GSM-7", 172, 2),
    ("x" * 152 + "€" + "x" * 152, "GSM-7", 306, 3),
    ("я" * 70, "UCS-2", 70, 1),
    ("я" * 71, "UCS-2", 71, 2),
    ("я" * 134, "UCS-2", 134, 2),
    ("я" * 135, "UCS-2", 135, 3),
    ("😀" * 35, "UCS-2", 70, 1),
    ("😀" * 36, "UCS-2", 72, 2),
    ("я" * 66 + "😀" + "я" * 66, "UCS-2", 134, 3),
    ("`", "UCS-2", 1, 1),
    ("[]{}\\~^|€", "GSM-7", 18, 1),
]


@pytest.mark.parametrize(("text", "encoding", "units", "number"), SIZES)
def test_segments(text: str, encoding: str, units: int, number: int) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.segments, found.characters) == (encoding, units, number, len(text))


def test_the_character_that_makes_it_ucs_2_is_named() -> None:
    assert segments("Hello, Анна").odd_name == "U+0410 CYRILLIC CAPITAL LETTER A"
    assert segments("Hello").odd_name is None


def test_the_alphabet_is_the_standard_s() -> None:
    assert (len(GSM), len(set(GSM)), len(GSM_EXTENSION)) == (127, 127, 10)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the counter of the page in")
def test_the_counter_in_the_browser_agrees() -> None:
    """The page's own script, over the texts above and a thousand seeded ones."""
    chance = random.Random(1)
    letters = "ab $${}|\\€я😀`\n" + "x" * 30
    texts = [each[0] for each in SIZES] + [
        "".join(chance.choices(letters, k=chance.choice([5, 70, 161, 310]))) for _ in range(1_000)
    ]
    templates = ["$${a}", "$$${a}", "${b|dear}", "$$$${a|b}", "{a}", "${a|}${b|x}", "$5 ${a}"]
    script = Path(chalicelib.admin.__file__).parent / "static" / "mailing" / "segments.js"
    program = (
        f"const {{fill, count}} = require({json.dumps(str(script))}); const given = JSON.parse(require('fs').readFileSync(0));"
        "const counts = given.texts.map(each => count(each, given.table));"
        "console.log(JSON.stringify([counts, given.templates.map(each => fill(each, {a: 'Anna'}, given.table))]))"
    )
    asked = json.dumps({"texts": texts, "templates": templates, "table": segment_table()})
    done = subprocess.run(["node", "-e", program], input=asked, capture_output=True, text=True, check=True)
    counts, filled = json.loads(done.stdout)
    for text, counted in zip(texts, counts, strict=True):
        found = segments(text)
        assert counted == {
            "encoding": found.encoding, "characters": found.characters, "units": found.units, "segments": found.segments, "odd": found.odd,
        }, text  # fmt: skip
    assert filled == [fill(each, {"a": "Anna"}) for each in templates]
