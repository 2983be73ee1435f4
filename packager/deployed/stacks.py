"""The project's stacks in an account: which there are, what they run, and their removal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packager.deployed.session import client

SHARED = "shared"
VERSIONED = {"AWS::Lambda::Version": "version", "AWS::ECS::TaskDefinition": "revision"}
"""Resource whose ARN ends in a number that tells deployments apart -> what AWS calls the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedApi:
    """One API's stack. `status` is CloudFormation's, `version` that of the function or task definition, None if neither.

    `cost` is the estimate that was made when it was deployed, None for a TrafficSplitter and for what older versions deployed.
    """

    name: str
    stack: str
    status: str
    updated: datetime
    url: str | None
    version: str | None
    cost: str | None


def stack_name(project: str, environment: str, api: str) -> str:
    """As the CDK app names it."""
    return f"{project}-{environment}-{api}"


def deployed_apis(project: str, environment: str) -> list[DeployedApi]:
    """Every API stack that carries the project's tag, by name, also of APIs that the file no longer has.

    Raises AwsError.
    """
    prefix = stack_name(project, environment, "")
    with client("cloudformation") as cloudformation:
        return sorted(
            (
                _api(cloudformation, stack, stack["StackName"].removeprefix(prefix))
                for stack in _stacks(cloudformation, project)
                if stack["StackName"].startswith(prefix) and stack["StackName"] != prefix + SHARED
            ),
            key=lambda api: api.name,
        )


def delete_stack(stack: str) -> None:
    """Delete the stack and wait until it is gone.

    Raises AwsError, also when CloudFormation cannot delete a resource.
    """
    with client("cloudformation") as cloudformation:
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)


def _stacks(cloudformation: Any, project: str) -> Iterator[dict[str, Any]]:
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            if {"Key": "cxpack:project", "Value": project} in stack.get("Tags", []):
                yield stack


def _api(cloudformation: Any, stack: dict[str, Any], name: str) -> DeployedApi:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    resources = cloudformation.describe_stack_resources(StackName=stack["StackName"])["StackResources"]
    return DeployedApi(
        name=name,
        stack=stack["StackName"],
        status=stack["StackStatus"],
        updated=stack.get("LastUpdatedTime") or stack["CreationTime"],
        url=outputs.get("Url"),
        version=_version(resources),
        cost=outputs.get("Cost"),
    )


def _version(resources: Sequence[dict[str, Any]]) -> str | None:
    for resource in resources:
        number = resource.get("PhysicalResourceId", "").rpartition(":")[2]
        if resource["ResourceType"] in VERSIONED and number.isdigit():
            return f"{VERSIONED[resource['ResourceType']]} {number}"
    return None
