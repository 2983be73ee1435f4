"""What an API costs: idle for a month, and for a million requests; an estimate from dated list prices, without free tiers.

Prices are us-east-1's in USD, as AWS's pricing pages of Lambda, Fargate, API Gateway, Elastic Load Balancing and VPC list
them; those of instances stand in instances.csv and endpoint_instances.csv. Logs, metrics, alarms and data transfer are left
out: they follow the traffic.
"""

import math
from typing import NamedTuple

from packager.instances import Kind, endpoint_types, instance_types
from packager.manifest import EcsSize, EndpointSize, LambdaSize
from packager.sizes import Size

PRICES_OF = "July 2026 (SageMaker: November 2026)"
HOURS = 730
"""Of a month, as AWS's calculator counts."""
REQUEST_SECONDS = 0.1
"""How long a prediction is taken to run on Lambda: the one thing that the file cannot tell."""

HTTP_API_MILLION = 1.00
LAMBDA_MILLION = 0.20
LAMBDA_GB_SECOND = 0.0000166667
LAMBDA_PROVISIONED_GB_SECOND = 0.0000041667
FARGATE_VCPU_HOUR = 0.04048
FARGATE_GB_HOUR = 0.004445
PUBLIC_ADDRESS_HOUR = 0.005
LOAD_BALANCER_HOUR = 0.0225


class Cost(NamedTuple):
    """USD: a month without requests, and a million requests on top."""

    idle_month: float
    million_requests: float

    def __str__(self) -> str:
        return f"${self.idle_month:,.0f} a month idle, ${self.million_requests:,.2f} a million requests"


def cost(size: Size, *, replicas: int, public: bool) -> Cost:
    """The cost of one API that keeps `replicas` tasks (Lambda keeps its provisioned concurrency only).

    An ECS API's requests are served by its replicas, so that a million of them cost the way in only; the load balancer,
    which all ECS APIs of a project share, is counted once more for each. An endpoint's instances serve its requests as well,
    and nothing stands before them.
    """
    if isinstance(size, EndpointSize):
        return Cost(replicas * endpoint_types()[size.instance_type].usd_per_hour * HOURS, 0.0)
    door = HTTP_API_MILLION if public else 0.0
    if isinstance(size, LambdaSize):
        gigabytes = size.memory_mb / 1024
        kept = size.provisioned_concurrency * gigabytes * LAMBDA_PROVISIONED_GB_SECOND * HOURS * 3600
        return Cost(kept, door + LAMBDA_MILLION + gigabytes * REQUEST_SECONDS * 1e6 * LAMBDA_GB_SECOND)
    return Cost((_tasks_hour(size, replicas) + LOAD_BALANCER_HOUR) * HOURS, door)


def _tasks_hour(size: EcsSize, replicas: int) -> float:
    if size.instance_type is None:
        task = size.cpu_units / 1024 * FARGATE_VCPU_HOUR + size.memory_mib / 1024 * FARGATE_GB_HOUR + PUBLIC_ADDRESS_HOUR
        return replicas * task
    instance = instance_types()[size.instance_type]
    kind: Kind = "gpu" if size.gpu else "inf"
    instances = math.ceil(replicas / instance.tasks(kind, size.gpu or size.inf))
    return instances * (instance.usd_per_hour + PUBLIC_ADDRESS_HOUR)
