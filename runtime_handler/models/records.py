"""What lies beside a version's folder on disk: the record that it is whole, a note of its last use, a lock for its fetch."""

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any

from runtime_handler.models.catalog import Files
from runtime_handler.models.model import ModelId
from runtime_handler.models.source import StoredObject

Key = tuple[ModelId, str]
"""A version and the fingerprint of its files."""


def digest(key: Key) -> str:
    """A file name for a version, whatever its model is called."""
    import hashlib  # here, for packed models have no record

    return hashlib.sha256(json.dumps([*key[0], key[1]]).encode()).hexdigest()[:32]


def dump_record(key: Key, files: Files) -> str:
    """The text of a record."""
    facts = {"folder": files.folder, "fingerprint": files.fingerprint, "modified": files.modified, "objects": files.objects}
    return json.dumps({"name": key[0].name, "version": key[0].version, **facts})


def load_record(text: str) -> tuple[Key, Files]:
    """The version that a record speaks of. Raises ValueError when the text is none: a crash left half of one."""
    data: Any = json.loads(text)
    try:
        objects = tuple(StoredObject(*item) for item in data["objects"])
        files = Files(
            folder=data["folder"],
            objects=objects,
            fingerprint=data["fingerprint"],
            bytes=sum(item.size for item in objects),
            modified=data["modified"],
        )
        return (ModelId(data["name"], data["version"]), files.fingerprint), files
    except (KeyError, TypeError) as error:
        raise ValueError(f"no record: {error}") from error


def note_use(record: Path, at: float) -> None:
    """Write down beside a record when its version was last used, Unix seconds, unless a later use is known."""
    if (last_use(record) or 0.0) < at:
        note = record.with_suffix(".used")
        note.touch()
        os.utime(note, (at, at))


def last_use(record: Path) -> float | None:
    """What `note_use` wrote down; None when the version was never used."""
    try:
        return record.with_suffix(".used").stat().st_mtime
    except FileNotFoundError:
        return None


def in_order_of_use(records: Path) -> list[Path]:
    """The records in a folder, the least recently used or written first."""
    times: dict[Path, float] = {}
    for record in records.glob("*.json"):
        with suppress(FileNotFoundError):  # another process removed it meanwhile
            times[record] = last_use(record) or record.stat().st_mtime
    return sorted(times, key=times.__getitem__)


def remove_lone_notes(records: Path) -> None:
    """Remove the notes of uses in a folder that no record lies beside any more."""
    names = {file.name for file in records.iterdir()}
    for name in names:
        if name.endswith(".used") and name.removesuffix(".used") + ".json" not in names:
            (records / name).unlink(missing_ok=True)


def remove_leftovers(root: Path, passing: Iterable[Path], known: Collection[Path]) -> None:
    """Remove what a crash left: all that is in the `passing` folders, and versions' folders that are not `known`."""
    for leftover in chain.from_iterable(folder.iterdir() for folder in passing):
        remove_tree(leftover) if leftover.is_dir() else leftover.unlink()
    for folder in root.glob("*/*/*"):
        if folder.parts[len(root.parts)] != ".cxpack" and folder not in known:
            remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if folder.exists():
        import shutil  # here: it brings three compression libraries, and most starts find nothing to remove

        shutil.rmtree(folder, ignore_errors=True)


def remove_record(record: Path) -> None:
    """Remove a record and its note."""
    for file in (record, record.with_suffix(".used")):
        file.unlink(missing_ok=True)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Keep other processes out that take the same lock; the kernel lets go when this one dies."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # said aloud: a process that was forked meanwhile holds the same lock
        os.close(descriptor)


def is_whole(folder: Path, files: Files) -> bool:
    """Whether the folder holds exactly the version's objects, by name and size."""
    try:
        found = dict(_files(str(folder)))
    except OSError:
        return False
    return found == {item.path: item.size for item in files.objects}


def sync_files(folder: Path) -> None:
    """Have the bytes of every file below a folder on the disk."""
    for path, _ in _files(str(folder)):
        descriptor = os.open(folder / path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _files(folder: str, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Path and size of every file below a folder. Without pathlib: a start looks at all that is on the disk."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path, f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat().st_size
