"""What 30 cold loads do to the requests of a warm model beside them: percentiles are printed as ratios, not asserted.

Beside each figure stands what no server can do better: the same loads without our code in the same interpreter, and, over
HTTP, the same loads in a server of their own, which shares nothing but the machine. Models of one layer come in two sizes: the
small one answers in some 60 us, of which a turn of somebody else's on the processor is many times as much.
"""

import json
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy
import pytest

from runtime_handler.contract import ModelsSpec
from runtime_handler.models.layout import ONNX
from runtime_handler.models.lease import Lease
from runtime_handler.models.manager import Manager
from runtime_handler.models.workers import Workers
from tests.runtime_handler.harness import Server, a_spec, serving, write_context
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket

ROUNDS = int(os.environ.get("CXPACK_GATE_ROUNDS", "1"))
COLD = [f"cold{number}" for number in range(30)]
SECONDS = 1.0
WIDTHS = (512, 2240) if "CXPACK_GATE_ROUNDS" in os.environ else (512,)
"""Of the layer: a model of 1 MB, and one of 20 MB as the perceptron of the speed table is."""

PREDICTOR = """
import json
import os
import numpy
import onnxruntime

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client
        self.given = {"x": numpy.ones((1, config["width"]), dtype=numpy.float32)}

    def load_model(self, model_path):
        if "LOADS_IN_PYTHON" in os.environ and "/warm/" not in model_path:
            return json.loads("[" + "1," * 200_000 + "1]")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(model_path + "/model.onnx", options)

    def predict(self, payload):
        model = self.client.get_model(payload)
        return len(model) if isinstance(model, list) else float(model.run(None, self.given)[0][0][0])
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds of the warm model's requests, before and during the cold loads."""

    alone: list[float]
    beside: list[float]

    @property
    def ratio(self) -> float:
        """Of the two 99th percentiles."""
        return p99(self.beside) / p99(self.alone)


def an_onnx_model(width: int) -> bytes:
    """A dense layer and its activation."""
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


def latencies_ms(ask: Callable[[], object], stop: Callable[[float], bool]) -> list[float]:
    """Of requests at half load: each is followed by a pause of its own length."""
    times: list[float] = []
    begun = time.perf_counter()
    while not stop(time.perf_counter() - begun):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
        time.sleep(times[-1] / 1000)
    return times


def figures(ask: Callable[[], object], load_cold: Callable[[], object]) -> Figures:
    """Requests alone for a while, then for as long as the cold loads take."""
    alone = latencies_ms(ask, lambda elapsed: elapsed > SECONDS)
    loads = threading.Thread(target=load_cold)
    loads.start()
    return Figures(alone, latencies_ms(ask, lambda _: not loads.is_alive()))


def p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


def report(where: str, kind: str, model: bytes, rounds: list[Figures]) -> None:
    ratios = sorted(each.ratio for each in rounds)
    alone = statistics.median(p99(each.alone) for each in rounds)
    beside = statistics.median(p99(each.beside) for each in rounds)
    print(
        f"{len(COLD)} {kind} loads, models of {len(model) / 1e6:.0f} MB, {where}: "
        f"warm p99 {alone:.2f} ms alone, {beside:.2f} ms beside, "
        f"{statistics.median(ratios):.1f}x ({ratios[0]:.1f} to {ratios[-1]:.1f} in {len(rounds)} rounds), "
        f"at most {max(max(each.beside) for each in rounds):.0f} ms"
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("kind", "load"), [("onnx", load_onnx), ("python, holding the interpreter", load_in_python)])
def test_cold_loads_beside_a_warm_model(tmp_path: Path, kind: str, load: Callable[[Path, str], Any], width: int) -> None:
    """In one process without a server, where a look-up and a run are all that a request is, the warm model answers throughout."""
    model, given = an_onnx_model(width), {"x": numpy.ones((1, width), dtype=numpy.float32)}
    rounds, bare = [], []
    for number in range(ROUNDS):
        bucket = FakeBucket(Clock())
        for name in ("warm", *COLD):
            bucket.put(f"models/{name}/model.onnx", model, age=60)
        workers = Workers(4)
        room = (len(COLD) + 1, len(COLD) + 1)
        manager = a_manager(tmp_path / str(number), bucket, cache=room, layout=ONNX, load=load, pool=workers)
        manager.start()

        def ask(manager: Manager = manager) -> None:
            with Lease():
                manager.get("warm").value.run(None, given)

        def load_cold(manager: Manager = manager) -> None:
            for name in COLD:
                manager.get(name)

        ask()
        rounds.append(figures(ask, load_cold))
        workers.close()
        assert all(status.memory for status in manager.status())
        folders = [path.parent for path in sorted((tmp_path / str(number)).rglob("model.onnx"))]
        bare.append(figures(ask, lambda folders=folders: [load(folder, "cold") for folder in folders]))  # type: ignore[misc]
        rmtree(tmp_path / str(number))
    report("in the process", kind, model, rounds)
    report("in the process, by a plain loop", kind, model, bare)


@contextmanager
def asker(server: Server) -> Iterator[Callable[[str], None]]:
    """Asks a model on a connection of its own that stays open."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:

        def ask(name: str) -> None:
            connection.request("POST", "/iris", json.dumps(name), {"content-type": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body

        yield ask


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("kind", "loads"), [("onnx", {}), ("python, holding the interpreter", {"LOADS_IN_PYTHON": "yes"})])
def test_cold_loads_beside_a_warm_model_over_http(tmp_path: Path, kind: str, loads: dict[str, str], width: int) -> None:
    """A server, as a caller sees it; the cold models lie in a live folder, and are copied to the disk store first."""
    model = an_onnx_model(width)
    for name in ("warm", *COLD):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(model)
    models = ModelsSpec(dir=str(tmp_path / "models"), cache_size=len(COLD) + 1, disk_cache_size=len(COLD) + 1)
    spec = a_spec(models=models, threads_per_process=2, config={"width": width})
    context = write_context(tmp_path / "context", {"predictor.py": PREDICTOR}, spec)
    settings = {"CXPACK_SETTLE_SECONDS": "0", **loads}
    rounds: dict[bool, list[Figures]] = {False: [], True: []}
    for apart in list(rounds) * ROUNDS:
        stores = [{"CXPACK_MODEL_STORE": str(tmp_path / "stores" / str(which))} for which in range(2)]
        with serving(context, **settings, **stores[0]) as server, serving(context, **settings, **stores[1]) as other:
            loading = other if apart else server
            with asker(server) as warm, asker(loading) as cold:
                for _ in range(100):
                    warm("warm")
                rounds[apart].append(figures(partial(warm, "warm"), partial(lambda cold: [cold(name) for name in COLD], cold)))
                assert loading.client.get("/-/status").json()["cache"]["memory"]["used"] == len(COLD) + (not apart)
        rmtree(tmp_path / "stores")
    report("over HTTP", kind, model, rounds[False])
    report("over HTTP, in a server of their own", kind, model, rounds[True])
