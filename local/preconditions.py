"""What must hold in an account before CloudFormation is asked for anything: a refusal after a quarter of an hour costs more.

Each check looks at one service and yields sentences that say what is missing and what to do. What may not be asked is not checked, and is
said.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.domain.words import counted
from local.conditions import decided

UNRESERVED = 100
"""Concurrency that Lambda never lets functions reserve."""
_ADDRESSES = "vpc-max-elastic-ips"
_VPCS = ("vpc", "L-F678F1CE", 5)
"""Service, quota code and default of the number of VPCs in a region."""

_CONNECTIONS = ((32, 5_000), (16, 3_360), (8, 1_669), (4, 823), (1, 189))
"""max_connections of Aurora PostgreSQL Serverless v2 from this DatabaseMaxCapacity on (Aurora User Guide, "Maximum connections for
Aurora Serverless v2")."""
_CONNECTIONS_OF_SMALL = 2_000
"""The most while DatabaseMinCapacity is 0.5 or less."""
_CONNECTIONS_OF_OTHERS = 10
"""Kept by PostgreSQL and RDS for themselves, and for a person with psql."""

Clients = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment that is about to be proposed."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    """All of them: those given, those kept, and defaults."""
    stack: str
    region: str
    functions: tuple[str, ...] = ()
    """Names of the functions that the stack has already."""
    exists: bool = False

    @property
    def resources(self) -> Mapping[str, Any]:
        resources: Mapping[str, Any] = decided(self.template, self.parameters)["Resources"]
        return resources

    def of(self, parameter: str) -> str:
        return self.parameters.get(parameter, str(self.template["Parameters"][parameter].get("Default", "")))


@dataclass(frozen=True, slots=True)
class Findings:
    """What keeps a deployment from succeeding, and what could not be checked."""

    missing: list[str]
    unchecked: list[str]


def check(clients: Clients, plan: Plan) -> Findings:
    """All checks; one that the account does not allow does not stop the others."""
    findings = Findings([], [])
    for one in CHECKS:
        try:
            findings.missing.extend(one(clients, plan))
        except ClientError as error:
            findings.unchecked.append(f"{one.__name__.replace('_', ' ')} ({error.response['Error'].get('Code', 'refused')})")
    return findings


def concurrency(clients: Clients, plan: Plan) -> Iterator[str]:
    """What functions reserve, and what is left for the others, fits the account's quota."""
    functions = clients("lambda")
    limits = functions.get_account_settings()["AccountLimit"]
    quota, free = limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]
    held = sum(_reserved(functions, name) for name in plan.functions)
    reserved = sum(_numbers(plan, "ReservedConcurrentExecutions"))
    if reserved and free + held - reserved < UNRESERVED:
        yield (
            f"Lambda in {plan.region} allows {counted(quota, 'function')} at once, of which {free + held} are not reserved; this "
            f"stage reserves {reserved}, and Lambda keeps {UNRESERVED} for the rest. Ask for a quota of 1,000 "
            "(Service Quotas, Lambda, Concurrent executions), or deploy with ReserveConcurrency=false."
        )
    sending = _senders(plan)
    if sending + 4 > quota:
        yield (
            f"Lambda in {plan.region} allows {counted(quota, 'function')} at once; {counted(sending, 'sender')} would leave none for "
            f"the API. Ask for a higher quota, or deploy with Senders={max(2, quota - 6)}."
        )


def addresses(clients: Clients, plan: Plan) -> Iterator[str]:
    """There are Elastic IP addresses for the NAT gateways."""
    wanted = sum(item["Type"] == "AWS::EC2::EIP" for item in plan.resources.values())
    if not wanted or plan.exists:
        return
    ec2 = clients("ec2")
    attributes = ec2.describe_account_attributes(AttributeNames=[_ADDRESSES])["AccountAttributes"]
    quota = int(attributes[0]["AttributeValues"][0]["AttributeValue"]) if attributes else 5
    used = len(ec2.describe_addresses()["Addresses"])
    if used + wanted > quota:
        yield (
            f"This account may have {counted(quota, 'Elastic IP address', 'Elastic IP addresses')} in {plan.region} and has {used};"
            f" {counted(wanted, 'more is', 'more are')} needed. Release some, or ask for a higher quota"
            " (Service Quotas, EC2, EC2-VPC Elastic IPs)."
        )


