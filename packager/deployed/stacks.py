"""The project's stacks in an account: which there are, what they run, and their removal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packager.deployed.session import client

VERSIONED = {"AWS::Lambda::Version": "version", "AWS::ECS::TaskDefinition": "revision"}
"""Resource whose ARN ends in a number that tells deployments apart -> what AWS calls the number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedApi:
    """One API's stack. `status` is CloudFormation's, `version` that of the function or task definition, None if neither.

    `cost` is the estimate that was made when it was deployed, None for a TrafficSplitter and for what older versions deployed.
    `splits`: the APIs that a TrafficSplitter sends requests to.
    """

    name: str
    stack: str
    status: str
    updated: datetime
    url: str | None
    version: str | None
    cost: str | None
    splits: tuple[str, ...] = ()


def stack_name(project: str, environment: str, api: str) -> str:
    """As the CDK app names it."""
    return f"{project}-{environment}-{api}"


def deployed_apis(project: str, environment: str) -> list[DeployedApi]:
    """Every API stack that carries the tags of the project and the environment, by name, also of APIs not in the file any more.

    A stack's name does not tell: that of an environment's API may begin as those of another environment do.

    Raises AwsError.
    """
    with client("cloudformation") as cloudformation:
        found = _stacks(cloudformation, {"cxpack:project": project, "cxpack:environment": environment})
        return sorted(
            (_api(cloudformation, stack, tags["cxpack:api"]) for stack, tags in found if "cxpack:api" in tags),
            key=lambda api: api.name,
        )


def delete_stack(stack: str) -> None:
    """Delete the stack and wait until it is gone.

    Raises AwsError, also when CloudFormation cannot delete a resource.
    """
    with client("cloudformation") as cloudformation:
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)


def _stacks(cloudformation: Any, wanted: Mapping[str, str]) -> Iterator[tuple[dict[str, Any], Mapping[str, str]]]:
    """The stacks that have the wanted tags among theirs, with all of those."""
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            if wanted.items() <= tags.items():
                yield stack, tags


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
        splits=tuple(filter(None, outputs.get("Splits", "").split(","))),
    )


def _version(resources: Sequence[dict[str, Any]]) -> str | None:
    for resource in resources:
        number = resource.get("PhysicalResourceId", "").rpartition(":")[2]
        if resource["ResourceType"] in VERSIONED and number.isdigit():
            return f"{VERSIONED[resource['ResourceType']]} {number}"
    return None
