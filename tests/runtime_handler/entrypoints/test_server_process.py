"""What callers see while a server starts, is full, and stops."""

import concurrent.futures
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runtime_handler.contract import ModelPath, ModelsSpec, MonitoringSpec
from tests.runtime_handler.harness import ECHO, Server, a_spec, clean_environment, free_port, serving, write_context

WAITS = """
import pathlib, time

def wait_for(name):
    pathlib.Path(name + ".waiting").touch()
    deadline = time.monotonic() + 30
    while not pathlib.Path(name).exists() and time.monotonic() < deadline:
        time.sleep(0.005)

class PythonPredictor:
    def __init__(self, config):
        if config.get("slow_start"):
            wait_for("start")

    def predict(self, payload, query_params):
        if payload:
            wait_for(payload)
        return payload
"""


def wait_until(path: Path) -> None:
    pause = threading.Event()
    for _ in range(3000):
        if path.exists():
            return
        pause.wait(0.01)
    raise AssertionError(f"{path} never came")


def test_while_the_constructor_runs_everything_says_later(tmp_path: Path) -> None:
    """Alive at once, not ready: 503 with Retry-After on the endpoint, /ping and /-/ready, until __init__ has ended."""
    context = write_context(tmp_path, {"predictor.py": WAITS}, a_spec(config={"slow_start": True}))
    with serving(context, ready=False) as server:
        for response in (
            server.client.get("/iris"),
            server.client.post("/iris", json=None),
            server.client.get("/ping"),
            server.client.get("/-/ready"),
        ):
            assert (response.status_code, response.json()["kind"]) == (503, "not_ready")
            assert int(response.headers["retry-after"]) >= 1
        assert server.client.get("/-/status").json()["ready"] is False
        (context / "project/start").touch()
        server.wait_for("/-/ready", 200)
        assert server.client.post("/iris", json=None).status_code == 200


def test_requests_beyond_the_limit_are_refused_at_once(tmp_path: Path) -> None:
    """max_replica_concurrency counts running and waiting requests; health checks are not among them.

    What is refused is in no metric: it would make a replica look worse than it is.
    """
    context = write_context(tmp_path, {"predictor.py": WAITS}, a_spec(threads_per_process=2), max_replica_concurrency=2)
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        running = []
        for name in ("first", "second"):
            running.append(pool.submit(httpx.post, server.url + "/iris", json=name, timeout=60))
            wait_until(context / f"project/{name}.waiting")
        refused = server.client.post("/iris", json="third")
        assert (refused.status_code, refused.json()["kind"]) == (503, "overloaded")
        assert refused.headers["retry-after"]
        assert server.client.get("/ping").status_code == 200
        for name in ("first", "second"):
            (context / f"project/{name}").touch()
        assert [future.result().status_code for future in running] == [200, 200]
        assert server.client.post("/iris", json=None).status_code == 200
        assert server.stop() == 0
        [line] = [json.loads(line) for line in server.stdout.splitlines() if "StatusCode" in line]
    assert (line["Code"], line["StatusCode"]) == ("2XX", [1, 1, 1])


@pytest.mark.parametrize("processes", [1, 2])
def test_sigterm_lets_requests_finish_and_loses_no_metric(tmp_path: Path, processes: int) -> None:
    """The running request is answered, then the replica ends with code 0, its metrics written."""
    spec = a_spec(processes_per_replica=processes)
    context = write_context(tmp_path, {"predictor.py": WAITS}, spec, monitoring=MonitoringSpec(model_type="classification"))
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(httpx.post, server.url + "/iris", json="go", timeout=60)
        wait_until(context / "project/go.waiting")
        stopping = pool.submit(server.stop)
        (context / "project/go").touch()
        assert running.result().text == "go"
        assert stopping.result() == 0
        lines = [json.loads(line) for line in server.stdout.splitlines()]
    counts = {line["Code"]: line["StatusCode"] for line in lines if "StatusCode" in line}
    classes = {line["Class"]: line["Prediction"] for line in lines if "Prediction" in line}
    assert (counts, classes) == ({"2XX": 1}, {"go": 1})


@pytest.mark.parametrize("processes", [1, 2])
def test_a_status_of_several_processes_says_whose_it_is(tmp_path: Path, processes: int) -> None:
    """Its keys are those that others script against; with several processes, the one that is asked and two numbers join them."""
    context = write_context(tmp_path, {"predictor.py": WAITS}, a_spec(processes_per_replica=processes))
    with serving(context) as server:
        status = server.client.get("/-/status").json()
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    told = {"process", "processes", "answered"} if processes > 1 else set()
    assert status.keys() == {"api", "ready", "models", "cache"} | told
    if told:
        assert status["processes"] == processes
        assert str(status["process"]) in children


