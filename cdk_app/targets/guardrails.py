"""How an endpoint's new instances take over: beside the old ones, step by step, and back when an alarm goes off.

SageMaker's deployment guardrails. The old instances stay for a while after the last step, so that going back takes no time.
"""

from collections.abc import Callable, Mapping, Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker

from packager.manifest import Rollout

Routing = sagemaker.CfnEndpoint.TrafficRoutingConfigProperty


def _share(percent: int) -> sagemaker.CfnEndpoint.CapacitySizeProperty:
    return sagemaker.CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=percent)


ROUTING: Mapping[str, Callable[[int, int], Routing]] = {
    # A wait must be said (API_TrafficRoutingConfig), though there are no steps to wait between.
    "all_at_once": lambda _percent, _interval_s: Routing(type="ALL_AT_ONCE", wait_interval_in_seconds=0),
    "canary": lambda percent, interval_s: Routing(
        type="CANARY", canary_size=_share(percent), wait_interval_in_seconds=interval_s
    ),
    "linear": lambda percent, interval_s: Routing(
        type="LINEAR", linear_step_size=_share(percent), wait_interval_in_seconds=interval_s
    ),
}


def guardrails(rollout: Rollout, alarms: Sequence[cloudwatch.CfnAlarm]) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
    """CloudFormation waits for the last step; an alarm before it fails the update, and SageMaker has gone back by then."""
    return sagemaker.CfnEndpoint.DeploymentConfigProperty(
        auto_rollback_configuration=sagemaker.CfnEndpoint.AutoRollbackConfigProperty(
            alarms=[sagemaker.CfnEndpoint.AlarmProperty(alarm_name=alarm.ref) for alarm in alarms]
        ),
        blue_green_update_policy=sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=ROUTING[rollout.strategy](rollout.percent, rollout.interval_s),
            termination_wait_in_seconds=rollout.interval_s,
            maximum_execution_timeout_in_seconds=rollout.timeout_s,
        ),
    )
