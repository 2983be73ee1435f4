"""What the model manager costs: a warm look-up, an idle scan of 40,000 objects. Figures are printed, never asserted."""

import os
import statistics
import subprocess
import sys
import time
import urllib.request
from ast import literal_eval
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

ROOT = Path(__file__).parents[2]
MODELS = int(os.environ.get("CXPACK_GATE_MODELS", "1000"))


def median_us(work: Callable[[], object], *, calls: int = 2000, rounds: int = 15) -> float:
    """Microseconds a call: the median of several rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - start) / calls * 1e6)
    return statistics.median(times)


def a_warm_manager(store: Path, models: int) -> Manager:
    bucket = FakeBucket(Clock(), {f"models/m{number}/1/model": "x" for number in range(models)})
    manager = a_manager(store, bucket, load=lambda path, name: name)
    manager.start()
    return manager


def test_a_warm_look_up(tmp_path: Path) -> None:
    """`get` of a loaded model costs the same for ten models and for very many."""
    few, many = a_warm_manager(tmp_path / "few", 10), a_warm_manager(tmp_path / "many", MODELS)

    def leased() -> None:
        with Lease():
            few.get("m7")

    pairs = [(median_us(lambda: few.get("m7")), median_us(lambda: many.get("m7"))) for _ in range(3)]
    ratio = statistics.median(after / before for before, after in pairs)
    first = statistics.median(before for before, _ in pairs)
    print(f"get, latest: {first:.2f} us; {MODELS} models over 10: {ratio:.2f}x")
    print(f"get, version as a string: {median_us(lambda: few.get('m7', '1')):.2f} us; in a request: {median_us(leased):.2f} us")
    alone = p99_us(leased_look_ups(many))
    with ThreadPoolExecutor(8) as threads:
        together = max(threads.map(p99_us, threads.map(leased_look_ups, [many] * 8)))
    print(f"get in a request, 99th percentile: {alone:.1f} us in one thread, {together:.1f} us in 8 threads")
    assert many.get("m7").value == "m7"


def leased_look_ups(manager: Manager, calls: int = 20_000) -> list[float]:
    """Seconds of each of so many look-ups, each in a request of its own."""
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        with Lease():
            manager.get("m7")
        times.append(time.perf_counter() - start)
    return times


def p99_us(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1e6


@contextmanager
def paged_s3(models: int, files: int) -> Iterator[str]:
    """The address of a server with that many objects, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.paged_s3", str(models), str(files)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def resident_mb() -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.usefixtures("aws")
def test_an_idle_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poll without changes makes one request per 1,000 objects and none for an object; its CPU time and memory are printed."""
    with paged_s3(MODELS, 4) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        before = resident_mb()
        manager = a_manager(tmp_path, directory="s3://b/m", cache=(8, 32))
        manager.start()
        start, polls = time.process_time(), 5
        for _ in range(polls):
            manager.tick()
        seconds = (time.process_time() - start) / polls
        with urllib.request.urlopen(f"{endpoint}/counts", timeout=10) as answer:
            counts = literal_eval(answer.read().decode())
        print(f"idle scan of {MODELS * 4} objects: {seconds:.3f} s CPU, {resident_mb() - before:.0f} MB, requests {counts}")
        assert counts["list"] == (polls + 1) * -(-MODELS * 4 // 1000)
        assert (counts["get"], counts["head"]) == (0, 1)  # the one HEAD asks for the store's clock
        assert len(manager.status()) == MODELS
