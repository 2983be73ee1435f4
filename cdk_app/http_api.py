"""The HTTP API of a project, in the shared stack, and the route of one API, in that API's stack."""

import json
from dataclasses import dataclass

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigatewayv2 as gateway

from cdk_app.accepted import accept
from cdk_app.facts import Fact, learn, tell
from cdk_app.logs import add_log_group
from cdk_app.project import SHARED, Endpoint, Project
from cdk_app.pseudo import Aws
from packager.manifest import Auth, Throttle

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


AUTHORIZATION = {"none": "NONE", "iam": "AWS_IAM", "jwt": "JWT"}
"""`deploy.auth` -> the route's authorization type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What the route of an API hands requests to; `vpc_link`: through the VPC link, to a load balancer's listener."""

    type: str
    uri: str
    payload_format: str
    vpc_link: bool = False


def through_load_balancer(stack: Stack, project: Project) -> Integration:
    """The shared listener, whose rules know the endpoints."""
    return Integration(type="HTTP_PROXY", uri=learn(stack, project, Fact.ListenerArn), payload_format="1.0", vpc_link=True)


def add_http_api(stack: Stack, project: Project, part: str, throttle: Throttle, *, count_routes: bool) -> gateway.CfnApi:
    """The API itself, its one stage, throttled on every route, and its access log; `part` says whose it is."""
    name = project.name if part == SHARED else project.stack_name(part)
    api = gateway.CfnApi(stack, "HttpApi", name=name, protocol_type="HTTP", description=f"APIs of {name}")
    logs = add_log_group(stack, project, part if part == SHARED else f"{part}/http", "HttpLogs")
    gateway.CfnStage(
        stack,
        "HttpStage",
        api_id=api.ref,
        stage_name="$default",
        auto_deploy=True,
        default_route_settings=gateway.CfnStage.RouteSettingsProperty(
            throttling_rate_limit=throttle.rate,
            throttling_burst_limit=throttle.burst,
            detailed_metrics_enabled=count_routes or None,
        ),
        access_log_settings=gateway.CfnStage.AccessLogSettingsProperty(destination_arn=logs.attr_arn, format=ACCESS_LOG),
    )
    return api


def add_shared_http_api(stack: Stack, project: Project) -> None:
    """The one of the project, in the shared stack."""
    api = add_http_api(stack, project, SHARED, project.settings.throttle, count_routes=project.has_waking_routes)
    tell(stack, project, Fact.HttpApiId, api.ref)


def http_api_of(stack: Stack, project: Project, api: Endpoint) -> str:
    """The id of the HTTP API that has this API's route: the project's, or its own when it has a throttle of its own.

    A route's limits belong to the stage, which would be the shared stack's, and must not name routes that are not there
    yet: they come with the stacks that are deployed after it. A second HTTP API costs nothing.
    """
    if api.throttle is None:
        return learn(stack, project, Fact.HttpApiId)
    found = stack.node.try_find_child("HttpApi")
    if not isinstance(found, gateway.CfnApi):
        found = add_http_api(stack, project, api.name, api.throttle, count_routes=bool(project.woken_by(api)))
    return found.ref


def add_route(stack: Stack, project: Project, api: Endpoint, integration: Integration) -> None:
    """Every method of the endpoint, as Cortex routed it, to the integration; output: the URL to call."""
    api_id = http_api_of(stack, project, api)
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
        authorization_type=AUTHORIZATION[api.auth.type],
        authorizer_id=add_authorizer(stack, api_id, api.auth).ref if api.auth.type == "jwt" else None,
    )
    if api.auth.type == "none":
        accept(route, "AwsSolutions-APIG4", "A Cortex API is public unless its owner says otherwise; it is throttled")
    add_url(
        stack, f"https://{api_id}.execute-api.{Aws.REGION}.{Aws.URL_SUFFIX}{api.endpoint}", f"POST requests to {api.name} here"
    )


def add_authorizer(stack: Stack, api_id: str, auth: Auth) -> gateway.CfnAuthorizer:
    """Checks the bearer token of each request: its issuer, its audience, its signature."""
    return gateway.CfnAuthorizer(
        stack,
        "Authorizer",
        api_id=api_id,
        name=stack.stack_name,
        authorizer_type="JWT",
        identity_source=["$request.header.Authorization"],
        jwt_configuration=gateway.CfnAuthorizer.JWTConfigurationProperty(issuer=auth.issuer, audience=list(auth.audience)),
    )


def add_url(stack: Stack, value: str, description: str) -> None:
    """The output `Url`, by which programs find out where an API answers."""
    CfnOutput(stack, "Url", value=value, description=description)
