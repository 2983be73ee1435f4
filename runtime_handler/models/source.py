"""Where models come from: what a place that holds model files can do, and the facts that it reports."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class StoredObject(NamedTuple):
    """One file of a source. `path` is relative to where the listing began, `modified` is Unix seconds, `etag` names the bytes."""

    path: str
    size: int
    etag: str
    modified: float


class SourceError(Exception):
    """The source did not answer, or said no: nothing is known about what it holds. `permanent`: retrying cannot help."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class SourceChanged(Exception):
    """An object is no longer the one that was listed; the next listing tells what it is now."""


class Source(Protocol):
    """A folder of a bucket or of a disk. Both methods may be called from any thread."""

    in_place: Path | None
    """The folder itself when its files never change, so that models are loaded from it without a copy."""

    def list(self) -> Sequence[StoredObject]:
        """Every object below the folder, paths relative to it. Raises SourceError; a missing folder is an empty one."""

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        """Write the objects, whose paths are relative to `folder`, below `target`, byte for byte as listed.

        Raises SourceChanged when one is not what was listed, SourceError when the source fails, OSError when the disk does.
        """

    def now(self) -> float:
        """The source's own clock, Unix seconds: what `modified` is to be compared with."""


def fingerprint(objects: Iterable[StoredObject]) -> str:
    """A digest of paths, sizes and ETags: equal when the files are, whenever they were written."""
    digest = hashlib.sha256()
    for item in sorted(objects):
        digest.update(f"{item.path}\0{item.size}\0{item.etag}\0".encode())
    return digest.hexdigest()[:32]
