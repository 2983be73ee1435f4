"""The published versions of a deployed API's Lambda function, and which of them nothing needs.

Each deploy that changes a function publishes a version and leaves the former one behind, so that the alias can be pointed
back to it by hand at once. A rollback to a former template does not need it: CloudFormation gives the function that
template's code and settings again and publishes them under a new number.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packager.deployed.session import client

LATEST = "$LATEST"
"""The unpublished code, which is no version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """`published` as Lambda writes it, such as 2026-01-31T12:00:00.000+0000; `needed` says for what, empty: for nothing."""

    number: int
    published: str
    needed: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """Of one function, the newest first."""

    function: str
    versions: Sequence[Version] = field(default=())

    def beyond(self, newest: int) -> Sequence[Version]:
        """Those older than the newest `newest`, needed or not."""
        return self.versions[newest:]


def versions_of(stack: str) -> Versions | None:
    """The versions of the stack's function; None when it has none, as on ECS.

    Raises AwsError.
    """
    with client("cloudformation") as cloudformation, client("lambda") as lambda_:
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        functions = [each["PhysicalResourceId"] for each in resources if each["ResourceType"] == "AWS::Lambda::Function"]
        if not functions:
            return None
        of_stack = {
            each["PhysicalResourceId"].rpartition(":")[2] for each in resources if each["ResourceType"] == "AWS::Lambda::Version"
        }
        return read_versions(lambda_, functions[0], of_stack)


def read_versions(lambda_: Any, function: str, of_stack: set[str]) -> Versions:
    """The versions with what needs them: an alias, one that it shifts traffic to or from, the stack (`of_stack`: numbers)."""
    needed: dict[str, list[str]] = {number: ["the stack"] for number in of_stack}
    for page in lambda_.get_paginator("list_aliases").paginate(FunctionName=function):
        for alias in page["Aliases"]:
            for number in sent_to(alias):
                needed.setdefault(number, []).append(f"the alias {alias['Name']}")
    found = [
        Version(number=int(each["Version"]), published=each["LastModified"], needed=tuple(needed.get(each["Version"], ())))
        for page in lambda_.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        for each in page["Versions"]
        if each["Version"] != LATEST
    ]
    return Versions(function=function, versions=sorted(found, key=lambda version: version.number, reverse=True))


def sent_to(alias: Mapping[str, Any]) -> Iterator[str]:
    """The versions that an alias sends requests to: its own, and those with a weight while traffic shifts."""
    yield alias["FunctionVersion"]
    yield from (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}


def delete_version(function: str, version: Version) -> None:
    """Delete it. Raises AwsError, also when an alias names it by now."""
    with client("lambda") as lambda_:
        lambda_.delete_function(FunctionName=function, Qualifier=str(version.number))
