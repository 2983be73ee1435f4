"""The serving path beside what a user would write and beside the limit of the stack: printed, never asserted.

Rounds alternate between the servers (A B C A B C), each pinned to one core and the load to another; ratios of the
medians count, absolute numbers drift with the machine.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime_handler.contract import SINGLE_MODEL, BatchingSpec, ModelPath, ModelsSpec
from tests.runtime_handler.harness import ROOT, START_S, a_spec, clean_environment, free_port, write_context

APPS = ROOT / "tests/benchmarks/apps"
ROUNDS = 3
SECONDS = 2
CONNECTIONS = (1, 8, 64)

PREDICTOR = """
class ONNXPredictor:
    def __init__(self, onnx_client, config):
        self.client = onnx_client

    def predict(self, payload):
        [output] = self.client.predict(payload)
        return {"scores": output[0].tolist()}
"""

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("wrk") is None or (os.cpu_count() or 1) < 2, reason="needs wrk and two cores"),
]


def dense(path: Path, sizes: tuple[int, ...]) -> Path:
    """A multilayer perceptron with random weights: one input `x` [N, sizes[0]]."""
    random = numpy.random.default_rng(0)
    nodes, weights, name = [], [], "x"
    for number, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        matrix = (random.standard_normal((rows, columns)) / rows**0.5).astype("float32")
        weights.append(numpy_helper.from_array(matrix, f"w{number}"))
        nodes.append(helper.make_node("MatMul", [name, f"w{number}"], [f"h{number}"]))
        nodes.append(helper.make_node("Relu", [f"h{number}"], [f"r{number}"]))
        name = f"r{number}"
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", sizes[0]])]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", sizes[-1]])]
    graph = helper.make_graph(nodes, "dense", inputs, outputs, weights)
    path.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@contextlib.contextmanager
def pinned(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[tuple[int, float]]:
    """A server on core 0: (process id, seconds until it answered first)."""
    began = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        cwd=folder,
        env=clean_environment(PORT=str(port), CXPACK_HOST="127.0.0.1", **environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - began < START_S:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code == 200:
                    break
            time.sleep(0.005)
        yield process.pid, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(35)


def load(port: int, connections: int, script: Path) -> tuple[float, float]:
    """(requests a second, 99th percentile in ms) of one round."""
    url = f"http://127.0.0.1:{port}/iris"
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "--latency", "-s", str(script), url]
    out = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Non-2xx" not in out, out
    percentile = re.search(r"99%\s+([\d.]+)(us|ms|s)", out)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    assert percentile
    assert rate
    return float(rate[1]), float(percentile[1]) * {"us": 0.001, "ms": 1, "s": 1000}[percentile[2]]


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+)", status)
    assert match
    return int(match[1]) / 1024


BATCHES = BatchingSpec(max_batch_size=32, batch_interval_s=0.002)

MODELS = {
    "tiny": ((4, 16, 3), CONNECTIONS, None, {}),
    "784 floats, 20 MB": ((784, 2048, 2048, 10), (64,), BATCHES, {"threads_per_process": 32}),
}


@pytest.mark.parametrize("name", MODELS)
def test_requests_per_second(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every server answers the same request right; the table says how many a second."""
    sizes, connections, batching, threads = MODELS[name]
    spec = a_spec(
        type="onnx", models=ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models/m"),)), batching=batching, **threads
    )
    context = write_context(tmp_path / "context", {"predictor.py": PREDICTOR}, spec)
    model = dense(context / "models/m/model.onnx", sizes)
    payload = json.dumps(numpy.random.default_rng(1).random(sizes[0]).round(6).tolist())
    script = tmp_path / "post.lua"
    script.write_text(f"wrk.method='POST'\nwrk.body='{payload}'\nwrk.headers['Content-Type']='application/json'\n")
    ports = {server: free_port() for server in ("cxpack", "fastapi", "raw asgi")}
    commands = {
        "cxpack": [sys.executable, "-m", "runtime_handler"],
        "fastapi": [sys.executable, str(APPS / "fastapi_sync.py"), str(model), str(ports["fastapi"])],
        "raw asgi": [sys.executable, str(APPS / "raw_asgi.py"), str(model), str(ports["raw asgi"])],
    }
    rates: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with contextlib.ExitStack() as stack:
        started = {
            server: stack.enter_context(pinned(command, ports[server], context, CXPACK_MODEL_STORE=str(tmp_path / "store")))
            for server, command in commands.items()
        }
        idle = {server: memory_mb(pid) for server, (pid, _) in started.items()}
        answers = [
            httpx.post(f"http://127.0.0.1:{port}/iris", json=json.loads(payload), trust_env=False).json()["scores"]
            for port in ports.values()
        ]
        for answer in answers:
            numpy.testing.assert_allclose(answer, answers[0], rtol=1e-4, atol=1e-5)
        for _ in range(ROUNDS):
            for count in connections:
                for server, port in ports.items():
                    rates.setdefault((server, count), []).append(load(port, count, script))
    with capsys.disabled():
        print(f"\n{name}: requests/s (p99 ms), ratio to FastAPI with a sync endpoint")
        for server in ports:
            cells = []
            for count in connections:
                rate, tail = (statistics.median(values) for values in zip(*rates[server, count], strict=True))
                plain = statistics.median(value for value, _ in rates["fastapi", count])
                cells.append(f"c={count} {rate:7,.0f} ({tail:6.1f}) x{rate / plain:4.1f}")
            print(f"  {server:9} {'   '.join(cells)}   idle {idle[server]:4.0f} MB   first answer {started[server][1]:.2f} s")
