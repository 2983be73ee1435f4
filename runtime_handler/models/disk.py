"""The disk tier: one folder per model version that holds exactly its objects, whole or not at all.

A version is written to a staging folder, synced, and renamed to `<name>/<version>/<fingerprint>`; a record beside it,
written last, says that it is whole. After a crash, what has no record or does not match it is removed at the next start;
so only the files' bytes need to be on the disk before the record: folders and records may be lost, and are fetched again.
Several processes may share the folder: a lock file per fetch keeps them from downloading the same version twice.

The models' folders and our bookkeeping, in `.cxpack`, are all that is ever touched below the tier's folder.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime_handler.errors import NoCapacity
from runtime_handler.models import records
from runtime_handler.models.catalog import Files
from runtime_handler.models.memory import MemoryTier, next_use
from runtime_handler.models.model import ModelId, TierStatus
from runtime_handler.models.recency import Recency
from runtime_handler.models.records import Key
from runtime_handler.models.users import Users


class Entry:
    """One version on disk. `users` counts loads that read it now."""

    __slots__ = ("files", "folder", "touched", "users")

    def __init__(self, folder: Path, files: Files, users: int = 0) -> None:
        self.folder = folder
        self.files = files
        self.users = users
        self.touched = next_use()


class DiskTier:
    """The versions on disk; those that are in `memory` are not evicted, and uses there count here.

    `scans` is a folder for what the processes that share the tier tell each other of the store.
    """

    def __init__(self, root: Path, limit: int | None, budget: int | None, memory: MemoryTier) -> None:
        self._root, self._limit, self.budget, self._memory = root, limit, budget, memory
        self._ours = [root / ".cxpack" / name for name in ("records", "staging", "locks", "scans")]
        self._records, self._staging, self._locks, self.scans = self._ours
        self._entries: dict[Key, Entry] = {}
        self._contents: dict[ModelId, set[str]] = {}
        self._order: Recency[Key] = Recency(self._touched)
        self._fetching: dict[Key, int] = {}
        self._lock = threading.RLock()
        self._users = Users(self._locks / "users")

    def open(self) -> None:
        """Take stock: keep what is whole, remove what a crash left, evict down to the limits. Raises OSError."""
        alone = self._enter()
        self._take_stock(alone)
        self._users.stay()
        with self._lock:
            while not self._fits(0, 0) and self._evict_one():
                pass

    def close(self) -> None:
        """Leave the folder to others."""
        self.note_uses()
        self._users.leave()

    def note_uses(self) -> None:
        """Write down when each version was last used, for the next start."""
        with self._lock, suppress(OSError):  # a note may be lost: it decides nothing but who leaves first
            for name in self._entries:
                if (used := self._memory.last_use(name[0])[1]) is not None:
                    records.note_use(self._record(name), used)

    def entries(self) -> dict[Key, Files]:
        """What is on disk."""
        with self._lock:
            return {key: entry.files for key, entry in self._entries.items()}

    def has(self, key: Key) -> bool:
        """Whether a version is on disk."""
        return key in self._entries

    def admit(self, size: int) -> None:
        """Raises NoCapacity when a version of `size` bytes can never fit."""
        if self.budget is not None and size > self.budget:
            raise NoCapacity(f"the model takes {size} bytes, more than the disk_cache_bytes of {self.budget}", retry_after=600)

    @contextmanager
    def version(
        self, key: ModelId, files: Files, fetch: Callable[[Path], None], ask: Callable[[], None] = lambda: None
    ) -> Iterator[Path]:
        """The folder of a version, fetched when it is not there; it is not evicted inside the `with`.

        `ask` is called before others are removed for it, and `fetch` with an empty folder to fill.

        Raises NoCapacity, OSError, and what `ask` and `fetch` raise.
        """
        name = (key, files.fingerprint)
        entry = self._hold(name)
        if entry is None:
            entry = self._fetch(name, files, fetch, ask)
        try:
            yield entry.folder
        finally:
            with self._lock:
                entry.users -= 1

    def drop(self, key: ModelId, *, besides: str | None = None) -> None:
        """Remove a version's files, but for the fingerprint `besides`. Open files stay readable."""
        with self._lock:
            for fingerprint in self._contents.get(key, set()) - {besides}:
                if self._entries[key, fingerprint].users == 0:
                    self._remove((key, fingerprint))

    def status(self) -> TierStatus:
        """How full the tier is, downloads in flight counted."""
        with self._lock:
            return TierStatus(used=len(self._entries) + len(self._fetching), limit=self._limit)

    def _enter(self) -> bool:
        """Make the folders and become one of their users; whether the only one."""
        for folder in self._ours:
            folder.mkdir(parents=True, exist_ok=True)
        return self._users.enter()

    def _hold(self, name: Key) -> Entry | None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is not None and not entry.folder.is_dir():  # somebody cleaned up
                self._remove(name)
                return None
            if entry is not None:
                entry.users += 1
                entry.touched = next_use()
            return entry

    def _fetch(self, name: Key, files: Files, fetch: Callable[[Path], None], ask: Callable[[], None]) -> Entry:
        self._reserve(name, files.bytes, ask)
        try:
            with self._lock:
                if not self._staging.is_dir():  # somebody cleaned up, and took our place with the files
                    self._enter()
                    self._users.stay()
            with records.exclusive(self._locks / records.digest(name)[:3]):
                folder = self._folder(name)
                if not records.is_whole(folder, files) or not self._record(name).is_file():
                    self._fill(name, folder, files, fetch)
            with self._lock:
                del self._fetching[name]
                return self._add(name, Entry(folder, files, users=1))
        finally:
            with self._lock:
                self._fetching.pop(name, None)

    def _fill(self, name: Key, folder: Path, files: Files, fetch: Callable[[Path], None]) -> None:
        staging = self._staging / os.urandom(8).hex()
        record = staging.with_suffix(".json")
        staging.mkdir()
        try:
            fetch(staging)
            records.sync_files(staging)
            record.write_text(records.dump_record(name, files))  # now, for it may be what the disk has no room for
            self._record(name).unlink(missing_ok=True)
            records.remove_tree(folder)
            folder.parent.mkdir(parents=True, exist_ok=True)
            staging.rename(folder)
            record.rename(self._record(name))
        finally:
            record.unlink(missing_ok=True)
            records.remove_tree(staging)

    def _reserve(self, name: Key, size: int, ask: Callable[[], None]) -> None:
        self.admit(size)
        with self._lock:
            if self._fits(1, size):
                self._fetching[name] = size
                return
        ask()  # without the lock: it goes over the network
        with self._lock:
            while not self._fits(1, size):
                if not self._evict_one():
                    raise NoCapacity("the disk cache is full of models that are in memory, or that are being loaded")
            self._fetching[name] = size

    def _fits(self, more: int, size: int) -> bool:
        if self._limit is not None and len(self._entries) + len(self._fetching) + more > self._limit:
            return False
        if self.budget is None:
            return True
        used = sum(entry.files.bytes for entry in self._entries.values()) + sum(self._fetching.values())
        return used + size <= self.budget

    def _evict_one(self) -> bool:
        name = self._order.take(lambda name: self._entries[name].users == 0 and not self._memory.holds(*name))
        if name is not None:
            self._remove(name)
        return name is not None

    def _touched(self, name: Key) -> int | None:
        entry = self._entries.get(name)
        return max(entry.touched, self._memory.last_use(name[0])[0]) if entry is not None else None

    def _add(self, name: Key, entry: Entry) -> Entry:
        self._entries[name] = entry
        self._contents.setdefault(name[0], set()).add(name[1])
        self._order.add(name)
        return entry

    def _remove(self, name: Key) -> None:
        entry = self._entries.pop(name)
        self._contents[name[0]].discard(name[1])
        if not self._contents[name[0]]:
            del self._contents[name[0]]
        records.remove_record(self._record(name))
        trash = self._staging / os.urandom(8).hex()
        try:
            entry.folder.rename(trash)
        except FileNotFoundError:
            return
        records.remove_tree(trash)
        for parent in (entry.folder.parent, entry.folder.parent.parent):
            try:
                parent.rmdir()
            except OSError:
                break  # other versions are in it

    def _take_stock(self, alone: bool) -> None:
        for record in records.in_order_of_use(self._records):
            name = self._add_whole(record)
            if name is not None and (used := records.last_use(record)) is not None:
                self._memory.remember(name[0], used)
            elif name is None and alone:
                records.remove_record(record)
        if alone:
            known = {entry.folder for entry in self._entries.values()}
            records.remove_leftovers(self._root, (self._staging, self.scans), known)

    def _add_whole(self, record: Path) -> Key | None:
        try:
            name, files = records.load_record(record.read_text())
        except (OSError, ValueError):
            return None
        if record != self._record(name) or not records.is_whole(self._folder(name), files):
            return None
        self._add(name, Entry(self._folder(name), files))
        return name

    def _folder(self, name: Key) -> Path:
        return self._root / name[0].name / str(name[0].version) / name[1]

    def _record(self, name: Key) -> Path:
        return self._records / f"{records.digest(name)}.json"