IMPATIENT = """
import runpy, sys
sys.path.insert(0, ".")
from runtime_handler.entrypoints import process
process.DRAIN_S, process.CANCEL_S = 0.2, 1
runpy.run_module("runtime_handler", run_name="__main__", alter_sys=True)
"""


@contextlib.contextmanager
def impatient(context: Path, **environment: str) -> Iterator[Server]:
    """A server whose requests have a fraction of a second to finish after SIGTERM."""
    (context / "impatient.py").write_text(IMPATIENT)
    with serving(context, launcher=("sh", "-c", 'exec "$1" impatient.py', "sh"), **environment) as server:
        yield server


def statuses(server: Server) -> Counter[str]:
    """How often each value of `Code` was recorded."""
    counted: Counter[str] = Counter()
    for line in map(json.loads, server.stdout.splitlines()):
        if "StatusCode" in line:
            values = line["StatusCode"]
            counted[line["Code"]] += sum(values) if isinstance(values, list) else values
    return counted


@pytest.mark.parametrize("processes", [1, 2])
def test_requests_that_outlast_the_grace_are_told_to_come_again(tmp_path: Path, processes: int) -> None:
    """503 and a 5XX each, be it JSON or a form, and the replica ends in order."""
    spec = a_spec(processes_per_replica=processes, threads_per_process=2)
    predictor = WAITS.replace("if payload:", "if not isinstance(payload, str): wait_for(payload['name'])\n        else:")
    context = write_context(tmp_path, {"predictor.py": predictor}, spec)
    with impatient(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = [
            pool.submit(httpx.post, server.url + "/iris", json="direct", timeout=60, trust_env=False),
            pool.submit(httpx.post, server.url + "/iris", data={"name": "form"}, timeout=60, trust_env=False),
        ]
        for name in ("direct", "form"):
            wait_until(context / f"project/{name}.waiting")
        assert server.stop() == 0
        answers = [future.result() for future in waiting]
        assert statuses(server) == {"5XX": 2}
        assert "Traceback" not in server.stderr
    assert [(answer.status_code, answer.json()["kind"]) for answer in answers] == [(503, "worker_ended")] * 2


STREAMS = WAITS.replace(
    "return payload",
    """
        def parts():
            yield b"first"
            wait_for("never")
        return StreamingResponse(parts()) if query_params else payload
""",
).replace("import pathlib", "from starlette.responses import StreamingResponse\nimport pathlib")


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("next_length", [4, 100], ids=["a request behind it", "half a request behind it"])
@pytest.mark.parametrize(("path", "heads"), [("/iris", [b"503"]), ("/iris?stream=1", [b"200"])], ids=["prediction", "stream"])
def test_what_is_under_way_decides_what_a_caller_is_told(
    tmp_path: Path, processes: int, next_length: int, path: str, heads: list[bytes]
) -> None:
    """503 for the request whose answer has not begun, nothing within one that has; who waits behind it gets no other answer."""
    context = write_context(tmp_path, {"predictor.py": STREAMS}, a_spec(processes_per_replica=processes, threads_per_process=2))
    with impatient(context) as server, socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = "POST {} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}"
        body = "null" if "stream" in path else '"never"'
        connection.sendall((head.format(path, len(body), body) + head.format("/iris", next_length, "null")).encode())
        wait_until(context / "project/never.waiting")
        assert server.stop() == 0
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        assert statuses(server) == {"5XX": 1}
    assert [answer[:3] for answer in received.split(b"HTTP/1.1 ")[1:]] == heads
    assert received.endswith(b"first\r\n" if "stream" in path else b"}")


EXITS = """
import sys
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

class Exits(Response):
    async def __call__(self, scope, receive, send):
        sys.exit(3)

def parts():
    yield b"first"
    sys.exit(3)

RESPONSES = {
    "response": Exits,
    "stream": lambda: StreamingResponse(parts()),
    "background": lambda: Response("answer", background=BackgroundTask(sys.exit, 3)),
}
""" + WAITS.replace(
    "if payload:", "if 'kind' in query_params:\n            return RESPONSES[query_params['kind']]()\n        if payload:"
)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize(("kind", "seen"), [("response", b"predictor_error"), ("stream", b"first"), ("background", b"answer")])
def test_a_response_that_ends_the_process_ends_its_own_answer_alone(
    tmp_path: Path, processes: int, kind: str, seen: bytes
) -> None:
    """sys.exit() is one request's failure also where a response object calls it: the others are answered."""
    context = write_context(tmp_path, {"predictor.py": EXITS}, a_spec(processes_per_replica=processes, threads_per_process=2))
    with serving(context) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(httpx.post, server.url + "/iris", json="go", timeout=60, trust_env=False)
        wait_until(context / "project/go.waiting")
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
                head = f"POST /iris?kind={kind} HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                connection.sendall(head.encode())
                with connection.makefile("rb") as answer:
                    assert seen in answer.read()
        (context / "project/go").touch()
        assert waiting.result().text == "go"
        assert server.stop() == 0
        assert statuses(server) == {"2XX": 1, "5XX": 2}
        assert server.stderr.count("answering failed: SystemExit: 3") == 2
        assert "ended with code" not in server.stderr


def test_a_load_that_is_under_way_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """SageMaker waits for a model, and stops the container meanwhile."""
    predictor = WAITS.replace("self, config", "self, config, python_client")
    loads = "\n    def load_model(self, model_path):\n        pathlib.Path('loads').touch()\n        time.sleep(1000)\n"
    spec = a_spec(models=ModelsSpec(paths=(ModelPath(name="one", path="one"),)))
    context = write_context(tmp_path, {"predictor.py": predictor + loads}, spec)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").touch()
    environment = {"SAGEMAKER_MULTI_MODEL": "true", "CXPACK_MODEL_STORE": str(tmp_path / "store")}
    with impatient(context, **environment) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        model = {"model_name": "a", "url": str(tmp_path / "model")}
        loading = pool.submit(httpx.post, server.url + "/models", json=model, timeout=60, trust_env=False)
        wait_until(context / "project/loads")
        assert server.stop() == 0
        assert loading.result().status_code == 503


FLUSHES_OFTEN = """
import runpy, sys
sys.path.insert(0, ".")
from runtime_handler.metrics import in_flight
in_flight.SAMPLES = 1
runpy.run_module("runtime_handler", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_metrics_that_nobody_takes_hold_up_nothing(tmp_path: Path, processes: int) -> None:
    """With standard output a full pipe, health checks on new connections are answered, and SIGTERM ends the replica with 0."""
    context = write_context(tmp_path, {"predictor.py": ECHO}, a_spec(processes_per_replica=processes))
    (context / "often.py").write_text(FLUSHES_OFTEN)
    port = free_port()
    environment = clean_environment(PORT=str(port), CXPACK_HOST="127.0.0.1")
    reader, full = full_pipe()
    with (
        (tmp_path / "stderr").open("wb") as stderr,
        subprocess.Popen([sys.executable, "often.py"], cwd=context, env=environment, stdout=full, stderr=stderr) as process,
    ):
        server = Server(process, f"http://127.0.0.1:{port}", tmp_path)
        try:
            server.wait_for("/-/ready", 200)
            assert server.client.post("/iris", json=1).json() == 1
            server.client.close()
            pause = threading.Event()
            for _ in range(30):  # beyond the second after which the first metrics are written
                pause.wait(0.1)
                assert httpx.get(server.url + "/ping", timeout=10, trust_env=False).status_code == 200
            assert server.stop() == 0
        finally:
            process.kill()
            os.close(reader)
            os.close(full)


def full_pipe() -> tuple[int, int]:
    """The two ends of a pipe that takes nothing more; whoever writes to it waits."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for size in (1 << 16, 1):
        try:
            while True:
                os.write(writer, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(writer, True)
    return reader, writer


def test_the_document_describes_the_api(tmp_path: Path) -> None:
    """/-/docs is OpenAPI for programs and a page for browsers."""
    with serving(write_context(tmp_path, {"predictor.py": ECHO})) as server:
        document = server.client.get("/-/docs").json()
        assert {"/iris", "/-/status"} <= document["paths"].keys()
        page = server.client.get("/-/docs", headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert server.client.get("/-/docs/openapi.json").json() == document


def test_a_sample_is_predicted_before_ready(tmp_path: Path) -> None:
    """`deploy.warmup` runs once and counts in no metric; a sample that fails is a warning, no more."""
    files = {
        "predictor.py": ECHO.replace("return payload", "print('saw', payload, flush=True); return 1 / payload"),
        "w.json": "4",
    }
    with serving(write_context(tmp_path / "good", files, warmup="w.json")) as server:
        assert "saw 4" in server.stdout
        assert server.stop() == 0
        assert "StatusCode" not in server.stdout
    with serving(write_context(tmp_path / "bad", {**files, "w.json": "0"}, warmup="w.json")) as server:
        assert "ZeroDivisionError" in server.stderr
        assert server.client.post("/iris", json=2).json() == 0.5
