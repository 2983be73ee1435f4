"""A folder of the local disk as a source of models, live or packed into the image."""

import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from runtime_handler.models.source import SourceChanged, SourceError, SourceTooLarge, StoredObject

if TYPE_CHECKING:
    from hashlib import blake2b

_BLOCK = 1 << 20


class LocalSource:
    """The files below `root`. A live folder's ETags are digests of the bytes, so that a `touch` changes nothing.

    `packed` says that the files never change: they are not read to be listed, and models are loaded from the folder
    itself. Links that lead out of the root are not followed; a link as the root, such as `current -> v2`, is.
    """

    def __init__(self, root: Path, *, packed: bool = False) -> None:
        self._root = root
        self._packed = packed
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}
        self._lock = threading.Lock()
        self.in_place = root if packed else None

    def __str__(self) -> str:
        return str(self._root)

    def list(self, at_most: int | None = None) -> Sequence[StoredObject]:
        """Every regular file below the root. Raises SourceError when the disk fails."""
        try:
            root = self._root.resolve()
            found = list(self._walk(root, root, "")) if root.is_dir() else []
        except OSError as error:
            raise SourceError(f"{self._root} cannot be listed: {error}") from error
        if at_most is not None and len(found) > at_most:
            raise SourceTooLarge(f"{self._root} holds more than {at_most} files")
        with self._lock:
            self._digests = {item.path: self._digests[item.path] for item in found if item.path in self._digests}
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
        return not os.path.lexists(self._root / path)

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

    def _walk(self, root: Path, folder: Path, prefix: str) -> Iterator[StoredObject]:
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = prefix + entry.name
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
                    continue
                try:
                    if entry.is_dir():
                        yield from self._walk(root, Path(entry.path), f"{path}/")
                    elif entry.is_file():
                        stat = entry.stat()
                        yield StoredObject(path, stat.st_size, self._etag(path, entry.path, stat), stat.st_mtime)
                except FileNotFoundError:
                    continue  # removed while we listed: the next listing shows it so

    def _etag(self, path: str, file: str, stat: os.stat_result) -> str:
        facts = _facts(stat)
        if self._packed:
            return "-".join(map(str, facts))
        known = self._digests.get(path)
        if known is None or known[0] != facts:
            known = self._digests[path] = (facts, _digest(Path(file)))
        return known[1]


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
