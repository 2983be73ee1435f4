"""The cache's limits under many threads: memory is counted by the objects that are alive, not by the ledger."""

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Workers
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

SECONDS = float(os.environ.get("CXPACK_GATE_CACHE_SECONDS", "3"))
FLIGHTS = int(os.environ.get("CXPACK_GATE_FLIGHTS", "3"))
MODELS, MEMORY, DISK, THREADS = 1000, 8, 32, 64


class Alive:
    """Counts loads from their first moment to the end of the loaded object."""

    def __init__(self) -> None:
        self.count = self.most = self.loads = 0
        self._lock = threading.Lock()

    def load(self, path: Path, name: str) -> object:
        with self._lock:
            self.loads += 1
            self.count += 1
            self.most = max(self.most, self.count)
        return Value(self, (path / "model").read_text())

    def gone(self) -> None:
        with self._lock:
            self.count -= 1


class Value:
    def __init__(self, alive: Alive, text: str) -> None:
        self.alive, self.text = alive, text

    def __del__(self) -> None:
        self.alive.gone()


def ask(manager: Manager, name: str) -> None:
    with Lease():
        assert manager.get(name).value.text == name


@pytest.mark.parametrize("skew", ["zipf", "uniform"])
def test_limits_hold_at_every_instant(tmp_path: Path, skew: str) -> None:
    """64 threads over 1,000 models never have more than 8 in memory or 32 on disk, loads in flight counted."""
    clock = Clock()
    bucket = FakeBucket(clock, {f"models/m{number}/1/model": f"m{number}" for number in range(MODELS)})
    alive = Alive()
    workers = Workers(4)
    manager = a_manager(tmp_path, bucket, cache=(MEMORY, DISK), load=alive.load, pool=workers, threads=4)
    manager.start()
    weights = [1 / (rank + 1) ** 1.1 if skew == "zipf" else 1.0 for rank in range(MODELS)]
    end = time.monotonic() + SECONDS

    def serve(seed: int) -> tuple[int, int]:
        chooser = random.Random(seed)
        number = most_on_disk = 0
        while time.monotonic() < end:
            number += 1
            [rank] = chooser.choices(range(MODELS), weights)
            ask(manager, f"m{rank}")
            cache = manager.cache()
            assert cache.memory.used <= MEMORY
            most_on_disk = max(most_on_disk, cache.disk.used)
        return number, most_on_disk

    with ThreadPoolExecutor(THREADS) as threads:
        results = list(threads.map(serve, range(THREADS)))
    workers.close()
    served, most_on_disk = sum(number for number, _ in results), max(most for _, most in results)
    print(f"{skew}: {served} requests, {alive.loads} loads, at most {alive.most} in memory, {most_on_disk} on disk")
    assert served >= THREADS
    assert alive.most <= MEMORY
    assert most_on_disk <= DISK
    versions = {path for path in tmp_path.glob("api/*/*/*") if ".cxpack" not in path.parts}
    assert len(versions) == manager.cache().disk.used


def test_many_first_requests_make_one_load(tmp_path: Path) -> None:
    """200 simultaneous first requests to a cold model cost one GET per object and one load, and are all answered."""
    for turn in range(FLIGHTS):
        bucket = FakeBucket(Clock(), {f"models/a/1/file{number}": str(number) for number in range(3)})
        calls: list[str] = []
        workers = Workers(4)

        def load(path: Path, name: str, calls: list[str] = calls) -> str:
            calls.append(name)
            return name

        manager = a_manager(tmp_path / str(turn), bucket, cache=(1, 1), load=load, pool=workers)
        manager.start()
        together = threading.Barrier(200)

        def first(_: int, manager: Manager = manager, together: threading.Barrier = together) -> object:
            together.wait(60)
            with Lease():
                return manager.get("a").value

        with ThreadPoolExecutor(200) as threads:
            assert list(threads.map(first, range(200))) == ["a"] * 200
        workers.close()
        assert calls == ["a"]
        assert bucket.requests["list"] == 1
        assert set(bucket.fetched.values()) == {1}
