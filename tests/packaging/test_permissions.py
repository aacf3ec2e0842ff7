"""Who may do what on AWS, against a list written by hand: a permission more or less is a decision, and is made here, too."""

from typing import Any

import pytest

from chalicelib.providers import KINDS
from local.conditions import decided

_IN_A_NETWORK = {
    f"{effect}ec2:{action} *"
    for action in (
        "CreateNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    )
    for effect in ("", "never from code: ")
}
_SCHEDULE = {
    "scheduler:CreateSchedule scheduler:schedule/${ScheduleGroup}/*",
    "scheduler:DeleteSchedule scheduler:schedule/${ScheduleGroup}/*",
    "iam:PassRole ScheduleRole to scheduler.amazonaws.com",
}
_RECEIVE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def _logs(name: str) -> set[str]:
    group = f"logs:log-group:/aws/lambda/${{AWS::StackName}}-{name}:*"
    return {f"logs:CreateLogStream {group}", f"logs:PutLogEvents {group}"}


SECRET = "secretsmanager:GetSecretValue ServiceSecret"
ALLOWED = {
    "APIHandler": {*_logs("api"), SECRET, "sqs:SendMessage MailingsQueue", *_SCHEDULE},
    "Admin": {*_logs("admin"), SECRET, "sqs:SendMessage MailingsQueue", *_SCHEDULE},
    "Authorize": {*_logs("authorize"), SECRET},
    "Manage": {*_logs("manage"), "secretsmanager:GetSecretValue OwnerSecret"},
    "AdvanceMailing": {
        *_logs("advance"),
        SECRET,
        *(f"{action} MailingsQueue" for action in _RECEIVE),
        "sqs:SendMessage MailingsQueue",
        "sqs:SendMessage MessagesQueue",
        "sqs:SendMessage MailingsDeadLetters",
        *_SCHEDULE,
    },
    "SendMessages": {
        *_logs("send"),
        SECRET,
        *(f"{action} MessagesQueue" for action in _RECEIVE),
        "sqs:SendMessage MailingsQueue",
        "sqs:SendMessage MessagesDeadLetters",
    },
    "Reconcile": {
        *_logs("reconcile"),
        SECRET,
        "sqs:SendMessage MailingsQueue",
        *_SCHEDULE,
        "scheduler:ListSchedules *",  # AWS knows no resource for it
    },
}


@pytest.mark.parametrize("function", ALLOWED)
def test_a_function_may_do_this_and_no_more(template: dict[str, Any], function: str) -> None:
    assert _permissions(decided(template, {}), function) == ALLOWED[function] | _IN_A_NETWORK


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("function", ALLOWED)
def test_messages_are_sent_by_aws_only_where_that_is_the_provider(template: dict[str, Any], function: str, kind: str) -> None:
    sends = function in ("APIHandler", "Admin", "SendMessages") and kind == "aws_sms"
    more = _permissions(decided(template, {"ProviderKind": kind}), function) - ALLOWED[function] - _IN_A_NETWORK
    assert more == ({"sms-voice:SendTextMessage *"} if sends else set())


@pytest.mark.parametrize("function", ALLOWED)
@pytest.mark.parametrize("owner", [{}, {"OwnerSecretId": "their-owner"}], ids=["one-role", "two-roles"])
def test_with_a_database_that_is_there_already(template: dict[str, Any], function: str, owner: dict[str, str]) -> None:
    """The secrets that were named are read, and without a network no interfaces are made."""
    given = {"ServiceSecret": "SecretId", "OwnerSecret": "OwnerSecretId" if owner else "SecretId"}
    allowed = {
        f"{action} secretsmanager:secret:${{{given[resource]}}}-??????" if resource in given else item
        for item in ALLOWED[function]
        for action, _, resource in [item.partition(" ")]
    }
    found = decided(template, {"SecretId": "theirs", **owner})
    assert _permissions(found, function) == allowed
    reads = found["Globals"]["Function"]["Environment"]["Variables"] | _variables(found, function)
    assert reads["SECRET_ID"] == {"Ref": given["OwnerSecret" if function == "Manage" else "ServiceSecret"]}


def test_no_function_is_left_out(template: dict[str, Any]) -> None:
    functions = {name for name, item in template["Resources"].items() if item["Type"] == "AWS::Serverless::Function"}
    assert functions == ALLOWED.keys()
    roles = [template["Resources"][name]["Properties"]["Role"]["Fn::GetAtt"][0] for name in functions]
    assert len(set(roles)) == len(roles)


def test_what_schedules_may_do(template: dict[str, Any]) -> None:
    role = template["Resources"]["ScheduleRole"]["Properties"]
    (policy,) = role["Policies"]
    assert _named(policy["PolicyDocument"]) == {"sqs:SendMessage MailingsQueue"}
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "scheduler.amazonaws.com"}
    condition = trusted["Condition"]["StringEquals"]
    assert condition.keys() == {"aws:SourceAccount", "aws:SourceArn"}
    assert condition["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    group = template["Resources"]["ScheduleGroup"]["Properties"]["Name"]
    assert group == {"Ref": "AWS::StackName"}
    assert condition["aws:SourceArn"]["Fn::Sub"].endswith(":schedule-group/${AWS::StackName}")


def test_who_may_call_functions(template: dict[str, Any]) -> None:
    """API Gateway may call the three that it fronts, for this API only. (SAM lets the rule call reconcile.)"""
    permissions = {
        _resource(item["Properties"]["FunctionName"]): (item["Properties"]["Principal"], str(item["Properties"]["SourceArn"]))
        for item in template["Resources"].values()
        if item["Type"] == "AWS::Lambda::Permission"
    }
    assert permissions.keys() == {"APIHandler", "Authorize", "Admin"}
    assert all(principal == "apigateway.amazonaws.com" and "${RestAPI" in source for principal, source in permissions.values())


def _variables(template: dict[str, Any], function: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][function]["Properties"].get("Environment", {}).get("Variables", {})
    return found


def _permissions(template: dict[str, Any], function: str) -> set[str]:
    resources = template["Resources"]
    role = resources[resources[function]["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert (trusted["Action"], trusted["Principal"]) == ("sts:AssumeRole", {"Service": "lambda.amazonaws.com"})
    documents = [policy["PolicyDocument"] for policy in role["Policies"]]
    documents += [resources[policy["Ref"]]["Properties"]["PolicyDocument"] for policy in role.get("ManagedPolicyArns", ())]
    return set[str]().union(*map(_named, documents))


def _named(document: dict[str, Any]) -> set[str]:
    """One line for each action on each resource."""
    lines = set()
    for statement in document["Statement"]:
        effect, condition = _effect(statement)
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        lines |= {f"{effect}{action} {_resource(resource)}{condition}" for action in actions for resource in resources}
    return lines


def _effect(statement: dict[str, Any]) -> tuple[str, str]:
    known = {"Sid", "Effect", "Action", "Resource", "Condition"}
    assert statement.keys() <= known, statement
    condition = statement.get("Condition")
    if statement["Effect"] == "Deny":
        assert condition is not None
        assert condition.keys() == {"ArnLike"}
        assert condition["ArnLike"].keys() == {"lambda:SourceFunctionArn"}
        return "never from code: ", ""
    if condition is None:
        return "", ""
    return "", f" to {condition['StringEquals']['iam:PassedToService']}"


def _resource(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    ((function, argument),) = resource.items()
    if function == "Fn::GetAtt":
        return str(argument[0])
    if function == "Ref":
        return str(argument)
    assert function == "Fn::Sub"
    return str(argument.replace("arn:${AWS::Partition}:", "").replace("${AWS::Region}:${AWS::AccountId}:", ""))
