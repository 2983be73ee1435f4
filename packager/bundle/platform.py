"""What the wheels of a zip must fit: Lambda's managed Python runtimes, and the flavours that they carry."""

from collections.abc import Mapping
from typing import NamedTuple

from packager.images import LAYERS
from packager.manifest import Architecture
from runtime_handler.contract import PredictorTypeName


class Platform(NamedTuple):
    """A Python version like `3.12` on Linux, with the newest glibc that packages may ask for."""

    python: str
    architecture: Architecture
    glibc: tuple[int, int]

    @property
    def tag(self) -> str:
        """The platform as uv names it (https://docs.astral.sh/uv/reference/cli/#uv-pip-install--python-platform)."""
        major, minor = self.glibc
        return f"{'aarch64' if self.architecture == 'arm64' else 'x86_64'}-manylinux_{major}_{minor}"


GLIBC: Mapping[str, tuple[int, int]] = {"3.12": (2, 34), "3.13": (2, 34)}
"""glibc of the managed runtimes: Amazon Linux 2023's (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html).

Those before are on Amazon Linux 2 with glibc 2.26, for which numpy has no wheels any more.
"""

FLAVOURS: Mapping[PredictorTypeName, str] = {"python": "python-zip", "onnx": "onnx-zip"}
"""Predictor type -> folder under layers/ with the packages of the shared layer. TensorFlow alone is over the limit."""


def flavour_pins(folder: str) -> str:
    """The text of the flavour's pinned requirements."""
    return (LAYERS / folder / "requirements.txt").read_text()
