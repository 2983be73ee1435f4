"""What the first request on a new version costs, beside those before it: a ratio of times is printed, never asserted."""

import os
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest

from runtime_handler.contract import PredictorSpec
from runtime_handler.models.layout import ONNX
from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Workers
from runtime_handler.predictors.onnx import OnnxPredictorType
from tests.benchmarks.exported import LARGE, a_perceptron
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

UPDATES = int(os.environ.get("CXPACK_GATE_UPDATES", "2"))
STEADY_S = float(os.environ.get("CXPACK_GATE_PAUSE", "0.1"))
RATE = 500.0
THREADS = 4

Answer = tuple[float, float, str]
"""When a request began, the milliseconds that it took, and the fingerprint of the model that answered."""


def a_generation(model: bytes, number: int) -> bytes:
    """The same model in other bytes."""
    from onnx import ModelProto

    return model + bytes(ModelProto(doc_string=str(number)).SerializeToString())


def ask_until(stop: threading.Event, ask: Callable[[], str]) -> list[Answer]:
    """Answers of one client at its share of the rate."""
    answers = []
    due = time.perf_counter()
    while not stop.wait(max(0.0, due - time.perf_counter())):
        due += THREADS / RATE
        begun = time.perf_counter()
        answered = ask()
        answers.append((begun, (time.perf_counter() - begun) * 1000, answered))
    return answers


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


def report(kind: str, answers: list[Answer], steady: float) -> None:
    """Of each model the first answer, over the 95th percentile of all that no load ran beside."""
    first: dict[str, float] = {}
    for _, milliseconds, answered in sorted(answers):
        first.setdefault(answered, milliseconds)
    ratios = sorted(milliseconds / steady for milliseconds in list(first.values())[1:])
    assert len(ratios) == UPDATES
    print(
        f"{len(answers)} requests, {UPDATES} updates {kind}: steady p95 {steady:.2f} ms; the first answer of a new model "
        f"{statistics.median(ratios):.2f}x of it ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "as new versions"])
def test_the_first_request_on_a_new_version(tmp_path: Path, in_place: bool) -> None:
    """A new model was run once before requests get it, so that none of them waits for what a first run sets up."""
    model = a_perceptron(LARGE)
    bucket = FakeBucket(Clock())
    bucket.put("models/a/0/model.onnx", a_generation(model, 0), age=60)
    workers = Workers(2)
    kind = OnnxPredictorType(PredictorSpec(type="onnx", path="predictor.py"), None)
    manager: Manager = a_manager(tmp_path, bucket, layout=ONNX, load=kind.load, pool=workers)
    manager.start()
    client = kind.client(manager)
    given = numpy.ones((1, LARGE[0]), numpy.float32)

    def ask() -> str:
        with Lease() as request:
            client.predict(given, "a")
            return request.models[0].fingerprint

    stop = threading.Event()
    quiet = []
    with ThreadPoolExecutor(THREADS) as threads:
        clients = [threads.submit(ask_until, stop, ask) for _ in range(THREADS)]
        for number in range(1, UPDATES + 1):
            begun = time.perf_counter()
            stop.wait(STEADY_S)
            quiet.append((begun, time.perf_counter()))
            bucket.put(f"models/a/{0 if in_place else number}/model.onnx", a_generation(model, number), age=60)
            for _ in range(2):
                bucket.clock.sleep(10)
                manager.tick()
        stop.wait(STEADY_S)
        stop.set()
        answers = [answer for each in clients for answer in each.result(60)]
    workers.close()
    steady = [taken for begun, taken, _ in answers if any(first <= begun < last for first, last in quiet)]
    report("in place" if in_place else "as new versions", answers, p95(steady))
