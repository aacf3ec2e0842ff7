"""Whatever the panel says, it can say in Russian."""

import ast
import json
import re
from pathlib import Path

import pytest
from starlette_admin.i18n import set_locale, translations

import chalicelib.admin
from chalicelib.admin import words
from chalicelib.admin.fields import count_of
from chalicelib.admin.russian import MESSAGES, PATTERNS, PLURALS
from chalicelib.admin.translations import install, said
from chalicelib.domain.status import MailingStatus
from chalicelib.domain.words import counted
from tests.admin.browser import Browser

HERE = Path(chalicelib.admin.__file__).parent


def spoken() -> tuple[set[str], set[tuple[str, str]]]:
    """Every text that goes through gettext here, and every pair that goes through ngettext."""
    single = {*words._MESSAGES.values(), *words._ERRORS.values(), *words._KINDS.values(), *words._EVENTS.values(), *MailingStatus}
    plural = set()
    for path in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
                if node.func.id in ("_", "gettext"):
                    single.update(texts)
                elif node.func.id == "count_of" and len(texts) == 2:
                    plural.add((texts[0], texts[1]))
    for path in (HERE / "templates").rglob("*.html"):
        single.update(a or b for a, b in re.findall(r"""\b_\(\s*(?:"([^"]*)"|'([^']*)')""", path.read_text()))
        plural.update(re.findall(r"""\bcount_of\([^"]*"([^"]*)", "([^"]*)"\)""", path.read_text()))
    return single, plural | {english for _, english in PATTERNS if isinstance(english, tuple)}


def test_every_text_has_its_russian() -> None:
    install()
    known = translations["ru"]
    single, plural = spoken()
    assert len(single) > 150
    assert sorted(text for text in single if text not in MESSAGES and known.gettext(text) == text) == []
    assert sorted(pair for pair in plural if pair not in PLURALS) == []
    assert sorted(pair for pair in PLURALS if pair not in plural) == []


def test_our_words_are_said_where_the_library_has_others_for_the_same_text(root: Browser) -> None:
    """The library adds the words of its theme and plugins when the panel is built."""
    root.get("/import")
    known = translations["ru"]
    assert {english: known.gettext(english) for english in MESSAGES} == dict(MESSAGES)
    page = Browser(language="ru", cookies=root.cookies).get("/import").text
    assert f'"created": {json.dumps("новых")}' in page


RUSSIAN = [*MESSAGES.items(), *((many, form) for (_, many), forms in PLURALS.items() for form in forms)]


@pytest.mark.parametrize("russian", RUSSIAN)
def test_the_russian_asks_for_no_value_that_is_not_given(russian: tuple[str, str]) -> None:
    english, text = russian
    assert set(re.findall(r"%\(\w+\)[sd]", text)) <= set(re.findall(r"%\(\w+\)[sd]", english))


def test_every_pattern_has_its_words() -> None:
    for pattern, english in PATTERNS:
        if isinstance(english, str):
            assert english in MESSAGES
        for form in (english,) if isinstance(english, str) else english:
            assert set(re.findall(r"\?P<(\w+)>", pattern)) >= set(re.findall(r"%\((\w+)\)s", form))


NO_NUMBERS = {
    "action", "at", "character", "clients", "counts", "encoding", "fields", "first", "fix", "id", "label", "name", "names", "offset",
    "people", "phone", "pk", "raw", "reason", "second", "several", "since", "states", "status", "thing", "time", "units", "until", "why",
    "zone", "zones",
}  # fmt: skip
"""Values that are no numbers, or numbers that count nothing. A new one must be named here, or its noun goes by `count_of`."""
NOT_COUNTED = "a|and|are possible|deleted|do|either|is the|min|MB|of|or|sent|SMS|to|до|и|из|мин|МБ|номер|по"
CONSTANTS = {"a workbook has at most %(n)s rows and %(most)s cells: save it as CSV UTF-8"}
"""Whose numbers are fixed, and not 1; the Russian does not count."""


def counted_without_forms(sentence: str) -> list[str]:
    """Numbers with a noun after them, which has one form for all numbers."""
    found = re.finditer(r"%\((\w+)\)[sd][\s-]+(?=\w)([^%;:,.]*)", sentence)
    return [each[0] for each in found if each[1] not in NO_NUMBERS and not re.match(rf"({NOT_COUNTED})\b", each[2])]


def test_a_noun_goes_with_its_number() -> None:
    """In Russian and English a noun after a number has a form for it: such a sentence is one of PLURALS, and made by `count_of`."""
    assert counted_without_forms("Erased: %(done)d clients.") == ["%(done)d clients"]  # what this test finds
    found = {text for pair in MESSAGES.items() for text in pair if counted_without_forms(text)} - CONSTANTS
    single, _ = spoken()
    assert sorted(found | {text for text in single if counted_without_forms(text)} - CONSTANTS) == []


NUMBERS = {1: 0, 2: 1, 4: 1, 5: 2, 11: 2, 12: 2, 14: 2, 21: 0, 22: 1, 25: 2, 100: 2, 101: 0, 111: 2, 121: 0, 1_001: 0, 0: 2}


