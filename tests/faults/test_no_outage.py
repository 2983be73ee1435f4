"""Requests that never stop while versions are updated in place and added: none fails, none gets a mixture."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Workers
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

UPDATES = int(os.environ.get("CXPACK_GATE_UPDATES", "6"))
PAUSE_S = float(os.environ.get("CXPACK_GATE_PAUSE", "0.02"))
RATE = 500.0
THREADS = 4
FILES = ("weights", "words")


def load(path: Path, name: str) -> tuple[int, int]:
    """(version, generation) of a model whose files all say the same."""
    [text] = {(path / file).read_text() for file in FILES}
    version, generation = text.split(".")
    return int(version), int(generation)


def ask_until(stop: threading.Event, manager: Manager) -> list[tuple[int, int]]:
    """Answers of one client at its share of the rate, in order."""
    answers = []
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due += THREADS / RATE
        with Lease():
            answers.append(manager.get("a").value)
    return answers


def through(manager: Manager, bucket: FakeBucket, change: Callable[[int], tuple[int, int]]) -> None:
    """Change the model again and again under load; wait for each change to be served."""
    stop = threading.Event()
    with ThreadPoolExecutor(THREADS) as threads:
        clients = [threads.submit(ask_until, stop, manager) for _ in range(THREADS)]
        try:
            for number in range(1, UPDATES + 1):
                expected = change(number)
                for _ in range(2):
                    bucket.clock.sleep(10)
                    manager.tick()
                assert manager.get("a").value == expected
                stop.wait(PAUSE_S)  # requests go on meanwhile
        finally:
            stop.set()
        for client in clients:
            answers = client.result(60)
            assert answers == sorted(answers), "a client went back to an older version"
        print(f"{sum(len(client.result()) for client in clients)} requests through {UPDATES} updates, none failed")


@pytest.mark.parametrize("cache", [None, (1, 1), (2, 2)])
@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "new version"])
def test_updates_fail_no_request(tmp_path: Path, cache: tuple[int, int] | None, in_place: bool) -> None:
    """Every answer comes from exactly one version, and versions only go forward, with a cache of any size or without."""
    bucket = FakeBucket(Clock(), {f"models/a/0/{file}": "0.0" for file in FILES})
    workers = Workers(2)
    manager = a_manager(tmp_path, bucket, cache=cache, load=load, pool=workers)
    manager.start()
    assert manager.get("a").value == (0, 0)

    def change(number: int) -> tuple[int, int]:
        version, generation = (0, number) if in_place else (number, 0)
        for file in FILES:
            bucket.put(f"models/a/{version}/{file}", f"{version}.{generation}")
        return version, generation

    through(manager, bucket, change)
    workers.close()
