"""Pruning deletes what nothing needs, and says of everything else that is old why it stays."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from packager.cli import main
from tests.packager.test_deployed import Account, account, shop, tags_of

__all__ = ["account", "shop"]

ROLE = "arn:aws:iam::123456789012:role/any"


def code(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", text)
    return packed.getvalue()


class Functions:
    """API stacks of functions, as the CDK app makes them, and the versions of later deploys."""

    def __init__(self, account: Account) -> None:
        self._cloudformation, self.lambda_ = account.client("cloudformation"), account.client("lambda")
        account.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")

    def deploy(self, stack: str, versions: int) -> str:
        """A stack whose function has so many versions, the newest with the alias `live`; the function's name."""
        properties = {"Runtime": "python3.12", "Handler": "index.handler", "Role": ROLE, "Code": {"ZipFile": "v1"}}
        version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}}
        resources = {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}, "Version1": version}
        self._cloudformation.create_stack(
            StackName=stack,
            TemplateBody=json.dumps({"Resources": resources}),
            Tags=tags_of(stack),
        )
        [name] = [
            resource["PhysicalResourceId"]
            for resource in self._cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
            if resource["ResourceType"] == "AWS::Lambda::Function"
        ]
        for number in range(2, versions + 1):
            self.lambda_.update_function_code(FunctionName=name, ZipFile=code(f"v{number}"))
            self.lambda_.publish_version(FunctionName=name)
        self.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion=str(versions))
        return str(name)

    def versions(self, function: str) -> list[str]:
        listed: list[dict[str, Any]] = self.lambda_.list_versions_by_function(FunctionName=function)["Versions"]
        return [version["Version"] for version in listed]


@pytest.fixture
def functions(account: Account, shop: Path) -> Functions:
    return Functions(account)


def test_versions_beyond_the_newest_are_deleted(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    """But for what the stack or an alias names, whose reason is said; a dry run tells the same and deletes nothing."""
    one = functions.deploy("shop-dev-one", 8)
    functions.lambda_.create_alias(
        FunctionName=one, Name="test", FunctionVersion="3", RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}}
    )
    before = functions.versions(one)
    assert main(["prune", "--keep", "2", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert [line[:32] for line in out.splitlines()] == [f"would delete one version {number} of 20" for number in (6, 5, 4)]
    assert functions.versions(one) == before
    assert main(["prune", "--keep", "2"]) == 0
    out, err = capsys.readouterr()
    assert [line[:27] for line in out.splitlines()] == [f"deleted one version {number} of 20" for number in (6, 5, 4)]
    assert [line for line in err.splitlines() if line.startswith("kept")] == [
        "kept one version 3, needed by the alias test",
        "kept one version 2, needed by the alias test",
        "kept one version 1, needed by the stack",
    ]
    assert set(functions.versions(one)) == {"$LATEST", "1", "2", "3", "7", "8"}
    assert main(["prune", "--keep", "2"]) == 0
    assert capsys.readouterr().out == ""


def test_what_serves_is_kept_whatever_is_asked_for(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    """--keep 0 leaves the alias its version."""
    one = functions.deploy("shop-dev-one", 3)
    assert main(["prune", "one", "--keep", "0"]) == 0
    assert set(functions.versions(one)) == {"$LATEST", "1", "3"}
    assert "kept one version 3, needed by the alias live" in capsys.readouterr().err


def test_one_api_or_all(account: Account, functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    """Another environment's are not looked at, an API without a function has no versions, an unknown name is an error."""
    one, two = functions.deploy("shop-dev-one", 7), functions.deploy("shop-dev-two", 7)
    other = functions.deploy("shop-prod-one", 7)
    account.deploy("shop-dev-service", "v1")
    assert main(["prune", "two"]) == 0
    assert (len(functions.versions(one)), len(functions.versions(two))) == (8, 7)
    assert main(["prune"]) == 0
    assert (len(functions.versions(one)), len(functions.versions(other))) == (7, 8)
    assert "service is no Lambda function, and has no versions" in capsys.readouterr().err
    assert main(["prune", "nine"]) == 1
    assert "no API nine is deployed; there are: one, service, two" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["prune", "--keep", "-1"])


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED"])
def test_a_stack_that_moves_is_left_alone(status: str, functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    """Which version the end of an update or of a rollback needs is not known; the other APIs are pruned."""
    from moto.cloudformation.models import cloudformation_backends

    one, two = functions.deploy("shop-dev-one", 7), functions.deploy("shop-dev-two", 7)
    [stack] = [
        stack for stack in cloudformation_backends["123456789012"]["eu-west-1"].stacks.values() if stack.name == "shop-dev-one"
    ]
    stack.status = status
    assert main(["prune"]) == 1
    assert f"error: one is {status}" in capsys.readouterr().err
    assert (len(functions.versions(one)), len(functions.versions(two))) == (8, 7)
