"""What an API names or imports of its project and its image would lack: the files are there, and are none that is packed."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from packager.fault import Fault
from packager.own_modules import Module
from packager.project import why_left_out
from packager.spec import ApiSpec

FILES = ("predictor.path", "deploy.warmup")
FOLDER = "predictor.python_path"


def named_files(api: ApiSpec, packed: Collection[str], root: Path) -> Iterator[Fault]:
    """A fault for each file and folder that is not among the paths of the context; `root` is the project's folder."""
    predictor = api.served.predictor
    for at, path in zip(FILES, (predictor.path, api.served.warmup), strict=True):
        if path is not None and f"project/{path}" not in packed:
            yield Fault(at, "files.file_does_not_exist", _message(path, root))
    folder = predictor.python_path
    if folder not in (None, ".") and not any(path.startswith(f"project/{folder}/") for path in packed):
        yield Fault(FOLDER, "spec.python_path_not_found", _message(str(folder), root))


def imported_files(modules: Sequence[Module], packed: Collection[str], root: Path) -> Iterator[Fault]:
    """A fault for each of a predictor's modules, beside its own, that is not among the paths of the context."""
    for module in modules[1:]:
        if f"project/{module.path}" not in packed:
            message = _message(module.path, root, f", which {module.importer}:{module.line} imports,")
            yield Fault("predictor.path", "cxpack.import_left_out", message, severity="warning")


def _message(path: str, root: Path, clause: str = "") -> str:
    return f"{path}{clause} would not be in the image, for {why_left_out(root, path)}; move it to a folder that is packed"
