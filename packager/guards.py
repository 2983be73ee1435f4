"""What a build context holds that was hardly meant to be in it: large files, secrets, models for S3, another machine's code."""

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from packager.bundle.elf import MAGIC, read_library
from packager.context import ContextFile
from packager.fault import Fault

LARGE_FILE = 10 * 2**20
"""Cortex 0.22 asked before it uploaded a bigger one."""
LITTLE = 2**20
"""Bytes that nobody waits for when they are built and pushed again."""
PACKED_MODELS = 2 * 2**30
"""Bytes of models that go into an image. More make it slow to build, push and start, and every version of the code
carries them again; Lambda takes 10 GiB in all."""
SECRETS = (
    "*.pem",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "credentials",
    "credentials.json",
    "*service-account*.json",
    "*service_account*.json",
    "kubeconfig",
    "terraform.tfstate",
)
"""Names of files that hold keys. Hidden ones (`.aws`, `.netrc`) are never packed; `.env` has a warning of its own."""
MODELS = (
    ".bst",
    ".ckpt",
    ".h5",
    ".hdf5",
    ".joblib",
    ".keras",
    ".onnx",
    ".pb",
    ".pickle",
    ".pkl",
    ".pt",
    ".pth",
    ".safetensors",
    ".tflite",
)
"""How names of files end that hold a trained model."""
_LIBRARY = re.compile(r"\.so(\.\d+)*$")
_SECRET = re.compile("|".join(map(fnmatch.translate, SECRETS)))


def findings(files: Iterable[tuple[str, int]]) -> Iterator[Fault]:
    """Faults of a context's files, given as (path in the context, bytes)."""
    models = 0
    beside_the_code: dict[str, int] = {}
    for path, size in files:
        folder, _, inside = path.partition("/")
        if folder == "models":
            models += size
        elif folder == "project":
            yield from _of_project(inside, size)
            if inside.endswith(MODELS) and size <= LARGE_FILE:
                beside_the_code[inside] = size
    if sum(beside_the_code.values()) > LITTLE:
        message = (
            f"{_listed(list(beside_the_code))} beside the code: an edited line builds and pushes these "
            f"{_shown(sum(beside_the_code.values()))} of models again; one that a model path names has a layer of its own"
        )
        yield Fault("predictor", "cxpack.model_file", message, severity="note")
    if models > PACKED_MODELS:
        message = (
            f"the models are {_shown(models)}, and an image is to hold at most {_shown(PACKED_MODELS)}; copy them to S3 "
            "(`aws s3 cp --recursive FOLDER s3://BUCKET/PREFIX`) and name that path here"
        )
        yield Fault("predictor.models", "cxpack.models_too_large", message)


def libraries(files: Iterable[ContextFile], architecture: str, glibc: tuple[int, int]) -> Iterator[Fault]:
    """Shared libraries and programs of the project that an image of that processor and glibc cannot load.

    Warnings, for a project may carry one for each machine; a zip, which has no other use, is refused for them by `synth`.
    """
    for file in files:
        if not file.path.startswith("project/") or not (_LIBRARY.search(file.path) or file.executable):
            continue
        library = read_library(file.read()) if file.starts_with(MAGIC) else None
        if library is None:
            continue
        name, reason = file.path.removeprefix("project/"), None
        if library.machine != architecture:
            reason = f"is built for {library.machine}, and the image is for {architecture} (deploy.architecture)"
        elif library.glibc is not None and library.glibc > glibc:
            needs, has = (".".join(map(str, version)) for version in (library.glibc, glibc))
            reason = f"needs glibc {needs}, and the image has {has}"
        if reason is not None:
            message = f"{name} {reason}, so it will not load; install it by requirements.txt or dependencies.sh"
            yield Fault("predictor", "cxpack.foreign_library", message, severity="warning")


def packed(models: Iterable[Path], project: Path) -> Iterator[Fault]:
    """What one API of several packs as its models: not in the others' images, which somebody may have relied on."""
    inside = sorted(os.path.relpath(model, project) for model in models if model.resolve().is_relative_to(project.resolve()))
    if inside:
        message = f"{_listed(inside)} is packed for this API, and left out of the images of the others"
        yield Fault("predictor.models", "cxpack.packed_models", message, severity="note")


def environments(project: Path) -> Iterator[Fault]:
    """Virtual environments in the project's folder: never packed, which somebody may have relied on."""
    for file in sorted(project.glob("*/pyvenv.cfg")):
        name = file.parent.name
        if not name.startswith("."):
            message = f"{name}/ is a virtual environment and is left out; what the API needs of it belongs into requirements.txt"
            yield Fault("predictor", "cxpack.virtual_environment", message, severity="note")


def _of_project(path: str, size: int) -> Iterator[Fault]:
    name = path.rpartition("/")[2].lower()
    if _SECRET.match(name):
        message = f"{path} looks like a secret, and everyone who may pull the image can read it; list it in .cortexignore"
        yield Fault("predictor", "cxpack.secret_file", message, severity="warning")
    if size > LARGE_FILE:
        message = (
            f"{path} has {_shown(size)}; list it in .cortexignore, or keep it in S3 (a model by model_path), so that an "
            "edited line does not build and push it again"
        )
        yield Fault("predictor", "cxpack.large_file", message, severity="warning")


def _listed(paths: Sequence[str]) -> str:
    shown = 3
    return ", ".join(paths[:shown]) + (f" and {len(paths) - shown} more" if len(paths) > shown else "")


def _shown(size: int) -> str:
    unit, name = next(((unit, name) for unit, name in ((2**30, "GiB"), (2**20, "MiB")) if size >= unit), (2**10, "KiB"))
    return f"{size / unit:.1f} {name}"
