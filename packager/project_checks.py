"""What an API needs of the project's folder: its files and local models are looked at, nothing of the user's is run."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from packager import model_paths
from packager.dependencies import INSTALLERS
from packager.fault import Fault
from packager.ignored import ignore_rules
from packager.images import FLAVOURS, pins
from packager.imported import not_installed
from packager.predictor_class import Finding, examine
from packager.requirement_pins import Pin, conflicts
from packager.s3_models import ListKeys, NoListing, split_path
from packager.spec import ApiSpec
from runtime_handler.contract import Accelerator, PredictorTypeName

MOST_FILES = 20_000
"""Of a model folder that are looked at, as many as Cortex listed of a `models.dir`."""
MOST_PINS = 50
"""Of a requirements.txt that are reported."""
LARGEST_SOURCE = 4 << 20
"""Bytes of a predictor file or requirements.txt that are read; a bigger one is not what it is said to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project's folder, and how far to look.

    `shown` is the folder as the user typed it, for messages. `lock` says that versions of requirements are about to be
    resolved, `list_keys` asks S3; without it S3 paths are taken on trust.
    """

    root: Path
    shown: Path
    lock: bool = False
    list_keys: ListKeys | None = None

    def refusal(self, path: str) -> tuple[str, str] | None:
        """Why `path` is no file or folder of the project, as code and sentence; None when it is one."""
        written = self.root / path
        real, root = os.path.realpath(written), os.path.realpath(self.root)
        if not os.path.lexists(written):
            return "files.file_does_not_exist", f"{path} is not in the project's folder"
        if os.path.commonpath((real, root)) != root:
            return "cxpack.outside_project", f"{path} leads out of the project, to {real}; copy it into the project"
        if any(part.startswith(".") and part not in {".", ".."} for part in Path(path).parts):
            return "files.file_does_not_exist", f"{path} is hidden (its name begins with a dot), so it is not deployed; rename it"
        return None

    def ignored_by(self, path: str) -> str | None:
        """The ignore file that leaves a file of the project out, or None."""
        return ignore_rules(self.root)(path)


Check = Callable[[ApiSpec, Project], Iterator[Fault]]


def predictor_file_is_there(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """`predictor.path` is a Python file of the project with the class that its type needs."""
    if api.serve is None:
        return
    predictor, at = api.serve.predictor, "predictor.path"
    if refused := project.refusal(predictor.path):
        yield Fault(at, *refused)
    elif predictor.path.endswith((".pickle", ".pkl")):
        message = f"{predictor.path} is a pickle, which Cortex took; name the Python file of the class instead"
        yield Fault(at, "cxpack.pickled_predictor", message)
    elif by := project.ignored_by(predictor.path):
        yield Fault(at, "files.file_does_not_exist", f"{predictor.path} is matched by {by}, so it is not deployed")
    elif not (project.root / predictor.path).is_file():
        yield Fault(at, "files.file_does_not_exist", f"{predictor.path} is a folder; name the Python file in it")
    else:
        source = _read(project.root / predictor.path)
        needs = ("predictor.type", "predictor.path", "predictor.models", "predictor.model_path")
        # the other types cannot do without a model; where it is missing, that is said, and not the client's lack of one
        has_models = predictor.models is not None or predictor.type != "python"
        for finding in _findings(source, predictor.type, has_models):
            file = str(project.shown / predictor.path)
            yield Fault(at, finding.code, finding.message, needs, finding.severity, file, finding.line)


def python_path_is_there(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """`python_path` is a folder of the project."""
    path = None if api.serve is None else api.serve.predictor.python_path
    if path is None:
        return
    if refused := project.refusal(path):
        code, message = refused
        missing = code == "files.file_does_not_exist"
        yield Fault("predictor.python_path", "spec.python_path_not_found" if missing else code, message)
    elif not (project.root / path).is_dir():
        yield Fault("predictor.python_path", "spec.python_path_not_found", f"{path} is a file; name a folder")


def warmup_file_is_json(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """`deploy.warmup` is a JSON file of the project."""
    path = api.deploy.warmup
    if path is None:
        return
    if refused := project.refusal(path):
        yield Fault("deploy.warmup", *refused)
        return
    try:
        json.loads(_read(project.root / path))
    except (ValueError, RecursionError) as error:
        yield Fault("deploy.warmup", "deploy.warmup_not_json", f"{path} is not JSON: {error}")


def local_models_have_their_layout(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """Local model folders hold models of the API's predictor type."""
    for location in model_paths.locations(api):
        if "://" in location.path:
            continue
        path = project.root / os.path.expanduser(location.path)  # noqa: PTH111 - pathlib's raises for an unknown user
        needs = (location.at, "predictor.type")
        if not os.path.exists(path):  # noqa: PTH110 - pathlib's raises for a name that is too long
            message = f"{location.path} does not exist; export the model first, or correct the path"
            yield Fault(
                location.at, "spec.file_not_found" if location.is_dir else "spec.model_path_not_directory", message, needs
            )
        elif location.path.endswith(".onnx") and path.is_file():
            continue
        elif not path.is_dir():
            yield Fault(
                location.at, "spec.model_path_not_directory", f"{location.path} is a file; name the folder that holds it", needs
            )
        else:
            found = _listed(path)
            if not found:
                yield Fault(location.at, "spec.dir_is_empty", f"{location.path} is empty; export the model into it", needs)
            else:
                yield from model_paths.faults(location, found, model_paths.layout_of(api))


