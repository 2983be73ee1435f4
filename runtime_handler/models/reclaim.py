"""Gives the memory of unloaded models back to the operating system, which the C library's allocator does not by itself.

Measured with 23 MB ONNX models: of twenty deleted ones more than 600 MB stayed; `malloc_trim` left 61 MB. It takes
milliseconds, so it runs beside the requests, and only when enough was freed to be worth it: before the next load, which
would otherwise take its memory beside what was freed, and after. A full garbage collection stops every thread for tens of
milliseconds: it runs only when an unloaded model is seen to be alive, tied into a cycle.
"""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

_WORTH = 8 << 20

_LEAST = 4 << 10
"""Bytes that any model counts as, or notes of models without size would pile up."""


class Reclaimer:
    """Hears of models that were let go of; `run`, called between loads, trims when their bytes have become many."""

    def __init__(self) -> None:
        self._bytes = 0
        self._values: list[weakref.ref[Any]] = []
        self._lock = threading.Lock()

    def freed(self, value: object, size: int) -> None:
        """Note that a loaded model of `size` bytes was let go of."""
        self._bytes += max(size, _LEAST)  # a lost update costs a late trim
        self._values.extend(_references(value))

    def read(self, size: int) -> None:
        """Note that a loader read files of `size` bytes: what it made of them meanwhile, such as parsed text, is free by now."""
        self._bytes += size

    def run(self) -> None:
        """Collect and trim, if it is worth it; whoever else is at it is waited for."""
        if self._bytes < _WORTH:
            return
        with self._lock:
            if self._bytes < _WORTH:
                return
            values, self._values, self._bytes = self._values, [], 0
            if any(reference() is not None for reference in values):
                gc.collect()
            _trim()


def _trim() -> None:
    import ctypes  # here, for a Lambda function with one model never unloads any

    with suppress(AttributeError, OSError):  # musl and macOS have none
        ctypes.CDLL(None).malloc_trim(0)


def _references(value: object) -> Iterator[weakref.ref[Any]]:
    """Weak references to a value, or to some of what a plain container holds: loaders like to return dictionaries."""
    parts: list[object] = [value]
    if isinstance(value, (dict, list, tuple)):
        parts = list(islice(value.values() if isinstance(value, dict) else value, 100))
    for part in parts:
        with suppress(TypeError):  # numbers, strings, containers
            yield weakref.ref(part)
