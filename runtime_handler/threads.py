"""The threads that user code runs on, fed from the event loop and answering to it.

What costs here is waiting for the interpreter's lock. So a lone job is handed out at once, and those that come while others
are out at the end of the loop's turn; answers of jobs that have been quick for a while are announced together, when no job waits
or a fraction of a millisecond has passed. Slow predictors never block the loop, so health checks keep answering.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any, Protocol

from runtime_handler.scheduling import give_way
from runtime_handler.wakeups import Wakeups

HOLD_S = 0.0003
"""How long a thread goes on with jobs that wait before the answers that it has are announced."""
STEADY = 100
"""Jobs in a row that were quicker than that before a thread holds answers back: the next one is likely to be quick, too."""
LOOK_S = 0.005
"""How often the loop looks by itself while jobs are out: the job after a quick one may be a slow one."""


class Waiter(Protocol):
    """Who is told of a job's end, on the loop; a future is one."""

    def cancelled(self) -> bool:
        """Whether the job need not begin."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, result: Any, /) -> None:
        """What the job returned."""

    def set_exception(self, error: BaseException, /) -> None:
        """What the job raised."""


log = logging.getLogger("cxpack")

Job = tuple[Callable[..., Any], tuple[Any, ...], Waiter | None]


class Threads:
    """`threads_per_process` threads; jobs start in the order they were given. To be used on the loop, but for `run_later`
    and `deliver`, which any thread may call.
    """

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._coming: list[Job] = []
        self._jobs: deque[Job | None] = deque()
        self._done: deque[tuple[int, Waiter, Any, BaseException | None]] = deque()
        self._out = 0
        self._announced = False
        self._looking = False
        self._work_waits, self._answers_wait = Wakeups(each=True), Wakeups(each=False)
        loop.add_reader(self._answers_wait.fileno, self._hear)
        self._threads = [threading.Thread(target=self._work, name=f"predict-{number}", daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def run(self, function: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        """Run on the next free thread; to be awaited."""
        future = self._loop.create_future()
        self.run_for(future, function, *arguments)
        return future

    def run_for(self, waiter: Waiter, function: Callable[..., Any], *arguments: Any) -> None:
        """Run on the next free thread, and tell `waiter`."""
        self._coming.append((function, arguments, waiter))
        if self._out == 0:
            self._hand_out()
        elif len(self._coming) == 1:
            self._loop.call_soon(self._hand_out)

    def run_later(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Run when a thread is free, after everything that waits already; nobody waits for it, so what it raises is logged."""
        self._jobs.append((function, arguments, None))
        self._work_waits.give()

    def deliver(self, waiter: Waiter, result: Any, error: BaseException | None) -> None:
        """Tell a waiter of something that no job of its own returned or raised."""
        self._done.append((0, waiter, result, error))
        self._announce()

    def close(self, timeout: float) -> None:
        """Let the jobs that wait finish, for `timeout` seconds at most."""
        self._hand_out()
        self._jobs.extend([None] * len(self._threads))
        self._work_waits.give(len(self._threads))
        for thread in self._threads:
            thread.join(timeout / len(self._threads))
        self._loop.remove_reader(self._answers_wait.fileno)

    def _hand_out(self) -> None:
        coming, self._coming = self._coming, []
        if not coming:  # handed out already, when nothing was out
            return
        self._jobs.extend(coming)
        self._out += len(coming)
        if not self._looking:
            self._looking = True
            self._loop.call_later(LOOK_S, self._look)
        self._work_waits.give(min(len(coming), len(self._threads)))

    def _next(self) -> Job | None:
        while True:
            try:
                return self._jobs.popleft()
            except IndexError:
                self._work_waits.take()

    def _work(self) -> None:
        give_way()  # each job would otherwise interrupt the loop twice; the loop still interrupts this thread
        holding_since: float | None = None
        quick = 0
        while (job := self._next()) is not None:
            function, arguments, waiter = job
            started = perf_counter()
            if holding_since is None:
                holding_since = started
            if waiter is None:
                _run_unheard(function, arguments)
            elif waiter.cancelled():  # the caller hung up
                self._done.append((1, waiter, None, None))
            else:
                try:
                    self._done.append((1, waiter, function(*arguments), None))
                except BaseException as error:  # noqa: BLE001  whoever awaits the future gets it
                    self._done.append((1, waiter, None, error))
            del job, function, arguments, waiter  # while this thread waits, a large payload should not
            ended = perf_counter()
            quick = quick + 1 if ended - started < HOLD_S else 0
            if not self._jobs or quick < STEADY or ended - holding_since >= HOLD_S:
                holding_since = None
                self._announce()

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._answers_wait.give()

    def _hear(self) -> None:
        self._answers_wait.take()
        self._tell()

    def _look(self) -> None:
        self._tell()
        self._looking = self._out > 0
        if self._looking:
            self._loop.call_later(LOOK_S, self._look)

    def _tell(self) -> None:
        self._announced = False  # before reading, so that no answer is left behind unannounced
        while self._done:
            jobs, waiter, result, error = self._done.popleft()
            self._out -= jobs
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(result)
            else:
                waiter.set_exception(error)


def _run_unheard(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        function(*arguments)
    except BaseException:  # it would end the thread, and with it every prediction that it was to make
        log.exception("what runs after an answer ended unexpectedly")
