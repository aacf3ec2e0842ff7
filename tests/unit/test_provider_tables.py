"""docs/providers.md shows the tables of codes that the adapters have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.outcome import OutcomeKind
from chalicelib.providers import KINDS, aws_sms, infobip, smsc, twilio
from chalicelib.providers.calls import Rule

DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"
TABLES: Mapping[str, Mapping[Any, Rule]] = {
    "twilio": twilio.RULES,
    "infobip": infobip.RULES,
    "smsc": smsc.RULES,
    "aws": aws_sms.RULES,
    "fields": aws_sms.FIELDS,
}


def table(rules: Mapping[Any, Rule]) -> str:
    rows = [f"| {code} | `{rule.kind}` | {rule.reason} |" for code, rule in rules.items()]
    return "\n".join(["| code | outcome | reason |", "|---|---|---|", *rows])


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_shows_the_table(name: str) -> None:
    expected = table(TABLES[name])
    assert expected in DOCUMENT.read_text(), f"docs/providers.md lacks this table:\n{expected}"


def test_the_documentation_names_every_kind() -> None:
    text = DOCUMENT.read_text()
    for kind in KINDS:
        assert f"| `{kind}` |" in text


@pytest.mark.parametrize("name", TABLES)
def test_a_code_says_that_nothing_was_accepted_or_that_it_was_before(name: str) -> None:
    assert not {rule.kind for rule in TABLES[name].values()} & {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}
