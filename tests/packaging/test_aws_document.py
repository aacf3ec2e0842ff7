"""docs/aws.md against the template: what the document tells somebody to type or to look at exists, and nothing is missing."""

import re
from typing import Any

import pytest

from local.settings import ROOT

TEXT = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table whose head begins with this, row by row."""
    table = TEXT[TEXT.index(f"\n| {heading} |") + 1 :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]


def test_the_table_of_parameters_has_all_and_only_those_of_the_template(template: dict[str, Any]) -> None:
    named = [name for row in rows_of("parameter") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(template["Parameters"].keys() - {"Stage"}), "Stage is set by packaging"


def test_every_parameter_that_is_given_in_a_command_exists(template: dict[str, Any]) -> None:
    given = set(re.findall(r"(?<![\w$])([A-Z][a-z]\w*)=", TEXT))
    assert given
    assert given <= template["Parameters"].keys()


def test_the_table_of_alarms_has_all_and_only_those_of_the_template(template: dict[str, Any]) -> None:
    named = [name for row in rows_of("alarm") for name in row[0].split(", ")]
    alarms = [
        name.removesuffix("Alarm") for name, item in template["Resources"].items() if item["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert sorted(named) == sorted(alarms)


@pytest.mark.parametrize("name", re.findall(r"[Tt]he outputs? ((?:`\w+`(?:, | and )?)+)", TEXT))
def test_outputs_that_are_named_exist(template: dict[str, Any], name: str) -> None:
    assert set(re.findall(r"\w+", name)) - {"and"} <= template["Outputs"].keys()
