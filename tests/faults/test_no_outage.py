"""Requests that never stop while versions are updated in place and added: none fails, none gets a mixture."""

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
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


Said = tuple[int, int]
"""What a model's files say: its version and its generation."""

Answer = tuple[float, float, Said]
"""When a request began and ended, and which model it got."""


class Weights:
    """A loaded model, whose files all say the same."""

    def __init__(self, path: Path) -> None:
        [text] = {(path / file).read_text() for file in FILES}
        version, generation = text.split(".")
        self.said: Said = int(version), int(generation)


class Loader:
    """Counts the loaded models that are alive, the one that it loads included; `most` is the highest count."""

    def __init__(self) -> None:
        self._alive: weakref.WeakSet[Weights] = weakref.WeakSet()
        self.most = 0

    def __call__(self, path: Path, name: str) -> Weights:
        weights = Weights(path)
        self._alive.add(weights)
        self.most = max(self.most, len(self._alive))
        return weights


def ask_until(stop: threading.Event, manager: Manager) -> list[Answer]:
    """Answers of one client at its share of the rate, in order."""
    answers = []
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        due += THREADS / RATE
        begun = time.monotonic()
        with Lease():
            said = manager.get("a").value.said
        answers.append((begun, time.monotonic(), said))
    return answers


def went_back(answers: Sequence[Answer]) -> list[Answer]:
    """The requests that got an older model than another one that had ended before they began."""
    ended = sorted(answers, key=lambda answer: answer[1])
    newest, seen, back = (-1, -1), 0, []
    for begun, end, said in sorted(answers):
        while ended[seen][1] < begun:
            newest, seen = max(newest, ended[seen][2]), seen + 1
        if said < newest:
            back.append((begun, end, said))
    return back


def through(manager: Manager, bucket: FakeBucket, change: Callable[[int], Said]) -> None:
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
                assert manager.get("a").value.said == expected
                stop.wait(PAUSE_S)  # requests go on meanwhile
        finally:
            stop.set()
    answers = [answer for client in clients for answer in client.result(60)]
    assert went_back(answers) == [], "the process went back to an older version"
    print(f"{len(answers)} requests through {UPDATES} updates, none failed, none got an older model than one before it")


@pytest.mark.parametrize("cache", [None, (1, 1), (2, 2)])
@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "new version"])
def test_updates_fail_no_request(tmp_path: Path, cache: tuple[int, int] | None, in_place: bool) -> None:
    """Every answer comes from exactly one version, and versions only go forward, with a cache of any size or without.

    Without a cache no more than one copy is alive beside the versions that there are, with one no more than it may hold.
    """
    bucket = FakeBucket(Clock(), {f"models/a/0/{file}": "0.0" for file in FILES})
    workers, load = Workers(2), Loader()
    manager = a_manager(tmp_path, bucket, cache=cache, load=load, pool=workers)
    manager.start()
    assert manager.get("a").value.said == (0, 0)

    def change(number: int) -> Said:
        version, generation = (0, number) if in_place else (number, 0)
        for file in FILES:
            bucket.put(f"models/a/{version}/{file}", f"{version}.{generation}")
        return version, generation

    through(manager, bucket, change)
    workers.close()
    versions = 1 if in_place else UPDATES + 1
    print(f"at most {load.most} loaded copies alive at once")
    assert load.most == (cache[0] if cache is not None else 2 if in_place else versions)
