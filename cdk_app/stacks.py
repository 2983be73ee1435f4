"""From the project to its stacks: the shared one and one for each API."""

from aws_cdk import Stack
from constructs import Construct

from cdk_app.alarms import add_model_alarms
from cdk_app.http_api import add_route, add_shared_http_api
from cdk_app.network import add_network
from cdk_app.project import SHARED, Project
from cdk_app.targets import TARGETS
from packager.manifest import ManifestApi


def add_stacks(app: Construct, project: Project) -> None:
    """Every stack of the project. An API's stack comes after the shared one when deploying, before it when destroying.

    Raises ManifestError when the manifest and what lies beside it do not fit each other.
    """
    shared = add_shared_stack(app, project)
    for api in project.manifest.apis:
        add_api_stack(app, project, api).add_stack_dependency(shared, "reads its SSM parameters")


def add_shared_stack(app: Construct, project: Project) -> Stack:
    """The HTTP API if any API is public, and the network if any runs on ECS."""
    stack = _stack(app, project, SHARED, f"What the APIs of {project.name} share")
    if project.has_routes:
        add_shared_http_api(stack, project)
    if project.has_services:
        add_network(stack, project)
    return stack


def add_api_stack(app: Construct, project: Project, api: ManifestApi) -> Stack:
    """The target that the packager chose, and its route."""
    stack = _stack(app, project, api.name, f"{api.kind} {api.name} on {api.target}, {api.size}: {api.reason}", api=api.name)
    integration = TARGETS[api.target](stack, project, api)
    if api.public and integration is not None:
        add_route(stack, project, api, integration)
    if project.settings.alarms_topic is not None:  # they tell someone, or are for nothing
        add_model_alarms(stack, project, api)
    return stack


def _stack(app: Construct, project: Project, part: str, description: str, **tags: str) -> Stack:
    name = project.stack_name(part)
    return Stack(
        app,
        name,
        stack_name=name,
        description=description[:1024],
        tags={**project.tags, **{f"cxpack:{key}": value for key, value in tags.items()}},
        analytics_reporting=False,  # a resource that names the CDK's modules would change with them, and ran for no one
    )
