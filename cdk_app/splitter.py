"""A TrafficSplitter: the shared listener forwards its endpoint to several APIs by weight, functions and services alike.

A service is reached through the target group that it has; a function through one made here, for its alias. Every API
answers at `/` as it does at its own endpoint, which none of the others would know. A service that sleeps is woken by calls of
the splitter too, which its own stack, deployed before this one, cannot count.
"""

from aws_cdk import Stack
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_lambda as lambda_

from cdk_app.facts import learn_backend, learn_waking
from cdk_app.http_api import add_route, through_load_balancer
from cdk_app.load_balancing import Share, Transform, add_rule
from cdk_app.project import Project
from cdk_app.pseudo import Aws
from cdk_app.scaling import add_waking_alarm
from packager.manifest import ManifestApi, ManifestSplitter


def add_splitter(stack: Stack, project: Project, splitter: ManifestSplitter) -> None:
    """The listener's rule with its weights, the route to it, and what wakes the APIs behind it."""
    shares = [
        Share(group_of(stack, project, api, number), split.weight)
        for number, (split, api) in enumerate(zip(splitter.splits, project.split_apis(splitter), strict=True), start=1)
    ]
    pattern = "^" + splitter.endpoint.replace(".", r"\.")
    rewrite = Transform(
        type="url-rewrite",
        url_rewrite_config=elb.CfnListenerRule.RewriteConfigObjectProperty(
            rewrites=[elb.CfnListenerRule.RewriteConfigProperty(regex=pattern, replace="/")]
        ),
    )
    add_rule(stack, project, splitter, shares, [rewrite])
    if splitter.public:
        add_route(stack, project, splitter, through_load_balancer(stack, project))
    for number, api in enumerate(project.woken_by(splitter), start=1):
        add_waking_alarm(stack, project, f"CalledWhileAsleep{number}", api, learn_waking(stack, project, api), by=splitter)


def group_of(stack: Stack, project: Project, api: ManifestApi, number: int) -> str:
    """The ARN of the target group that an API's share goes to."""
    backend = learn_backend(stack, project, api)
    if api.target == "ecs":
        return backend
    permission = lambda_.CfnPermission(
        stack,
        f"Function{number}Permission",
        action="lambda:InvokeFunction",
        function_name=backend,
        principal="elasticloadbalancing.amazonaws.com",
        source_account=Aws.ACCOUNT_ID,
    )
    group = elb.CfnTargetGroup(
        stack,
        f"Function{number}",
        target_type="lambda",
        targets=[elb.CfnTargetGroup.TargetDescriptionProperty(id=backend)],
    )
    group.add_resource_dependency(permission)
    return group.ref
