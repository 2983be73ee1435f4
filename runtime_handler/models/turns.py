"""Whose turn it is to call a loader: so many calls run side by side.

A loader may ask the client for a model that its own builds on. Until it has that, its turn is somebody else's: the other
model's loader may need one, and so may those whose end gives the other model its place in memory.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_thread = threading.local()


def inside() -> bool:
    """Whether this thread is in a loader's call."""
    return getattr(_thread, "inside", False)


class Turns:
    """`at_once` calls run side by side."""

    def __init__(self, at_once: int) -> None:
        self._free = threading.Semaphore(at_once)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Inside the `with` it is this thread's turn."""
        with self._free:
            _thread.inside = True
            try:
                yield
            finally:
                _thread.inside = False

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Inside the `with` a turn that this thread has is somebody else's."""
        if not inside():
            yield
            return
        _thread.inside = False
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()
            _thread.inside = True
