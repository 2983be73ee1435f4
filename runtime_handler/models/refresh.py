"""Who calls `Manager.tick`: a thread on servers; on Lambda, where threads freeze between requests, the next request."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from runtime_handler.scheduling import give_way

_LEAST_S = 0.05
"""Before a look: the models' clock is the wall clock, which may stand still while ours goes on."""


class Ticks(Protocol):
    """What is stepped: a Manager."""

    def tick(self, *, wait: bool = True) -> float:
        """One refresh step; with `wait`, to the end of the loads that it started. How many seconds ago its scan began."""

    def settles_in(self) -> float | None:
        """Seconds until a look between two scans may find that files have settled; None: there is nothing to look for."""

    def look_again(self, *, patience_s: float, wait: bool = True) -> None:
        """That look, which begins no request after `patience_s` seconds."""


class ThreadRefresh:
    """Ticks every `poll_s` seconds, from the start of one scan to the start of the next, until closed.

    A scan that takes longer is followed at once by the next; two never overlap. New files that may settle before the next
    scan are looked at in between, which costs a request for their model and leaves the times of the scans as they are.
    """

    def __init__(self, manager: Ticks, poll_s: float) -> None:
        self._manager, self._poll_s = manager, poll_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="models-refresh", daemon=True)

    def start(self) -> None:
        """Begin; the first tick comes one interval from now, because `Manager.start` has just scanned."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the tick that may be running, without waiting for it."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; whether it has."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        give_way()
        due = time.monotonic() + self._poll_s
        while True:
            left, settles = due - time.monotonic(), self._manager.settles_in()
            look = settles is not None and settles < left
            if self._stop.wait(max(settles or 0.0, _LEAST_S) if look else max(left, 0.0)):
                return
            if look:
                self._manager.look_again(patience_s=due - time.monotonic(), wait=False)
            else:
                age = self._manager.tick(wait=False)  # a slow load does not hide what happens to other models
                due = time.monotonic() - age + self._poll_s


class RequestRefresh:
    """Ticks at the start of a request when `poll_s` seconds have passed since the last tick began.

    The tick runs beside the request, on a thread of its own, and a request waits for it at most `patience_s`: it may
    see what changed, and never waits for a slow store. A tick that a freeze interrupted goes on with the next request.
    """

    def __init__(self, manager: Ticks, poll_s: float, patience_s: float = 0.015, clock: Callable[[], float] = time.time) -> None:
        self._manager, self._poll_s, self._patience_s, self._clock = manager, poll_s, patience_s, clock
        self._started = clock()
        self._thread: threading.Thread | None = None

    def before_request(self) -> None:
        """Call at the start of each invocation, from one thread."""
        now = self._clock()
        running = self._thread is not None and self._thread.is_alive()
        if not running and not 0 <= now - self._started < self._poll_s:  # a clock set back is due, too
            self._started, running = now, True
            self._thread = threading.Thread(target=self._manager.tick, name="models-refresh", daemon=True)
            self._thread.start()
        if running and self._thread is not None:
            self._thread.join(self._patience_s)

    def join(self, timeout_s: float) -> bool:
        """Wait for the tick that may be running; whether it has ended."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()
