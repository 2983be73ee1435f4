"""What models take in memory: more than their files say, where a load was seen to take more.

A load is measured by how the process grows while the loader runs. Other loads beside it, and requests that allocate, would be
taken for a part of it; so loads that overlap tell nothing, and of several loads of the same files the least counts. Memory
that was free within the process hides a part: so a load never counts less than the estimate from its files.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime_handler.models.model import ModelId

WEIGHTY = 16 << 20
"""Bytes of files from which on memory matters: it is measured, and looked at before it runs out."""


class Footprints:
    """What the loads of large models were seen to take, in bytes, by version. `resident` tells what the process takes now."""

    def __init__(self, resident: Callable[[], int]) -> None:
        self._resident = resident
        self._seen: dict[ModelId, tuple[str, int]] = {}
        self._lock = threading.Lock()
        self._running = self._begun = 0
        self._least: int | None = None

    def seen(self, key: ModelId, fingerprint: str) -> int:
        """The least that a load of these files was seen to take; 0 when none was."""
        known, took = self._seen.get(key, ("", 0))
        return took if known == fingerprint else 0

    @contextmanager
    def measured(self, key: ModelId, fingerprint: str, size: int) -> Iterator[None]:
        """Around a call of the loader for files of `size` bytes; what raises tells nothing."""
        with self._lock:
            self._running, self._begun = self._running + 1, self._begun + 1
            alone, number = self._running == 1, self._begun
        before = self._resident() if size >= WEIGHTY else 0
        if size >= WEIGHTY:
            self._least = before if self._least is None else min(self._least, before)
        try:
            yield
            if size >= WEIGHTY and alone and number == self._begun:
                took, seen = self._resident() - before, self.seen(key, fingerprint)
                self._seen[key] = fingerprint, min(took, seen) if seen else took
        finally:
            with self._lock:
                self._running -= 1

    def grown(self) -> int:
        """How much more the process takes now than it took before a load when that was least."""
        return self._resident() - self._least if self._least is not None else 0

    def forget(self, key: ModelId) -> None:
        """Drop what is known of a version that is gone."""
        self._seen.pop(key, None)
