"""docs/aws.md against the template: what the document tells somebody to type or to look at exists, and nothing is missing."""

import re
from typing import Any

import pytest

from benchmarks.costs import IDLE, idle_month
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


COSTS_AT_REST = {
    "AWS::RDS::DBInstance": {"Aurora, capacity at rest"},
    "AWS::RDS::DBCluster": {"Aurora, storage"},
    "AWS::EC2::NatGateway": {"NAT gateway"},
    "AWS::EC2::EIP": {"public addresses"},
    "AWS::SecretsManager::Secret": {"secrets"},
    "AWS::CloudWatch::Alarm": {"alarms"},
    "AWS::Serverless::Function": {"reconcile", "metrics of our own"},
    "AWS::SQS::Queue": {"empty queues"},
    "AWS::Logs::LogGroup": {"logs"},
}
"""Items of `idle_month` by the type of resource that costs them."""
NAMED_IN_PROSE = {
    "AWS::EC2::VPCEndpoint": "interface endpoints",
    "AWS::WAFv2::WebACL": "WAF",
    "AWS::Serverless::Api": "the API's requests",
    "AWS::Route53::RecordSet": "the DNS record",
    "AWS::Budgets::Budget": "The budget",
    "AWS::Scheduler::ScheduleGroup": "schedules",
    "AWS::ApiGateway::DomainName": "domain",
}
FREE = {
    *("AWS::ApiGateway::BasePathMapping", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role", "AWS::Lambda::EventInvokeConfig"),
    *("AWS::Lambda::Permission", "AWS::RDS::DBClusterParameterGroup", "AWS::RDS::DBSubnetGroup", "AWS::SNS::Subscription"),
    *("AWS::SNS::Topic", "AWS::SQS::QueuePolicy", "AWS::WAFv2::WebACLAssociation"),
    *(f"AWS::EC2::{kind}" for kind in ("InternetGateway", "Route", "RouteTable", "SecurityGroup", "Subnet", "VPC")),
    *("AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCGatewayAttachment"),
}


def test_whatever_costs_something_stands_among_the_costs(template: dict[str, Any]) -> None:
    types = [item["Type"] for item in template["Resources"].values()]
    assert set(types) == COSTS_AT_REST.keys() | NAMED_IN_PROSE.keys() | FREE
    assert set().union(*COSTS_AT_REST.values()) == idle_month(IDLE[0]).keys()
    section = TEXT[TEXT.index("\n## Costs\n") : TEXT.index("\n## Quotas to raise\n")]
    assert [words for words in NAMED_IN_PROSE.values() if words not in section] == []
    assert types.count("AWS::SecretsManager::Secret") == 5, "what benchmarks/costs.py reckons with"
    assert types.count("AWS::EC2::NatGateway") == types.count("AWS::EC2::EIP") == max(size.nats for size in IDLE)


def test_the_table_of_costs_at_rest_is_what_the_model_says() -> None:
    rows = {
        row[0].strip("*"): [float(cell.strip("*")) for cell in row[1:]]
        for row in rows_of("dollars a month in which nothing is sent")
    }
    together = rows.pop("together")
    for column, size in enumerate(IDLE):
        total = sum(idle_month(size).values())
        assert together[column] == round(total, 2)
        assert sum(row[column] for row in rows.values()) == pytest.approx(total, abs=0.02)
