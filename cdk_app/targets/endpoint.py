"""An API as a real-time endpoint of SageMaker: its container, its instances and their number, and the way in.

Model and configuration are named by CloudFormation, which replaces them with every change; the endpoint has the name that
callers use, and alarms, which it names in turn, know it by that name. It needs no VPC: SageMaker runs the instances in one of
its own, from which models and secrets are reached as from anywhere.

SageMaker refuses to change the instance type of an endpoint that scales ("Update endpoints that use auto scaling"): a deploy
of `min_replicas` equal to `max_replicas`, which scales nothing, goes before that change.
"""

from collections.abc import Iterable

from aws_cdk import CfnOutput, Fn, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr_assets as assets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sagemaker as sagemaker

from cdk_app.accepted import accept
from cdk_app.alarms import add_share_alarm
from cdk_app.endpoint_metrics import VARIANT, of_endpoint
from cdk_app.http_api import add_url
from cdk_app.image import add_image
from cdk_app.logs import add_log_group_at
from cdk_app.permissions import Statement, accept_grants, add_role, allow, granted
from cdk_app.project import START_S, Project
from cdk_app.pseudo import Aws
from cdk_app.scaling import add_replicas, add_tracking
from cdk_app.secrets import read_secrets, secrets_variable
from cdk_app.targets.guardrails import guardrails
from packager.manifest import EndpointSize, ManifestApi

IN_FLIGHT = "SageMakerVariantConcurrentRequestsPerModelHighResolution"
"""Requests in flight for each container, queued ones included, every ten seconds: what Cortex scaled by, counted before the
container and thus by SageMaker itself, whatever becomes of the container's log lines."""


def add_endpoint(stack: Stack, project: Project, api: ManifestApi) -> None:
    """The model, its configuration and the endpoint; no route leads to it."""
    assert isinstance(api.size, EndpointSize)  # Manifest.load gives every target its own kind of size
    name = project.endpoint_name(api)
    scales = api.scaling.min_replicas < api.scaling.max_replicas
    image = add_image(stack, project, api)
    lines = add_log_group_at(stack, project, f"/aws/sagemaker/Endpoints/{name}")
    alarm = add_endpoint_alarm(stack, project, api, name)
    role = add_role(
        stack,
        "ServingRole",
        "sagemaker.amazonaws.com",
        [*platform_statements(image, lines, alarm), *granted(api), *read_secrets(api.secrets)],
    )
    accept(role, "AwsSolutions-IAM5[Resource::*]", "ecr:GetAuthorizationToken and cloudwatch:PutMetricData take no resource")
    accept_grants(role, api)
    model = sagemaker.CfnModel(
        stack,
        "Model",
        execution_role_arn=role.attr_arn,
        primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
            image=image.image_uri,
            # SageMaker tells a container its credentials, and not its region, which boto3 does not do without.
            environment={
                "AWS_DEFAULT_REGION": Aws.REGION,
                **project.environment_of(api),
                **secrets_variable(api.secrets),
            },
        ),
    )
    config = sagemaker.CfnEndpointConfig(
        stack,
        "Config",
        production_variants=[
            sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                variant_name=VARIANT,
                model_name=model.attr_model_name,
                instance_type=api.size.instance_type,
                initial_instance_count=api.scaling.init_replicas,
                initial_variant_weight=1,
                inference_ami_version=api.size.ami,
                container_startup_health_check_timeout_in_seconds=START_S,
                # Predictions differ in cost; the instance with the fewest in flight takes the next one.
                routing_config=sagemaker.CfnEndpointConfig.RoutingConfigProperty(routing_strategy="LEAST_OUTSTANDING_REQUESTS"),
            )
        ],
    )
    endpoint = sagemaker.CfnEndpoint(
        stack,
        "Endpoint",
        endpoint_name=name,
        endpoint_config_name=config.attr_endpoint_config_name,
        # A deploy keeps as many instances as the autoscaler has made of the initial ones; without one, it sets their number.
        retain_all_variant_properties=scales,
        deployment_config=guardrails(api.rollout, [alarm]) if api.size.guarded else None,
    )
    endpoint.add_resource_dependency(lines)  # or SageMaker makes a group that is kept forever
    if scales:
        add_endpoint_scaling(stack, api, endpoint)
    CfnOutput(stack, "EndpointName", value=name, description="What InvokeEndpoint calls it")
    add_url(
        stack,
        f"https://runtime.sagemaker.{Aws.REGION}.{Aws.URL_SUFFIX}/endpoints/{name}/invocations",
        f"POST requests to {api.name} here, signed (InvokeEndpoint)",
    )


def add_endpoint_scaling(stack: Stack, api: ManifestApi, endpoint: sagemaker.CfnEndpoint) -> None:
    """Between the smallest and the largest number of instances, by requests in flight."""
    resource = Fn.join("/", ["endpoint", endpoint.attr_endpoint_name, "variant", VARIANT])
    target = add_replicas(stack, api, "sagemaker", "sagemaker:variant:DesiredInstanceCount", resource)
    watched = scaling.CfnScalingPolicy.PredefinedMetricSpecificationProperty(predefined_metric_type=IN_FLIGHT)
    add_tracking(stack, api, target, predefined_metric_specification=watched)


def add_endpoint_alarm(stack: Stack, project: Project, api: ManifestApi, endpoint: str) -> cloudwatch.CfnAlarm:
    """Everything that SageMaker counts as a failure of the container, less what was the caller's own: answers of 4XX."""
    metrics = {
        identifier: of_endpoint(name, "Sum", endpoint=endpoint)
        for identifier, name in (
            ("failed", "InvocationModelErrors"),
            ("refused", "Invocation4XXErrors"),
            ("invocations", "Invocations"),
        )
    }
    return add_share_alarm(
        stack,
        project,
        "EndpointErrors",
        f"Failed invocations of {api.name}, in per cent",
        metrics,
        failed="(failed - refused)",
        all_of="invocations",
    )


def platform_statements(
    image: assets.DockerImageAsset, lines: logs.CfnLogGroup, alarm: cloudwatch.CfnAlarm
) -> Iterable[Statement]:
    """What SageMaker does in the role's name ("SageMaker AI Roles", CreateModel), on this endpoint's own things alone."""
    yield allow(
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [image.repository.repository_arn]
    )
    yield allow(["ecr:GetAuthorizationToken"], ["*"])
    yield allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [lines.attr_arn])
    namespaces = {"StringEquals": {"cloudwatch:namespace": ["/aws/sagemaker/Endpoints", "aws/sagemaker/Endpoints"]}}
    yield allow(["cloudwatch:PutMetricData"], ["*"], namespaces)
    yield allow(["cloudwatch:DescribeAlarms"], [alarm.attr_arn])
