"""What 30 cold loads do to the requests of a warm model beside them: percentiles are printed as ratios, not asserted."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from runtime_handler.models.layout import ONNX
from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Workers
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

COLD = 30
SECONDS = 2.0


def an_onnx_model(width: int) -> bytes:
    """A dense layer of `width` by `width` and its activation."""
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(numpy.full((width, width), 0.01, dtype=numpy.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, width])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data: bytes = model.SerializeToString()
    return data


def load_onnx(path: Path, name: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path / "model.onnx"), options)


def load_in_python(path: Path, name: str) -> Any:
    """A loader that holds the interpreter for as long as it works."""
    return load_onnx(path, name) if name == "warm" else json.loads("[" + "1," * 200_000 + "1]")


def latencies_ms(manager: Manager, stop: Callable[[float], bool]) -> list[float]:
    """Of requests to the warm model at half load: each is followed by a pause of its own length."""
    given = {"x": numpy.ones((1, 512), dtype=numpy.float32)}
    times: list[float] = []
    begun = time.perf_counter()
    while not stop(time.perf_counter() - begun):
        start = time.perf_counter()
        with Lease():
            manager.get("warm").value.run(None, given)
        times.append((time.perf_counter() - start) * 1000)
        time.sleep(times[-1] / 1000)
    return times


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


@pytest.mark.parametrize(("kind", "load"), [("onnx", load_onnx), ("python, holding the interpreter", load_in_python)])
def test_cold_loads_beside_a_warm_model(tmp_path: Path, kind: str, load: Callable[[Path, str], Any]) -> None:
    """The warm model answers throughout; how much later is printed."""
    model = an_onnx_model(512)
    names = ["warm", *(f"cold{number}" for number in range(COLD))]
    bucket = FakeBucket(Clock())
    for name in names:
        bucket.put(f"models/{name}/model.onnx", model, age=60)
    workers = Workers(4)
    manager = a_manager(tmp_path, bucket, cache=(COLD + 1, COLD + 1), layout=ONNX, load=load, pool=workers)
    manager.start()
    manager.get("warm")
    alone = latencies_ms(manager, lambda elapsed: elapsed > SECONDS)
    loads = threading.Thread(target=lambda: [manager.get(name) for name in names[1:]])
    loads.start()
    beside = latencies_ms(manager, lambda _: not loads.is_alive())
    workers.close()
    before, after = p99(alone), p99(beside)
    print(
        f"{COLD} {kind} loads: warm p99 {before:.2f} ms alone, {after:.2f} ms beside, {after / before:.1f}x ({len(beside)} calls)"
    )
    assert all(status.memory for status in manager.status())
