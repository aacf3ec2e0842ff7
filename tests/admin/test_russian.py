"""Whatever the panel says, it can say in Russian."""

import ast
import re
from pathlib import Path

import pytest
from starlette_admin.i18n import set_locale, translations

import chalicelib.admin
from chalicelib.admin import words
from chalicelib.admin.russian import MESSAGES, PATTERNS, PLURALS
from chalicelib.admin.translations import install, said
from chalicelib.domain.status import MailingStatus

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
                elif node.func.id in ("count_of", "ngettext") and len(texts) == 2:
                    plural.add((texts[0], texts[1]))
    for path in (HERE / "templates").rglob("*.html"):
        single.update(a or b for a, b in re.findall(r"""\b_\(\s*(?:"([^"]*)"|'([^']*)')""", path.read_text()))
    return single, plural


def test_every_text_has_its_russian() -> None:
    install()
    known = translations["ru"]
    single, plural = spoken()
    assert len(single) > 150
    assert sorted(text for text in single if text not in MESSAGES and known.gettext(text) == text) == []
    assert sorted(pair for pair in plural if pair not in PLURALS) == []


@pytest.mark.parametrize("russian", [(english, text) for english, text in MESSAGES.items()])
def test_the_russian_asks_for_no_value_that_is_not_given(russian: tuple[str, str]) -> None:
    english, text = russian
    assert set(re.findall(r"%\(\w+\)[sd]", text)) <= set(re.findall(r"%\(\w+\)[sd]", english))


def test_every_pattern_has_its_words() -> None:
    for pattern, english in PATTERNS:
        assert set(re.findall(r"\?P<(\w+)>", pattern)) >= set(re.findall(r"%\((\w+)\)s", english))
        assert english in MESSAGES


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
