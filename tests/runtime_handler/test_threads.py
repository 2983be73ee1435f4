"""The threads that user code runs on, on a real event loop."""

import asyncio
import itertools
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runtime_handler.threads import Threads

LONG_S = 30
"""No test takes that long; it bounds one that hangs."""


@asynccontextmanager
async def threads(count: int) -> AsyncIterator[Threads]:
    made = Threads(count, asyncio.get_running_loop())
    yield made
    made.close(timeout=LONG_S)


def run(main: object) -> None:
    asyncio.run(asyncio.wait_for(main, LONG_S))  # type: ignore[arg-type]  # a coroutine


def test_results_and_exceptions_come_back_in_order() -> None:
    """Every job's end reaches its own waiter, a burst of them too, and one thread runs them in the order given."""
    ran: list[int] = []

    def job(number: int) -> int:
        ran.append(number)
        if number % 7 == 3:
            raise ValueError(number)
        return number * 2

    async def main() -> None:
        async with threads(1) as pool:
            results = await asyncio.gather(*(pool.run(job, number) for number in range(500)), return_exceptions=True)
        assert ran == list(range(500))
        assert [str(result) for result in results] == [str(n if n % 7 == 3 else n * 2) for n in range(500)]

    run(main())


def test_a_job_that_comes_too_late_is_written_to_nobodys_connection() -> None:
    """When a process ends, a caller may come whose connection gets the number of a file descriptor that threads were woken by."""

    async def main() -> None:
        async with threads(1) as pool:
            assert await pool.run(int) == 0
        pairs = [socket.socketpair() for _ in range(2)]
        pool.run(int)
        for end in itertools.chain(*pairs):
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                end.recv(8)
        for end in itertools.chain(*pairs):
            end.close()

    run(main())


def test_an_answer_does_not_wait_for_the_slow_job_behind_it() -> None:
    """A thread that goes on with the next job keeps no answer back, however long that job takes."""

    async def main() -> None:
        release = threading.Event()
        async with threads(1) as pool:
            quick, slow = [pool.run(int) for _ in range(20)], pool.run(release.wait, LONG_S)
            assert await asyncio.gather(*quick) == [0] * 20
            assert not slow.done()
            release.set()
            assert await slow

    run(main())


def test_jobs_run_side_by_side() -> None:
    """As many jobs as there are threads run at the same time."""

    async def main() -> None:
        barrier = threading.Barrier(4)
        async with threads(4) as pool:
            assert sorted(await asyncio.gather(*(pool.run(barrier.wait, LONG_S) for _ in range(4)))) == [0, 1, 2, 3]

    run(main())


def test_a_cancelled_job_does_not_run() -> None:
    """A job whose waiter gave up before it began is left out, and the next one runs."""

    async def main() -> None:
        release, ran = threading.Event(), []
        async with threads(1) as pool:
            first, second, third = pool.run(release.wait, LONG_S), pool.run(ran.append, 2), pool.run(ran.append, 3)
            second.cancel()
            release.set()
            await asyncio.gather(first, third)
        assert ran == [3]

    run(main())


def test_what_is_told_from_outside_and_what_nobody_waits_for() -> None:
    """`deliver` completes any future, from any thread; a job run later runs behind those that wait."""

    async def main() -> None:
        ran: list[str] = []
        async with threads(1) as pool:
            told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            first = pool.run(ran.append, "first")
            pool.run_later(ran.append, "later")
            pool.run_later(pool.deliver, told, 5, None)
            pool.run_later(pool.deliver, failed, None, OSError("no"))
            await first
            assert await told == 5
            with pytest.raises(OSError, match="no"):
                await failed
            assert await pool.run(len, ran) == 2

    run(main())


def test_what_nobody_waits_for_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    """The log tells of it, and the thread goes on."""

    async def main() -> None:
        async with threads(1) as pool:
            pool.run_later(exec, "raise SystemExit(3)")
            assert await pool.run(len, "ab") == 2

    run(main())
    assert "ended unexpectedly" in caplog.text
