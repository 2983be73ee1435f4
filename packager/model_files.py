"""Which files a local model folder holds: what `check` looks at is what the image gets, and what the runtime finds there."""

import os
from collections.abc import Iterator
from errno import ELOOP, ENOENT, ENOTDIR
from pathlib import Path

from packager.project import OutsideProject, ProjectFile


def model_files(folder: Path) -> Iterator[ProjectFile]:
    """Every file below the folder, in no order, by its path in it and with where its bytes are.

    Links inside the folder are followed, those to nowhere or around in a circle passed over, as the runtime does. Raises
    OutsideProject for a link that leaves the folder: an image would hold what nobody named. Raises OSError.
    """
    root = os.path.realpath(folder)
    waiting = [("", root, frozenset({root}))]
    while waiting:
        prefix, here, above = waiting.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                real = _followed(entry) if entry.is_symlink() else entry.path
                if real is None or real in above:
                    continue
                if os.path.commonpath((root, real)) != root:
                    raise OutsideProject(prefix + entry.name, Path(real), "the model's folder")
                if entry.is_dir():
                    waiting.append((f"{prefix}{entry.name}/", real, above | {real}))
                elif entry.is_file():
                    yield ProjectFile(prefix + entry.name, Path(real))


def _followed(link: os.DirEntry[str]) -> str | None:
    try:
        return os.path.realpath(link.path, strict=True)
    except OSError as error:
        if error.errno in {ELOOP, ENOENT, ENOTDIR}:
            return None
        raise