def s3_models_have_their_layout(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """S3 prefixes hold models of the API's predictor type, when S3 may be asked."""
    if project.list_keys is None:
        return
    for location in model_paths.locations(api):
        if not location.path.startswith("s3://"):
            continue
        bucket, prefix = split_path(location.path)
        try:
            keys = project.list_keys(bucket, prefix)
        except NoListing as error:
            yield Fault(location.at, error.code, error.message, (location.at,))
            continue
        one_file = location.path.endswith(".onnx")
        found = [key.removeprefix(prefix) for key in keys if (key == prefix if one_file else not key.endswith("/"))]
        needs = (location.at, "predictor.type")
        if not found:
            code = "spec.s3_dir_not_found" if location.is_dir else "spec.model_path_not_directory"
            yield Fault(location.at, code, f"{location.path} does not exist; upload the model, or correct the path", needs)
        elif not one_file:
            yield from model_paths.faults(location, found, model_paths.layout_of(api))


def requirements_can_be_met(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """The versions that requirements.txt pins exist for the image's Python and agree with what the image has.

    A warning, because building the image tells for certain; an error where versions are resolved at once.
    """
    file = project.root / "requirements.txt"
    if api.serve is None or project.refusal("requirements.txt") or not file.is_file():
        return
    text = _read(file).decode("utf-8-sig", "replace")
    certain = project.lock or api.deploy.package == "zip"
    for pin, message in _conflicts(text, api.deploy.python, api.serve.predictor.type, api.serve.accelerator):
        needs = ("predictor.type", "compute", "deploy")
        shown = str(project.shown / "requirements.txt")
        yield Fault("", "cxpack.requirement", message, needs, "error" if certain else "warning", shown, pin.line)


def imports_are_installed(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """A project that installs nothing does not rely on packages that only Cortex's images had.

    One that installs something is passed over: what its packages bring along is known when they are resolved.
    """
    if api.serve is None or any((project.root / name).is_file() for name in INSTALLERS):
        return
    predictor = api.serve.predictor
    file = project.root / predictor.path
    if project.refusal(predictor.path) or not file.is_file():
        return
    flavour = FLAVOURS.get((predictor.type, api.serve.accelerator))
    own = {path.name.removesuffix(".py") for path in (project.root / (predictor.python_path or ".")).glob("*")}
    for line, name, distribution in not_installed(_read(file), () if flavour is None else pins(flavour), own):
        message = f"{name} was in Cortex's images and is not in this one; list {distribution} in requirements.txt"
        needs = ("predictor.type", "predictor.path", "compute")
        yield Fault("", "cxpack.import_not_installed", message, needs, "warning", str(project.shown / predictor.path), line)


def look(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """Everything that is wrong with the project as one API uses it; what cannot be looked at is a fault too."""
    for check in CHECKS:
        try:
            yield from check(api, project)
        except OSError as error:
            about = error.filename or project.root
            yield Fault("", "cxpack.unreadable_file", f"{about} cannot be read: {error.strerror or error}")


CHECKS: Sequence[Check] = (
    predictor_file_is_there,
    python_path_is_there,
    warmup_file_is_json,
    local_models_have_their_layout,
    s3_models_have_their_layout,
    requirements_can_be_met,
    imports_are_installed,
)


@lru_cache(maxsize=64)
def _findings(source: bytes, predictor_type: PredictorTypeName, has_models: bool) -> tuple[Finding, ...]:
    """The findings in a predictor file, which the APIs of a project often share."""
    return tuple(examine(source, predictor_type, has_models=has_models))


@lru_cache(maxsize=64)
def _conflicts(
    text: str, python: str, predictor_type: PredictorTypeName, accelerator: Accelerator
) -> tuple[tuple[Pin, str], ...]:
    """The conflicts of a requirements.txt with an image, the same for all APIs of a kind."""
    flavour = FLAVOURS.get((predictor_type, accelerator))
    return tuple(islice(conflicts(text, python, {} if flavour is None else pins(flavour)), MOST_PINS))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_SOURCE)


def _listed(root: Path) -> list[str]:
    """The files below a folder, relative to it, as the runtime lists them: links that leave it are passed over."""
    real = os.path.realpath(root)
    found: list[str] = []
    waiting = [""]
    while waiting and len(found) < MOST_FILES:
        folder = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                path = f"{folder}{entry.name}"
                target = os.path.realpath(entry.path) if entry.is_symlink() else None
                if target is not None and os.path.commonpath((target, real)) != real:
                    continue
                if entry.is_dir():
                    waiting.append(f"{path}/")
                elif entry.is_file():
                    found.append(path)
    return sorted(found)
