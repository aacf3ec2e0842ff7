"""A SAM-transformed template with literal values where CloudFormation would put them: account 123456789012 in eu-central-1."""

import ipaddress
import json
import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local.conditions import decided
from local.template import transformed

ACCOUNT, REGION = "123456789012", "eu-central-1"
Resources = dict[str, dict[str, Any]]
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::StackName": "mailing-api-prod",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/mailing-api-prod/0",
}
_IDS = {
    "AWS::EC2::VPC": "vpc-0123456789abcdef0",
    "AWS::EC2::Subnet": "subnet-0123456789abcdef0",
    "AWS::EC2::SecurityGroup": "sg-0123456789abcdef0",
    "AWS::EC2::RouteTable": "rtb-0123456789abcdef0",
    "AWS::EC2::InternetGateway": "igw-0123456789abcdef0",
    "AWS::EC2::NatGateway": "nat-0123456789abcdef0",
    "AWS::ApiGateway::RestApi": "a1b2c3d4e5",
    "AWS::ApiGateway::Deployment": "f6g7h8",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:mailing-api-prod-AlarmTopic",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:ours-AbCdEf",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/mailing-api-prod-0123456789abcdef0",
}
_NAMES = (
    "DBClusterIdentifier",
    "DBSubnetGroupName",
    "DBClusterParameterGroupName",
    "Name",
    "StageName",
    "DomainName",
    "LogGroupName",
)
_ARNS = {
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Scheduler::ScheduleGroup": "arn:aws:scheduler:{region}:{account}:schedule-group/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    "AWS::WAFv2::WebACL": "arn:aws:wafv2:{region}:{account}:regional/webacl/{name}/0",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
}
_ATTRIBUTES = {
    "AllocationId": "eipalloc-0123456789abcdef0",
    "PublicIp": "192.0.2.7",
    "Endpoint.Address": f"mailing.cluster-abc.{REGION}.rds.amazonaws.com",
    "RegionalDomainName": f"d-abc.execute-api.{REGION}.amazonaws.com",
    "RegionalHostedZoneId": "Z1234567890ABC",
}


def resources_of(template: Mapping[str, Any], stage: str, parameters: Mapping[str, str]) -> Resources:
    """The resources that a deployment with these parameters makes, with literal properties."""
    given = {"ProviderUrl": "https://provider.example", **parameters}
    made = decided(json.loads(_transformed(json.dumps(template), stage)), {"Stage": stage, **given})
    resolver = _Resolver(made, {"Stage": stage, **given})
    return {name: {**item, "Properties": resolver.of(item.get("Properties", {}))} for name, item in made["Resources"].items()}


@lru_cache(maxsize=4)
def _transformed(template: str, stage: str) -> str:
    """As JSON, so that nobody changes what is kept: the transform takes longer than all that is asked of most of its results."""
    return json.dumps(transformed(json.loads(template), stage))


class _Resolver:
    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str]) -> None:
        self._template = template
        self._parameters: dict[str, Any] = {}
        for name, parameter in template.get("Parameters", {}).items():
            value = parameters.get(name, parameter.get("Default", ""))
            self._parameters[name] = str(value).split(",") if parameter["Type"] == "CommaDelimitedList" else str(value)

    def of(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, argument),) = value.items()
            if key == "Ref":
                return self._ref(argument)
            if key.startswith("Fn::"):
                return self._call(key.removeprefix("Fn::"), argument)
        return {key: self.of(item) for key, item in value.items()}

    def _call(self, function: str, argument: Any) -> Any:
        match function:
            case "GetAtt":
                resource, _, attribute = argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
                return self._attribute(resource, attribute)
            case "Sub":
                text, values = argument if isinstance(argument, list) else (argument, {})
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(self._named(found[1], values)), text)
            case "Join":
                return argument[0].join(map(str, self.of(argument[1])))
            case "Select":
                return self.of(argument[1])[int(self.of(argument[0]))]
            case "Split":
                return self.of(argument[1]).split(argument[0])
            case "Cidr":
                block, count, bits = self.of(argument)
                subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
                return [str(next(subnets)) for _ in range(int(count))]
            case "GetAZs":
                return [f"{REGION}{letter}" for letter in "abc"]
            case "FindInMap":
                table, first, second = self.of(argument)
                return self._template["Mappings"][table][first][second]
            case "Base64":
                return self.of(argument)
        raise ValueError(function)

    def _named(self, name: str, values: Mapping[str, Any]) -> Any:
        if name in values:
            return self.of(values[name])
        resource, dot, attribute = name.partition(".")
        return self._attribute(resource, attribute) if dot else self._ref(name)

    def _ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters:
            return self._parameters[name]
        item = self._template["Resources"][name]
        if item["Type"] == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(name)}"
        known = _IDS.get(item["Type"])
        # Each resource has an id of its own.
        return known.replace("0123456789abcdef0", f"{zlib.crc32(name.encode()):017x}") if known else self._name(name)

    def _name(self, resource: str) -> str:
        item = self._template["Resources"][resource]
        given = item.get("Properties", {})
        for key in ("QueueName", *_NAMES):
            if key in given:
                return str(self.of(given[key]))
        return f"mailing-api-prod-{resource}"

    def _attribute(self, resource: str, attribute: str) -> Any:
        item = self._template["Resources"][resource]
        if attribute in ("GroupId", "SubnetId", "VpcId"):
            return self._ref(resource)
        if attribute in _ATTRIBUTES:
            return _ATTRIBUTES[attribute]
        if attribute == "QueueName":
            return self._name(resource)
        if attribute == "Arn":
            return _ARNS[item["Type"]].format(region=REGION, account=ACCOUNT, name=self._name(resource))
        return f"{resource}.{attribute}"


def policy_documents(value: Any) -> list[dict[str, Any]]:
    """Every IAM policy document in it, however deep."""
    if isinstance(value, list):
        return [found for item in value for found in policy_documents(item)]
    if isinstance(value, dict):
        own = [value] if "Statement" in value and "Version" in value else []
        return own + [found for item in value.values() for found in policy_documents(item)]
    return []


def compact(value: Any) -> str:
    """JSON as services count it."""
    return json.dumps(value, separators=(",", ":"))
