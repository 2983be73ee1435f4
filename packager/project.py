"""Which files of a Cortex project belong to it: what Cortex uploaded, less what cxpack and CDK write there.

Cortex 0.22 left out the configuration file, names that begin with a dot (but not `.env`), `cortex-debug-*`, compiled
Python, and what `.cortexignore` of the root matches. What `.dockerignore` matches is left out too, since an image is built;
so are virtual environments and the output of cxpack and CDK: none of them can be meant.
"""

import fnmatch
import json
import os
import re
from collections.abc import Iterator, Sequence
from errno import ELOOP, ENOTDIR
from pathlib import Path
from typing import Any, NamedTuple

from packager.ignored import Ignored, ignore_rules

LEFT_OUT_FILES = ("*.pyc", "*.pyo", "*.pyd", "cortex-debug-*", "cdk.json", "cdk.context.json")
LEFT_OUT_FOLDERS = ("__pycache__", "cortex-debug-*", "cxpack.out", "cdk.out", "node_modules")
_LEFT_OUT_FILE, _LEFT_OUT_FOLDER = (
    re.compile("|".join(map(fnmatch.translate, patterns))) for patterns in (LEFT_OUT_FILES, LEFT_OUT_FOLDERS)
)
_NAME = re.compile(r"[a-z0-9-]+")
MANIFEST, STAGING = "manifest.json", ".staging-"
"""In an output folder: the file that says what counts in it, and the beginning of the names of folders with what will."""


class ProjectFile(NamedTuple):
    """A file of the project: its path relative to the root, with slashes, and where its bytes are."""

    path: str
    source: Path


class OutsideProject(Exception):
    """A symbolic link leads out of the `folder`, or (None) around in a circle."""

    def __init__(self, path: str, target: Path, folder: str | None = "the project") -> None:
        if folder is None:
            where = "which it lies in, so that it would have no end; remove it"
        else:
            where = f"outside {folder}; copy what it points to into {folder}"
        super().__init__(f"{path} is a symbolic link to {target}, {where}")
        self.path = path


def project_files(root: Path, configuration: Path, without: tuple[Path, ...] = ()) -> list[ProjectFile]:
    """The project's files, sorted by path; folders in `without` (model folders that are packed apart) are left out.

    Raises OutsideProject for a link that leaves the project, OSError for a folder that cannot be read.
    """
    ignored = ignore_rules(root)
    left_out = {os.path.realpath(configuration), *(os.path.realpath(folder) for folder in without)}
    return sorted(_walk(os.path.realpath(root), "", ignored, left_out, ()), key=lambda file: file.path)


def _walk(root: str, folder: str, ignored: Ignored, left_out: set[str], above: tuple[str, ...]) -> Iterator[ProjectFile]:
    here = os.path.realpath(os.path.join(root, folder))  # noqa: PTH118 - strings: a big project has 100,000 of them
    if here in above:
        raise OutsideProject(folder, Path(here), None)
    with os.scandir(here) as found:
        entries = list(found)
    for entry in () if folder and _is_unfinished_output(entries) else entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if entry.name.startswith(".") and path != ".env":
            continue
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            if error.errno in {ELOOP, ENOTDIR}:  # a link to itself, or below a file: there is nothing to copy
                continue
            raise
        real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
        if not _belongs(entry, is_folder) or real in left_out or ignored(path + "/" if is_folder else path):
            continue
        if entry.is_symlink() and os.path.commonpath((root, real)) != root:
            raise OutsideProject(path, Path(real))
        if is_folder:
            yield from _walk(root, path, ignored, left_out, (*above, here))
        elif entry.is_file():
            yield ProjectFile(path, Path(real))


def _belongs(entry: os.DirEntry[str], is_folder: bool) -> bool:
    if (_LEFT_OUT_FOLDER if is_folder else _LEFT_OUT_FILE).match(entry.name):
        return False
    if entry.is_symlink() and _LEFT_OUT_FOLDER.match(entry.name):  # to an output folder on another disk, which is not there
        return False
    return not (is_folder and (_has(entry.path, "pyvenv.cfg") or _is_output(entry.path)))


def why_left_out(root: Path, path: str) -> str:
    """What keeps a file or folder that is there from being among the project's files: the rest of a sentence."""
    ignored = ignore_rules(root)
    parts = path.split("/")
    for shown, name in (("/".join(parts[:count]), parts[count - 1]) for count in range(1, len(parts) + 1)):
        folder = str(root / shown)
        if not os.path.isdir(folder):  # noqa: PTH112 - as below
            by, never = ignored(shown), _LEFT_OUT_FILE.match(name)
        else:
            by, never = ignored(f"{shown}/"), _LEFT_OUT_FOLDER.match(name)
            if _has(folder, "pyvenv.cfg"):
                return f"{shown}/ is a virtual environment"
            if _is_output(folder):
                return f"{shown}/ is an output folder of cxpack synth"
        if by is not None:
            return f"{shown} is matched by {by}"
        if never:
            return f"files and folders of the name {name} are never packed"
    return f"{path} is packed as a model, apart from the code, or there is nothing to pack"


def _has(folder: str, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name))  # noqa: PTH110, PTH118 - as above


def _is_output(folder: str) -> bool:
    """Whether `synth -o` has written the folder: what it makes of the project must not become a part of it."""
    if not _has(folder, MANIFEST):
        return False
    try:
        return manifest_apis((Path(folder) / MANIFEST).read_bytes()) is not None
    except OSError:
        return False


def manifest_apis(text: bytes) -> dict[str, Any] | None:
    """The APIs of a manifest, by name, of whatever version of cxpack; None for what is no manifest of ours.

    Each has a folder of its name beside the manifest, so that a name that leads elsewhere is none.
    """
    try:
        manifest = json.loads(text)
        if not {"apis", "format", "project"} <= manifest.keys():
            return None
        apis = {api["name"]: api for api in manifest["apis"]}
        return apis if all(map(_NAME.fullmatch, apis)) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _is_unfinished_output(entries: Sequence[os.DirEntry[str]]) -> bool:
    """Whether a folder of these entries is one where a synth was killed, the first perhaps, before its manifest was in place."""
    return any(entry.name.startswith(STAGING) and _has(entry.path, MANIFEST) for entry in entries)
