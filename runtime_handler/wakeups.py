"""Waking a thread or an event loop by a file descriptor, which lets go of the interpreter's lock while it wakes.

Python's own locks and queues wake a thread while their caller still holds that lock: the thread starts, waits for the lock,
and is woken again. A write to a file descriptor lets go first.
"""

import contextlib
import os


class Wakeups:
    """Wake-ups that wait until somebody takes them: an eventfd, or a pipe where the system has none.

    With `each`, `take` blocks until there is a wake-up and takes one; without, it takes all there are and never blocks.
    """

    def __init__(self, *, each: bool) -> None:
        self._each = each
        if hasattr(os, "eventfd"):
            self.fileno = self._writer = os.eventfd(0, os.EFD_CLOEXEC | (os.EFD_SEMAPHORE if each else os.EFD_NONBLOCK))
        else:
            self.fileno, self._writer = os.pipe()
            os.set_blocking(self.fileno, each)

    def give(self, count: int = 1) -> None:
        """Wake `count` times."""
        if self.fileno == self._writer:
            os.eventfd_write(self._writer, count)
        else:
            os.write(self._writer, b"." * count)

    def take(self) -> None:
        """See the class."""
        with contextlib.suppress(BlockingIOError):
            if self.fileno == self._writer:
                os.eventfd_read(self.fileno)
            else:
                os.read(self.fileno, 1 if self._each else 4096)

    def __del__(self) -> None:
        # Only now that nobody has them any more: a number that is used after its close may be a caller's connection by then.
        with contextlib.suppress(AttributeError):  # the system had none
            for descriptor in {self.fileno, self._writer}:
                os.close(descriptor)
