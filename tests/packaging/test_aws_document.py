"""docs/aws.md against the template: what the document tells somebody to type or to look at exists, and nothing is missing."""

import re
import shlex
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

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


def _commands(text: str) -> set[str]:
    """Those of the AWS CLI, in blocks and in lines, each on one line."""
    blocks = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL)
    typed = [found for block in blocks for found in re.findall(r"^\$ (aws (?:.*\\\n)*.*)", block, re.MULTILINE)]
    inline = re.findall(r"`(aws\s[^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return {" ".join(command.replace("\\\n", " ").split()) for command in (*typed, *inline)}


AWS_COMMANDS = sorted(
    (path.name, command) for path in (ROOT / "docs").rglob("*.md") for command in _commands(path.read_text(encoding="utf-8"))
)
_OF_THE_CLI = {"cli-binary-format", "output", "query", "region", "profile", "no-cli-pager"}
"""Options that belong to the AWS CLI and to no operation."""


def test_the_commands_of_the_aws_cli_are_found() -> None:
    assert [command.split()[1:3] for name, command in AWS_COMMANDS if name == "aws.md"] == [
        ["apigateway", "update-account"],
        ["lambda", "delete-function-concurrency"],
        ["lambda", "invoke"],
        ["lambda", "put-function-concurrency"],
        ["sqs", "start-message-move-task"],
    ]


@pytest.mark.parametrize(("document", "command"), AWS_COMMANDS)
def test_every_command_of_the_aws_cli_exists_with_its_options(document: str, command: str) -> None:
    """The CLI makes its commands and options of botocore's models; what is required is given."""
    _, service, operation, *words = shlex.split(command)
    model = botocore.session.get_session().get_service_model(service)
    named = {xform_name(name, "-"): name for name in model.operation_names}
    assert operation in named, f"{document}: aws {service} has no {operation}"
    shape = model.operation_model(named[operation]).input_shape
    assert shape is not None
    options = {xform_name(name, "-") for name in shape.members}
    given = {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}
    assert given <= options | _OF_THE_CLI
    assert {xform_name(name, "-") for name in shape.required_members} <= given


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
