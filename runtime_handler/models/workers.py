"""Threads that load models beside the requests, which they do not interrupt, and never keep the process from ending."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from runtime_handler.scheduling import give_way
from runtime_handler.wakeups import Wakeups

log = logging.getLogger("cxpack.models")

Job = Callable[[], None]


class Pool(Protocol):
    """Who runs jobs: `Workers` or `Inline`."""

    def submit(self, job: Job) -> None:
        """Run a job, now or soon. Raises RuntimeError when nothing can."""

    def close(self) -> None:
        """Take no more."""


class Workers:
    """At most `count` daemon threads, started when there is work. A job that raises is our fault, logged, and survived."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._jobs: deque[Job | None] = deque()
        self._wakeups = Wakeups(each=True)
        self._threads = 0
        self._unfinished = 0
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Run `job` on one of the threads. Raises RuntimeError when there is none and none can be started."""
        with self._lock:
            if self._threads < min(self._unfinished + 1, self._count):
                try:
                    threading.Thread(target=self._run, name=f"models-load-{self._threads}", daemon=True).start()
                    self._threads += 1
                except RuntimeError:
                    if not self._threads:
                        raise
            self._unfinished += 1
        self._jobs.append(job)
        self._wakeups.give()

    def close(self) -> None:
        """Let the threads end when they have done what they do; nobody waits for them."""
        with self._lock:
            self._jobs.extend([None] * self._threads)
            self._wakeups.give(self._threads)

    def _run(self) -> None:
        give_way()
        while (job := self._next()) is not None:
            try:
                job()
            except BaseException:  # a load that could kill its thread would stop all loads after it
                log.exception("a model load ended unexpectedly")
            del job  # it holds the model that it loaded
            with self._lock:
                self._unfinished -= 1

    def _next(self) -> Job | None:
        self._wakeups.take()
        return self._jobs.popleft()


class Inline:
    """Runs jobs at once, in the caller's thread: for who waits for the one job there is, or steps the manager by hand."""

    def submit(self, job: Job) -> None:
        """Run `job`."""
        job()

    def close(self) -> None:
        """There is nothing to end."""
