"""One version to load: which files, where they come from, and who may have to leave for it."""

from collections.abc import Collection
from math import ceil
from pathlib import Path
from typing import NamedTuple

from runtime_handler.models.catalog import Files
from runtime_handler.models.model import ModelId
from runtime_handler.models.records import Key
from runtime_handler.models.scan import Listed
from runtime_handler.models.source import Source, SourceChanged, SourceError

MEMORY_FACTOR = 1.3
"""Bytes in memory of a model, over its bytes on disk: what `cache_bytes` counts, unless a load was seen to take more."""


class Order(NamedTuple):
    """One version to load: which files, found in which listing (None: they must be on disk).

    Others make room for it, but those to `keep`, and none at all without `evict`; `wait_s` is how long it waits for room.
    `seen` are the bytes of memory that an earlier load was seen to take.
    """

    key: ModelId
    files: Files
    listed: Listed | None
    keep: Collection[ModelId] = ()
    wait_s: float = 0.0
    evict: bool = True
    seen: int = 0

    @property
    def name(self) -> Key:
        """What the disk tier calls it."""
        return self.key, self.files.fingerprint

    @property
    def size(self) -> int:
        """Bytes that it will take in memory."""
        return max(self.seen, ceil(self.files.bytes * MEMORY_FACTOR))

    @property
    def copied(self) -> bool:
        """Whether its files are loaded from the disk tier."""
        return self.listed is None or self.listed.in_place is None

    @property
    def in_place(self) -> Path | None:
        """The folder to load it from when its files need no copy."""
        place = self.listed.in_place if self.listed is not None else None
        return place / self.files.folder if place is not None else None

    def ask(self) -> None:
        """Hear from the source that it answers and still has the files: one request. Raises SourceChanged or SourceError."""
        source, folder = self._where()
        path = folder + self.files.objects[0].path
        if source.gone(path):
            raise SourceChanged(f"{source}{path} is gone")

    def fetch(self, target: Path) -> None:
        """Write the files below `target`. Raises what `Source.fetch` does."""
        source, folder = self._where()
        source.fetch(self.files.objects, folder, target)

    def _where(self) -> tuple[Source, str]:
        if self.listed is None:
            raise SourceError("its files are not on disk, and its source has not been listed yet")
        return self.listed.source, self.listed.folder + self.files.folder
