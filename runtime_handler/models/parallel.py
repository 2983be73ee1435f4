"""Requests to a store side by side, on threads that end with them and never keep the process from ending.

The threads of concurrent.futures are waited for when the interpreter ends, and do first what is still queued: a process that
was told to stop would finish its downloads.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

Result = TypeVar("Result")


def in_parallel(jobs: Sequence[Callable[[], Result]], at_once: int) -> list[Result]:
    """The results of all jobs, in their order; `at_once` of them run side by side, each on a daemon thread.

    When one raises, no other begins, and those that run are waited for. Raises what the first in the order raised, and
    RuntimeError when the system starts no thread at all.
    """
    waiting = deque(enumerate(jobs))
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}

    def run() -> None:
        while not errors:
            try:
                number, job = waiting.popleft()
            except IndexError:
                return
            try:
                results[number] = job()
            except BaseException as error:  # noqa: BLE001  the caller's to handle
                errors[number] = error

    threads: list[threading.Thread] = []
    try:
        for number in range(min(at_once, len(jobs))):
            thread = threading.Thread(target=run, name=f"models-store-{number}", daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:  # no more threads: fewer do
        if not threads:
            raise
    try:
        for thread in threads:
            thread.join()
    finally:
        waiting.clear()  # nothing more begins for a caller that was interrupted
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(jobs))]
