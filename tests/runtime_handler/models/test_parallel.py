"""Requests side by side: how many, what their errors do, and what is left of them."""

import threading
from collections.abc import Callable
from functools import partial

import pytest

from runtime_handler.models.parallel import in_parallel


def numbered(number: int) -> int:
    return number


def test_results_come_in_the_order_of_the_jobs() -> None:
    """However many there are, and whichever ends first; none need no thread."""
    second_ended = threading.Event()

    def first() -> int:
        assert second_ended.wait(30)
        return 1

    def second() -> int:
        second_ended.set()
        return 2

    assert in_parallel([first, second, *(partial(numbered, number) for number in range(3, 50))], 2) == list(range(1, 50))
    assert in_parallel([], 2) == []


def test_as_many_run_side_by_side_as_may() -> None:
    """Each waits for all others of its round; with one less at a time none would go on, with one more the rounds would mix."""
    together, running, most = threading.Barrier(3, timeout=30), [0], [0]
    lock = threading.Lock()

    def job() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        together.wait()
        with lock:
            running[0] -= 1
        together.wait()

    in_parallel([job] * 9, 3)
    assert most == [3]


def test_an_error_ends_it_when_those_that_run_have_ended() -> None:
    """No other job begins, no thread is left, and of several errors the first job's is raised."""
    begun: list[int] = []
    both, threads = threading.Barrier(2, timeout=30), threading.active_count()

    def failing(number: int) -> None:
        begun.append(number)
        both.wait()
        raise ValueError(number)

    jobs: list[Callable[[], None]] = [partial(failing, number) for number in range(10)]
    with pytest.raises(ValueError, match="0"):
        in_parallel(jobs, 2)
    assert sorted(begun) == [0, 1]
    assert threading.active_count() == threads
