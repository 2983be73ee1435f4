"""What an API installs beside its flavour: whether the files are there, the versions can be had, and nothing was forgotten."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from packager.dependencies import INSTALLERS, names_of_files
from packager.fault import Fault
from packager.images import FLAVOURS, pins
from packager.imported import not_installed
from packager.project_folder import Project
from packager.requirement_pins import Pin, conflicts
from packager.spec import ApiSpec
from runtime_handler.contract import Accelerator, PredictorTypeName

MOST_PINS = 50
"""Of a requirements.txt that are reported."""


def named_files_are_there(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """The files and folders that requirements.txt names, and those that its files name, are of the project.

    With a dependencies.sh, which may make them while the image is built, nobody can tell.
    """
    if api.serve is None or (project.root / "dependencies.sh").is_file() or project.refusal("requirements.txt"):
        return
    waiting, seen = ["requirements.txt"], {"requirements.txt"}
    while waiting:
        file = waiting.pop()
        text = project.read(file).decode("utf-8-sig", "replace")
        for line, included, places in names_of_files(text, file):
            refusals = {place: project.refusal(place) or _left_out(place, project) for place in places}
            there = next((place for place, refused in refusals.items() if refused is None), None)
            if there is None:
                code, message = next(filter(None, refusals.values()))
                yield Fault("", code, message, file=str(project.shown / file), line=line)
            elif included and there not in seen and (project.root / there).is_file():
                seen.add(there)
                waiting.append(there)


def _left_out(path: str, project: Project) -> tuple[str, str] | None:
    by = project.ignored_by(path)
    return None if by is None else ("files.file_does_not_exist", f"{path} is matched by {by}, so it is not deployed")


def requirements_can_be_met(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """The versions that requirements.txt pins exist for the image's Python and agree with what the image has.

    A warning, because building the image tells for certain; an error where versions are resolved at once.
    """
    file = project.root / "requirements.txt"
    if api.serve is None or project.refusal("requirements.txt") or not file.is_file():
        return
    text = project.read("requirements.txt").decode("utf-8-sig", "replace")
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
    for line, name, distribution in not_installed(project.read(predictor.path), () if flavour is None else pins(flavour), own):
        message = f"{name} was in Cortex's images and is not in this one; list {distribution} in requirements.txt"
        needs = ("predictor.type", "predictor.path", "compute")
        yield Fault("", "cxpack.import_not_installed", message, needs, "warning", str(project.shown / predictor.path), line)


@lru_cache(maxsize=64)
def _conflicts(
    text: str, python: str, predictor_type: PredictorTypeName, accelerator: Accelerator
) -> tuple[tuple[Pin, str], ...]:
    """The conflicts of a requirements.txt with an image, the same for all APIs of a kind."""
    flavour = FLAVOURS.get((predictor_type, accelerator))
    return tuple(islice(conflicts(text, python, {} if flavour is None else pins(flavour)), MOST_PINS))
