"""The templates that a stack had before: CDK keeps each in the bootstrap bucket, under its hash, for good.

CloudFormation itself rolls back failed updates only. To undo one that worked, the stack is updated with the template
it had: images are tagged by content and Lambda versions are retained, so that everything it names still exists.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from packager.deployed.session import AwsError, client
from packager.manifest import TEMPLATE_OF

BOOTSTRAP_STACK = "CDKToolkit"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTemplate:
    """One template of a stack: when CDK first stored it, where, and whether the stack has it now."""

    stored: datetime
    url: str
    current: bool


def templates_of(stack: str) -> list[PastTemplate]:
    """Every template that the stack's deploys have stored, newest first.

    Raises AwsError when the stack or the CDK's bucket is not there.
    """
    with client("cloudformation") as cloudformation:
        now = _parsed(cloudformation.get_template(StackName=stack)["TemplateBody"])
        bucket = _bootstrap_bucket(cloudformation)
        region = cloudformation.meta.region_name
    with client("s3") as s3:
        found = [
            PastTemplate(stored=stored, url=f"https://{bucket}.s3.{region}.amazonaws.com/{key}", current=template == now)
            for key, stored, template in _stored(s3, bucket)
            if template.get("Metadata", {}).get(TEMPLATE_OF) == stack
        ]
    return sorted(found, key=lambda template: template.stored, reverse=True)


def previous(templates: list[PastTemplate]) -> PastTemplate | None:
    """The newest template stored before the current one; None when the current one is the first, or unknown."""
    stored = [template.stored for template in templates if template.current]
    earlier = [template for template in templates if stored and not template.current and template.stored < stored[0]]
    return max(earlier, key=lambda template: template.stored, default=None)


def update_stack(stack: str, template_url: str) -> None:
    """Update the stack with the template, and wait until CloudFormation is done; a failed update rolls itself back.

    Raises AwsError.
    """
    with client("cloudformation") as cloudformation:
        cloudformation.update_stack(StackName=stack, TemplateURL=template_url, Capabilities=CAPABILITIES)
        cloudformation.get_waiter("stack_update_complete").wait(StackName=stack)


def _stored(s3: Any, bucket: str) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            if item["Key"].endswith(".json"):
                body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                yield item["Key"], item["LastModified"], _parsed(body.decode())


def _parsed(template: str | dict[str, Any]) -> dict[str, Any]:
    if isinstance(template, dict):
        return template
    try:
        parsed = json.loads(template)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _bootstrap_bucket(cloudformation: Any) -> str:
    for output in cloudformation.describe_stacks(StackName=BOOTSTRAP_STACK)["Stacks"][0].get("Outputs", []):
        if output["OutputKey"] == "BucketName":
            return str(output["OutputValue"])
    raise AwsError(f"the stack {BOOTSTRAP_STACK} names no bucket; was this account bootstrapped with another CDK?")
