"""The context keys `cxpack:*`: what they take, and what is said when they are given something else."""

from pathlib import Path
from typing import Any

import pytest

from cdk_app.settings import KEYS, THROTTLE, ImportedVpc, Settings, SettingsError
from packager.manifest import Throttle

VPC = {"id": "vpc-1", "cidr": "10.1.0.0/16", "subnets": ["subnet-1", "subnet-2"]}


def settings(**context: Any) -> Settings:
    return Settings.of({f"cxpack:{key}": value for key, value in context.items()})


def test_nothing_need_be_said() -> None:
    """Every key has a default."""
    assert settings() == Settings()


def test_values_are_taken_from_cdk_json_and_from_the_command_line() -> None:
    """A mapping is the same as its JSON text, a number the same as its digits."""
    vpc = ImportedVpc(id="vpc-1", cidr="10.1.0.0/16", subnets=("subnet-1", "subnet-2"))
    assert settings(vpc=VPC).vpc == vpc
    assert settings(vpc='{"id": "vpc-1", "cidr": "10.1.0.0/16", "subnets": ["subnet-1", "subnet-2"]}').vpc == vpc
    assert (
        settings(throttle={"rate": 5}).throttle
        == settings(throttle='{"rate": 5}').throttle
        == Throttle(rate=5, burst=THROTTLE.burst)
    )
    assert settings(log_days=7).log_days == settings(log_days="7").log_days == 7
    assert settings(zones=["a", "b"]).zones == settings(zones="a,b").zones == ("a", "b")
    assert settings(manifest="out/manifest.json").manifest == Path("out/manifest.json")


def test_other_programs_keys_and_nulls_are_passed_over() -> None:
    """The context is everybody's; the bootstrap's qualifier in it is the CDK's own."""
    context = {"@aws-cdk/core:bootstrapQualifier": "mine", "availability-zones:account=1": ["a"], "cxpack:env": None}
    assert Settings.of(context) == Settings(qualifier="mine")


def test_a_key_that_there_is_not_is_named_beside_those_that_there_are() -> None:
    """A misspelled one would leave a choice at its default, and stacks of another name."""
    with pytest.raises(SettingsError, match="no context key cxpack:enviroment nor cxpack:; those that there are: ") as raised:
        settings(enviroment="prod", **{"": 1})
    assert all(f"cxpack:{key}" in str(raised.value) for key in KEYS)


def test_build_secrets_are_files(tmp_path: Path) -> None:
    """Absolute, so that the build may run anywhere."""
    (tmp_path / "pip.conf").write_text("[global]\n")
    assert settings(build_secrets={"pip": str(tmp_path / "pip.conf")}).build_secrets == {"pip": tmp_path / "pip.conf"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("env", "a/b"),
        ("env", ""),
        ("env", "dev-blue"),
        ("env", 3),
        ("manifest", 3),
        ("throttle", 5),
        ("throttle", "{"),
        ("throttle", "[" * 100_000),
        ("throttle", {"rate": 0}),
        ("throttle", {"rate": "fast"}),
        ("throttle", {"burst": None}),
        ("throttle", {"speed": 5}),
        ("throttle", '{"rate": NaN}'),
        ("throttle", '{"burst": Infinity}'),
        ("throttle", {"burst": 2.5}),
        ("throttle", {"rate": True}),
        ("throttle", {"rate": 10**400}),
        ("log_days", 8),
        ("log_days", "week"),
        ("log_days", True),
        ("alarms_topic", "my-topic"),
        ("vpc", "vpc-1"),
        ("vpc", {"id": "vpc-1"}),
        ("vpc", VPC | {"subnets": ["subnet-1"]}),
        ("vpc", VPC | {"subnets": ["subnet-1", "subnet-1"]}),
        ("vpc", VPC | {"nat": True}),
        ("vpc", VPC | {"subnets": "subnet-1,subnet-2"}),
        ("vpc", VPC | {"subnets": ["subnet-1", 2]}),
        ("vpc", VPC | {"subnets": None}),
        ("vpc", VPC | {"id": 1}),
        ("vpc", VPC | {"id": "my-vpc"}),
        ("vpc", VPC | {"cidr": "10.1.0.0"}),
        ("vpc", VPC | {"cidr": "10.1.0.0/33"}),
        ("vpc", VPC | {"public": "false"}),
        ("zones", "us-east-1a"),
        ("zones", [1, 2]),
        ("zones", ["us-east-1a", "us-east-1a"]),
        ("zones", '["us-east-1a","us-east-1b"]'),
        ("zones", [["us-east-1a"], "us-east-1b"]),
        ("cluster", "a b"),
        ("build_secrets", "pip.conf"),
        ("build_secrets", {"pip": "/does/not/exist"}),
        ("build_secrets", {"pip": "~no-user-of-this-name/pip.conf"}),
        ("build_secrets", {"token": __file__}),
    ],
)
def test_anything_else_names_the_key(key: str, value: Any) -> None:
    """A setting that cannot be used is said by its name, before anything is synthesized."""
    with pytest.raises(SettingsError, match=f"cxpack:{key}"):
        settings(**{key: value})


def test_every_key_is_in_the_readme() -> None:
    """A setting that nobody can find is none."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    assert not [key for key in KEYS if f"`cxpack:{key}`" not in text]
