"""What an API names of its project and its image would lack: the files are there, and are none of those that are packed."""

from collections.abc import Collection, Iterator
from pathlib import Path

from packager.fault import Fault
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


def _message(path: str, root: Path) -> str:
    return f"{path} would not be in the image, for {why_left_out(root, path)}; move it to a folder that is packed"
