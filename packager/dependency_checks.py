"""What an API installs beside its flavour: whether the files are there, the versions can be had, and nothing was forgotten."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from packager.counted_on import imports_of_cortex, installs
from packager.dependencies import INSTALLERS, names_of_files
from packager.fault import Fault
from packager.images import FLAVOURS, pins, python_version
from packager.imported import not_brought, not_installed
from packager.own_modules import importable, own_modules
from packager.project_folder import Project
from packager.requirement_pins import Pin, conflicts
from packager.spec import ApiSpec
from packager.system_libraries import missing
from runtime_handler.contract import Accelerator, PredictorTypeName

REQUIREMENTS = "requirements.txt"
MOST_PINS = 50
"""Of a requirements.txt that are reported."""


def named_files_are_there(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """The files and folders that requirements.txt names, and those that its files name, are of the project.

    With a dependencies.sh, which may make them while the image is built, nobody can tell.
    """
    if api.serve is None or (project.root / "dependencies.sh").is_file() or project.refusal(REQUIREMENTS):
        return
    waiting, seen = [REQUIREMENTS], {REQUIREMENTS}
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
    if api.serve is None:
        return
    certain = project.lock or api.deploy.package == "zip"
    for pin, message in _conflicts(
        _text(project, REQUIREMENTS), python_of_image(api), api.serve.predictor.type, api.serve.accelerator
    ):
        needs = ("predictor.type", "compute", "deploy")
        shown = str(project.shown / REQUIREMENTS)
        yield Fault("", "cxpack.requirement", message, needs, "error" if certain else "warning", shown, pin.line)


def imports_are_installed(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """The predictor does not rely on packages that only Cortex's images had.

    Beside a requirements.txt that is said of the packages which others seldom bring along; what a dependencies.sh or conda
    installs, nobody can tell.
    """
    if api.serve is None or any((project.root / name).is_file() for name in INSTALLERS if name != REQUIREMENTS):
        return
    predictor = api.serve.predictor
    flavour = FLAVOURS.get((predictor.type, api.serve.accelerator))
    installed = frozenset[str]() if flavour is None else frozenset(pins(flavour)) | flavour.brings
    own, said = importable(predictor, project), set[str]()
    lists = (project.root / REQUIREMENTS).is_file()
    text, unless = (_text(project, REQUIREMENTS), " unless another package brings it") if lists else ("", "")
    for module in own_modules(predictor, project):
        found = not_brought(module.source, text, installed, own) if lists else not_installed(module.source, installed, own)
        for line, name, distribution in found:
            if distribution not in said:
                said.add(distribution)
                message = f"{name} was in Cortex's images and is not in this one{unless}; list {distribution} in requirements.txt"
                needs = ("predictor.type", "predictor.path", "compute")
                yield Fault("", "cxpack.import_not_installed", message, needs, "warning", str(project.shown / module.path), line)


def libraries_are_there(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """Packages find the libraries of the system that they look for; those of conda bring their own."""
    flavour = None if api.serve is None else FLAVOURS.get((api.serve.predictor.type, api.serve.accelerator))
    if flavour is None or not flavour.on_debian or api.deploy.package == "zip" or (project.root / "conda-packages.txt").is_file():
        return
    for line, message in missing(_text(project, REQUIREMENTS), _text(project, "dependencies.sh")):
        file, needs = str(project.shown / REQUIREMENTS), ("predictor.type", "compute", "deploy")
        yield Fault("", "cxpack.system_library", message, needs, "warning", file, line)


def nothing_of_cortex_is_called(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """The predictor does without what only Cortex's containers had: its own code, and packages installed while it runs."""
    if api.serve is None:
        return
    own = importable(api.serve.predictor, project)
    for module in own_modules(api.serve.predictor, project):
        shown = str(project.shown / module.path)
        for line, name in imports_of_cortex(module.source, own):
            message = (
                f"{name} is the code of Cortex's own containers, which this image does not have; log with the logging module"
            )
            yield Fault("", "cxpack.import_of_cortex", message, ("predictor.path",), "warning", shown, line)
        for line, message in installs(module.source):
            yield Fault("", "cxpack.installs_when_run", message, ("predictor.path",), "warning", shown, line)


def _bytes(project: Project, name: str) -> bytes:
    """A file of the project; empty when it is none."""
    return b"" if project.refusal(name) or not (project.root / name).is_file() else project.read(name)


def _text(project: Project, name: str) -> str:
    return _bytes(project, name).decode("utf-8-sig", "replace")


def python_of_image(api: ApiSpec) -> str:
    """The Python of the API's image."""
    flavour = None if api.serve is None else FLAVOURS.get((api.serve.predictor.type, api.serve.accelerator))
    wanted = api.deploy.python
    return wanted if flavour is None else python_version(flavour, wanted, written="deploy.python" in api.places)


@lru_cache(maxsize=64)
def _conflicts(
    text: str, python: str, predictor_type: PredictorTypeName, accelerator: Accelerator
) -> tuple[tuple[Pin, str], ...]:
    """The conflicts of a requirements.txt with an image, the same for all APIs of a kind."""
    flavour = FLAVOURS.get((predictor_type, accelerator))
    return tuple(islice(conflicts(text, python, {} if flavour is None else pins(flavour)), MOST_PINS))
