"""Which requests share a call of `predict`: those that wait when a thread is free, and those that come soon after.

A request that comes alone runs at once. Only when the last batch had company, so under load, the next one waits for
more, `batch_interval` at most.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from runtime_handler.calls import PredictorFailed
from runtime_handler.contract import BatchingSpec
from runtime_handler.request import Answer, Request
from runtime_handler.threads import Threads

log = logging.getLogger("cxpack")

Waiting = tuple[Request, "asyncio.Future[Any]"]


class RequestBatches:
    """Runs `outcomes` (requests -> an answer or an exception each) on threads, for several requests at a time."""

    def __init__(
        self,
        threads: Threads,
        outcomes: Callable[[Sequence[Request]], Sequence[Any]],
        spec: BatchingSpec,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threads = threads
        self._outcomes = outcomes
        self._spec = spec
        self._clock = clock
        self._waiting: deque[Waiting] = deque()
        self._came = threading.Condition()
        self._had_company = False

    def run(self, request: Request) -> "asyncio.Future[Answer]":
        """The answer; to be called and awaited on the loop."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        with self._came:
            self._waiting.append((request, future))
            self._came.notify()
        self._threads.run_later(self._run_next)
        return future

    def _run_next(self) -> None:
        batch = self._gather()
        if not batch:  # an earlier call took this one's request along
            return
        try:
            outcomes = self._outcomes([request for request, _ in batch])
        except BaseException:  # whatever it is, these callers wait for an answer
            log.exception("a batch of %d requests ended unexpectedly", len(batch))
            outcomes = [PredictorFailed()] * len(batch)
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                self._threads.deliver(future, None, outcome)
            else:
                self._threads.deliver(future, outcome, None)

    def _gather(self) -> list[Waiting]:
        most = self._spec.max_batch_size
        with self._came:
            if not self._waiting:
                return []
            deadline = self._clock() + self._spec.batch_interval_s
            while self._had_company and len(self._waiting) < most and (left := deadline - self._clock()) > 0:
                self._came.wait(left)
            batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._had_company = len(batch) > 1
        return batch
