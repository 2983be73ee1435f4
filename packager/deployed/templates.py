"""The templates that a stack had before, and going back to one of them.

CloudFormation itself rolls back failed updates only. To undo one that worked, the stack is updated with the template
it had: CDK keeps every template in the bootstrap bucket, and images are tagged by content, so that all it names still
exists; a Lambda version of that content is published anew. Each deploy leaves its template's address in an SSM
parameter, whose history is the list of the stack's deploys.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from packager.deployed.session import client

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTemplate:
    """One template of a stack: when it was deployed first, where it is, and whether the stack has it now.

    `left`: the stack went back from it to an earlier one, by a rollback or because the update to it failed.
    """

    deployed: datetime
    url: str
    current: bool
    left: bool = False


def templates_of(project: str, environment: str, api: str) -> list[PastTemplate]:
    """Every template that the API's stack has had in its last 100 deploys, newest first.

    Raises AwsError, also when nothing of that name was deployed.
    """
    name = f"/cxpack/{project}/{environment}/templates/{api}"
    with client("ssm") as ssm:
        pages = ssm.get_paginator("get_parameter_history").paginate(Name=name)
        deploys = [(entry["LastModifiedDate"], entry["Value"]) for page in pages for entry in page["Parameters"]]
    return history(sorted(deploys))


def history(deploys: Sequence[tuple[datetime, str]]) -> list[PastTemplate]:
    """The templates of deploys that are given from the oldest to the newest, in the opposite order."""
    first: dict[str, datetime] = {}
    standing: list[str] = []
    for when, url in deploys:
        first.setdefault(url, when)
        if url in standing:
            del standing[standing.index(url) :]
        standing.append(url)
    return [
        PastTemplate(deployed=when, url=url, current=url == standing[-1], left=url not in standing)
        for url, when in reversed(first.items())
    ]


def previous(templates: list[PastTemplate]) -> PastTemplate | None:
    """Of templates from the newest to the oldest, the one before the current, except those that were left for a reason."""
    older = iter(templates)
    for template in older:
        if template.current:
            return next((each for each in older if not each.left), None)
    return None


def update_stack(stack: str, template_url: str) -> None:
    """Update the stack with the template, and wait until CloudFormation is done; a failed update rolls itself back.

    Raises AwsError.
    """
    with client("cloudformation") as cloudformation:
        cloudformation.update_stack(StackName=stack, TemplateURL=template_url, Capabilities=CAPABILITIES)
        cloudformation.get_waiter("stack_update_complete").wait(StackName=stack)
