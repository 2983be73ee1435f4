"""Where models come from: what a place that holds model files can do, and the facts that it reports."""

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


class SourceTooLarge(SourceError):
    """The folder holds more objects than the caller wanted to hear of."""


class SourceChanged(Exception):
    """An object is no longer the one that was listed; the next listing tells what it is now."""


class Source(Protocol):
    """A folder of a bucket or of a disk, named by `str()` as a user would. Its methods may be called from any thread."""

    in_place: Path | None
    """The folder itself when its files never change, so that models are loaded from it without a copy."""

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        """Every object below the source, or below a `folder` of it such as `a/`, sorted, paths relative to that.

        A missing folder is an empty one. Raises SourceError, and SourceTooLarge when there are more than `at_most`.
        """

    def find(self, name: str) -> Sequence[StoredObject]:
        """The one object of that path, or none. Raises SourceError."""

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        """Write the objects, whose paths are relative to `folder`, below `target`, byte for byte as listed.

        Raises SourceChanged when one is not what was listed, SourceError when the source fails, OSError when the disk does.
        """

    def read(self, path: str) -> bytes:
        """The bytes of one small object. Raises SourceError."""

    def gone(self, path: str) -> bool:
        """Whether the object surely does not exist any more, asked for by its name. Raises SourceError."""

    def now(self) -> float:
        """The source's own clock, Unix seconds: what `modified` is to be compared with."""


def fingerprint(objects: Iterable[StoredObject], *, in_place: bool = False) -> str:
    """Paths, sizes and ETags: equal when the files are, whenever they were written.

    A digest, because it becomes a folder's name; of files that are used `in_place`, which have none on our disk, the text.
    """
    text = "".join(f"{item.path}\0{item.size}\0{item.etag}\0" for item in sorted(objects))
    if in_place:
        return text
    import hashlib  # here, for OpenSSL takes a Lambda function with packed models 3 ms

    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]  # a local name may be no UTF-8
