"""A folder of the disk that holds model versions, each with exactly its objects, whole or not at all.

A version is written to a staging folder, synced, and renamed to `<name>/<version>/<fingerprint>`; a record beside it,
written last, says that it is whole. After a crash, what has no record or does not match it is removed at the next start;
so only the files' bytes need to be on the disk before the record: folders and records may be lost, and are fetched again.
Several processes may share the folder: a lock file per fetch keeps them from downloading the same version twice.

Equal files of two versions are stored twice. Hard links would share them, but a loader may write to the files that it is given
(numpy.memmap opens them for writing unless told otherwise), and would write into the other version, which nobody notices.

The models' folders and our bookkeeping, in `.cxpack`, are all that is ever touched below the folder.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runtime_handler.models import records
from runtime_handler.models.catalog import Files
from runtime_handler.models.records import Key
from runtime_handler.models.users import Users


class Stored(NamedTuple):
    """A version that is whole, where it is, and when it was last used: Unix seconds, None for never."""

    name: Key
    files: Files
    folder: Path
    used: float | None


class Store:
    """The folder `root`, and this process as one of its users.

    `scans` is a folder in it for what its users tell each other of where the models come from.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._ours = [root / ".cxpack" / name for name in ("records", "staging", "locks", "scans")]
        self._records, self._staging, self._locks, self.scans = self._ours
        self._users, self._moves = Users(self._locks / "users"), self._locks / "moves"
        self._lock = threading.Lock()

    def enter(self) -> list[Stored]:
        """Become a user. Returns what is whole, the least recently used first.

        What a crash left is removed, unless others use the folder. Raises OSError.
        """
        alone = self._join()
        found = []
        for record in records.in_order_of_use(self._records):
            stored = self._read(record)
            if stored is not None:
                found.append(stored)
            elif alone:
                records.remove_record(record)
        if alone:
            records.remove_lone_notes(self._records)
            records.remove_leftovers(self._root, (self._staging, self.scans), {stored.folder for stored in found})
        self._users.stay()
        return found

    def leave(self) -> None:
        """Leave the folder to others."""
        self._users.leave()

    def fetch(self, name: Key, files: Files, fetch: Callable[[Path], None]) -> Path:
        """The folder of a version; `fetch` fills an empty one when it is not there. Raises OSError and what `fetch` raises."""
        with self._lock:
            if not all(folder.is_dir() for folder in self._ours):  # somebody cleaned up, and took our place with the files
                self._join()
                self._users.stay()
        folder, record = self._folder(name), self._record(name)
        with records.exclusive(self._locks / record.name[:3]):
            if not (records.is_whole(folder, files) and record.is_file()):
                self._fill(folder, record, fetch, records.dump_record(name, files))
        return folder

    def remove(self, name: Key) -> None:
        """Remove a version's files. Open ones stay readable."""
        records.remove_record(self._record(name))
        folder, trash = self._folder(name), self._staging / os.urandom(8).hex()
        try:
            with records.exclusive(self._moves):
                folder.rename(trash)
                with suppress(OSError):  # other versions are in it
                    folder.parent.rmdir()
                    folder.parent.parent.rmdir()
        except FileNotFoundError:
            return
        records.remove_tree(trash)

    def note_use(self, name: Key, at: float) -> None:
        """Write down when a version was last used, Unix seconds, for the next start."""
        with suppress(OSError):  # a note may be lost: it decides nothing but who leaves first
            records.note_use(self._record(name), at)

    def _join(self) -> bool:
        """Make the folders and become one of their users; whether the only one."""
        for folder in self._ours:
            folder.mkdir(parents=True, exist_ok=True)
        return self._users.enter()

    def _fill(self, folder: Path, record: Path, fetch: Callable[[Path], None], facts: str) -> None:
        staging = self._staging / os.urandom(8).hex()
        written = staging.with_suffix(".json")
        staging.mkdir()
        try:
            fetch(staging)
            records.sync_files(staging)
            written.write_text(facts)  # now, for it may be what the disk has no room for
            record.unlink(missing_ok=True)
            records.remove_tree(folder)
            with records.exclusive(self._moves):  # or the removal of another version might take the folder's parent
                folder.parent.mkdir(parents=True, exist_ok=True)
                staging.rename(folder)
            written.rename(record)
        except BaseException:
            written.unlink(missing_ok=True)
            records.remove_tree(staging)
            raise

    def _read(self, record: Path) -> Stored | None:
        try:
            name, files = records.load_record(record.read_text())
        except (OSError, ValueError):
            return None
        folder = self._folder(name)
        if record != self._record(name) or not records.is_whole(folder, files):
            return None
        return Stored(name, files, folder, records.last_use(record))

    def _folder(self, name: Key) -> Path:
        return self._root / name[0].name / str(name[0].version) / name[1]

    def _record(self, name: Key) -> Path:
        return self._records / f"{records.digest(name)}.json"
