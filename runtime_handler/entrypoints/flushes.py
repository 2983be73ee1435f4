"""Writes metrics on a thread of its own: a pipe that nobody reads holds up whoever writes to it, and must hold up nobody else."""

import contextlib
import threading
import time
from collections.abc import Callable

PATIENCE_S = 1.0
"""How long the end of a process waits for its last metrics to be taken; for a supervisor it begins up to 28 s after SIGTERM."""


class Flushes:
    """One `flush` at a time; what comes while one is held up waits for the next."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start one, unless one is still under way."""
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._flush, name="flush", daemon=True)
            with contextlib.suppress(RuntimeError):  # the system has no room for one more thread now
                thread.start()
                self._thread = thread

    def end(self, patience_s: float = PATIENCE_S) -> None:
        """The last one: what is not taken after `patience_s` seconds is lost."""
        deadline = time.monotonic() + patience_s
        for _ in range(2):  # the one under way, and one that has everything
            self.begin()
            if self._thread is not None:
                self._thread.join(max(0.0, deadline - time.monotonic()))
