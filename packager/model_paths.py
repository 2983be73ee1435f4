"""Whether the folders and S3 prefixes of an API's models hold what its predictor type needs.

Pure functions over lists of relative paths; who lists a folder or a bucket hands them in.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from packager.fault import Fault
from packager.spec import ApiSpec
from runtime_handler.contract import SINGLE_MODEL
from runtime_handler.models.layout import NEURON, ONNX, PYTHON, TENSORFLOW, FoundModel, Layout, read_model, read_models

SHOWN = 50
"""Entries of a found tree that a message shows, as Cortex did."""

_LAYOUTS = {"python": PYTHON, "tensorflow": TENSORFLOW, "onnx": ONNX}


class ModelLocation(NamedTuple):
    """One model path of an API: the canonical path of its key, what the user wrote, and whether it is `models.dir`."""

    at: str
    path: str
    is_dir: bool = False


def locations(api: ApiSpec) -> Iterator[ModelLocation]:
    """Every model path of the API, in the order of the file."""
    models = None if api.serve is None else api.serve.predictor.models
    if models is None:
        return
    for number, model in enumerate(models.paths):
        if model.name == SINGLE_MODEL:
            at = "predictor.models.path" if "predictor.models.path" in api.places else "predictor.model_path"
        else:
            at = f"predictor.models.paths[{number}].path"
        yield ModelLocation(at, model.path)
    if models.dir is not None:
        yield ModelLocation("predictor.models.dir", models.dir, is_dir=True)


def layout_of(api: ApiSpec) -> Layout:
    """The layout that the API's models must have."""
    assert api.serve is not None, "an API with models has a predictor"
    if api.serve.predictor.type == "tensorflow" and api.serve.accelerator == "inf":
        return NEURON
    return _LAYOUTS[api.serve.predictor.type]


def faults(location: ModelLocation, paths: Sequence[str], layout: Layout) -> Iterator[Fault]:
    """What is wrong with the files found below the location: an error where no model is whole, else warnings."""
    if not location.is_dir:
        yield from _model_faults(location, location.path, read_model(paths, layout), layout)
        return
    models, stray = read_models(paths, layout)
    root = location.path.rstrip("/")
    if not models:
        yield Fault(location.at, "spec.dir_is_empty", f"{location.path} holds files and no folders; each folder in it is a model")
    for name, model in models.items():
        if name == SINGLE_MODEL:
            yield Fault(location.at, "spec.reserved_model_name", f'the folder "{name}" has a reserved name; rename it')
        yield from _model_faults(location, f"{root}/{name}", model, layout)
    if stray and models:
        message = f"{stray[0]} is a file beside the models of {location.path}; it belongs to none of them and is left out"
        yield Fault(location.at, "cxpack.stray_model_file", message, severity="warning")


def _model_faults(location: ModelLocation, root: str, model: FoundModel, layout: Layout) -> Iterator[Fault]:
    broken = {version: found for version, found in model.versions.items() if found.problem is not None}
    if len(broken) == len(model.versions):
        reason = next((found.problem for found in broken.values()), "there are no files")
        kind = layout.name.partition(" ")[0]
        message = (
            f"{root} holds no {layout.name} model: {reason}\nexpected:\n{layout.tree(root)}\nfound:\n{tree(root, _files(model))}"
        )
        yield Fault(location.at, f"spec.invalid_{kind}_model_path", message)
        return
    for version, found in broken.items():
        message = f"version {version} of {root} is not whole and would not be served: {found.problem}"
        yield Fault(location.at, "cxpack.broken_model_version", message, severity="warning")
    if model.stray:
        message = f"{root}/{model.stray[0]} belongs to no version and is left out; move or remove it"
        yield Fault(location.at, "cxpack.stray_model_file", message, severity="warning")


def _files(model: FoundModel) -> list[str]:
    return [f"{found.folder}{path}" for found in model.versions.values() for path in found.paths] + list(model.stray)


def tree(root: str, paths: Sequence[str]) -> str:
    """The found paths as an indented tree, at most SHOWN of them."""
    lines = [root.rstrip("/") + "/"]
    open_folders: tuple[str, ...] = ()
    for path in sorted(paths)[:SHOWN]:
        *folders, name = path.split("/")
        common = 0
        while common < min(len(folders), len(open_folders)) and folders[common] == open_folders[common]:
            common += 1
        lines += [f"{'    ' * (depth + 1)}{folder}/" for depth, folder in enumerate(folders) if depth >= common]
        if name:
            lines.append(f"{'    ' * (len(folders) + 1)}{name}")
        open_folders = tuple(folders)
    if len(paths) > SHOWN:
        lines.append(f"    ... and {len(paths) - SHOWN} more")
    return "\n".join(lines)
