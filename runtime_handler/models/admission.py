"""The room that a load takes in both tiers, in the order in which the least is lost when its files cannot be fetched.

Room on disk comes first, and memory only when the files are there: a fetch that fails costs nobody a place in memory, and
at most one fetch's room on disk. Before anything is removed for files that have yet to be fetched, their source is asked
whether it answers, so that a store that is down costs nothing.

Models in memory stay on disk, so files can only come first while the disk has more room than memory: `disk_cache_size`
less `cache_size` loads at once, and the bytes by which the disk's budget is more than the files of a full memory. Others take
memory first, which frees their room on disk with it. Either way a load that has its place in memory finds one on disk.
"""

import math
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from runtime_handler.errors import NoCapacity
from runtime_handler.models.disk import DiskTier
from runtime_handler.models.lease import Lease
from runtime_handler.models.limits import Limits
from runtime_handler.models.memory import MemoryTier
from runtime_handler.models.order import MEMORY_FACTOR, Order


class Admission:
    """Lets loads into the two tiers; see the module."""

    def __init__(self, memory: MemoryTier, disk: DiskTier) -> None:
        self._memory, self._disk = memory, disk
        self._early = self._early_bytes = 0
        self._lock = threading.Lock()

    @contextmanager
    def room(self, order: Order, waiting: Collection[Lease]) -> Iterator[tuple[Path, int]]:
        """The folder of a version's files, fetched if need be, and the ticket of its slot in memory.

        The slot is given back at the end, unless the model was installed. `waiting` are the requests that the load is for.

        Raises NoCapacity, OSError, SourceChanged and SourceError.
        """
        if (folder := order.in_place) is not None:
            self._memory.limits.admit(order.size)
            with self._slot(order, waiting) as ticket:
                yield folder, ticket
            return
        self._disk.limits.admit(order.files.bytes)
        self._memory.limits.admit(order.size)
        ask = cache(order.ask)  # at most one request, however much has to go
        with ExitStack() as held:
            with self._files_first(order.files.bytes) as first:
                folder = self._folder_beside_memory(order, ask, held) if first else None
                if folder is None and not self._memory.has_room(order.size) and not self._disk.has(order.name):
                    ask()
                ticket = held.enter_context(self._slot(order, waiting))
            if folder is None:
                folder = held.enter_context(self._disk.version(order.key, order.files, order.fetch, ask))
            yield folder, ticket

    @contextmanager
    def _files_first(self, size: int) -> Iterator[bool]:
        """Whether files of `size` bytes may be fetched before there is a place in memory; they take spare room until then."""
        with self._lock:
            places, room = _spare(self._memory.limits, self._disk.limits)
            first = self._early < places and self._early_bytes + size <= room
            if first:
                self._early, self._early_bytes = self._early + 1, self._early_bytes + size
        try:
            yield first
        finally:
            if first:
                with self._lock:
                    self._early, self._early_bytes = self._early - 1, self._early_bytes - size

    def _folder_beside_memory(self, order: Order, ask: Callable[[], None], held: ExitStack) -> Path | None:
        """The folder of the files, fetched without touching memory; None when models in memory take all bytes of the disk."""
        try:
            return held.enter_context(self._disk.version(order.key, order.files, order.fetch, ask))
        except NoCapacity:
            return None

    @contextmanager
    def _slot(self, order: Order, waiting: Collection[Lease]) -> Iterator[int]:
        ticket = self._reserve(order, waiting)
        try:
            yield ticket
        finally:
            self._memory.cancel(ticket)

    def _reserve(self, order: Order, waiting: Collection[Lease]) -> int:
        """A slot beside the copies that serve. When there is no room for it there, in the place of the files of before, or of the
        latest version for its successor.
        """
        if not order.evict:
            try:
                return self._memory.reserve(order.size, 0.0, evict=False)
            except NoCapacity as full:
                raise NoCapacity("the model does not fit beside the loaded ones") from full
        if self._memory.holds_beside(order.size, order.keep):
            return self._memory.reserve(order.size, order.wait_s, keep=order.keep, waiting=waiting)
        replaced = {order.key} if order.key in self._memory.table else {*order.keep}
        self._memory.give_way(replaced, order.size)
        kept = {*order.keep} - replaced
        return self._memory.reserve(order.size, max(order.wait_s, 1.0), keep=kept, waiting=waiting)


def _spare(memory: Limits, disk: Limits) -> tuple[float, float]:
    """Models, and bytes of files, that the disk has room for beside those of a full memory."""
    models = math.inf if disk.models is None else disk.models - (memory.models or disk.models)
    return models, math.inf if disk.bytes is None else disk.bytes - (memory.bytes or math.inf) / MEMORY_FACTOR
