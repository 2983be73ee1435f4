"""A small working project to begin with, one per predictor type: what `cxpack init` writes.

The files stand in `templates/<type>/` as they are written; NAME in cortex.yaml becomes the API's name.
"""

import re
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"
TYPES = ("python", "onnx", "tensorflow")


class Occupied(Exception):
    """A file of the project exists already; nothing was written."""


def scaffold(folder: Path, predictor_type: str) -> list[Path]:
    """Write the project of a predictor type into `folder`, which is made if need be; the files written, in order.

    Raises Occupied when one of the files exists, and OSError when the disk refuses.
    """
    template = TEMPLATES / predictor_type
    files = {path.relative_to(template): path.read_bytes() for path in sorted(template.rglob("*")) if _belongs(path)}
    configuration = Path("cortex.yaml")
    files[configuration] = files[configuration].replace(b"NAME", api_name(folder).encode())
    taken = [path for path in files if (folder / path).exists()]
    if taken:
        raise Occupied(f"{folder / taken[0]} exists already; choose another folder, or move it away")
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    return [folder / path for path in files]


def api_name(folder: Path) -> str:
    """The folder's name as a name of Cortex's: lower-case letters, digits and dashes, at most 42, beginning with a letter."""
    slug = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    return re.sub(r"^[^a-z]+", "", slug)[:42].rstrip("-") or "iris-classifier"


def _belongs(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts
