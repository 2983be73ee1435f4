"""How many replicas an API has: Cortex's target concurrency as target tracking on requests in flight.

An ECS service follows the runtime's own InFlight, an endpoint SageMaker's count of the same. A service that may go down to
zero is woken by its route, and by those of the splitters that lead to it: nobody reports InFlight then, and requests arrive.
Callers get 503 until the first replica is ready.
"""

from aws_cdk import Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_app.facts import tell_waking
from cdk_app.http_api import http_api_of
from cdk_app.metrics import Metric, emitted
from cdk_app.project import Endpoint, Project
from packager.manifest import ManifestApi

WAKE_PERIOD_S = 60

Policy = scaling.CfnScalingPolicy


def add_scaling(stack: Stack, project: Project, api: ManifestApi, service: str) -> None:
    """Of an ECS service (`service/CLUSTER/NAME`)."""
    target = add_replicas(stack, api, "ecs", "ecs:service:DesiredCount", service)
    metric = in_flight(project, api, "Average")
    watched = Policy.CustomizedMetricSpecificationProperty(
        namespace=metric.namespace,
        metric_name=metric.name,
        statistic=metric.statistic,
        dimensions=[Policy.MetricDimensionProperty(name=name, value=value) for name, value in metric.dimensions.items()],
    )
    add_tracking(stack, api, target, customized_metric_specification=watched)
    if project.sleeps(api):
        policy = add_waking(stack, target)
        add_waking_alarm(stack, project, "CalledWhileAsleep", api, policy, by=api)
        tell_waking(stack, project, api, policy)


def in_flight(project: Project, api: ManifestApi, statistic: str) -> Metric:
    """What the replicas of an API report, each every ten seconds."""
    return emitted("InFlight", statistic, of=project.metrics_name(api))


def add_replicas(stack: Stack, api: ManifestApi, service: str, dimension: str, resource: str) -> scaling.CfnScalableTarget:
    """What may be changed, between the smallest and the largest number of replicas."""
    return scaling.CfnScalableTarget(
        stack,
        "Replicas",
        service_namespace=service,
        scalable_dimension=dimension,
        resource_id=resource,
        min_capacity=api.scaling.min_replicas,
        max_capacity=api.scaling.max_replicas,
    )


def add_tracking(
    stack: Stack,
    api: ManifestApi,
    target: scaling.CfnScalableTarget,
    *,
    customized_metric_specification: Policy.CustomizedMetricSpecificationProperty | None = None,
    predefined_metric_specification: Policy.PredefinedMetricSpecificationProperty | None = None,
) -> None:
    """As many replicas as keep the metric, of which exactly one is given, at the target concurrency."""
    Policy(
        stack,
        "Concurrency",
        policy_name="target-concurrency",
        policy_type="TargetTrackingScaling",
        scaling_target_id=target.ref,
        target_tracking_scaling_policy_configuration=Policy.TargetTrackingScalingPolicyConfigurationProperty(
            target_value=api.scaling.target_concurrency,
            scale_out_cooldown=api.scaling.scale_out_cooldown_s,
            scale_in_cooldown=api.scaling.scale_in_cooldown_s,
            customized_metric_specification=customized_metric_specification,
            predefined_metric_specification=predefined_metric_specification,
        ),
    )


def add_waking(stack: Stack, target: scaling.CfnScalableTarget) -> str:
    """From no replica to one: the ARN of the policy, which alarms on calls act on."""
    return Policy(
        stack,
        "Waking",
        policy_name="wake",
        policy_type="StepScaling",
        scaling_target_id=target.ref,
        step_scaling_policy_configuration=Policy.StepScalingPolicyConfigurationProperty(
            adjustment_type="ExactCapacity",
            metric_aggregation_type="Maximum",
            step_adjustments=[Policy.StepAdjustmentProperty(metric_interval_lower_bound=0, scaling_adjustment=1)],
        ),
    ).attr_arn


def add_waking_alarm(stack: Stack, project: Project, name: str, api: ManifestApi, policy: str, *, by: Endpoint) -> None:
    """Wakes `api` with `policy` when the route of `by`, in whose stack the alarm is, is called and no replica reports."""
    api_id = http_api_of(stack, project, by)
    calls = {
        # API Gateway's pages do not say under which of the two it counts a call of a route of `ANY`.
        method: Metric(
            "Count", {"ApiId": api_id, "Method": method, "Resource": by.endpoint, "Stage": "$default"}, "Sum", "AWS/ApiGateway"
        )
        for method in ("ANY", "POST")
    }
    cloudwatch.CfnAlarm(
        stack,
        name,
        alarm_description=f"{by.endpoint} is called and {api.name} has no replica",
        comparison_operator="GreaterThanOrEqualToThreshold",
        threshold=1,
        evaluation_periods=1,
        treat_missing_data="notBreaching",
        alarm_actions=[policy],
        metrics=[
            cloudwatch.CfnAlarm.MetricDataQueryProperty(
                id="asleep", expression="IF(FILL(called_any, 0) + FILL(called_post, 0) > 0 AND FILL(replicas, 0) == 0, 1, 0)"
            ),
            *(metric.query(f"called_{method.lower()}", WAKE_PERIOD_S) for method, metric in calls.items()),
            in_flight(project, api, "SampleCount").query("replicas", WAKE_PERIOD_S),
        ],
    )
