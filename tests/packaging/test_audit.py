"""What the audit says, and that the table in docs/aws.md speaks of every kind of resource."""

import re

from local.settings import ROOT
from tests.packaging import audit, calls


def test_a_new_finding_and_one_that_is_gone_are_both_said() -> None:
    accepted = {"CKV_1": {"reason": "why", "resources": ["Queue", "Gone"]}}
    said = audit.differences({"CKV_1": {"Queue", "New"}, "CKV_2": {"Topic"}}, accepted)
    assert [line.partition(" is ")[0] for line in said] == ["CKV_1: New", "CKV_1: Gone", "CKV_2: Topic"]
    assert audit.differences({"CKV_1": {"Queue", "Gone"}}, accepted) == []


def test_each_accepted_finding_has_a_reason() -> None:
    assert all(len(one["reason"]) > 20 and one["resources"] for one in audit.accepted().values())


def test_the_table_names_every_type_of_resource() -> None:
    text = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    named = set()
    for row in re.findall(r"^\| (`AWS::.*?) \|", text, re.MULTILINE):
        service = ""
        for name in re.findall(r"`([\w:]+)`", row):
            service = name.rpartition("::")[0] or service
            named.add(name if "::" in name else f"{service}::{name}")
    assert named == calls.CALLS.keys()
