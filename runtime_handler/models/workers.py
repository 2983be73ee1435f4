"""Threads that load models beside the requests, which they do not interrupt, and never keep the process from ending."""

import logging
import queue
import threading
from collections.abc import Callable

from runtime_handler.scheduling import give_way

log = logging.getLogger("cxpack.models")

Job = Callable[[], None]


class Workers:
    """At most `count` daemon threads, started when there is work. A job that raises is our fault, logged, and survived."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()

    def submit(self, job: Job) -> None:
        """Run `job` on one of the threads."""
        with self._lock:
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._count:
                thread = threading.Thread(target=self._run, name=f"models-load-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._jobs.put(job)

    def close(self) -> None:
        """Let the threads end when they have done what they do; nobody waits for them."""
        for _ in self._threads:
            self._jobs.put(None)

    def _run(self) -> None:
        give_way()
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # a load that could kill its thread would stop all loads after it
                log.exception("a model load ended unexpectedly")
            del job  # it holds the model that it loaded
            self._idle.release()


class Inline:
    """Runs jobs at once, in the caller's thread: for whoever steps the manager by hand."""

    def submit(self, job: Job) -> None:
        """Run `job`."""
        job()

    def close(self) -> None:
        """There is nothing to end."""
