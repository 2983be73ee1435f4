"""The output folder: contexts and the manifest on disk, all of them or none, unchanged ones untouched.

The change itself is `packager.staging`'s: a full disk, an unreadable file or Ctrl-C leaves the old output as it was. Files
that cxpack did not write stay where they are.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from packager.context import BuildContext, ContextFile
from packager.manifest import Manifest
from packager.project import MANIFEST, manifest_apis
from packager.staging import alone, change

EPOCH = 315_532_800
"""1980-01-01, the first moment that a zip file can name: file times must not tell when synth ran."""


class NotOurs(Exception):
    """The output folder holds something that cxpack did not write; nothing is overwritten."""


def refuse_sources(out: Path, project: Path, contexts: Iterable[BuildContext]) -> None:
    """Raises NotOurs for a folder that the project has files in: an output folder is no part of it, and they would be lost."""
    folder = os.path.realpath(out)
    if os.path.commonpath((folder, os.path.realpath(project))) == folder:
        return  # the project lies in it, and is walked all the same
    inside = f"{folder}{os.sep}"
    for context in contexts:
        for file in context.files:
            if isinstance(file.content, Path) and str(file.content).startswith(inside):
                name = os.path.relpath(file.content, folder)
                raise NotOurs(f"{out} holds {name}, which the images need and would then lack; choose another folder with -o")


def write_output(out: Path, manifest: Manifest, contexts: Sequence[BuildContext], say: Callable[[str], None]) -> dict[str, bool]:
    """Write the contexts and the manifest into `out`; tells of every API whether its context or its entry changed.

    `say` hears of it when somebody else writes there, who is waited for.

    Raises NotOurs when a context would overwrite a folder that no manifest of ours names, OSError when the disk refuses.
    """
    with alone(out, MANIFEST, say):
        return _write(out, manifest, contexts)


def _write(out: Path, manifest: Manifest, contexts: Sequence[BuildContext]) -> dict[str, bool]:
    before = _entries(_read(out / MANIFEST), out)
    for context in contexts:
        if context.api not in before and os.path.lexists(out / context.api):
            raise NotOurs(
                f"{out / context.api} is in the way: cxpack did not write it; move it, or choose another folder with -o"
            )
    compared: dict[tuple[int, bytes | Path], bool] = {}
    rewritten = {context.api for context in contexts if not _holds(out / context.api, context, compared)}
    text = manifest.dump().encode()
    now = _entries(text, out)
    gone = before.keys() - now.keys()
    if rewritten or gone or before != now or _read(out / MANIFEST) != text:
        _replace(out, text, [context for context in contexts if context.api in rewritten], gone)
    return {name: name in rewritten or before.get(name) != entry for name, entry in now.items()}


def _replace(out: Path, text: bytes, contexts: Sequence[BuildContext], gone: Iterable[str]) -> None:
    def fill(folder: Path, manifest: Path) -> None:
        write_contexts(folder, contexts)
        _write_file(manifest, text)

    change(out, MANIFEST, fill, gone)


def _entries(manifest: bytes | None, out: Path) -> dict[str, Any]:
    """The APIs of a manifest by name, of whatever version of cxpack: the output of an older one is replaced, not refused."""
    apis = {} if manifest is None else manifest_apis(manifest)
    if apis is None:
        raise NotOurs(f"{out / MANIFEST} is not cxpack's; move it, or choose another folder with -o")
    return apis


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _holds(folder: Path, context: BuildContext, compared: dict[tuple[int, bytes | Path], bool]) -> bool:
    """Whether the folder is the context; files that several APIs share are one inode, and are compared once."""
    wanted = {file.path: file for file in context.files}
    return set(_paths(folder)) == set(wanted) and all(_same(folder / path, file, compared) for path, file in wanted.items())


def _same(path: Path, file: ContextFile, compared: dict[tuple[int, bytes | Path], bool]) -> bool:
    status = path.stat()
    key = (status.st_ino, file.content)
    if key not in compared:
        compared[key] = (
            bool(status.st_mode & 0o100) == file.executable and status.st_size == file.size and path.read_bytes() == file.read()
        )
    return compared[key]


def _paths(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        # Running a context leaves these behind; they are no part of it, and .dockerignore keeps them out of images.
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from ((Path(here) / name).relative_to(folder).as_posix() for name in names)


def write_contexts(folder: Path, contexts: Sequence[BuildContext]) -> None:
    """Write each context into a folder of its own under `folder`, which has none of them yet.

    Equal files of several APIs are one file on disk: Docker contexts cannot follow symbolic links, hard links they can.
    """
    first: dict[tuple[bytes | Path, bool], Path] = {}
    for context in contexts:
        for file in context.files:
            target = folder / context.api / file.path
            _make_folders(folder, target.parent)
            key = (file.content, file.executable)
            if key in first:
                os.link(first[key], target)
            else:
                first[key] = target
                _copy(file, target)


def _make_folders(root: Path, folder: Path) -> None:
    if folder != root and not folder.exists():
        _make_folders(root, folder.parent)
        folder.mkdir()
        folder.chmod(0o755)  # COPY keeps it, and Lambda runs the image as a user of its own


def _copy(file: ContextFile, target: Path) -> None:
    if isinstance(file.content, bytes):
        _write_file(target, file.content)
        return
    shutil.copyfile(file.content, target)
    target.chmod(0o755 if file.executable else 0o644)
    os.utime(target, (EPOCH, EPOCH))


def _write_file(target: Path, content: bytes) -> None:
    target.write_bytes(content)
    target.chmod(0o644)
    os.utime(target, (EPOCH, EPOCH))
