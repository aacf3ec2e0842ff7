"""What AWS asks, in US dollars: list prices of us-east-1 (N. Virginia) in November 2026, without free tiers, discounts and taxes."""

LAMBDA_GB_SECOND = 0.0000133334
"""arm64, the first tier."""
LAMBDA_REQUEST = 0.20e-6
SQS_REQUEST = 0.40e-6
"""Standard queue; up to 64 KB of messages count as one."""
SCHEDULER_INVOCATION = 1.00e-6
ACU_HOUR = 0.12
"""Aurora Serverless v2, Standard."""
AURORA_IO = 0.20e-6
AURORA_WRITE_BYTES = 4096
"""Aurora counts what goes to its log in units of 4 KB."""
VCPU_OF_AN_ACU = 0.25
"""An ACU is 2 GB with the processor that goes with them: about a quarter of a vCPU."""
LAMBDA_MB_OF_A_VCPU = 1769

# What costs also when nothing is sent.
AURORA_GB_MONTH = 0.10
NAT_HOUR = 0.045
NAT_GB = 0.045
PUBLIC_ADDRESS_HOUR = 0.005
SECRET_MONTH = 0.40
ALARM_METRIC_MONTH = 0.10
METRIC_MONTH = 0.30
LOG_GB = 0.50
"""Taken in; kept it is 3 cents a GB and month."""
BYTES_A_CALL = 2_000
"""To the provider and back, TLS on a kept connection."""
