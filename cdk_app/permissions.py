"""IAM policy documents as plain data: what a container may do, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from cdk_app.accepted import accept
from cdk_app.pseudo import Aws
from packager.manifest import ManifestApi, S3Grant

Statement = Mapping[str, Any]


def allow(actions: Sequence[str], resources: Sequence[str], condition: Mapping[str, Any] | None = None) -> Statement:
    """One statement of a policy document."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return statement if condition is None else {**statement, "Condition": condition}


def write_logs(group_arn: str) -> Statement:
    """Into one log group; a log group's `Arn` attribute already ends in `:*`, its streams."""
    return allow(["logs:CreateLogStream", "logs:PutLogEvents"], [group_arn])


def read_models(grants: Iterable[S3Grant]) -> Iterable[Statement]:
    """The objects of each grant, and the listings that find them."""
    for grant in grants:
        bucket = f"arn:{Aws.PARTITION}:s3:::{grant.bucket}"
        yield allow(["s3:GetObject"], [f"{bucket}/{key}" for key in grant.keys])
        yield allow(["s3:ListBucket"], [bucket], _listing(grant))


def _listing(grant: S3Grant) -> Mapping[str, Any] | None:
    """With which prefixes the bucket may be listed. A listing of all of it has none, and then there is nothing to compare."""
    if "*" in grant.prefixes:
        return None
    return {"StringLikeIfExists" if "" in grant.prefixes else "StringLike": {"s3:prefix": list(grant.prefixes)}}


def add_role(
    stack: Stack, name: str, service: str, statements: Iterable[Statement], conditions: Mapping[str, Any] | None = None
) -> iam.CfnRole:
    """A role that one AWS service may take on, with exactly these statements."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    document = list(statements)
    return iam.CfnRole(
        stack,
        name,
        assume_role_policy_document={
            "Version": "2012-10-17",
            "Statement": [trust if conditions is None else {**trust, "Condition": conditions}],
        },
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name="Permissions", policy_document={"Version": "2012-10-17", "Statement": document}
            )
        ]
        if document
        else None,
    )


def granted(api: ManifestApi) -> Iterable[Statement]:
    """What the predictor may do: read its models, and what the user allowed it."""
    yield from read_models(api.s3_read)
    for permission in api.permissions:
        yield allow(permission.actions, permission.resources)


def accept_grants(role: iam.CfnRole, api: ManifestApi) -> None:
    """Wildcards that are meant: the versions and files of a model are not known beforehand, the rest is the user's word."""
    for grant in api.s3_read:
        for key in grant.keys:
            if "*" in key:
                accept(role, f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{grant.bucket}/{key}]", grant.reason)
    for permission in api.permissions:
        reason = permission.reason or "Granted by deploy.permissions in cortex.yaml"
        for kind, values in (("Action", permission.actions), ("Resource", permission.resources)):
            for value in values:
                if "*" in value:
                    accept(role, f"AwsSolutions-IAM5[{kind}::{value}]", reason)
