"""The modules of a project that its predictor comes to import: those that it names, and those that these name."""

from collections import deque
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from packager.imported import Import, imports
from packager.project_folder import Project
from runtime_handler.contract import PredictorSpec

MOST = 200
"""Modules that are looked at; a project that has copied a library into its folder is no reason to wait."""


class Module(NamedTuple):
    """A module of the project, and the line of the module that imports it; the predictor's own stands first, imported by none."""

    path: str
    source: bytes
    importer: str = ""
    line: int = 0


def importable(predictor: PredictorSpec, project: Project) -> frozenset[str]:
    """The names of what can be imported of the project: what is in the folder that is on the import path."""
    return frozenset(each.name.removesuffix(".py") for each in (project.root / (predictor.python_path or ".")).glob("*"))


def own_modules(predictor: PredictorSpec, project: Project) -> Iterator[Module]:
    """The predictor's module and every one that comes with it, each once, at most MOST; not what is imported in a `try`.

    Also those that are not packed. Raises OSError for one that cannot be read.
    """
    names = importable(predictor, project)
    waiting, seen = deque([Module(predictor.path, _read(project, predictor.path) or b"")]), {predictor.path}
    while waiting:
        module = waiting.popleft()
        yield module
        for each in imports(module.source):
            if each.guarded or not (each.level or each.name in names):
                continue
            for path in _files(each, module.path, predictor.python_path or ""):
                if path not in seen and len(seen) < MOST and (source := _read(project, path)) is not None:
                    seen.add(path)
                    waiting.append(Module(path, source, module.path, each.line))


def _read(project: Project, path: str) -> bytes | None:
    return project.read(path) if (project.root / path).is_file() and not project.refusal(path) else None


def _files(each: Import, importer: str, python_path: str) -> Iterator[str]:
    """Where the modules may be that an import runs: packages from the outermost on, and members that are modules."""
    folders = PurePosixPath(importer).parents[each.level - 1 :] if each.level else [PurePosixPath(python_path)]
    if not folders:
        return
    names = each.module.split(".") if each.module else []
    for parts in (*(names[: end + 1] for end in range(len(names))), *([*names, member] for member in each.members)):
        path = folders[0].joinpath(*parts)
        yield f"{path}.py"
        yield f"{path}/__init__.py"
