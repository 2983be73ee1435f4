"""What a predictor may do in AWS: what the manifest grants, to the letter."""

from typing import Any

import pytest

from cdk_app.permissions import read_models
from packager.manifest import S3Grant


def statements(everything: Any, stack: str, role: str) -> list[dict[str, Any]]:
    policies = everything.of_type(stack, "AWS::IAM::Role")[role].get("Policies", [])
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def test_models_are_read_below_their_prefix_alone() -> None:
    """Objects of the prefix, and its listing: not the bucket's."""
    grant = S3Grant("b", keys=("models/iris", "models/iris/*"), prefixes=("models/iris/*",), reason="model_path")
    objects, listing = read_models([grant])
    assert objects["Action"] == ["s3:GetObject"]
    assert [each.rpartition(":::")[2] for each in objects["Resource"]] == ["b/models/iris", "b/models/iris/*"]
    assert listing["Action"] == ["s3:ListBucket"]
    assert listing["Resource"][0].endswith(":s3:::b")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["models/iris/*"]}}


@pytest.mark.parametrize(
    ("prefixes", "condition"),
    [
        (("net.onnx", ""), {"StringLikeIfExists": {"s3:prefix": ["net.onnx", ""]}}),
        (("*",), None),
    ],
)
def test_a_listing_of_the_whole_bucket_has_no_prefix(prefixes: tuple[str, ...], condition: dict[str, Any] | None) -> None:
    """In which the runtime finds a lone file at the top, and everything where everything is granted."""
    _, listing = read_models([S3Grant("b", keys=("net.onnx",), prefixes=prefixes, reason="model_path")])
    assert listing.get("Condition") == condition


def test_a_function_may_log_and_read_its_models(everything: Any) -> None:
    """Two log actions on its own group, two S3 actions on its own prefix, and nothing more."""
    allowed = statements(everything, "iris", "FunctionRole")
    assert [action for statement in allowed for action in statement["Action"]] == [
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
    ]
    assert allowed[0]["Resource"] == [{"Fn::GetAtt": ["Logs", "Arn"]}]


def test_the_users_own_permissions_are_the_predictors(everything: Any) -> None:
    """`deploy.permissions` go to the role that serves, not to the one that starts the task."""
    assert statements(everything, "trusted", "ServingRole")[-1] == {"Action": ["sqs:Send*"], "Effect": "Allow", "Resource": ["*"]}
    assert "sqs:Send*" not in str(statements(everything, "trusted", "StartingRole"))


def test_roles_of_tasks_serve_this_account_alone(everything: Any) -> None:
    """ECS cannot be talked into taking them on for someone else."""
    for name, role in everything.of_type("flowers", "AWS::IAM::Role").items():
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}, name