def networks(clients: Clients, plan: Plan) -> Iterator[str]:
    """There is room for another VPC."""
    if plan.exists or "Network" not in plan.resources:
        return
    used = len(clients("ec2").describe_vpcs()["Vpcs"])
    service, code, default = _VPCS
    try:
        quota = int(clients("service-quotas").get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
    except ClientError:
        quota = default
    if used >= quota:
        yield (
            f"This account may have {counted(quota, 'VPC')} in {plan.region} and has {used}. Delete one, ask for a higher quota "
            "(Service Quotas, VPC, VPCs per Region), or use an existing network (SubnetIds, SecurityGroupIds, VpcId)."
        )


def zones(clients: Clients, plan: Plan) -> Iterator[str]:
    """The zones exist, and have what the network needs."""
    if "Network" not in plan.resources:
        return
    ec2 = clients("ec2")
    found = ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])["AvailabilityZones"]
    names = sorted(zone["ZoneName"] for zone in found if zone.get("ZoneType", "availability-zone") == "availability-zone")
    chosen = [name for name in plan.of("Zones").split(",") if name] or names[:2]
    if len(set(chosen)) < 2 or not set(chosen) <= set(names):
        yield f"Zones must be two different ones of {', '.join(names)}, not {','.join(chosen) or 'none'}."
        return
    wanted = [item["Properties"]["ServiceName"] for item in plan.resources.values() if item["Type"] == "AWS::EC2::VPCEndpoint"]
    services = [name["Fn::Sub"].replace("${AWS::Region}", plan.region) for name in wanted if isinstance(name, dict)]
    if services:
        for detail in ec2.describe_vpc_endpoint_services(ServiceNames=services)["ServiceDetails"]:
            missing = set(chosen[:2]) - set(detail["AvailabilityZones"])
            if missing:
                yield f"{detail['ServiceName']} has no endpoint in {', '.join(sorted(missing))}: choose other Zones."


def database_engine(clients: Clients, plan: Plan) -> Iterator[str]:
    """The region has the engine's version on serverless instances."""
    if "Database" not in plan.resources:
        return
    properties = plan.resources["Database"]["Properties"]
    engine, version = properties["Engine"], properties["EngineVersion"]
    options = clients("rds").describe_orderable_db_instance_options(
        Engine=engine, EngineVersion=version, DBInstanceClass="db.serverless"
    )["OrderableDBInstanceOptions"]
    if not options:
        yield f"{plan.region} has no {engine} {version} on db.serverless: choose another region, or EngineVersion in template.yaml."


def restored_database(clients: Clients, plan: Plan) -> Iterator[str]:
    """What the database is restored from exists, and its new name is free."""
    snapshot, source = plan.of("DatabaseSnapshot"), plan.of("DatabaseRestoreFrom")
    if "Database" not in plan.resources or not (snapshot or source):
        return
    rds = clients("rds")
    if snapshot and source:
        yield "DatabaseSnapshot and DatabaseRestoreFrom exclude each other."
    elif snapshot and not _exists(lambda: rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=snapshot)):
        yield f"There is no cluster snapshot {snapshot} in {plan.region}."
    elif source and not _exists(lambda: rds.describe_db_clusters(DBClusterIdentifier=source)):
        yield f"There is no cluster {source} in {plan.region} to restore from."


def certificate(clients: Clients, plan: Plan) -> Iterator[str]:
    """The domain's certificate is issued, in this region, for this domain."""
    domain, arn = plan.of("DomainName"), plan.of("CertificateArn")
    if not domain:
        return
    if f":{plan.region}:" not in arn:
        yield f"CertificateArn must name a certificate in {plan.region}, the region of the stack: {arn or 'none is given'}."
        return
    found = clients("acm").describe_certificate(CertificateArn=arn)["Certificate"]
    if found["Status"] != "ISSUED":
        yield f"The certificate {arn} is {found['Status']}, not ISSUED: finish its validation first."
    names = {found.get("DomainName", ""), *found.get("SubjectAlternativeNames", ())}
    if not names & {domain, f"*.{domain.partition('.')[2]}"}:
        yield f"The certificate {arn} is not for {domain} but for {', '.join(sorted(names))}."


def hosted_zone(clients: Clients, plan: Plan) -> Iterator[str]:
    """The DNS zone is the domain's."""
    domain, zone = plan.of("DomainName"), plan.of("HostedZoneId")
    if not domain or not zone:
        return
    name = clients("route53").get_hosted_zone(Id=zone)["HostedZone"]["Name"].rstrip(".")
    if domain != name and not domain.endswith(f".{name}"):
        yield f"HostedZoneId {zone} is the zone {name}, to which {domain} does not belong."


