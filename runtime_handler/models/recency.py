"""Which of many keys was used the longest ago, where a use must cost nothing: uses raise a number that is read only here."""

from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

Key = TypeVar("Key")

next_use = count().__next__
"""Numbers uses in their order, in both tiers; a clock may not tell two of them apart."""


class Recency(Generic[Key]):
    """Keys, in a heap by the number of the last use that was seen; a key that was used since sinks when it is looked at.

    So finding one of n keys takes some log n steps, not n, and the order is exact. Keys that went without notice are looked
    for when all have doubled, so that few of them are kept. For one thread at a time.
    """

    def __init__(self, last_use: Callable[[Key], int | None], *, spare: int = 64) -> None:
        """`last_use` tells the number of a key's last use, higher ones being later; None when there is no such key any more.

        The next look for keys that are gone comes when there are `spare` more than twice those that the last one left.
        """
        self._last_use, self._spare = last_use, spare
        self._most = spare
        self._heap: list[tuple[int, Key]] = []
        self._known: set[Key] = set()
        self._new: list[Key] = []

    def add(self, key: Key) -> None:
        """Take in a key, if it is new."""
        if key not in self._known:
            if len(self._known) >= self._most:
                self._forget_gone()
            self._known.add(key)
            self._new.append(key)

    def take(self, free: Callable[[Key], bool]) -> Key | None:
        """Of the keys that are `free` the one that was used the longest ago, taken out; None when none is."""
        from heapq import heapify, heappop, heappush, heapreplace  # here: where nothing is limited, nobody has to leave

        for key in self._new:
            heappush(self._heap, (-1, key))
        self._new.clear()
        passed: list[tuple[int, Key]] = []
        found = None
        while self._heap:
            noted, key = self._heap[0]
            used = self._last_use(key)
            if used is not None and used != noted:
                heapreplace(self._heap, (used, key))
                continue
            heappop(self._heap)
            if used is None:
                self._known.remove(key)
            elif free(key):
                self._known.remove(key)
                found = key
                break
            else:
                passed.append((noted, key))
        if passed:
            self._heap += passed
            heapify(self._heap)
        return found

    def _forget_gone(self) -> None:
        self._known = {key for key in self._known if self._last_use(key) is not None}
        self._new = [key for key in self._new if key in self._known]
        self._heap = sorted(noted for noted in self._heap if noted[1] in self._known)  # in order, it is a heap
        self._most = 2 * len(self._known) + self._spare
