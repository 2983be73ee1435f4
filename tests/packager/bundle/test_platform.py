"""What zips are made for, and the pinned packages of their shared layers."""

import re
from pathlib import Path

import pytest

from packager.bundle.platform import FLAVOURS, Platform, flavour_pins
from packager.bundle.wheels import pins

ROOT = Path(__file__).parents[3]


def test_platforms_have_uvs_names() -> None:
    """Processor and glibc; the Python version is an option of its own."""
    assert Platform(python="3.12", architecture="x86_64", glibc=(2, 34)).tag == "x86_64-manylinux_2_34"
    assert Platform(python="3.12", architecture="arm64", glibc=(2, 28)).tag == "aarch64-manylinux_2_28"


@pytest.mark.parametrize("folder", FLAVOURS.values())
def test_pins_agree_with_the_development_environment(folder: str) -> None:
    """What the tests ran with is what the layer gets, from no index in particular."""
    ours = set(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    names = {name for name, _ in ours}
    text = flavour_pins(folder)
    assert {pin for pin in pins(text).items() if pin[0] in names} <= ours
    assert "://" not in text


@pytest.mark.parametrize("folder", FLAVOURS.values())
def test_what_lambda_brings_is_left_to_it(folder: str) -> None:
    """Its Python runtime has boto3 and the interface client, and no server is needed."""
    assert not {"boto3", "botocore", "awslambdaric", "uvicorn", "uvloop"} & set(pins(flavour_pins(folder)))
