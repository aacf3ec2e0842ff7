"""Which call of which service CloudFormation makes for a resource, and what botocore's model of that service says of it.

The model knows names, types, required members, enumerations, patterns and lengths. What it leaves out and the documentation says is in
`test_service_rules.py`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

from tests.packaging.resolved import compact

Properties = Mapping[str, Any]
Parameters = dict[str, Any]


def _same(properties: Properties, *without: str, **more: Any) -> Parameters:
    return {key: value for key, value in properties.items() if key not in without} | more


def _camel(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _camel(item) for key, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return compact(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ec2_tags(properties: Properties, kind: str, *without: str, **more: Any) -> Parameters:
    tags = [{"ResourceType": kind, "Tags": properties["Tags"]}] if "Tags" in properties else []
    return _same(properties, "Tags", *without, **more) | ({"TagSpecifications": tags} if tags else {})


def _permission(rule: Properties) -> Parameters:
    made = _same(rule, "CidrIp", "SourceSecurityGroupId", "DestinationSecurityGroupId", "Description")
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        made["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    for key in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if key in rule:
            made["UserIdGroupPairs"] = [{"GroupId": rule[key], **described}]
    return made


def _function(properties: Properties) -> Parameters:
    return _same(
        properties,
        "ReservedConcurrentExecutions",
        "RecursiveLoop",
        FunctionName="mailing-api-prod-Function-0123456789AB",
        Tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", ())},
    )


CALLS: Mapping[str, list[tuple[str, str, Callable[[Properties], Parameters]]]] = {
    "AWS::SQS::Queue": [
        (
            "sqs",
            "CreateQueue",
            lambda p: {
                "QueueName": p["QueueName"],
                "Attributes": {key: _text(value) for key, value in p.items() if key not in ("QueueName", "Tags")},
            },
        )
    ],
    "AWS::SQS::QueuePolicy": [
        (
            "sqs",
            "SetQueueAttributes",
            lambda p: {"QueueUrl": p["Queues"][0], "Attributes": {"Policy": compact(p["PolicyDocument"])}},
        )
    ],
    "AWS::Scheduler::ScheduleGroup": [("scheduler", "CreateScheduleGroup", lambda p: _same(p))],
    "AWS::IAM::Role": [
        (
            "iam",
            "CreateRole",
            lambda p: _same(
                p,
                "Policies",
                "ManagedPolicyArns",
                RoleName="mailing-api-prod-Role-0123456789AB",
                AssumeRolePolicyDocument=compact(p["AssumeRolePolicyDocument"]),
            ),
        )
    ],
    "AWS::IAM::ManagedPolicy": [
        (
            "iam",
            "CreatePolicy",
            lambda p: _same(p, "Roles", PolicyName="mailing-api-prod-Policy", PolicyDocument=compact(p["PolicyDocument"])),
        )
    ],
    "AWS::Lambda::Function": [
        ("lambda", "CreateFunction", _function),
        (
            "lambda",
            "PutFunctionConcurrency",
            lambda p: {"FunctionName": "f", "ReservedConcurrentExecutions": p.get("ReservedConcurrentExecutions", 0)},
        ),
        (
            "lambda",
            "PutFunctionRecursionConfig",
            lambda p: {"FunctionName": "f", "RecursiveLoop": p.get("RecursiveLoop", "Terminate")},
        ),
    ],
    "AWS::Lambda::Permission": [("lambda", "AddPermission", lambda p: _same(p, StatementId="mailing-api"))],
    "AWS::Lambda::EventSourceMapping": [("lambda", "CreateEventSourceMapping", lambda p: _same(p))],
    "AWS::Lambda::EventInvokeConfig": [("lambda", "PutFunctionEventInvokeConfig", lambda p: _same(p))],
    "AWS::Events::Rule": [
        ("events", "PutRule", lambda p: _same(p, "Targets", Name="mailing-api-prod-Rule")),
        ("events", "PutTargets", lambda p: {"Rule": "mailing-api-prod-Rule", "Targets": p["Targets"]}),
    ],
    "AWS::Logs::LogGroup": [
        ("logs", "CreateLogGroup", lambda p: _camel(_same(p, "RetentionInDays"))),
        (
            "logs",
            "PutRetentionPolicy",
            lambda p: {"logGroupName": p["LogGroupName"], "retentionInDays": int(p["RetentionInDays"])},
        ),
    ],
    "AWS::ApiGateway::RestApi": [
        ("apigateway", "ImportRestApi", lambda p: {"body": compact(p["Body"]).encode()}),
        (
            "apigateway",
            "CreateRestApi",
            lambda p: _camel(_same(p, "Body", "Parameters", "FailOnWarnings")),
        ),
    ],
    "AWS::ApiGateway::Deployment": [
        ("apigateway", "CreateDeployment", lambda p: _camel(_same(p))),
    ],
    "AWS::ApiGateway::Stage": [
        (
            "apigateway",
            "CreateStage",
            lambda p: _camel(_same(p, "MethodSettings", "AccessLogSetting", "Tags")) | {"tags": {}},
        )
    ],
    "AWS::ApiGateway::DomainName": [("apigateway", "CreateDomainName", lambda p: _camel(_same(p)))],
    "AWS::ApiGateway::BasePathMapping": [("apigateway", "CreateBasePathMapping", lambda p: _camel(_same(p)))],
    "AWS::Route53::RecordSet": [
        (
            "route53",
            "ChangeResourceRecordSets",
            lambda p: {
                "HostedZoneId": p["HostedZoneId"],
                "ChangeBatch": {
                    "Changes": [
                        {
                            "Action": "CREATE",
                            "ResourceRecordSet": _same(
                                p, "HostedZoneId", AliasTarget={**p["AliasTarget"], "EvaluateTargetHealth": False}
                            ),
                        }
                    ]
                },
            },
        )
    ],
    "AWS::EC2::VPC": [("ec2", "CreateVpc", lambda p: _ec2_tags(p, "vpc", "EnableDnsHostnames", "EnableDnsSupport"))],
    "AWS::EC2::Subnet": [("ec2", "CreateSubnet", lambda p: _ec2_tags(p, "subnet"))],
    "AWS::EC2::RouteTable": [("ec2", "CreateRouteTable", lambda p: _ec2_tags(p, "route-table"))],
    "AWS::EC2::SubnetRouteTableAssociation": [("ec2", "AssociateRouteTable", lambda p: _same(p))],
    "AWS::EC2::InternetGateway": [("ec2", "CreateInternetGateway", lambda p: _ec2_tags(p, "internet-gateway"))],
    "AWS::EC2::VPCGatewayAttachment": [("ec2", "AttachInternetGateway", lambda p: _same(p))],
    "AWS::EC2::Route": [("ec2", "CreateRoute", lambda p: _same(p))],
    "AWS::EC2::EIP": [("ec2", "AllocateAddress", lambda p: _ec2_tags(p, "elastic-ip"))],
    "AWS::EC2::NatGateway": [("ec2", "CreateNatGateway", lambda p: _ec2_tags(p, "natgateway"))],
    "AWS::EC2::VPCEndpoint": [("ec2", "CreateVpcEndpoint", lambda p: _same(p))],
    "AWS::EC2::SecurityGroup": [
        (
            "ec2",
            "CreateSecurityGroup",
            lambda p: {
                "GroupName": "mailing-api-prod-Group",
                "Description": p["GroupDescription"],
                "VpcId": p["VpcId"],
            },
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            lambda p: {"IpPermissions": [_permission(rule) for rule in p.get("SecurityGroupIngress", ())]},
        ),
        (
            "ec2",
            "AuthorizeSecurityGroupEgress",
            lambda p: {"GroupId": "sg-1", "IpPermissions": [_permission(rule) for rule in p.get("SecurityGroupEgress", ())]},
        ),
    ],
    "AWS::SecretsManager::Secret": [
        ("secretsmanager", "CreateSecret", lambda p: _same(p, "GenerateSecretString", Name="mailing-api-prod-Secret")),
        (
            "secretsmanager",
            "GetRandomPassword",
            lambda p: _same(p.get("GenerateSecretString", {}), "SecretStringTemplate", "GenerateStringKey"),
        ),
    ],
    "AWS::RDS::DBSubnetGroup": [("rds", "CreateDBSubnetGroup", lambda p: _same(p, DBSubnetGroupName="mailing-api-prod"))],
    "AWS::RDS::DBClusterParameterGroup": [
        (
            "rds",
            "CreateDBClusterParameterGroup",
            lambda p: {
                "DBClusterParameterGroupName": "mailing-api-prod",
                "DBParameterGroupFamily": p["Family"],
                "Description": p["Description"],
            },
        ),
        (
            "rds",
            "ModifyDBClusterParameterGroup",
            lambda p: {
                "DBClusterParameterGroupName": "mailing-api-prod",
                "Parameters": [
                    {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
                    for name, value in p["Parameters"].items()
                ],
            },
        ),
    ],
    "AWS::RDS::DBCluster": [
        (
            "rds",
            "CreateDBCluster",
            lambda p: _same(
                p,
                "SnapshotIdentifier",
                "SourceDBClusterIdentifier",
                "RestoreType",
                "RestoreToTime",
                "UseLatestRestorableTime",
            ),
        )
    ],
    "AWS::RDS::DBInstance": [("rds", "CreateDBInstance", lambda p: _same(p, DBInstanceIdentifier="mailing-api-prod-1"))],
    "AWS::SNS::Topic": [
        ("sns", "CreateTopic", lambda p: {"Name": "topic", "Attributes": {key: _text(value) for key, value in p.items()}})
    ],
    "AWS::SNS::Subscription": [("sns", "Subscribe", lambda p: _same(p))],
    "AWS::WAFv2::WebACL": [("wafv2", "CreateWebACL", lambda p: _same(p))],
    "AWS::WAFv2::WebACLAssociation": [("wafv2", "AssociateWebACL", lambda p: _same(p))],
    "AWS::Budgets::Budget": [
        (
            "budgets",
            "CreateBudget",
            lambda p: _same(p, AccountId="123456789012", Budget={"BudgetName": "mailing-api-prod", **p["Budget"]}),
        )
    ],
    "AWS::CloudWatch::Alarm": [("cloudwatch", "PutMetricAlarm", lambda p: _same(p, AlarmName="mailing-api-prod-Alarm"))],
}


def complaints(kind: str, properties: Properties) -> list[str]:
    """What the models of the services refuse in a resource of this type."""
    return [
        f"{service}:{operation}: {complaint}"
        for service, operation, parameters in CALLS[kind]
        for complaint in _refused(service, operation, parameters(properties))
    ]


@cache
def _input(service: str, operation: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape


def _refused(service: str, operation: str, parameters: Parameters) -> list[str]:
    shape = _input(service, operation)
    parameters = _coerced(parameters, shape)
    report = ParamValidator().validate(parameters, shape)
    said = [report.generate_report()] if report.has_errors() else []
    return said + list(_values(parameters, shape, ""))


def _coerced(value: Any, shape: Any) -> Any:
    """CloudFormation makes numbers and booleans of text where a property is one."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            return {name: _coerced(item, shape.members[name]) if name in shape.members else item for name, item in value.items()}
        case "list" if isinstance(value, list):
            return [_coerced(item, shape.member) for item in value]
        case "integer" | "long" if isinstance(value, str):
            return int(value)
        case "float" | "double" if isinstance(value, str):
            return float(value)
        case "boolean" if value in ("true", "false"):
            return value == "true"
    return value


