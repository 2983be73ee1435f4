"""One API behind the shared load balancer: its target group, and the listener's rule that sends its endpoint there."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_elasticloadbalancingv2 as elb

from cdk_app.facts import Fact, learn
from cdk_app.http_api import add_url
from cdk_app.project import PORT, Endpoint, Project
from packager.manifest import ManifestApi

Transform = elb.CfnListenerRule.TransformProperty
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
    return group, add_rule(stack, project, api, [Share(group.ref, 100)])


@dataclass(frozen=True, slots=True)
class Share:
    """A target group, and its per cent of the requests."""

    group_arn: str
    percent: int


def add_rule(
    stack: Stack, project: Project, api: Endpoint, shares: Sequence[Share], transforms: Sequence[Transform] = ()
) -> elb.CfnListenerRule:
    """Requests of the endpoint go to target groups by their shares; output: the URL, if callers use the load balancer's."""
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
        actions=[
            elb.CfnListenerRule.ActionProperty(
                type="forward",
                forward_config=elb.CfnListenerRule.ForwardConfigProperty(
                    target_groups=[
                        elb.CfnListenerRule.TargetGroupTupleProperty(target_group_arn=share.group_arn, weight=share.percent)
                        for share in shares
                    ]
                ),
            )
        ],
        transforms=list(transforms) or None,
    )
    if not api.public:
        add_url(
            stack,
            f"http://{learn(stack, project, Fact.BalancerName)}{api.endpoint}",
            f"POST requests to {api.name} here, from inside the VPC",
        )
    return rule
