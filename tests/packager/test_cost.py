"""What check says that an API costs."""

import pytest

from packager.cost import cost
from packager.manifest import EcsSize, EndpointSize, LambdaSize


def test_lambda_costs_nothing_while_idle() -> None:
    """A million requests of 100 ms at 1 GB: 1.00 for the HTTP API, 0.20 for the requests, 1.67 for the time."""
    made = cost(LambdaSize(memory_mb=1024, timeout_s=30, ephemeral_storage_mb=512), replicas=1, public=True)
    assert made.idle_month == 0
    assert made.million_requests == pytest.approx(2.867, abs=0.001)


def test_provisioned_concurrency_is_paid_while_idle() -> None:
    """Two environments of 2 GB for 730 hours."""
    size = LambdaSize(memory_mb=2048, timeout_s=30, ephemeral_storage_mb=512, provisioned_concurrency=2)
    assert cost(size, replicas=1, public=True).idle_month == pytest.approx(2 * 2 * 0.0000041667 * 730 * 3600)


def test_fargate_is_paid_by_replica_and_hour() -> None:
    """A vCPU and 2 GB, a public address each, and the load balancer."""
    made = cost(EcsSize(cpu_units=1024, memory_mib=2048), replicas=3, public=False)
    assert made.idle_month == pytest.approx(730 * (3 * (0.04048 + 2 * 0.004445 + 0.005) + 0.0225))
    assert made.million_requests == 0


def test_tasks_that_share_an_instance_share_its_price() -> None:
    """Four single-GPU tasks fit one g4dn.12xlarge; a fifth needs a second."""
    size = EcsSize(cpu_units=12288, memory_mib=43000, gpu=1, instance_type="g4dn.12xlarge")
    four, five = (cost(size, replicas=replicas, public=True).idle_month for replicas in (4, 5))
    assert four == pytest.approx(730 * (3.912 + 0.005 + 0.0225))
    assert five - four == pytest.approx(730 * (3.912 + 0.005))
    assert cost(size, replicas=0, public=True).idle_month == pytest.approx(730 * 0.0225)


def test_an_endpoint_is_paid_by_instance_and_hour() -> None:
    """Nothing stands before it, so that its requests cost nothing more."""
    made = cost(EndpointSize(instance_type="ml.m5.large"), replicas=2, public=False)
    assert made.idle_month == pytest.approx(730 * 2 * 0.115)
    assert made.million_requests == 0
