"""Every resource of the template against the rules of the service that makes it.

Three sources: botocore's model of the call that CloudFormation makes (`calls.py`), the resource schemas of CloudFormation (cfn-lint over
literal values), and here what the services' documentation says and neither of those knows. docs/aws.md has the table.
"""

import ipaddress
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import cfnlint
import pytest

from chalicelib.observability import NAMESPACE, UNITS
from local.settings import ROOT
from tests.packaging import calls
from tests.packaging.resolved import Resources, compact, policy_documents, resources_of

_DOMAIN = {
    "DomainName": "mailing.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    "HostedZoneId": "Z1234567890ABC",
}
CHOICES: dict[str, dict[str, str]] = {
    "as little as possible": {},
    "everything": {
        "Egress": "nat-per-zone",
        "DatabaseStandby": "true",
        "AlarmEmail": "oncall@example.com",
        "MonthlyBudget": "100",
        "AccessLog": "true",
        "Tracing": "true",
        "RequestsPerAddress": "2000",
        **_DOMAIN,
    },
    "endpoints": {"Egress": "endpoints", "Senders": "1000", "CorsOrigins": "*"},
    "restored from a snapshot": {
        "DatabaseSnapshot": "arn:aws:rds:eu-central-1:123456789012:cluster-snapshot:before",
        "DatabaseLabel": "2",
    },
    "restored to a moment": {
        "DatabaseRestoreFrom": "mailing-api-prod-1",
        "DatabaseRestoreTo": "2030-05-01T09:00:00Z",
        "DatabaseLabel": "2",
    },
    "restored by hand": {"SecretId": "restored", "KeepNetwork": "true"},
    "a database in a network that exists": {
        "SubnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
        "SecurityGroupIds": "sg-0123456789abcdef0",
        "VpcId": "vpc-0123456789abcdef0",
        "Zones": "",
    },
    "a database that exists": {
        "SecretId": "theirs",
        "SubnetIds": "subnet-0123456789abcdef0",
        "SecurityGroupIds": "sg-0123456789abcdef0",
    },
}


@pytest.fixture(scope="module", params=CHOICES)
def resources(template: dict[str, Any], request: pytest.FixtureRequest) -> Resources:
    return resources_of(template, "prod", CHOICES[request.param])


def _of(resources: Resources, kind: str) -> dict[str, dict[str, Any]]:
    return {name: item["Properties"] for name, item in resources.items() if item["Type"] == kind}


def test_the_models_of_the_services_accept_every_resource(resources: Resources) -> None:
    found = {name: calls.complaints(item["Type"], item["Properties"]) for name, item in resources.items()}
    assert {name: complaint for name, complaint in found.items() if complaint} == {}


def test_the_models_refuse_what_is_wrong() -> None:
    """Names, enumerations, patterns and lengths: a check that accepts everything would prove nothing."""
    assert calls.complaints(
        "AWS::RDS::DBInstance", {"DBInstanceClass": "db.serverless", "Engine": "aurora-postgresql", "Owner": "us"}
    )
    assert calls.complaints("AWS::ApiGateway::DomainName", {"DomainName": "a.example", "SecurityPolicy": "TLS_9"})
    assert calls.complaints("AWS::IAM::ManagedPolicy", {"PolicyDocument": {"Statement": "x" * 140_000}})
    assert calls.complaints("AWS::EC2::Subnet", {"CidrBlock": "10.0.0.0/24"})


