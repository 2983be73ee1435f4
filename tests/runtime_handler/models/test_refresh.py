"""Who steps the manager: a thread on servers, requests on Lambda."""

import threading
from collections.abc import Iterable
from pathlib import Path

from runtime_handler.models.refresh import RequestRefresh, ThreadRefresh
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket


class Steps:
    """Stands in for a manager: counts its ticks, each of which lasts until it is let go, and went by a scan of that `age`.

    Files settle in `settling` seconds, one after the other; `looks` has the patience of each look.
    """

    def __init__(self, *, blocked: bool = False, age: float = 0.0, settling: Iterable[float] = ()) -> None:
        self.count = 0
        self.age = age
        self.settling = list(settling)
        self.looks: list[float] = []
        self.started = threading.Semaphore(0)
        self.let_go = threading.Event()
        if not blocked:
            self.let_go.set()

    def tick(self, *, wait: bool = True) -> float:
        self.count += 1
        self.started.release()
        assert self.let_go.wait(30)
        return self.age

    def settles_in(self) -> float | None:
        return self.settling[0] if self.settling else None

    def look_again(self, *, patience_s: float, wait: bool = True) -> None:
        self.settling.pop(0)
        self.looks.append(patience_s)
        if not self.settling:
            self.started.release()


def test_a_thread_ticks_until_it_is_closed() -> None:
    """Ticks follow one another at the interval; closing ends the thread, and is not delayed by the interval."""
    steps = Steps()
    refresh = ThreadRefresh(steps, poll_s=0.001)
    refresh.start()
    for _ in range(5):
        assert steps.started.acquire(timeout=30)
    refresh.close()
    assert refresh.join(30)
    patient = ThreadRefresh(steps, poll_s=3600)
    patient.start()
    patient.close()
    assert patient.join(30)


def test_the_interval_counts_from_the_start_of_a_scan() -> None:
    """After a scan that began longer ago than the interval, here or in another process, the next follows at once."""
    steps = Steps(age=3601)
    refresh = ThreadRefresh(steps, poll_s=3600)
    refresh._poll_s = 0.001  # the first tick waits for the whole interval
    refresh.start()
    assert steps.started.acquire(timeout=30)
    refresh._poll_s = 3600
    for _ in range(5):
        assert steps.started.acquire(timeout=30)
    refresh.close()
    assert refresh.join(30)


def test_looks_come_between_scans() -> None:
    """Each when files may have settled, with the time that is left until the next scan; the scan stays where it was."""
    steps = Steps(settling=[0.0, 0.001, 0.0])
    refresh = ThreadRefresh(steps, poll_s=3600)
    refresh.start()
    assert steps.started.acquire(timeout=30)
    assert (len(steps.looks), steps.count) == (3, 0)
    assert 3500 < steps.looks[2] < steps.looks[1] < steps.looks[0] < 3600
    refresh.close()
    assert refresh.join(30)


def test_a_scan_that_is_due_comes_first() -> None:
    """Files that settle no earlier than the next scan are left to it, however many there are."""
    steps = Steps(settling=[3600.0, 0.0], age=3601)
    refresh = ThreadRefresh(steps, poll_s=0.001)
    refresh.start()
    for _ in range(5):
        assert steps.started.acquire(timeout=30)
    assert steps.looks == []
    refresh.close()
    assert refresh.join(30)


def test_closing_does_not_wait_for_files_to_settle() -> None:
    """Nor for a scan."""
    steps = Steps(settling=[1800.0])
    refresh = ThreadRefresh(steps, poll_s=3600)
    refresh.start()
    refresh.close()
    assert refresh.join(30)
    assert (steps.looks, steps.count) == ([], 0)


def test_a_request_before_the_interval_starts_nothing() -> None:
    """Invocations in quick succession share one scan."""
    clock, steps = Clock(), Steps()
    refresh = RequestRefresh(steps, poll_s=10, clock=clock)
    for _ in range(100):
        clock.sleep(0.09)
        refresh.before_request()
    assert steps.count == 0


def test_a_request_after_the_interval_finds_what_changed(tmp_path: Path) -> None:
    """After a long freeze, the first request starts the scan that the store is due, and a quick store answers in time."""
    bucket = FakeBucket(Clock(), {"models/a/1/model": "one"})
    manager = a_manager(tmp_path, bucket)
    manager.start()
    refresh = RequestRefresh(manager, poll_s=10, patience_s=30, clock=bucket.clock)
    bucket.put("models/a/2/model", "two")
    bucket.clock.sleep(7 * 3600)
    refresh.before_request()
    assert manager.get("a").value == "two"


def test_a_slow_store_delays_no_request_for_long() -> None:
    """A scan that does not end in time goes on beside the requests; the next request does not start another."""
    clock, steps = Clock(), Steps(blocked=True)
    refresh = RequestRefresh(steps, poll_s=10, patience_s=0.001, clock=clock)
    for _ in range(3):
        clock.sleep(60)
        refresh.before_request()
    assert steps.count == 1
    steps.let_go.set()
    assert refresh.join(30)
    clock.sleep(60)
    refresh.before_request()
    assert refresh.join(30)
    assert steps.count == 2


def test_a_clock_that_was_set_back_is_due() -> None:
    """A restored snapshot may find an earlier time than the one it was taken at."""
    clock, steps = Clock(), Steps()
    refresh = RequestRefresh(steps, poll_s=10, patience_s=30, clock=clock)
    clock.now -= 5000
    refresh.before_request()
    assert steps.count == 1