def secrets(clients: Clients, plan: Plan) -> Iterator[str]:
    """The secrets that were named exist, and hold what the functions read."""
    wanted = {
        "SecretId": {"database_url", "provider_token", "encryption_keys"},
        "OwnerSecretId": {"database_url", "service_database_url", "encryption_keys"},
    }
    for parameter, keys in wanted.items():
        name = plan.of(parameter)
        if not name:
            continue
        try:
            value = clients("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
            held = json.loads(value)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            yield f"There is no secret {name} ({parameter}) in {plan.region}."
            continue
        except ValueError:
            held = None
        if not isinstance(held, dict) or not keys <= held.keys():
            yield f"The secret {name} ({parameter}) must be a JSON object with {' and '.join(sorted(keys))}."


def access_log_role(clients: Clients, plan: Plan) -> Iterator[str]:
    """API Gateway may write logs at all: a setting of the account."""
    if plan.of("AccessLog") == "true" and not clients("apigateway").get_account().get("cloudwatchRoleArn"):
        yield (
            f"AccessLog needs a role for CloudWatch Logs in the settings of API Gateway in {plan.region}: `aws apigateway update-account "
            "--patch-operations op=replace,path=/cloudwatchRoleArn,value=ARN`."
        )


def capacity(_clients: Clients, plan: Plan) -> Iterator[str]:
    """The database's smallest size is not above its largest: no rule of a template can compare numbers."""
    low, high = float(plan.of("DatabaseMinCapacity")), float(plan.of("DatabaseMaxCapacity"))
    if low > high:
        yield f"DatabaseMinCapacity is {low:g}, above DatabaseMaxCapacity, {high:g}."
    if (low * 2) % 1 or (high * 2) % 1:
        yield "DatabaseMinCapacity and DatabaseMaxCapacity must be multiples of 0.5."


def connections(_clients: Clients, plan: Plan) -> Iterator[str]:
    """The database admits a connection for each function that may run: a function's process holds one."""
    if "Database" not in plan.resources:
        return
    held, high = most_connections(plan), float(plan.of("DatabaseMaxCapacity"))
    admitted = max_connections(float(plan.of("DatabaseMinCapacity")), high) - _CONNECTIONS_OF_OTHERS
    if held > admitted:
        yield (
            f"Up to {counted(held, 'function')} would hold a database connection each, and with DatabaseMaxCapacity={high:g} and "
            f"DatabaseMinCapacity={plan.of('DatabaseMinCapacity')} Aurora admits {admitted:,}: lower Senders, or raise the capacities "
            "(after a change the database must be rebooted before it admits more)."
        )


def most_connections(plan: Plan) -> int:
    """How many functions whose number is bounded may run at once, with one migration."""
    queues = sum(
        2 if event["Properties"]["ScalingConfig"]["MaximumConcurrency"] == 2 else _senders(plan)
        for item in plan.resources.values()
        if item["Type"] == "AWS::Serverless::Function"
        for event in item["Properties"].get("Events", {}).values()
        if event["Type"] == "SQS"
    )
    return sum(_numbers(plan, "ReservedConcurrentExecutions")) + queues + 1


def max_connections(low: float, high: float) -> int:
    """What Aurora sets for a cluster of these capacities, at least."""
    most = next((number for capacity, number in _CONNECTIONS if high >= capacity), 0)
    return min(most, _CONNECTIONS_OF_SMALL) if low <= 0.5 else most


def network(_clients: Clients, plan: Plan) -> Iterator[str]:
    """What belongs together is given together: no rule of a template can look into a list."""
    subnets, groups = plan.of("SubnetIds"), plan.of("SecurityGroupIds")
    if bool(subnets) != bool(groups):
        yield "SubnetIds and SecurityGroupIds must be given together."
    if subnets and not plan.of("SecretId") and not plan.of("VpcId"):
        yield "SubnetIds without SecretId needs VpcId: the database is made in that network."
    if plan.of("RequestsPerAddress") not in ("0", "") and int(plan.of("RequestsPerAddress")) < 10:
        yield "RequestsPerAddress must be 0 or at least 10."


def leftover_logs(clients: Clients, plan: Plan) -> Iterator[str]:
    """No log group of an earlier stack has a name that this one needs."""
    if plan.exists:
        return
    logs = clients("logs")
    for prefix in (f"/aws/lambda/{plan.stack}-", f"/aws/rds/cluster/{plan.stack}-{plan.of('DatabaseLabel')}/"):
        found = [group["logGroupName"] for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]]
        if found:
            yield (
                f"Log groups of an earlier stack are still there: {', '.join(found)}. CloudFormation cannot make them again: delete "
                "them (`aws logs delete-log-group --log-group-name NAME`)."
            )


CHECKS: tuple[Callable[[Clients, Plan], Iterator[str]], ...] = (
    concurrency,
    addresses,
    networks,
    zones,
    database_engine,
    restored_database,
    certificate,
    hosted_zone,
    secrets,
    access_log_role,
    capacity,
    connections,
    network,
    leftover_logs,
)


def _reserved(functions: Any, name: str) -> int:
    return int(functions.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0))


def _numbers(plan: Plan, key: str) -> Iterator[int]:
    for item in plan.resources.values():
        if item["Type"] == "AWS::Serverless::Function" and key in item["Properties"]:
            yield int(item["Properties"][key])


def _senders(plan: Plan) -> int:
    return int(plan.of("Senders") or plan.template["Mappings"]["Stages"][plan.of("Stage")]["Senders"])


def _exists(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return False
        raise
    return True
