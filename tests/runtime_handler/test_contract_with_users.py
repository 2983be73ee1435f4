"""The rest of Cortex's predictor contract, on a running server."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

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
