"""The table of image flavours and the folders that it names."""

import pytest

from packager.bundle.platform import FLAVOURS as ZIP_FLAVOURS
from packager.images import DEFAULT_PYTHON, FLAVOURS, LAYERS, PATCHES, Flavour, base_image, pins, python_version

FLAVOUR = FLAVOURS["python", "cpu"]


def test_every_folder_has_its_row() -> None:
    """A flavour that nothing chooses is dead, a row without a folder fails at synth."""
    folders = [flavour.folder for flavour in FLAVOURS.values()] + list(ZIP_FLAVOURS.values())
    assert sorted(folders) == sorted(path.name for path in LAYERS.iterdir() if path.is_dir())


@pytest.mark.parametrize("flavour", FLAVOURS.values(), ids=lambda flavour: flavour.folder)
def test_bases_are_pinned(flavour: Flavour) -> None:
    """A tag that moves would change an image without a change of the project."""
    for images in (flavour.bases, flavour.full or {}, flavour.conda or {}):
        for image in images.values():
            _, _, tag = image.rpartition(":")
            assert tag.count(".") >= 2
            assert "latest" not in tag


@pytest.mark.parametrize("flavour", FLAVOURS.values(), ids=lambda flavour: flavour.folder)
def test_the_dockerfile_alone_builds_with_the_default_base(flavour: Flavour) -> None:
    """`docker build` in a context needs no argument: the Dockerfile's own base is the table's."""
    python = DEFAULT_PYTHON if DEFAULT_PYTHON in flavour.bases else flavour.pythons[0]
    assert f"ARG BASE_IMAGE={base_image(flavour, python, {})}\n" in flavour.files["Dockerfile"].read_text()


def test_the_base_brings_what_the_dependencies_need() -> None:
    """Version control and conda come with another base, not with a step that every image pays for."""
    slim = base_image(FLAVOUR, "3.12", {"requirements.txt": b"numpy"})
    full = base_image(FLAVOUR, "3.12", {"requirements.txt": b"git+https://github.com/owner/project.git@v1"})
    conda = base_image(FLAVOUR, "3.12", {"requirements.txt": b"", "conda-packages.txt": b"conda-forge::rtree"})
    assert slim is not None
    assert slim.endswith("python:3.12.12-slim-bookworm")
    assert full is not None
    assert full.endswith("python:3.12.12-bookworm")
    assert conda is not None
    assert "miniforge" in conda


SCRIPTS = {
    "pip uninstall torchvision -y  # git": "slim",
    "apt-get update && apt-get install -y git libgl1": "slim",
    "echo conda": "slim",
    "git clone https://example.org/x": "full",
    "cd /tmp && curl -O https://example.org/x": "full",
    "if true; then make -C /tmp all; fi": "full",
    "conda install -y ffmpeg": "conda",
    "set -e\nconda env update -f env.yaml": "conda",
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_finds_the_programs_of_cortexs_images(script: str) -> None:
    """A dependencies.sh that calls one gets the base that has it; one that only names it does not."""
    bases = {"slim": FLAVOUR.bases, "full": FLAVOUR.full, "conda": FLAVOUR.conda}[SCRIPTS[script]]
    assert bases is not None
    assert base_image(FLAVOUR, "3.12", {"dependencies.sh": script.encode()}) == bases["3.12"]


def test_an_unknown_python_has_no_base() -> None:
    """The caller says so; nothing else is taken in silence."""
    assert base_image(FLAVOUR, "3.6", {}) is None
    assert FLAVOUR.pythons == tuple(PATCHES)


def test_the_default_python_gives_way_where_it_is_not_offered() -> None:
    """What the user wrote does not: that is an error of theirs to see."""
    neuron = FLAVOURS["python", "inf"]
    assert python_version(FLAVOUR, "3.12", written=False) == "3.12"
    assert python_version(neuron, "3.12", written=False) == "3.10"
    assert python_version(neuron, "3.12", written=True) == "3.12"


def test_pins_are_read_with_both_versions() -> None:
    """A package whose version depends on Python's has two."""
    found = pins(FLAVOUR)
    assert len(found["numpy"]) == 2
    assert len(found["boto3"]) == 1
    assert all(version[0].isdigit() for versions in found.values() for version in versions)
