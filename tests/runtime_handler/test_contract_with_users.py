"""The rest of Cortex's predictor contract, on a running server."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from onnx import TensorProto, helper

from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec
from tests.runtime_handler.harness import ECHO, a_spec, serving, write_context

CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "*",
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-credentials": "true",
}


def test_cors_headers_come_with_every_answer_that_is_no_error(tmp_path: Path) -> None:
    """As Cortex's proxy added them; a browser's preflight is answered; what the user's response sets wins."""
    predictor = """
from starlette.responses import Response

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        if payload == "own":
            return Response("x", headers={"Access-Control-Allow-Origin": "https://mine"})
        return 1 / payload
"""
    with serving(write_context(tmp_path, {"predictor.py": predictor})) as server:
        client = server.client
        for answer in (client.post("/iris", json=1), client.get("/iris"), client.options("/iris")):
            assert answer.status_code == 200
            assert CORS.items() <= dict(answer.headers).items()
        assert "access-control-allow-origin" not in client.post("/iris", json=0).headers
        own = client.post("/iris", json="own")
        assert own.headers.get_list("access-control-allow-origin") == ["https://mine"]


def test_post_predict_comes_after_the_answer_and_may_fail(tmp_path: Path) -> None:
    """It gets what it declares, on the request threads; what it raises is in the log and nowhere else."""
    predictor = """
import pathlib, time

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        return {"twice": payload * 2}

    def post_predict(self, response, payload, query_params, headers):
        deadline = time.monotonic() + 30
        while not pathlib.Path("answered").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        pathlib.Path("after").write_text(f"{response} {payload} {dict(query_params)} {headers['x-a']}")
        raise KeyError("swallowed")
"""
    context = write_context(tmp_path, {"predictor.py": predictor})
    with serving(context) as server:
        assert server.client.post("/iris?q=1", json=2, headers={"X-A": "b"}).json() == {"twice": 4}
        (context / "project/answered").touch()
        assert server.client.post("/iris?q=2", json=3, headers={"X-A": "b"}).json() == {"twice": 6}
        assert server.stop() == 0
        assert (context / "project/after").read_text() == "{'twice': 6} 3 {'q': '2'} b"
        lines = [json.loads(line) for line in server.stderr.splitlines()]
    assert [line["message"] for line in lines if line["level"] == "error"] == ["post_predict raised KeyError: 'swallowed'"] * 2


def test_threads_per_process_predict_at_the_same_time(tmp_path: Path) -> None:
    """Three requests that wait for each other end with three threads; one thread runs __init__ and predict."""
    together = """
import threading

class PythonPredictor:
    def __init__(self, config):
        self.meeting = threading.Barrier(3, timeout=30)

    def predict(self, payload):
        self.meeting.wait()
        return payload
"""
    context = write_context(tmp_path / "three", {"predictor.py": together}, a_spec(threads_per_process=3))
    with serving(context) as server, ThreadPoolExecutor(3) as pool:
        answers = pool.map(lambda n: httpx.post(server.url + "/iris", json=n, timeout=60, trust_env=False).json(), range(3))
        assert sorted(answers) == [0, 1, 2]
    same = ECHO.replace("self.config = config", "import threading; self.thread = threading.get_ident()")
    same = same.replace("return payload", "import threading; return threading.get_ident() == self.thread")
    with serving(write_context(tmp_path / "one", {"predictor.py": same})) as server:
        assert server.client.post("/iris", json=1).json() is True


def test_a_slow_predict_does_not_hold_up_health_checks(tmp_path: Path) -> None:
    """While the only thread computes, /ping and /-/healthy answer."""
    busy = ECHO.replace(
        "return payload",
        "import pathlib\n        pathlib.Path('busy').touch()\n        while not pathlib.Path('go').exists():\n            pass",
    )
    context = write_context(tmp_path, {"predictor.py": busy})
    with serving(context) as server, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(httpx.post, server.url + "/iris", json=1, timeout=60, trust_env=False)
        pause = threading.Event()
        while not (context / "project/busy").exists():
            pause.wait(0.01)
        for path in ("/ping", "/-/healthy"):
            assert server.client.get(path, timeout=2).status_code == 200  # SageMaker's own limit
        (context / "project/go").touch()
        assert waiting.result().status_code == 200


ASKS_A_MODEL = """
class ONNXPredictor:
    def __init__(self, onnx_client, config):
        self.client = onnx_client

    def predict(self, payload, query_params):
        return self.client.predict([0] * 5 if "own" in query_params else payload)[0]
"""


def test_a_bad_model_input_is_the_callers_fault_when_they_sent_it(tmp_path: Path) -> None:
    """400 with input, expected and given type and shape; what the predictor made up is a 500, with the sentence in the log."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", tensors[:1], tensors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    spec = a_spec(type="onnx", models=ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models/m"),)))
    context = write_context(tmp_path / "context", {"predictor.py": ASKS_A_MODEL}, spec)
    (context / "models/m").mkdir(parents=True)
    (context / "models/m/model.onnx").write_bytes(model.SerializeToString())
    expected = "input 'x' (float32, shape [-1, 4]) got "
    bodies = {
        b"null": "None",
        b"[1, 2, 3]": "3 values of shape [3]",
        b'["a", "b", "c", "d"]': "list ['a', 'b', 'c', 'd']: could not convert string to float",
        b'{"x": [[1], [1, 2]]}': "list [[1], [1, 2]]: setting an array element with a sequence",
        b"[" * 900 + b"]" * 900: "list [[[[",
    }
    with serving(context, CXPACK_MODEL_STORE=str(tmp_path / "store")) as server:
        for body, given in bodies.items():
            answer = server.client.post("/iris", content=body, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["kind"]) == (400, "bad_payload"), body
            assert answer.json()["error"].startswith(expected + given)
        assert server.client.post("/iris", json=[1, 2, 3, 4]).json() == [[1, 2, 3, 4]]
        assert "error" not in server.stderr
        assert server.client.post("/iris?own", json=[1, 2, 3, 4]).json()["kind"] == "predictor_error"
        assert f"{expected}5 values of shape [5]" in server.stderr
