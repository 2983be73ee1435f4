"""Which image flavour serves a predictor type on an accelerator: one row of FLAVOURS, one folder under layers/.

The build context that a flavour's Dockerfile expects, besides its own two files (`Flavour.files`):

    Dockerfile, requirements.txt   as they stand in layers/<folder>/
    dependencies/                  requirements.txt, conda-packages.txt and dependencies.sh, each empty when the project has
                                   none, and what they name of the project (`packager.dependencies`); as Cortex ran them,
                                   but while the image is built: dependencies.sh, then conda, then pip
    runtime_handler/               the runtime
    models/                        the packed models; `models/.keep` when there are none, for COPY wants a folder and
                                   folders without files get lost on the way through archives
    api.json
    project/                       all of the project's files, those of dependencies/ too

The Dockerfiles copy them in this order, from the least to the most often changed. They take one build argument,
BASE_IMAGE (`base_image`), and two optional build secrets, which no layer keeps: `pip` (a pip.conf) and `netrc`.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from runtime_handler.contract import Accelerator, PredictorTypeName

LAYERS = Path(__file__).parent.parent / "layers"
DEFAULT_PYTHON = "3.12"

PATCHES: Mapping[str, str] = {"3.11": "3.11.14", "3.12": "3.12.12", "3.13": "3.13.9"}
"""The patch release that stands for a minor one: what runs is chosen here, not by a tag that moves."""

_PROGRAM = re.compile(rb"(?m)(?:^|[;&|(]|\b(?:sudo|then|do))[ \t]*(conda|curl|g\+\+|gcc|git|make|unzip|wget)(?=\s)")
"""At the start of a command of a shell script: what Cortex's images had and a slim one has not."""

_SLIM = {python: f"public.ecr.aws/docker/library/python:{patch}-slim-bookworm" for python, patch in PATCHES.items()}
_FULL = {python: f"public.ecr.aws/docker/library/python:{patch}-bookworm" for python, patch in PATCHES.items()}
_CONDA = {"3.12": "docker.io/condaforge/miniforge3:25.3.1-0"}

# Cortex's Inferentia is Inf1, and so is the cheapest instance that placement finds. AWS's images for it ended with Python
# 3.10; the one with TensorFlow is in no public registry.
_NEURON = {"3.10": "public.ecr.aws/neuron/pytorch-inference-neuron:1.13.1-neuron-py310-sdk2.20.2-ubuntu20.04"}
_NEURON_TENSORFLOW = {
    "3.10": "763104351884.dkr.ecr.us-west-2.amazonaws.com/tensorflow-inference-neuron:2.10.1-neuron-py310-sdk2.17.0-ubuntu20.04"
}

_NEURON_BRINGS = frozenset(
    {"cython", "numpy", "opencv-python-headless", "pandas", "pillow", "requests", "scikit-learn", "scipy", "six"}
    | {"torch", "torchvision"}
)
"""Of what Cortex's images had, from AWS's Dockerfile.neuron for PyTorch 1.13.1; another torch would not know Neuron's models."""
_NEURON_TENSORFLOW_BRINGS = frozenset({"keras", "numpy", "requests", "six", "tensorflow"})
"""TensorFlow 2.10 and what it depends on; what else the image has is written nowhere."""

UBUNTU_20_04 = (2, 31)
"""Its glibc, which AWS's images for Inferentia have."""


class Flavour(NamedTuple):
    """One folder under layers/. Each of the mappings is Python version -> base image.

    `glibc` is that of the bases: Debian 12's. `full` is a base with git and compilers, `conda` one with conda in it; None
    where `bases` has what there is. `brings` are the distributions in the bases that projects count on.
    """

    folder: str
    bases: Mapping[str, str]
    glibc: tuple[int, int] = (2, 36)
    full: Mapping[str, str] | None = None
    conda: Mapping[str, str] | None = None
    brings: frozenset[str] = frozenset()

    @property
    def on_debian(self) -> bool:
        """Whether the bases are Debian's bare ones, and not AWS's, which have most of what packages look for."""
        return self.full is not None

    @property
    def files(self) -> Mapping[str, Path]:
        """Name in the build context -> file of this distribution."""
        return {name: LAYERS / self.folder / name for name in ("Dockerfile", "requirements.txt")}

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Python versions that the flavour is offered with."""
        return tuple(self.bases)


def _on_debian(folder: str) -> Flavour:
    return Flavour(folder=folder, bases=_SLIM, full=_FULL, conda=_CONDA)


FLAVOURS: Mapping[tuple[PredictorTypeName, Accelerator], Flavour] = {
    ("python", "cpu"): _on_debian("python-cpu"),
    ("python", "gpu"): _on_debian("python-gpu"),
    ("python", "inf"): Flavour(folder="python-inf", bases=_NEURON, glibc=UBUNTU_20_04, brings=_NEURON_BRINGS),
    ("onnx", "cpu"): _on_debian("onnx-cpu"),
    ("onnx", "gpu"): _on_debian("onnx-gpu"),
    ("tensorflow", "cpu"): _on_debian("tensorflow-cpu"),
    ("tensorflow", "gpu"): _on_debian("tensorflow-gpu"),
    ("tensorflow", "inf"): Flavour(
        folder="tensorflow-inf", bases=_NEURON_TENSORFLOW, glibc=UBUNTU_20_04, brings=_NEURON_TENSORFLOW_BRINGS
    ),
}
"""Cortex had no ONNX predictor on Inferentia, and validation refuses it."""


def python_version(flavour: Flavour, wanted: str, *, written: bool) -> str:
    """The Python to build with: the one that the user wrote, otherwise the default or, not offered, the flavour's newest."""
    return wanted if written or wanted in flavour.bases else flavour.pythons[-1]


def base_image(flavour: Flavour, python: str, dependencies: Mapping[str, bytes]) -> str | None:
    """The image to pass as BASE_IMAGE; None when the flavour is not offered with that Python version.

    `dependencies` are the files of the context's dependencies/ folder: a project with conda packages needs a base with
    conda, one that installs from version control a base with git; a dependencies.sh has what it had in Cortex's images.
    """
    bases: Mapping[str, str] | None = None
    programs = set(_PROGRAM.findall(dependencies.get("dependencies.sh", b"")))
    if dependencies.get("conda-packages.txt", b"").strip() or b"conda" in programs:
        bases = flavour.conda
    elif programs or any(b"git+" in text for name, text in dependencies.items() if name.endswith(".txt")):
        bases = flavour.full
    return (bases or flavour.bases).get(python)


def pins(flavour: Flavour) -> Mapping[str, tuple[str, ...]]:
    """What the flavour installs: distribution name -> pinned versions (two where one depends on the Python version)."""
    return _pins(flavour.files["requirements.txt"])


@cache
def _pins(requirements: Path) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in requirements.read_text().splitlines():
        name, separator, rest = line.partition("==")
        if separator and not line.startswith((" ", "#")):
            found[name] = (*found.get(name, ()), rest.split()[0])
    return found
