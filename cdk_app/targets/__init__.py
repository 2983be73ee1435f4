"""What an API can run on: the packager's word for it -> who adds it to the API's stack."""

from collections.abc import Callable, Mapping

from aws_cdk import Stack

from cdk_app.http_api import Integration
from cdk_app.project import Project
from cdk_app.targets.aws_lambda import add_function
from cdk_app.targets.ecs import add_service
from packager.manifest import ManifestApi

AddTarget = Callable[[Stack, Project, ManifestApi], Integration | None]
"""Adds the resources that serve the API; returns what its route hands requests to, or None when it has none."""

TARGETS: Mapping[str, AddTarget] = {"lambda": add_function, "ecs": add_service}
