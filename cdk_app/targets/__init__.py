"""What an API can run on: the packager's word for it -> who adds it to the API's stack.

The names are imported when they are used: a project of functions alone does not wait for the modules of ECS.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from aws_cdk import Stack

from cdk_app.http_api import Integration
from cdk_app.project import Project
from packager.manifest import ManifestApi

AddTarget = Callable[[Stack, Project, ManifestApi], Integration | None]
"""Adds the resources that serve the API; returns what its route hands requests to, None if it has a door of its own."""

TARGETS: Mapping[str, str] = {
    "lambda": "cdk_app.targets.aws_lambda:add_function",
    "ecs": "cdk_app.targets.ecs:add_service",
    "sagemaker": "cdk_app.targets.endpoint:add_endpoint",
}


def add_target(stack: Stack, project: Project, api: ManifestApi) -> Integration | None:
    """Add the target that the packager chose."""
    module, _, function = TARGETS[api.target].partition(":")
    add: AddTarget = getattr(import_module(module), function)
    return add(stack, project, api)