def _values(value: Any, shape: Any, where: str) -> Iterator[str]:
    """What botocore itself does not check: enumerations, patterns, largest lengths and numbers."""
    if shape.type_name == "structure" and isinstance(value, dict):
        parts = [(item, shape.members[name], f".{name}") for name, item in value.items() if name in shape.members]
    elif shape.type_name == "list" and isinstance(value, list):
        parts = [(item, shape.member, "[]") for item in value]
    elif shape.type_name == "map" and isinstance(value, dict):
        parts = [(key, shape.key, " key") for key in value] + [(item, shape.value, f".{key}") for key, item in value.items()]
    else:
        yield from _value(value, shape, where)
        return
    for item, inner, name in parts:
        yield from _values(item, inner, where + name)


def _value(value: Any, shape: Any, where: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if isinstance(value, str) and shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {', '.join(shape.enum[:20])}"
        if not _matches(shape.metadata.get("pattern"), value):
            yield f"{where}: {value[:80]!r} does not match {shape.metadata['pattern']}"
        if most is not None and len(value) > most:
            yield f"{where}: {len(value)} characters, at most {most}"
    elif isinstance(value, int | float) and most is not None and value > most:
        yield f"{where}: {value}, at most {most}"


def _matches(pattern: str | None, value: str) -> bool:
    if not pattern:
        return True
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # Java's own
        return True