def test_cfn_lint_accepts_literal_values(resources: Resources, tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    named = {name: {key: value for key, value in item.items() if key != "Condition"} for name, item in resources.items()}
    path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": named}, default=str))
    # W3010: zones are literal here because GetAZs was resolved. I3042, W1031 and the like need functions that are resolved, too.
    command = [
        str(Path(sys.executable).with_name("cfn-lint")),
        "--regions",
        "eu-central-1",
        "--ignore-checks",
        "W",
        "--",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


# ── SQS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_queue_policy_covers_the_one_queue_that_it_is_set_on(resources: Resources) -> None:
    queues: list[str] = []
    for name, policy in _of(resources, "AWS::SQS::QueuePolicy").items():
        assert len(policy["Queues"]) == 1, name
        queues += policy["Queues"]
        queue = policy["Queues"][0].rsplit("/", 1)[1]
        for statement in policy["PolicyDocument"]["Statement"]:
            assert isinstance(statement["Resource"], str), f"{name}: SQS takes one resource, the queue itself"
            assert statement["Resource"].rsplit(":", 1)[1] == queue, name
            assert "Principal" in statement, name
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert len(actions) <= 7, name
        assert len(policy["PolicyDocument"]["Statement"]) <= 20
    assert len(queues) == len(set(queues)), "a queue has one policy: the second would overwrite the first"
    assert len(queues) == len(_of(resources, "AWS::SQS::Queue"))


def test_queues_are_within_the_limits_of_sqs(resources: Resources) -> None:
    for queue in _of(resources, "AWS::SQS::Queue").values():
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", queue["QueueName"])
        assert queue.get("VisibilityTimeout", 30) <= 43_200
        assert 60 <= queue.get("MessageRetentionPeriod", 345_600) <= 1_209_600
        assert 1 <= queue.get("RedrivePolicy", {}).get("maxReceiveCount", 1) <= 1_000
        assert len(queue.get("RedriveAllowPolicy", {}).get("sourceQueueArns", ())) <= 10


# ── Lambda ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_RESERVED_VARIABLES = ("AWS_", "_HANDLER", "LAMBDA_", "_X_AMZN_TRACE_ID")


def test_functions_are_within_the_limits_of_lambda(resources: Resources) -> None:
    for name, function in _of(resources, "AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        assert sum(len(key) + len(str(value)) for key, value in variables.items()) <= 4_096, name
        assert not [key for key in variables if key.startswith(_RESERVED_VARIABLES)], name
        assert all(re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", key) for key in variables), name
        assert 128 <= function["MemorySize"] <= 10_240, name
        assert 1 <= function["Timeout"] <= 900, name


def test_what_the_gateway_calls_answers_before_it_gives_up(resources: Resources) -> None:
    called = {
        item["FunctionName"] for item in _of(resources, "AWS::Lambda::Permission").values() if "apigateway" in item["Principal"]
    }
    functions = _of(resources, "AWS::Lambda::Function")
    assert len(called) == 3
    assert all(functions[name.rpartition("mailing-api-prod-")[2]]["Timeout"] <= 29 for name in called)


def test_a_queue_never_starts_more_functions_than_are_reserved(resources: Resources) -> None:
    """SQS would receive what Lambda then throttles, and messages come to the dead letters without having been tried."""
    functions = _of(resources, "AWS::Lambda::Function")
    for mapping in _of(resources, "AWS::Lambda::EventSourceMapping").values():
        at_once = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        assert 2 <= at_once <= 1_000
        reserved = functions[mapping["FunctionName"].rpartition("mailing-api-prod-")[2]].get("ReservedConcurrentExecutions")
        assert reserved is None or at_once <= int(reserved)


# ── IAM ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_policies_are_within_the_limits_of_iam(resources: Resources) -> None:
    for name, role in _of(resources, "AWS::IAM::Role").items():
        assert len(compact(role["AssumeRolePolicyDocument"])) <= 2_048, name
        inline = [compact(policy["PolicyDocument"]) for policy in role.get("Policies", ())]
        assert sum(map(len, inline)) <= 10_240, name
        assert len(role.get("ManagedPolicyArns", ())) <= 10, name
        assert all(re.fullmatch(r"[\w+=,.@-]{1,128}", policy["PolicyName"]) for policy in role.get("Policies", ())), name
    for name, policy in _of(resources, "AWS::IAM::ManagedPolicy").items():
        assert len(compact(policy["PolicyDocument"])) <= 6_144, name


def test_statements_are_whole(resources: Resources) -> None:
    documents = policy_documents([item["Properties"] for item in resources.values()])
    assert len(documents) > 10
    for document in documents:
        assert document["Version"] == "2012-10-17"
        named = [statement["Sid"] for statement in document["Statement"] if "Sid" in statement]
        assert len(named) == len(set(named)), named
        for statement in document["Statement"]:
            assert statement["Effect"] in ("Allow", "Deny")
            assert statement["Action"]
            assert "Resource" in statement or statement["Action"] == "sts:AssumeRole"
            assert re.fullmatch(r"[A-Za-z0-9]*", statement.get("Sid", ""))


def test_every_action_is_one_that_the_service_knows(resources: Resources) -> None:
    """An action that is misspelt allows nothing, and no service says so."""
    documents = policy_documents([item["Properties"] for item in resources.values()])
    actions = {
        action
        for document in documents
        for statement in document["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }
    session = botocore.session.get_session()
    unknown = []
    for service, name in sorted(action.split(":") for action in actions):
        operations = session.get_service_model(service).operation_names
        if name not in ("*", *operations) and f"{service}:{name}" not in _PERMISSIONS_WITHOUT_A_CALL:
            unknown.append(f"{service}:{name}")
    assert unknown == []


_PERMISSIONS_WITHOUT_A_CALL = {"iam:PassRole"}


# ── CloudWatch, Logs, SNS, EventBridge ───────────────────────────────────────────────────────────────────────────────────────────


def test_alarms_are_within_the_limits_of_cloudwatch(resources: Resources) -> None:
    for name, alarm in _of(resources, "AWS::CloudWatch::Alarm").items():
        assert len(alarm["AlarmDescription"]) <= 1_024, name
        periods = (
            [alarm["Period"]] if "Period" in alarm else [m["MetricStat"]["Period"] for m in alarm["Metrics"] if "MetricStat" in m]
        )
        assert all(period in (10, 20, 30) or period % 60 == 0 for period in periods), name
        assert max(periods) * alarm["EvaluationPeriods"] <= 86_400, name
        if "Metrics" in alarm:
            assert len(alarm["Metrics"]) <= 10, f"{name}: ten metrics an alarm"
            assert len([metric for metric in alarm["Metrics"] if metric.get("ReturnData", True)]) == 1, name
            assert all(re.fullmatch(r"[a-z][a-zA-Z0-9_]*", metric["Id"]) for metric in alarm["Metrics"]), name


_METRICS: dict[str, dict[str, list[set[str]]]] = {
    # Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".
    "AWS/SQS": {
        name: [{"QueueName"}]
        for name in (
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfEmptyReceives",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        )
    },
    # AWS Lambda Developer Guide, "Types of metrics for Lambda functions"; with an alias or a version, Resource, too.
    "AWS/Lambda": {
        name: [{"FunctionName"}, {"FunctionName", "Resource"}]
        for name in ("ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles")
    },
    # Amazon API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics" (REST APIs).
    "AWS/ApiGateway": {
        name: [{"ApiName"}, {"ApiName", "Stage"}] for name in ("4XXError", "5XXError", "Count", "IntegrationLatency", "Latency")
    },
    # Amazon Aurora User Guide, "Amazon CloudWatch metrics for Amazon Aurora", of the cluster and of one instance.
    "AWS/RDS": {
        name: [{"DBClusterIdentifier"}, {"DBInstanceIdentifier"}]
        for name in ("ACUUtilization", "CPUUtilization", "DatabaseConnections", "ServerlessDatabaseCapacity")
    },
    NAMESPACE: {name: [{"Stage"}] for name in UNITS},
}
"""Metrics that the services document, and ours, with the sets of dimensions under which each is published."""


def _watched(alarm: dict[str, Any]) -> list[tuple[str, str, dict[str, str]]]:
    """Namespace, name and dimensions of every metric of an alarm."""
    metrics = [one["MetricStat"]["Metric"] for one in alarm["Metrics"] if "MetricStat" in one] if "Metrics" in alarm else [alarm]
    return [(one["Namespace"], one["MetricName"], {each["Name"]: each["Value"] for each in one["Dimensions"]}) for one in metrics]


def test_alarms_watch_metrics_that_are_published_for_what_this_stack_makes(resources: Resources) -> None:
    """CloudWatch accepts an alarm for any metric; one that nobody publishes is silent for ever."""
    made = {
        "QueueName": {queue["QueueName"] for queue in _of(resources, "AWS::SQS::Queue").values()},
        "FunctionName": _names_of_functions(resources),
        "ApiName": {api["Name"] for api in _of(resources, "AWS::ApiGateway::RestApi").values()},
        "Stage": {stage["StageName"] for stage in _of(resources, "AWS::ApiGateway::Stage").values()},
        "DBClusterIdentifier": {cluster["DBClusterIdentifier"] for cluster in _of(resources, "AWS::RDS::DBCluster").values()},
    }
    alarms = _of(resources, "AWS::CloudWatch::Alarm")
    assert len(alarms) > 10
    for name, alarm in alarms.items():
        for namespace, metric, dimensions in _watched(alarm):
            assert set(dimensions) in _METRICS[namespace][metric], f"{name}: {metric} is not published by {set(dimensions)}"
            assert {key: value for key, value in dimensions.items() if value not in made[key]} == {}, name


def _names_of_functions(resources: Resources) -> set[str]:
    return {f"mailing-api-prod-{name}" for name in _of(resources, "AWS::Lambda::Function")}


@pytest.mark.parametrize("metric", UNITS)
def test_every_metric_of_ours_is_logged_by_the_code(metric: str) -> None:
    """As a key of `metrics`, or as what a count of the code is called there."""
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "chalicelib").rglob("*.py")]
    mentions = sum(text.count(f'"{metric}"') for text in code)
    assert mentions >= 2, "its unit and where it is logged"


def test_every_queue_function_and_database_that_can_fail_has_an_alarm(resources: Resources) -> None:
    """All queues, all functions and the cluster: what is added later is not forgotten."""
    watched = [each for alarm in _of(resources, "AWS::CloudWatch::Alarm").values() for each in _watched(alarm)]
    queues = {dimensions["QueueName"] for namespace, _, dimensions in watched if namespace == "AWS/SQS"}
    assert queues == {queue["QueueName"] for queue in _of(resources, "AWS::SQS::Queue").values()}
    for metric in ("Errors", "Throttles"):
        assert {dimensions["FunctionName"] for _, name, dimensions in watched if name == metric} == _names_of_functions(resources)
    clusters = {dimensions["DBClusterIdentifier"] for namespace, _, dimensions in watched if namespace == "AWS/RDS"}
    assert clusters == {cluster["DBClusterIdentifier"] for cluster in _of(resources, "AWS::RDS::DBCluster").values()}


def test_the_alarm_on_receives_comes_before_the_dead_letters(resources: Resources) -> None:
    alarm = resources["ReceivesAlarm"]["Properties"]
    limits = [
        queue["RedrivePolicy"]["maxReceiveCount"]
        for queue in _of(resources, "AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    ]
    assert len(limits) == 2
    assert alarm["Statistic"] == "Maximum"
    assert 1 < alarm["Threshold"] + 1 < min(limits) / 2


def test_topics_and_log_groups_are_within_their_limits(resources: Resources) -> None:
    for topic in _of(resources, "AWS::SNS::Topic").values():
        assert len(topic["DisplayName"]) <= 100
    for group in _of(resources, "AWS::Logs::LogGroup").values():
        assert re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", group["LogGroupName"])
    names = [group["LogGroupName"] for group in _of(resources, "AWS::Logs::LogGroup").values()]
    assert len(names) == len(set(names))


# ── the network ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")


def test_subnets_lie_in_the_network_and_apart(resources: Resources) -> None:
    subnets = [ipaddress.ip_network(item["CidrBlock"]) for item in _of(resources, "AWS::EC2::Subnet").values()]
    for network in _of(resources, "AWS::EC2::VPC").values():
        block = ipaddress.ip_network(network["CidrBlock"])
        assert 16 <= block.prefixlen <= 28
        assert all(subnet.subnet_of(block) for subnet in subnets)  # type: ignore[arg-type]  # both are IPv4
    assert all(16 <= subnet.prefixlen <= 28 for subnet in subnets)
    assert not [(one, other) for one in subnets for other in subnets if one is not other and one.overlaps(other)]


def test_descriptions_have_only_characters_that_ec2_takes(resources: Resources) -> None:
    for group in _of(resources, "AWS::EC2::SecurityGroup").values():
        rules = [*group.get("SecurityGroupIngress", ()), *group.get("SecurityGroupEgress", ())]
        assert len(rules) <= 60
        assert all(
            _DESCRIPTION.fullmatch(text) for text in (group["GroupDescription"], *(rule.get("Description", "") for rule in rules))
        )


def test_interface_endpoints_stand_in_zones_of_their_own(resources: Resources) -> None:
    subnets = _of(resources, "AWS::EC2::Subnet")
    private = [item["AvailabilityZone"] for name, item in subnets.items() if name.startswith("Private")]
    assert len(private) == len(set(private))


# ── the database ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PARAMETERS = {
    "rds.force_ssl": r"[01]",
    "statement_timeout": r"\d+",
    "idle_in_transaction_session_timeout": r"\d+",
    "log_error_verbosity": r"terse|default|verbose",
}
"""Parameters of a cluster of the family aurora-postgresql17 that may be changed, and their values."""


def test_the_database_is_within_the_limits_of_rds(resources: Resources) -> None:
    for cluster in _of(resources, "AWS::RDS::DBCluster").values():
        scaling = cluster["ServerlessV2ScalingConfiguration"]
        low, high = float(scaling["MinCapacity"]), float(scaling["MaxCapacity"])
        assert 0 <= low <= high <= 256
        assert high >= 1
        assert (low * 2).is_integer()
        assert (high * 2).is_integer()
        assert 1 <= cluster["BackupRetentionPeriod"] <= 35
    for group in _of(resources, "AWS::RDS::DBClusterParameterGroup").values():
        assert group["Parameters"].keys() <= _PARAMETERS.keys()
        assert all(re.fullmatch(_PARAMETERS[name], value) for name, value in group["Parameters"].items())
    for instance in _of(resources, "AWS::RDS::DBInstance").values():
        assert 0 <= instance.get("PromotionTier", 1) <= 15


def test_a_restored_cluster_is_given_nothing_that_it_inherits(resources: Resources) -> None:
    for cluster in _of(resources, "AWS::RDS::DBCluster").values():
        sources = {"SnapshotIdentifier", "SourceDBClusterIdentifier"} & cluster.keys()
        inherited = {"MasterUsername", "MasterUserPassword", "StorageEncrypted", "DatabaseName"} & cluster.keys()
        assert (len(sources), len(inherited)) in ((0, 4), (1, 0))
        moments = {"RestoreToTime", "UseLatestRestorableTime"} & cluster.keys()
        assert len(moments) == ("SourceDBClusterIdentifier" in sources)


def test_the_database_is_of_the_newest_minor_version(template: dict[str, Any]) -> None:
    """Of the major version, as far as cfn-lint knows them."""
    path = Path(cfnlint.__file__).parent / "data" / "schemas" / "extensions" / "aws_rds_dbcluster" / "engine_version.json"
    rules = json.dumps([rule for rule in json.loads(path.read_text())["allOf"] if '"aurora-postgresql"' in json.dumps(rule)])
    chosen = template["Resources"]["Database"]["Properties"]["EngineVersion"]
    major, _, minor = chosen.partition(".")
    known = re.findall(rf'"{major}\.(\d+)"', rules)
    assert int(minor) == max(map(int, known))


def test_generated_passwords_are_ones_that_rds_takes(resources: Resources) -> None:
    for secret in _of(resources, "AWS::SecretsManager::Secret").values():
        generated = secret.get("GenerateSecretString")
        assert len(secret.get("SecretString", "")) <= 65_536
        if generated:
            assert generated["ExcludePunctuation"] is True, "no slash, quote, at sign or space"
            assert 8 <= generated["PasswordLength"] <= 99
            assert isinstance(json.loads(generated["SecretStringTemplate"]), dict)


# ── API Gateway ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_definition_is_within_the_limits_of_api_gateway(resources: Resources) -> None:
    (api,) = _of(resources, "AWS::ApiGateway::RestApi").values()
    body = api["Body"]
    assert len(compact(body)) <= 6 * 2**20
    assert len(body["paths"]) <= 300
    model = botocore.session.get_session().get_service_model("apigateway")
    kinds = model.shape_for("GatewayResponseType").metadata["enum"]
    for kind, response in body["x-amazon-apigateway-gateway-responses"].items():
        assert kind in kinds
        assert re.fullmatch(r"[1-5]\d\d", response.get("statusCode", "400"))
        for name, value in response["responseParameters"].items():
            assert re.fullmatch(r"gatewayresponse\.header\.[\w.-]+", name)
            assert re.fullmatch(r"'.*'", value), "a literal stands in single quotes"
    for definition in body["securityDefinitions"].values():
        authorizer = definition["x-amazon-apigateway-authorizer"]
        assert 0 <= authorizer["authorizerResultTtlInSeconds"] <= 3_600
    for path, methods in body["paths"].items():
        named = set(re.findall(r"\{(\w+)\+?\}", path))
        for method, operation in methods.items():
            parameters = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert parameters == named, f"{method} {path}"


def test_a_domain_name_is_one_of_the_stage(resources: Resources) -> None:
    for mapping in _of(resources, "AWS::ApiGateway::BasePathMapping").values():
        assert mapping["Stage"] == "prod"
        assert mapping["DomainName"] == _DOMAIN["DomainName"]


# ── CloudFormation itself ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_template_is_within_the_limits_of_cloudformation(template: dict[str, Any]) -> None:
    assert len(json.dumps(template)) <= 1_000_000
    assert len(template["Resources"]) * 2 <= 500  # SAM adds some
    assert len(template["Parameters"]) <= 200
    assert len(template["Outputs"]) <= 200
    assert all(len(str(item.get("Default", ""))) <= 4_096 for item in template["Parameters"].values())
    assert all(re.fullmatch(r"[A-Za-z0-9]{1,255}", name) for name in (*template["Resources"], *template["Parameters"]))
    assert all(len(item.get("Description", "")) <= 1_024 for item in template["Outputs"].values())
    assert all(len(item["Description"]) <= 4_000 for item in template["Parameters"].values())


def test_tags_are_ones_that_services_take(resources: Resources) -> None:
    for name, item in resources.items():
        tags = item["Properties"].get("Tags", [])
        assert len(tags) + 2 <= 50, name  # the stack's own are added
        for tag in tags:
            assert not tag["Key"].startswith("aws:"), name
            assert re.fullmatch(r"[\w\s.:/=+\-@]{1,128}", tag["Key"]), name
            assert re.fullmatch(r"[\w\s.:/=+\-@]{0,256}", tag["Value"]), name
