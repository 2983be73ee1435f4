"""The disk tier: which model versions are on disk, and who is let in. Its limits hold at every instant, downloads counted.

Room for a version is reserved before its download begins. It is freed by the versions that were used the longest ago, of
those that are neither in memory nor being loaded.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runtime_handler.errors import NoCapacity
from runtime_handler.models.catalog import Files
from runtime_handler.models.limits import Limits
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.model import ModelId, TierStatus
from runtime_handler.models.recency import Recency, next_use
from runtime_handler.models.records import Key
from runtime_handler.models.store import Store


class Entry:
    """One version on disk. `users` counts loads that read it now."""

    __slots__ = ("files", "folder", "touched", "users")

    def __init__(self, folder: Path, files: Files, users: int = 0) -> None:
        self.folder = folder
        self.files = files
        self.users = users
        self.touched = next_use()


class DiskTier:
    """The versions in the store; those that are in `memory` are not evicted, and uses there count here."""

    def __init__(self, store: Store, limit: int | None, budget: int | None, memory: MemoryTier) -> None:
        self.limits = Limits(limit, budget, setting="disk_cache_bytes")
        self._store, self._memory = store, memory
        self._entries: dict[Key, Entry] = {}
        self._contents: dict[ModelId, set[str]] = {}
        self._order: Recency[Key] = Recency(self._touched)
        self._fetching: dict[Key, int] = {}
        self._lock = threading.RLock()

    def open(self) -> None:
        """Take stock: keep what is whole, and evict down to the limits. Raises OSError."""
        for stored in self._store.enter():
            self._add(stored.name, Entry(stored.folder, stored.files))
            if stored.used is not None:
                self._memory.past.remember(stored.name[0], stored.used)
        with self._lock:
            self._make_room(0, 0)

    def close(self) -> None:
        """Leave the store to others."""
        self.note_uses()
        self._store.leave()

    def note_uses(self) -> None:
        """Write down when each version was last used, for the next start."""
        with self._lock:
            for name in self._entries:
                if (used := self._memory.last_use(name[0])[1]) is not None:
                    self._store.note_use(name, used)

    def entries(self) -> dict[Key, Files]:
        """What is on disk."""
        with self._lock:
            return {key: entry.files for key, entry in self._entries.items()}

    def has(self, key: Key) -> bool:
        """Whether a version is on disk."""
        return key in self._entries

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

    def drop(self, key: ModelId, *, besides: Collection[str] = ()) -> None:
        """Remove a version's files, but for those with the fingerprints `besides`; see `discard`."""
        with self._lock:
            for fingerprint in self._contents.get(key, set()).difference(besides):
                self.discard((key, fingerprint))

    def discard(self, name: Key) -> None:
        """Remove files that nobody is loading. Open ones stay readable; what the disk does not let us remove goes on counting."""
        with self._lock:
            if name in self._entries and self._entries[name].users == 0:
                with suppress(OSError):
                    self._remove(name)

    def status(self) -> TierStatus:
        """How full the tier is, downloads in flight counted."""
        with self._lock:
            used = len(self._entries) + len(self._fetching)
            return TierStatus(used=used, limit=self.limits.models, bytes=self._bytes(), budget=self.limits.bytes)

    def _hold(self, name: Key) -> Entry | None:
        with self._lock:
            entry = self._entries.get(name)
            if entry is not None and not entry.folder.is_dir():  # somebody cleaned up
                with suppress(OSError):
                    self._store.remove(name)
                self._forget(name)
                return None
            if entry is not None:
                entry.users += 1
                entry.touched = next_use()
            return entry

    def _fetch(self, name: Key, files: Files, fetch: Callable[[Path], None], ask: Callable[[], None]) -> Entry:
        self._reserve(name, files.bytes, ask)
        try:
            folder = self._store.fetch(name, files, fetch)
            with self._lock:
                del self._fetching[name]
                return self._add(name, Entry(folder, files, users=1))
        finally:
            with self._lock:
                self._fetching.pop(name, None)

    def _reserve(self, name: Key, size: int, ask: Callable[[], None]) -> None:
        self.limits.admit(size)
        with self._lock:
            if self._fits(1, size):
                self._fetching[name] = size
                return
        ask()  # without the lock: it goes over the network
        with self._lock:
            if not self._make_room(1, size):
                raise NoCapacity("the disk cache is full of models that are in memory, or that are being loaded")
            self._fetching[name] = size

    def _fits(self, more: int, size: int) -> bool:
        models = len(self._entries) + len(self._fetching) + more
        return self.limits.allow(models=models, size=self._bytes() + size)

    def _bytes(self) -> int:
        return sum(entry.files.bytes for entry in self._entries.values()) + sum(self._fetching.values())

    def _make_room(self, more: int, size: int) -> bool:
        """Remove as few versions as are needed, least recently used first; none when that would not be enough.

        Raises OSError; then some may have been removed.
        """
        chosen: list[Key] = []
        try:
            while not self._fits(more, size):
                name = self._order.take(self._is_free)
                if name is None:
                    return False
                chosen.append(name)
                more, size = more - 1, size - self._entries[name].files.bytes
            while chosen:
                self._remove(chosen[0])
                del chosen[0]
            return True
        finally:
            for name in chosen:  # that were not removed
                self._order.add(name)

    def _is_free(self, name: Key) -> bool:
        return self._entries[name].users == 0 and not self._memory.holds(*name)

    def _touched(self, name: Key) -> int | None:
        entry = self._entries.get(name)
        return max(entry.touched, self._memory.last_use(name[0])[0]) if entry is not None else None

    def _add(self, name: Key, entry: Entry) -> Entry:
        self._entries[name] = entry
        self._contents.setdefault(name[0], set()).add(name[1])
        self._order.add(name)
        return entry

    def _remove(self, name: Key) -> None:
        """Raises OSError; then it is still there."""
        self._store.remove(name)
        self._forget(name)

    def _forget(self, name: Key) -> None:
        del self._entries[name]
        self._contents[name[0]].discard(name[1])
        if not self._contents[name[0]]:
            del self._contents[name[0]]
