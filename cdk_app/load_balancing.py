"""One API behind the shared load balancer: its target group, and the listener's rule that sends its endpoint there."""

from aws_cdk import Stack
from aws_cdk import aws_elasticloadbalancingv2 as elb

from cdk_app.facts import Fact, learn
from cdk_app.http_api import Integration, add_url
from cdk_app.project import PORT, Project
from packager.manifest import ManifestApi

DRAIN_S = 60
"""How long a target that leaves may finish its requests: twice what the HTTP API waits for an answer."""


def add_target_group(
    stack: Stack, project: Project, api: ManifestApi, target_type: str
) -> tuple[elb.CfnTargetGroup, elb.CfnListenerRule]:
    """The group whose targets ECS registers, healthy when the runtime is ready, and the rule for the API's endpoint."""
    group = elb.CfnTargetGroup(
        stack,
        "TargetGroup",
        vpc_id=learn(stack, project, Fact.VpcId),
        target_type=target_type,
        protocol="HTTP",
        port=PORT,
        health_check_path="/-/ready",
        health_check_port="traffic-port",
        health_check_interval_seconds=10,
        health_check_timeout_seconds=5,
        healthy_threshold_count=2,
        unhealthy_threshold_count=3,
        matcher=elb.CfnTargetGroup.MatcherProperty(http_code="200"),
        target_group_attributes=[
            elb.CfnTargetGroup.TargetGroupAttributeProperty(key=key, value=value)
            for key, value in (
                ("deregistration_delay.timeout_seconds", str(DRAIN_S)),
                # Predictions differ in cost; the replica with the fewest in flight takes the next one.
                ("load_balancing.algorithm.type", "least_outstanding_requests"),
            )
        ],
    )
    rule = elb.CfnListenerRule(
        stack,
        "Rule",
        listener_arn=learn(stack, project, Fact.ListenerArn),
        priority=project.rule_priority(api),
        conditions=[
            elb.CfnListenerRule.RuleConditionProperty(
                field="path-pattern",
                path_pattern_config=elb.CfnListenerRule.PathPatternConfigProperty(values=[api.endpoint]),
            )
        ],
        actions=[elb.CfnListenerRule.ActionProperty(type="forward", target_group_arn=group.ref)],
    )
    if not api.public:
        add_url(
            stack,
            f"http://{learn(stack, project, Fact.BalancerName)}{api.endpoint}",
            f"POST requests to {api.name} here, from inside the VPC",
        )
    return group, rule


def integration(stack: Stack, project: Project) -> Integration:
    """How the HTTP API reaches the load balancer."""
    return Integration(type="HTTP_PROXY", uri=learn(stack, project, Fact.ListenerArn), payload_format="1.0", vpc_link=True)
