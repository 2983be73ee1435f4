"""A folder of the local disk as a source of models, live or packed into the image."""

import logging
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from errno import ELOOP, ENOENT
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from runtime_handler.models.source import SourceChanged, SourceError, SourceTooLarge, StoredObject

if TYPE_CHECKING:
    from hashlib import blake2b

log = logging.getLogger("cxpack.models")

_BLOCK = 1 << 20
_UNREADABLE = "cannot be read"


class LocalSource:
    """The files below `root`. A live folder's ETags are digests of the bytes, so that a `touch` changes nothing.

    `packed` says that the files never change: they are not read to be listed, and models are loaded from the folder
    itself. Links that lead out of the root are not followed; a link as the root, such as `current -> v2`, is.
    """

    def __init__(self, root: Path, *, packed: bool = False) -> None:
        self._root = root
        self._packed = packed
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self.in_place = root if packed else None

    def __str__(self) -> str:
        return f"{self._root}/"

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        """Every regular file below the root; what cannot be read counts as a file, so that only its version is not served.

        Raises SourceError when the root itself, or the `folder`, cannot be listed.
        """
        try:
            found = sorted(self._walk(os.path.realpath(self._root), folder))
        except OSError as error:
            raise SourceError(f"{self._root / folder} cannot be listed: {error}") from error
        if at_most is not None and len(found) > at_most:
            raise SourceTooLarge(f"{self._root} holds more than {at_most} files")
        if folder:
            return [item._replace(path=item.path[len(folder) :]) for item in found]
        with self._lock:
            self._digests = {item.path: self._digests[item.path] for item in found if item.path in self._digests}
        self._tell(found)
        return found

    def find(self, name: str) -> Sequence[StoredObject]:
        """The file of that name."""
        file = self._root / name
        try:
            stat = file.stat()
            return [StoredObject(name, stat.st_size, self._etag(name, str(file), stat), stat.st_mtime)] if file.is_file() else []
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SourceError(f"{file} cannot be read: {error}") from error

    def read(self, path: str) -> bytes:
        """The bytes of one small file."""
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise SourceError(f"{self._root / path} cannot be read: {error}") from error

    def gone(self, path: str) -> bool:
        """Whether there is no such file."""
        try:
            os.lstat(self._root / path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError as error:
            raise SourceError(f"{self._root / path} cannot be asked for: {error}") from error
        return False

    def fetch(self, objects: Iterable[StoredObject], folder: str, target: Path) -> None:
        """Copy the objects; each is compared with its listing after the copy."""
        for item in objects:
            source, copy = self._root / folder / item.path, target / item.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                before = source.stat()
                etag = _copy(source, copy)
            except FileNotFoundError as error:
                raise SourceChanged(f"{source} is gone") from error
            if not self._packed and (etag != item.etag or _facts(source.stat()) != _facts(before)):
                raise SourceChanged(f"{source} changed while it was copied")

    def now(self) -> float:
        """The clock that stamps the files."""
        return time.time()

    def _walk(self, root: str, folder: str) -> Iterator[StoredObject]:
        """What lies below; without recursion, for folders may be deep. Each entry comes with the folders that it lies in."""
        top = os.path.realpath(f"{root}/{folder}")
        if not (Path(top).is_dir() and Path(top).is_relative_to(root)):
            return
        pending = [(folder, entry, frozenset({root, top})) for entry in os.scandir(top)]
        while pending:
            prefix, entry, above = pending.pop()
            path = prefix + entry.name
            try:
                real = _followed(entry, root, above)
                if real is None:
                    continue
                if entry.is_dir():
                    here = above | {real}
                    pending += [(f"{path}/", below, here) for below in os.scandir(real)]
                elif entry.is_file():
                    stat = entry.stat()
                    yield StoredObject(path, stat.st_size, self._etag(path, real, stat), stat.st_mtime)
            except FileNotFoundError:
                continue  # removed while we listed: the next listing shows it so
            except OSError as error:
                yield _unreadable(path, error)

    def _tell(self, found: Iterable[StoredObject]) -> None:
        """Tell the log of what cannot be read, when it begins."""
        unreadable = {item.path: item.etag for item in found if item.etag.startswith(_UNREADABLE)}
        for path in unreadable.keys() - self._told:
            log.warning("%s: %r %s", self._root, path, unreadable[path])
        self._told = set(unreadable)

    def _etag(self, path: str, file: str, stat: os.stat_result) -> str:
        facts = _facts(stat)
        if self._packed:
            return "-".join(map(str, facts))
        known = self._digests.get(path)
        if known is None or known[0] != facts:
            known = self._digests[path] = (facts, _digest(Path(file)))
        return known[1]


def _followed(entry: os.DirEntry[str], root: str, above: Collection[str]) -> str | None:
    """Where an entry leads; None for a link to nothing, out of the root, or back to a folder that it lies in."""
    if not entry.is_symlink():
        return entry.path
    try:
        real = os.path.realpath(entry.path, strict=True)
    except OSError as error:
        if error.errno in {ENOENT, ELOOP}:
            return None
        raise
    return real if real not in above and Path(real).is_relative_to(root) else None


def _unreadable(path: str, error: OSError) -> StoredObject:
    """What stands for a file or folder that the disk does not let us read: the version that it is part of cannot be loaded."""
    return StoredObject(path, 0, f"{_UNREADABLE}: {error.strerror}", 0.0)


def _facts(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


def _new_digest() -> "blake2b":
    from hashlib import blake2b  # here, for packed models are not read, and it brings OpenSSL

    return blake2b(digest_size=16)


def _digest(file: Path) -> str:
    digest = _new_digest()
    with file.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _copy(source: Path, target: Path) -> str:
    """Copy one file and return the digest of the bytes that were written."""
    digest = _new_digest()
    with source.open("rb", buffering=0) as read, target.open("wb") as write:
        while block := read.read(_BLOCK):
            digest.update(block)
            write.write(block)
    target.chmod(S_IMODE(source.stat().st_mode))
    return digest.hexdigest()
