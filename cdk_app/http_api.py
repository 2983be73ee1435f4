"""The HTTP API of a project, in the shared stack, and the route of one API, in that API's stack."""

import json
from dataclasses import dataclass

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as gateway

from cdk_app.accepted import accept
from cdk_app.facts import Fact, learn, tell
from cdk_app.logs import add_log_group
from cdk_app.project import SHARED, Project
from packager.manifest import ManifestApi

TIMEOUT_MS = 30_000
"""The most that HTTP APIs wait for an answer (API Gateway quotas); longer answers need `api_gateway: none`."""

ACCESS_LOG = json.dumps(
    {
        field: f"$context.{field}"
        for field in (
            "requestTime", "requestId", "identity.sourceIp", "routeKey", "status",
            "responseLength", "responseLatency", "integrationLatency", "integrationErrorMessage",
        )
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What the route of an API hands requests to; `vpc_link`: through the VPC link, to a load balancer's listener."""

    type: str
    uri: str
    payload_format: str
    vpc_link: bool = False


def add_http_api(stack: Stack, project: Project) -> None:
    """The API itself, its one stage, throttled on every route, and its access log."""
    api = gateway.CfnApi(stack, "HttpApi", name=project.name, protocol_type="HTTP", description=f"APIs of {project.name}")
    logs = add_log_group(stack, project, SHARED)
    throttle = project.settings.throttle
    gateway.CfnStage(
        stack,
        "HttpStage",
        api_id=api.ref,
        stage_name="$default",
        auto_deploy=True,
        default_route_settings=gateway.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=throttle.rate, throttling_burst_limit=throttle.burst
        ),
        access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(destination_arn=logs.attr_arn, format=ACCESS_LOG),
    )
    tell(stack, project, Fact.HttpApiId, api.ref)


def add_route(stack: Stack, project: Project, api: ManifestApi, integration: Integration) -> None:
    """Every method of the endpoint, as Cortex routed it, to the integration; output: the URL to call."""
    api_id = learn(stack, project, Fact.HttpApiId)
    handed = gateway.CfnIntegration(
        stack,
        "Integration",
        api_id=api_id,
        integration_type=integration.type,
        integration_uri=integration.uri,
        integration_method="ANY" if integration.vpc_link else "POST",
        payload_format_version=integration.payload_format,
        connection_type="VPC_LINK" if integration.vpc_link else None,
        connection_id=learn(stack, project, Fact.VpcLinkId) if integration.vpc_link else None,
        timeout_in_millis=TIMEOUT_MS,
    )
    route = gateway.CfnRoute(
        stack,
        "Route",
        api_id=api_id,
        route_key=f"ANY {api.endpoint}",
        target=f"integrations/{handed.ref}",
        authorization_type="NONE",
    )
    accept(route, "AwsSolutions-APIG4", "A Cortex API is public unless its owner says otherwise; it is throttled")
    CfnOutput(
        stack,
        "Url",
        value=f"https://{api_id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}{api.endpoint}",
        description=f"POST requests to {api.name} here",
    )