@pytest.mark.parametrize(("pair", "forms"), PLURALS.items(), ids=[many[:60] for _, many in PLURALS])
def test_every_count_has_three_forms(pair: tuple[str, str], forms: tuple[str, ...]) -> None:
    install()
    values = dict.fromkeys(re.findall(r"%\((\w+)\)", pair[1]), "x")
    set_locale("ru")
    try:
        for number, form in NUMBERS.items():
            said_so = count_of(number, *pair, **{name: value for name, value in values.items() if name != "n"})
            assert said_so == forms[form] % {**values, "n": f"{number:,}".replace(",", "\xa0")}
    finally:
        set_locale("en")
    assert [count_of(number, *pair, **{**values, "n": "1"}) for number in (1, 21)] == [
        pair[0] % {**values, "n": "1"},
        pair[1] % {**values, "n": "1"},
    ]


def test_nobody_counts_by_himself() -> None:
    """`ngettext` has one place, where the number is written as people write it; scripts put words before numbers."""
    uses = [path.name for path in HERE.rglob("*.py") if "ngettext(" in path.read_text()]
    assert sorted(uses) == ["fields.py", "translations.py"]
    assert not [path for path in (HERE / "templates").rglob("*.html") if "ngettext" in path.read_text()]
    for path in (HERE / "static").rglob("*.js"):
        assert not re.search(r"number\([^`]*\)\} \$\{|number\([^`]*\)\} \w", path.read_text()), path.name


def test_what_a_service_counts() -> None:
    install()
    set_locale("ru")
    try:
        for number, words in {1: "1 цифра", 3: "3 цифры", 6: "6 цифр"}.items():
            assert said(f"has {counted(number, 'digit')}: a phone number has more") == f"{words}, в номере телефона их больше."
        for number, words in {1: "1 тега", 2: "2 тегов", 21: "21 тега", 1_000: "1\xa0000 тегов"}.items():
            assert said(f"at most {counted(number, 'tag')}") == f"Не больше {words}."
        seconds = "the sending hours never open for more than {} between the start and the end"
        for margin, words in {1: "1 секунду", 22: "22 секунды", 30: "30 секунд", 1.5: "1.5 секунды"}.items():
            assert f"больше чем на {words}." in said(seconds.format(counted(margin, "second")))
    finally:
        set_locale("en")
    assert said("has 1 digit: a phone number has more") == "Has 1 digit: a phone number has more."


NOT_IN_THE_PANEL = {
    "a call with this key is being answered, or broke off: look whether it was done before you repeat it with another key",
    "a list of names of providers",
    "a time of day, without an offset",
    "a value of an attribute is a text or a whole number",
    "a wall time, without an offset",
    "do-not-contact entry",
    "each provider once",
    "half of a surrogate pair is not a character",
    "is not JSON: it begins with a byte order mark; send it as UTF-8 without one",
    "must be names with values",
    "only a superuser may name another user",
    "only superusers manage providers",
    "settings: ENCRYPTION_KEYS: there is none; docs/aws.md says how to make one",
    "stands twice in this call",
    "the name of a time zone",
    "the token of this request was revoked meanwhile",
    "this key was used for a call with another body",
    "true or false",
}
"""Sentences of the services that only programs can be answered: the panel's forms do not allow what they refuse, or lack the feature."""


def sentences_of_the_services() -> set[str]:
    """Every sentence without values that a rule or a service refuses something with, or that a function of theirs returns."""
    found: set[str] = set()
    for folder in ("domain", "services", "auth"):
        for path in (HERE.parent / folder).rglob("*.py"):
            if "original_import" in path.parts:  # a command's
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                said_by: list[ast.expr | None] = []
                if isinstance(node, ast.Return):
                    said_by = [node.value]
                elif isinstance(node, ast.Call) and re.search(r"(Error|[Pp]roblem)$", ast.unparse(node.func)):
                    said_by = [*node.args, *(each.value for each in node.keywords)]
                texts = [each.value for each in said_by if isinstance(each, ast.Constant)]
                found.update(each for each in texts if isinstance(each, str) and " " in each)
    return found


def test_what_a_service_refuses_has_its_russian() -> None:
    install()
    sentences = sentences_of_the_services()
    assert len(sentences) > 60
    set_locale("ru")
    try:
        english = {each for each in sentences if said(each) == said(each).encode("ascii", "ignore").decode()}
    finally:
        set_locale("en")
    assert sorted(english) == sorted(NOT_IN_THE_PANEL)


def test_what_a_service_said() -> None:
    install()
    set_locale("ru")
    try:
        refused = said("a running mailing cannot be edited: it must be draft, scheduled or paused")
        assert refused == (
            "Состояние рассылки — «идёт», поэтому её нельзя изменить; можно в состоянии: черновик, запланирована или приостановлена."
        )
        assert said("lacks the attribute tags, which the text needs") == "Нет атрибута tags, нужного тексту."
    finally:
        set_locale("en")
    assert said("no such client") == "No such client."
