"""The Dockerfiles and pinned requirements of the flavours, read as text; test_images.py builds and runs them."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from packager.images import FLAVOURS, Flavour, pins

ROOT = Path(__file__).parent.parent.parent
CHANGES = ["requirements.txt", "dependencies/", "runtime_handler/", "models/", "api.json", "project/"]
"""What an image is made of, from the least to the most often changed."""

every_flavour = pytest.mark.parametrize("flavour", FLAVOURS.values(), ids=lambda flavour: flavour.folder)


def instructions(flavour: Flavour) -> list[str]:
    """The Dockerfile's instructions, comments left out and continuation lines joined."""
    text = re.sub(r"^#.*\n", "", flavour.files["Dockerfile"].read_text(), flags=re.MULTILINE)
    return [" ".join(line.split()) for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def final_stage(flavour: Flavour) -> list[str]:
    lines = instructions(flavour)
    return lines[max(index for index, line in enumerate(lines) if line.startswith("FROM ")) :]


@every_flavour
def test_layers_stand_from_the_least_to_the_most_often_changed(flavour: Flavour) -> None:
    """Editing the predictor changes the last layer and no other."""
    copies = [line for line in final_stage(flavour) if line.startswith("COPY")]
    sources = [line.removeprefix("COPY ").removeprefix("--from=code /code/").split()[0] for line in copies]
    assert sources == CHANGES
    after = final_stage(flavour)[final_stage(flavour).index(copies[-1]) + 1 :]
    assert not [line for line in after if line.startswith(("RUN", "COPY", "ADD"))]


@every_flavour
def test_dependencies_install_in_the_order_of_cortex(flavour: Flavour) -> None:
    """dependencies.sh, then conda-packages.txt, then requirements.txt, each failing the build when it fails."""
    runs = " ".join(line for line in final_stage(flavour) if line.startswith("RUN"))
    order = [runs.index(text) for text in ("bash -e dependencies.sh", "--file conda-packages.txt", "HOME=/root python -m pip")]
    assert order == sorted(order)


@every_flavour
def test_the_container_contract(flavour: Flavour) -> None:
    """No shell between the platform's signals and the server, no root, and the labels that AWS's services look for."""
    lines = final_stage(flavour)
    assert 'ENTRYPOINT ["python", "-m", "runtime_handler"]' in lines
    assert not [line for line in lines if line.startswith("CMD")]
    assert lines.index("USER nobody") > max(index for index, line in enumerate(lines) if line.startswith("RUN"))
    (labels,) = [line for line in lines if line.startswith("LABEL")]
    assert 'com.amazonaws.lambda.feature.snapstart="Allow"' in labels
    assert 'com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true"' in labels
    assert 'com.amazonaws.sagemaker.capabilities.multi-models="true"' in labels


@every_flavour
def test_flavours_differ_where_they_must(flavour: Flavour) -> None:
    """Base, GPU settings, CUDA's libraries and TensorFlow's headers; whoever changes one Dockerfile changes all."""

    def common(other: Flavour) -> list[str]:
        own = re.compile(r"^ARG BASE_IMAGE=.*|^RUN ls -d .*nvidia.*|NVIDIA_\w+=\S+ | && rm -r \S+/tensorflow/include")
        return [text for line in instructions(other) if (text := own.sub("", line))]

    assert common(flavour) == common(FLAVOURS["python", "cpu"])


# Images for Inferentia ended with Python 3.10, which the development environment does not support.
@pytest.mark.parametrize(
    "flavour", [flavour for flavour in FLAVOURS.values() if "3.10" not in flavour.pythons], ids=lambda flavour: flavour.folder
)
def test_pins_agree_with_the_development_environment(flavour: Flavour) -> None:
    """What the tests ran with is what the image gets."""
    text = (ROOT / "requirements.txt").read_text()
    ours: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE):
        ours.setdefault(name, set()).add(version)
    differing: Mapping[str, object] = {
        name: (versions, ours[name])
        for name, versions in pins(flavour).items()
        if not set(versions) <= ours.get(name, set(versions))
    }
    assert not differing


@every_flavour
def test_pins_carry_hashes_and_no_addresses(flavour: Flavour) -> None:
    """A build installs no other file than the one that was tried, whichever index it is told to use."""
    text = flavour.files["requirements.txt"].read_text()
    assert "://" not in text
    for block in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
