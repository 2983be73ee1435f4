"""From the project to its stacks: the shared one and one for each API."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk_app.alarms import add_model_alarms
from cdk_app.dashboard import add_dashboards
from cdk_app.history import add_history
from cdk_app.http_api import add_route, add_shared_http_api
from cdk_app.project import SHARED, Project
from cdk_app.targets import add_target
from packager.manifest import ManifestApi, ManifestSplitter

WHY = "reads its SSM parameters"
"""Why a stack is deployed after another, and destroyed before it."""


def add_stacks(app: Construct, project: Project) -> None:
    """Every stack of the project, with the order in which they are deployed; they are destroyed in the opposite one.

    Raises ManifestError when the manifest and what lies beside it do not fit each other.
    """
    shared = add_shared_stack(app, project)
    stacks = {}
    for api in project.manifest.apis:
        stacks[api.name] = add_api_stack(app, project, api)
        stacks[api.name].add_stack_dependency(shared, WHY)
    for splitter in project.manifest.splitters:
        stack = add_splitter_stack(app, project, splitter)
        for before in (shared, *(stacks[api.name] for api in project.split_apis(splitter))):
            stack.add_stack_dependency(before, WHY)


def add_shared_stack(app: Construct, project: Project) -> Stack:
    """The HTTP API if any API is public, the network if any runs on ECS, the dashboard of all."""
    stack = _stack(app, project, SHARED, f"What the APIs of {project.name} share")
    if project.has_routes:
        add_shared_http_api(stack, project)
    if project.has_services:
        from cdk_app.network import add_network  # here, for a project of functions alone does without

        add_network(stack, project)
    add_dashboards(stack, project)
    return stack


def add_api_stack(app: Construct, project: Project, api: ManifestApi) -> Stack:
    """The target that the packager chose, and its route."""
    stack = _stack(app, project, api.name, f"{api.kind} {api.name} on {api.target}, {api.size}: {api.reason}", api=api.name)
    integration = add_target(stack, project, api)
    if api.cost:
        CfnOutput(stack, "Cost", value=api.cost, description="An estimate of what the API costs, from list prices")
    if api.public and integration is not None:
        add_route(stack, project, api, integration)
    if project.settings.alarms_topic is not None:  # they tell someone, or are for nothing
        add_model_alarms(stack, project, api)
    return stack


def add_splitter_stack(app: Construct, project: Project, splitter: ManifestSplitter) -> Stack:
    """The weights and the route of a TrafficSplitter."""
    shares = ", ".join(f"{split.name} {split.weight} %" for split in splitter.splits)
    stack = _stack(app, project, splitter.name, f"TrafficSplitter {splitter.name}: {shares}", api=splitter.name)
    from cdk_app.splitter import add_splitter

    add_splitter(stack, project, splitter)
    names = ",".join(split.name for split in splitter.splits)
    CfnOutput(stack, "Splits", value=names, description="The APIs that requests go to: none of them is deleted before this")
    return stack


def _stack(app: Construct, project: Project, part: str, description: str, **tags: str) -> Stack:
    name = project.stack_name(part)
    stack = Stack(
        app,
        name,
        stack_name=name,
        description=description[:1024],
        tags={**project.tags, **{f"cxpack:{key}": value for key, value in tags.items()}},
        analytics_reporting=False,  # a resource that names the CDK's modules would change with them, and ran for no one
    )
    add_history(stack, project, part)
    return stack
