"""What an API needs of the project's folder: its files and local models are looked at, nothing of the user's is run."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from packager import dependency_checks, model_paths
from packager.context import local_path
from packager.fault import Fault
from packager.ignored import no_patterns
from packager.model_files import model_files
from packager.predictor_class import Finding, examine, request_arguments
from packager.project import OutsideProject
from packager.project_folder import Project
from packager.s3_models import NoListing, split_path
from packager.spec import ApiSpec
from runtime_handler.contract import PredictorTypeName

MOST_FILES = 20_000
"""Of a model folder that are looked at, as many as Cortex listed of a `models.dir`."""


STRIPPED: Mapping[str, str] = {
    "query_params": "is empty on SageMaker, which hands no query on",
    "headers": "lacks most on SageMaker, which hands on Content-Type, Accept and X-Amzn-SageMaker-Custom-Attributes",
}

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
    elif not predictor.path.endswith(".py"):
        message = f"{predictor.path} does not end in .py, so that Python would not import it; rename it"
        yield Fault(at, "files.file_does_not_exist", message)
    else:
        source = project.read(predictor.path)
        needs = ("predictor.type", "predictor.path", "predictor.models", "predictor.model_path")
        # the other types cannot do without a model; where it is missing, that is said, and not the client's lack of one
        has_models = predictor.models is not None or predictor.type != "python"
        for finding in _findings(source, predictor.type, has_models, dependency_checks.python_of_image(api)):
            file = str(project.shown / predictor.path)
            yield Fault(at, finding.code, finding.message, needs, finding.severity, file, finding.line)


def an_endpoint_hands_on_the_body(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """SageMaker strips a request of its query and of most headers ("InvokeEndpoint"); a predictor may count on them."""
    if api.serve is None or api.deploy.target != "sagemaker":
        return
    predictor = api.serve.predictor
    if project.refusal(predictor.path) or not (project.root / predictor.path).is_file():
        return
    for line, argument in sorted(set(request_arguments(project.read(predictor.path), predictor.type))):
        message = f"{argument} {STRIPPED[argument]}; what the prediction needs belongs into the payload"
        file = str(project.shown / predictor.path)
        needs = ("predictor.type", "deploy.target")
        yield Fault("predictor.path", "deploy.endpoint_arguments", message, needs, "warning", file, line)


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
        json.loads(project.read(path))
    except (ValueError, RecursionError) as error:
        yield Fault("deploy.warmup", "deploy.warmup_not_json", f"{path} is not JSON: {error}")


def ignore_files_hold_patterns(_api: ApiSpec, project: Project) -> Iterator[Fault]:
    """Every line of `.cortexignore` and `.dockerignore` can match something."""
    for name, line in no_patterns(project.root):
        message = "is no pattern, and leaves nothing out; correct it, or remove the line"
        yield Fault("", "cxpack.no_pattern", message, (), "warning", str(project.shown / name), line)


def local_models_have_their_layout(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """Local model folders hold models of the API's predictor type."""
    for location in model_paths.locations(api):
        if "://" in location.path:
            continue
        path = local_path(location.path, project.root)
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
            try:
                found = sorted(file.path for file in islice(model_files(path), MOST_FILES))
            except OutsideProject as error:
                yield Fault(location.at, "cxpack.outside_project", f"{location.path.rstrip('/')}/{error}", needs)
                continue
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


def look(api: ApiSpec, project: Project) -> Iterator[Fault]:
    """Everything that is wrong with the project as one API uses it; what cannot be looked at is a fault too."""
    for check in CHECKS:
        try:
            yield from check(api, project)
        except OSError as error:
            yield _unreadable(error, api, project)


def _unreadable(error: OSError, api: ApiSpec, project: Project) -> Fault:
    """At the key that names the file, or a folder around it; else in the file itself."""
    file, root = os.path.realpath(error.filename or project.root), os.path.realpath(project.root)
    shown, reason = str(project.shown / os.path.relpath(file, root)), f"cannot be read: {error.strerror or error}"
    predictor = None if api.serve is None else api.serve.predictor
    named = [("predictor.path", predictor and predictor.path), ("deploy.warmup", api.deploy.warmup)]
    for at, path in [*named, *((location.at, location.path) for location in model_paths.locations(api))]:
        if path and "://" not in path:
            there = os.path.realpath(local_path(path, project.root))
            if os.path.commonpath((there, file)) == there:
                return Fault(at, "cxpack.unreadable_file", f"{shown} {reason}")
    return Fault("", "cxpack.unreadable_file", reason, file=shown)


CHECKS: Sequence[Check] = (
    predictor_file_is_there,
    an_endpoint_hands_on_the_body,
    python_path_is_there,
    warmup_file_is_json,
    ignore_files_hold_patterns,
    local_models_have_their_layout,
    s3_models_have_their_layout,
    dependency_checks.named_files_are_there,
    dependency_checks.requirements_can_be_met,
    dependency_checks.imports_are_installed,
    dependency_checks.libraries_are_there,
    dependency_checks.nothing_of_cortex_is_called,
)


@lru_cache(maxsize=64)
def _findings(source: bytes, predictor_type: PredictorTypeName, has_models: bool, python: str) -> tuple[Finding, ...]:
    """The findings in a predictor file, which the APIs of a project often share."""
    return tuple(examine(source, predictor_type, has_models=has_models, python=python))
