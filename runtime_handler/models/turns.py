"""Whose turn it is to call a loader: so many calls run side by side, and one that waits for another model lets others go on.

A loader may ask the client for a model that its own builds on. It does so inside its turn, which is then enough for both.
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
        if inside():
            yield
            return
        with self._free:
            _thread.inside = True
            try:
                yield
            finally:
                _thread.inside = False

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Whether `event` came within so many seconds; a turn of this thread is somebody else's meanwhile."""
        if not inside():
            return event.wait(seconds)
        self._free.release()
        try:
            return event.wait(seconds)
        finally:
            self._free.acquire()
