"""The packaged template: what SAM makes of it, and what must not be forgotten in it."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError

from chalicelib.api.errors import ProblemCode
from chalicelib.auth.tokens import authenticate
from chalicelib.providers import KINDS
from local.conditions import contradictions, decided
from local.template import transformed as sam
from tests.packaging.resolved import resources_of
from tests.packaging.test_service_rules import CHOICES

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def transformed(template: dict[str, Any]) -> Resources:
    resources: Resources = sam(template, "prod")["Resources"]
    return resources


def _of_type(resources: Resources, kind: str) -> Resources:
    return {name: item for name, item in resources.items() if item["Type"] == kind}


def test_sam_understands_it(transformed: Resources) -> None:
    functions = _of_type(transformed, "AWS::Lambda::Function")
    assert functions.keys() == {"APIHandler", "Authorize", "AdvanceMailing", "SendMessages", "Reconcile", "Admin", "Manage"}
    assert all(item["Properties"]["Architectures"] == ["arm64"] for item in functions.values())
    assert all(item["Properties"]["Code"] == {"S3Bucket": "bucket", "S3Key": "code.zip"} for item in functions.values())


def test_no_function_makes_a_log_group_of_its_own(transformed: Resources) -> None:
    groups = [
        item["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for item in _of_type(transformed, "AWS::Lambda::Function").values()
    ]
    assert {*groups, "DatabaseLogs", "AccessLogs"} == _of_type(transformed, "AWS::Logs::LogGroup").keys()
    assert len(set(groups)) == len(groups)
    assert all("RetentionInDays" in item["Properties"] for item in _of_type(transformed, "AWS::Logs::LogGroup").values())


def test_failures_of_single_messages_are_reported_and_loops_allowed(transformed: Resources) -> None:
    mappings = _of_type(transformed, "AWS::Lambda::EventSourceMapping").values()
    assert len(mappings) == 2
    assert all(item["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for item in mappings)
    assert all(item["Properties"]["ScalingConfig"]["MaximumConcurrency"] for item in mappings)
    looping = {name for name, item in transformed.items() if item.get("Properties", {}).get("RecursiveLoop") == "Allow"}
    assert looping == {"AdvanceMailing", "SendMessages"}


def test_the_api_has_one_stage_and_its_deployment_holds_the_gateway_responses(transformed: Resources) -> None:
    (stage,) = _of_type(transformed, "AWS::ApiGateway::Stage").values()
    assert stage["Properties"]["StageName"] == "prod"
    (deployment,) = _of_type(transformed, "AWS::ApiGateway::Deployment").values()
    assert "StageName" not in deployment["Properties"]
    (api,) = _of_type(transformed, "AWS::ApiGateway::RestApi").values()
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    responses = api["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    assert {"UNAUTHORIZED", "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "DEFAULT_4XX", "DEFAULT_5XX"} <= responses.keys()
    # The authorizer denies instead of raising, which Lambda would count as an error of the function.
    assert responses["ACCESS_DENIED"] == responses["UNAUTHORIZED"]
    assert responses["UNAUTHORIZED"]["statusCode"] == "401"
    assert responses["UNAUTHORIZED"]["responseParameters"]["gatewayresponse.header.WWW-Authenticate"] == "'Token'"
    for response in responses.values():
        headers = response["responseParameters"]
        assert headers["gatewayresponse.header.X-Content-Type-Options"] == "'nosniff'"
        assert headers["gatewayresponse.header.Strict-Transport-Security"].startswith("'max-age=")
        assert headers["gatewayresponse.header.Cache-Control"] == "'no-store'"
        allowed = headers["gatewayresponse.header.Access-Control-Allow-Origin"]
        assert allowed == {"Fn::If": ["HasCors", "'*'", {"Ref": "AWS::NoValue"}]}, "as the functions: only where it is asked for"
        body = json.loads(response["responseTemplates"]["application/json"])
        assert body["code"] in {str(code) for code in ProblemCode}
    # The authorizer denies instead of raising, which Lambda would count as an error of the function.
    assert responses["ACCESS_DENIED"] == responses["UNAUTHORIZED"]
    assert responses["UNAUTHORIZED"]["statusCode"] == "401"
    assert responses["UNAUTHORIZED"]["responseParameters"]["gatewayresponse.header.WWW-Authenticate"] == "'Token'"
    assert not _of_type(transformed, "AWS::ApiGateway::GatewayResponse")


def test_dead_letters_live_longer_than_what_they_come_from(template: dict[str, Any]) -> None:
    queues = _of_type(template["Resources"], "AWS::SQS::Queue")
    assert all(item["Properties"]["SqsManagedSseEnabled"] is True for item in queues.values())
    for name in ("Mailings", "Messages"):
        source, dead = (queues[f"{name}{kind}"]["Properties"] for kind in ("Queue", "DeadLetters"))
        assert source["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [f"{name}DeadLetters", "Arn"]}
        assert dead["MessageRetentionPeriod"] > source["MessageRetentionPeriod"]
        (allowed,) = dead["RedriveAllowPolicy"]["sourceQueueArns"]
        assert allowed["Fn::Sub"].endswith(source["QueueName"]["Fn::Sub"])


def test_the_queues_wait_six_times_as_long_as_their_functions(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    for function, queue in (("AdvanceMailing", "MailingsQueue"), ("SendMessages", "MessagesQueue")):
        timeout = resources[function]["Properties"]["Timeout"]
        assert resources[queue]["Properties"]["VisibilityTimeout"] >= 6 * timeout


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://provider.example/api", True),
        ("http://provider.example", False),
        ("http://127.0.0.1.example", False),
        ("http://127.0.0.1:1", True),
        ("", True),
    ],
)
def test_messages_go_to_the_provider_over_tls(template: dict[str, Any], url: str, taken: bool) -> None:
    pattern = template["Parameters"]["ProviderUrl"]["AllowedPattern"]
    assert (re.fullmatch(pattern, url) is not None) == taken


@pytest.mark.parametrize("parameter", ["ProviderToken", "OidcClientSecret"])
def test_what_may_be_a_credential_and_what_would_break_the_secrets_json(template: dict[str, Any], parameter: str) -> None:
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    for character in map(chr, range(256)):
        visible = "!" <= character <= "~"
        assert (re.fullmatch(pattern, f"AC0123{character}x") is not None) == (visible and character not in '"\\'), character
    assert re.fullmatch(pattern, "")


def test_keys_are_long_enough_and_break_no_json(template: dict[str, Any]) -> None:
    pattern, key = template["Parameters"]["EncryptionKeys"]["AllowedPattern"], "k" * 32
    for keys, right in (
        ("", True),
        (key, True),
        (f"{key},{key}", True),
        (key[1:], False),
        (f'{key}"', False),
        (f"{key}\\", False),
    ):
        assert (re.fullmatch(pattern, keys) is not None) == right, keys


def test_every_kind_of_provider_is_a_value_of_the_parameter(template: dict[str, Any]) -> None:
    assert template["Parameters"]["ProviderKind"]["AllowedValues"] == list(KINDS)


def test_every_parameter_says_what_it_is_for(template: dict[str, Any]) -> None:
    assert [name for name, item in template["Parameters"].items() if not item.get("Description")] == []
    assert [name for name, item in template["Parameters"].items() if "Default" not in item] == []


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, {"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "Senders"]}), ({"Senders": "40"}, {"Ref": "Senders"})],
    ids=["the stage's", "as given"],
)
def test_how_many_send_at_once(template: dict[str, Any], given: dict[str, str], found: object) -> None:
    (event,) = decided(template, given)["Resources"]["SendMessages"]["Properties"]["Events"].values()
    assert event["Properties"]["ScalingConfig"]["MaximumConcurrency"] == found


@pytest.mark.parametrize(
    ("number", "taken"), [("", True), ("1", False), ("2", True), ("1000", True), ("1001", False), ("x", False)]
)
def test_aws_wants_two_to_a_thousand_at_once(template: dict[str, Any], number: str, taken: bool) -> None:
    assert bool(re.fullmatch(template["Parameters"]["Senders"]["AllowedPattern"], number)) == taken


def test_the_local_stage_is_functions_queues_and_schedules(template: dict[str, Any]) -> None:
    """Nothing of network, database and alarms: what `make run` deploys is small."""
    local = decided(template, {"Stage": "local", "SecretId": "there"})["Resources"]
    kinds = {item["Type"].split("::")[1] for item in local.values()}
    assert kinds == {"Serverless", "Lambda", "IAM", "SQS", "Scheduler", "Logs"}


@pytest.mark.parametrize(
    ("parameters", "made"),
    [
        ({}, {"NatA"}),
        ({"Egress": "nat-per-zone"}, {"NatA", "NatB"}),
        ({"Egress": "endpoints"}, {"SqsEndpoint", "SecretsEndpoint", "SchedulerEndpoint"}),
        (
            {"Egress": "endpoints", "ProviderKind": "aws_sms"},
            {"SqsEndpoint", "SecretsEndpoint", "SchedulerEndpoint", "SmsEndpoint"},
        ),
        ({"ProviderKind": "aws_sms"}, {"NatA"}),
        ({"SecretId": "theirs", "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}, set()),
    ],
)
def test_the_way_out_of_the_network(template: dict[str, Any], parameters: dict[str, str], made: set[str]) -> None:
    resources = decided(template, parameters)["Resources"]
    ways = {name for name, item in resources.items() if item["Type"] in ("AWS::EC2::NatGateway", "AWS::EC2::VPCEndpoint")}
    assert ways == made


def test_the_database_is_private_encrypted_and_kept(template: dict[str, Any]) -> None:
    resources = decided(template, {"DatabaseStandby": "true"})["Resources"]
    cluster = resources["Database"]
    assert (cluster["DeletionPolicy"], cluster["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert cluster["Properties"]["StorageEncrypted"] is True
    instances = _of_type(resources, "AWS::RDS::DBInstance")
    assert len(instances) == 2
    assert all(item["Properties"]["PubliclyAccessible"] is False for item in instances.values())


_HEADERS = st.one_of(
    st.text(max_size=90),
    st.builds(
        "{}{}{}mlg_{}_{}{}".format,
        st.sampled_from(["", " ", "\t"]),
        st.sampled_from(["Token", "token", "TOKEN", "Bearer", "Tokens", ""]),
        st.sampled_from([" ", "  ", " \t", "\t"]),
        st.one_of(st.integers(1, 10**6).map(str), st.integers(-1, 10**19).map(str), st.text(max_size=3)),
        st.text("abcXYZ019_-", min_size=42, max_size=44),
        st.sampled_from(["", "", "", " ", "=", "ы"]),
    ),
)


def test_what_cannot_be_a_token_never_reaches_the_database_and_what_can_be_does(template: dict[str, Any]) -> None:
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["securityDefinitions"]["authorize"]
    expression = definition["x-amazon-apigateway-authorizer"]["identityValidationExpression"]
    engine = create_engine("postgresql+pg8000://nobody:x@127.0.0.1:1/nothing")

    @given(_HEADERS)
    @settings(max_examples=300, derandomize=True)
    def holds(header: str) -> None:
        reached = True
        with suppress(DBAPIError):  # nothing listens there
            reached = authenticate(engine, header) is not None
        assert bool(re.fullmatch(expression, header)) == reached

    holds()
    engine.dispose()


_NETWORK = ("AWS::EC2::",)
_RESTORED = {
    "a snapshot": {"DatabaseSnapshot": "arn:aws:rds:eu-central-1:1:cluster-snapshot:x", "DatabaseLabel": "2"},
    "a moment": {"DatabaseRestoreFrom": "mailing-api-prod-1", "DatabaseRestoreTo": "2030-05-01T09:00:00Z", "DatabaseLabel": "2"},
    "the latest moment": {"DatabaseRestoreFrom": "mailing-api-prod-1", "DatabaseLabel": "2"},
}


@pytest.mark.parametrize("parameters", _RESTORED.values(), ids=_RESTORED)
@pytest.mark.parametrize("egress", ["nat", "nat-per-zone", "endpoints"])
def test_restoring_removes_nothing_and_changes_only_the_cluster(
    template: dict[str, Any], parameters: dict[str, str], egress: str
) -> None:
    before, after = (resources_of(template, "prod", {"Egress": egress, **more}) for more in ({}, parameters))
    assert before.keys() == after.keys()
    changed = {name for name in before if before[name] != after[name]}
    # The cluster and what names it: its log group, its instance, the addresses in the secrets.
    assert changed <= {"Database", "DatabaseInstance", "DatabaseLogs", "ServiceSecret", "OwnerSecret", "DatabaseFullAlarm"}
    assert after["Database"]["Properties"]["DBClusterIdentifier"] != before["Database"]["Properties"]["DBClusterIdentifier"]
    assert after["DatabaseLogs"]["Properties"]["LogGroupName"] != before["DatabaseLogs"]["Properties"]["LogGroupName"]


def test_a_cluster_restored_by_hand_leaves_the_network_as_it_is(template: dict[str, Any]) -> None:
    before = resources_of(template, "prod", {})
    after = resources_of(template, "prod", {"SecretId": "restored", "OwnerSecretId": "restored-owner", "KeepNetwork": "true"})
    gone = before.keys() - after.keys()
    assert gone == {
        "Database",
        "DatabaseInstance",
        "DatabaseLogs",
        "DatabasePassword",
        "EncryptionKey",
        "ServicePassword",
        "ServiceSecret",
        "OwnerSecret",
        "DatabaseFullAlarm",
    }
    assert not after.keys() - before.keys()
    network = {name for name, item in before.items() if item["Type"].startswith(_NETWORK)}
    assert len(network) > 15
    assert {name: after[name] for name in network} == {name: before[name] for name in network}
    functions = [item["Properties"]["VpcConfig"] for item in after.values() if item["Type"] == "AWS::Lambda::Function"]
    assert functions == [item["Properties"]["VpcConfig"] for item in before.values() if item["Type"] == "AWS::Lambda::Function"]


_PROVIDER = {"ProviderUrl": "https://provider.example"}
_CONTRADICTIONS = [
    ({"DomainName": "a.example"}, "DomainName needs CertificateArn"),
    ({"CertificateArn": "arn"}, "CertificateArn and HostedZoneId need DomainName"),
    ({"HostedZoneId": "Z1"}, "CertificateArn and HostedZoneId need DomainName"),
    ({"OwnerSecretId": "owner"}, "OwnerSecretId needs SecretId"),
    (
        {"SecretId": "theirs", "ProviderToken": "x"},
        "with SecretId the provider's token stands in that secret, not in ProviderToken",
    ),
    *(
        ({"SecretId": "theirs", **more}, "with SecretId this stack makes no database, so there is none to restore and no standby")
        for more in ({"DatabaseSnapshot": "x"}, {"DatabaseRestoreFrom": "x"}, {"DatabaseStandby": "true"})
    ),
    ({"KeepNetwork": "true"}, "KeepNetwork needs SecretId"),
    ({"KeepNetwork": "true", "SecretId": "x", "VpcId": "vpc-1"}, "KeepNetwork and VpcId exclude each other"),
    ({"DatabaseSnapshot": "x", "DatabaseRestoreFrom": "y"}, "DatabaseSnapshot and DatabaseRestoreFrom exclude each other"),
    ({"DatabaseRestoreTo": "2030-05-01T09:00:00Z"}, "DatabaseRestoreTo needs DatabaseRestoreFrom"),
    ({"MonthlyBudget": "100"}, "MonthlyBudget needs AlarmEmail"),
    *(
        ({"ProviderUrl": "", "ProviderKind": kind, "ProviderOptions": "{}"}, "this ProviderKind needs ProviderUrl")
        for kind in ("contract", "infobip", "http")
    ),
    *(
        (
            {"ProviderKind": kind, "ProviderHonoursKey": "true"},
            "with ProviderKind aws_sms, twilio and smsc, ProviderHonoursKey must be false",
        )
        for kind in ("aws_sms", "twilio", "smsc")
    ),
    ({"ProviderKind": "http"}, "ProviderKind http needs ProviderOptions"),
]


@pytest.mark.parametrize(("parameters", "refused"), _CONTRADICTIONS, ids=[str(one[0]) for one in _CONTRADICTIONS])
def test_parameters_that_contradict_each_other(template: dict[str, Any], parameters: dict[str, str], refused: str) -> None:
    assert contradictions(template, _PROVIDER | parameters) == [refused]


def test_every_rule_is_tried_and_those_combinations_that_are_documented_are_allowed(template: dict[str, Any]) -> None:
    written = {one["AssertDescription"] for rule in template["Rules"].values() for one in rule["Assertions"]}
    assert written == {refused for _, refused in _CONTRADICTIONS}
    for parameters in CHOICES.values():
        assert contradictions(template, _PROVIDER | parameters) == []


def test_reconcile_runs_once_the_schema_is_there(template: dict[str, Any]) -> None:
    for started, state in (("true", "ENABLED"), ("false", "DISABLED")):
        resources = resources_of(template, "prod", {"Started": started})
        (rule,) = _of_type(resources, "AWS::Events::Rule").values()
        assert rule["Properties"]["State"] == state
        assert resources["ReconcileSilentAlarm"]["Properties"]["ActionsEnabled"] is (started == "true")


def test_what_runs_by_itself_is_not_repeated_by_lambda(template: dict[str, Any]) -> None:
    configured = _of_type(resources_of(template, "prod", {}), "AWS::Lambda::EventInvokeConfig").values()
    assert {item["Properties"]["FunctionName"].rpartition("-")[2] for item in configured} == {"Reconcile", "Manage"}
    assert {item["Properties"]["MaximumRetryAttempts"] for item in configured} == {0}


def test_the_edge_of_the_api(template: dict[str, Any]) -> None:
    plain = resources_of(template, "prod", {})
    full = resources_of(template, "prod", CHOICES["everything"])
    assert plain["RestAPI"]["Properties"]["MinimumCompressionSize"] == 1024
    configured = [made["RestAPI"]["Properties"]["Body"]["x-amazon-apigateway-endpoint-configuration"] for made in (plain, full)]
    assert configured == [{"disableExecuteApiEndpoint": False}, {"disableExecuteApiEndpoint": True}]
    assert "Firewall" not in plain
    (rule,) = full["Firewall"]["Properties"]["Rules"]
    assert rule["Statement"]["RateBasedStatement"] == {"AggregateKeyType": "IP", "EvaluationWindowSec": 300, "Limit": "2000"}
    (stage,) = _of_type(full, "AWS::ApiGateway::Stage").values()
    log = json.loads(re.sub(r":\$context[\w.]+", ":0", stage["Properties"]["AccessLogSetting"]["Format"]))
    assert log.keys() == {"requestId", "ip", "method", "resource", "status", "error", "latency", "bytes", "user"}
    assert stage["Properties"]["TracingEnabled"] is True
    functions = _of_type(full, "AWS::Lambda::Function").values()
    assert {item["Properties"]["TracingConfig"]["Mode"] for item in functions} == {"Active"}


@pytest.mark.parametrize(("given", "kept"), [({}, True), ({"DatabaseProtected": "false"}, False)])
def test_prod_is_protected_once_it_has_been_deployed(template: dict[str, Any], given: dict[str, str], kept: bool) -> None:
    protected = resources_of(template, "prod", given)["Database"]["Properties"]["DeletionProtection"]
    assert str(protected).lower() == str(kept).lower()


@pytest.mark.parametrize(("given", "reserved"), [({}, {50, 20, 10, 1}), ({"ReserveConcurrency": "false"}, set())])
def test_concurrency_is_reserved_where_the_account_has_it(
    template: dict[str, Any], given: dict[str, str], reserved: set[int]
) -> None:
    functions = _of_type(resources_of(template, "prod", given), "AWS::Lambda::Function").values()
    found = {item["Properties"].get("ReservedConcurrentExecutions") for item in functions}
    assert found - {None} == reserved


def test_the_databases_log_expires_and_holds_no_values_of_rows(template: dict[str, Any]) -> None:
    resources = resources_of(template, "prod", {"LogDays": "14"})
    cluster, group = resources["Database"], resources["DatabaseLogs"]["Properties"]
    assert group["LogGroupName"] == f"/aws/rds/cluster/{cluster['Properties']['DBClusterIdentifier']}/postgresql"
    assert group["RetentionInDays"] == "14"
    assert cluster["DependsOn"] == "DatabaseLogs"
    assert resources["DatabaseSettings"]["Properties"]["Parameters"]["log_error_verbosity"] == "terse"


def test_alarms_reach_the_topic(template: dict[str, Any]) -> None:
    alarms = _of_type(decided(template, {})["Resources"], "AWS::CloudWatch::Alarm")
    assert alarms.keys() == {
        "MailingsDeadLettersAlarm",
        "MessagesDeadLettersAlarm",
        "MailingsOldAlarm",
        "MessagesOldAlarm",
        "BreakerOpenAlarm",
        "UnknownOutcomesAlarm",
        "ItemsFailedAlarm",
        "ScheduleLagAlarm",
        "ReceivesAlarm",
        "ReconcileSilentAlarm",
        "ApiErrorsAlarm",
        "ThrottlesAlarm",
        "ErrorsAlarm",
        "DatabaseFullAlarm",
    }
    assert all(item["Properties"]["AlarmActions"] == [{"Ref": "AlarmTopic"}] for item in alarms.values())
