"""A real server process, from its first answer to its exit code."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.runtime_handler.entrypoints.test_server_process import wait_until
from tests.runtime_handler.harness import ECHO, Server, a_spec, clean_environment, run_to_exit, serving, write_context

PREDICTOR = """
import os
from neighbour import ANSWER

class PythonPredictor:
    def __init__(self, config):
        self.config = config

    def predict(self, payload, query_params, headers):
        if "boom" in query_params:
            raise KeyError("boom")
        return {
            "payload": payload if not isinstance(payload, bytes) else payload.decode(),
            "config": self.config,
            "answer": ANSWER,
            "folder": os.path.basename(os.getcwd()),
            "query": dict(query_params),
            "agent": headers["X-Agent"] if "x-agent" in headers else None,
        }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    context = write_context(tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR, "neighbour.py": "ANSWER = 42"})
    with serving(context) as running:
        yield running


@pytest.mark.parametrize("path", ["/iris", "/", "/predict", "/invocations"])
def test_predictions_are_made_at_the_endpoint_and_at_the_platforms_paths(server: Server, path: str) -> None:
    """One predictor answers POSTs on Cortex's, SageMaker's and its own path, with its project's modules and folder."""
    response = server.client.post(path, params={"a": "1"}, json={"x": [1, 2.5]}, headers={"x-agent": "me"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "payload": {"x": [1, 2.5]},
        "config": {},
        "answer": 42,
        "folder": "project",
        "query": {"a": "1"},
        "agent": "me",
    }


def test_get_tells_how_to_predict(server: Server) -> None:
    """GET on the endpoint answers Cortex's usage message."""
    response = server.client.get("/iris")
    assert response.status_code == 200
    assert "POST /iris" in response.json()["message"]


@pytest.mark.parametrize("path", ["/ping", "/-/ready", "/-/healthy", "/-/status"])
def test_probes_answer(server: Server, path: str) -> None:
    """Every probe says 200 once the API is ready."""
    assert server.client.get(path).status_code == 200


def test_a_body_that_is_no_json_is_the_callers_fault(server: Server) -> None:
    """400 with the decoder's message and the stable kind."""
    response = server.client.post("/iris", content="{", headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["kind"] == "bad_payload"
    assert "line 1 column 2" in response.json()["error"]


def test_a_failing_predict_is_a_bare_500_with_its_traceback_in_the_log(server: Server) -> None:
    """The caller learns nothing of the code; the log has the whole traceback, beginning in the user's file."""
    response = server.client.post("/iris?boom", json={})
    assert response.status_code == 500
    assert response.json() == {"error": "internal server error", "kind": "predictor_error"}
    line = next(line for line in map(json.loads, server.stderr.splitlines()) if "boom" in line["message"])
    assert line["request_id"] == response.headers["x-request-id"]
    assert "project/predictor.py" in line["traceback"].splitlines()[1]


def test_unknown_paths_and_methods_are_told_what_exists(server: Server) -> None:
    """404 and 405 name the path that would work."""
    assert "POST /iris" in server.client.post("/other").json()["error"]
    response = server.client.put("/iris")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST, OPTIONS")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/iris"), ("GET", "/ping"), ("POST", "/other"), ("PUT", "/iris"), ("POST", "/")]
)
def test_every_answer_carries_a_request_id(server: Server, method: str, path: str) -> None:
    """The caller's own when it sent one, a new one for each request when not, whatever the answer is."""
    assert server.client.request(method, path, headers={"x-request-id": "mine"}).headers["x-request-id"] == "mine"
    made = {server.client.request(method, path).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    """SageMaker's `serve` is accepted, its port wins, and SIGTERM ends with exit code 0."""
    with serving(write_context(tmp_path, {"predictor.py": ECHO}), arguments=("serve",)) as server:
        assert server.client.post("/iris", json=1).json() == 1
        assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_may_end_before_it_has_begun(tmp_path: Path, number: signal.Signals) -> None:
    """Who is told to stop while it imports its libraries stops then, with nothing to say."""
    context = write_context(tmp_path / "context", {"predictor.py": ECHO})
    slow = tmp_path / "libraries/orjson.py"
    slow.parent.mkdir()
    slow.write_text("import pathlib, time\npathlib.Path('imports').touch()\ntime.sleep(1000)\n")
    environment = clean_environment(PYTHONPATH=str(slow.parent))
    command = [sys.executable, "-m", "runtime_handler"]
    with subprocess.Popen(command, cwd=context, env=environment, stderr=subprocess.PIPE) as process:
        try:
            wait_until(context / "imports")
            process.send_signal(number)
            assert process.communicate(timeout=30)[1] == b""
            assert process.returncode == 0
        finally:
            process.kill()


def test_it_has_as_many_connections_as_the_platform_lets_it_have_files(tmp_path: Path) -> None:
    """The lower limit that a platform begins with is raised to the one that it allows."""
    few = ("sh", "-c", 'ulimit -Sn 64 && ulimit -Hn 4096 && exec "$@"', "sh")
    with serving(write_context(tmp_path, {"predictor.py": ECHO}), launcher=few) as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=server.url, timeout=5, trust_env=False)) for _ in range(90)]
        assert {client.post("/iris", json=1).status_code for client in clients} == {200}


LINGERS = """
import atexit, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

def last():
    Path("last").touch()
    time.sleep(1000)

class PythonPredictor:
    def __init__(self, config):
        self.executor = ThreadPoolExecutor(1)
        self.executor.submit(time.sleep, 1000)
        atexit.register(last)

    def predict(self, payload):
        return payload
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_no_thread_of_the_users_keeps_it_alive(tmp_path: Path, processes: int) -> None:
    """A busy executor does not outlast SIGTERM; what one process registered to run at exit is run, for a while."""
    context = write_context(tmp_path, {"predictor.py": LINGERS}, a_spec(processes_per_replica=processes))
    with serving(context) as server:
        assert server.client.post("/iris", json=1).json() == 1
        assert server.stop() == 0
        assert (context / "project/last").exists() == (processes == 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_users_code_printed_last_is_not_lost(tmp_path: Path, processes: int) -> None:
    """Half a line, too."""
    printing = ECHO.replace("return payload", "print('half a line', end=''); return payload")
    with serving(write_context(tmp_path, {"predictor.py": printing}, a_spec(processes_per_replica=processes))) as server:
        assert server.client.post("/iris", json=1).json() == 1
        assert server.stop() == 0
        assert "half a line" in server.stdout


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"other.py": ""}, "predictor.py: no such file"),
        ({"predictor.py": "import nonesuch_package"}, "predictor.py could not be imported: ModuleNotFoundError"),
        ({"predictor.py": "class Predictor: ..."}, "predictor.py defines no class PythonPredictor"),
        ({"predictor.py": ECHO.replace("self.config = config", "raise RuntimeError('no weights')")}, "no weights"),
        ({"predictor.py": ECHO.replace("payload)", "sample)")}, "unknown argument `sample`"),
    ],
    ids=["no file", "failing import", "wrong class", "failing constructor", "wrong argument"],
)
def test_a_predictor_that_cannot_start_ends_the_process_with_a_sentence(tmp_path: Path, files: dict[str, str], says: str) -> None:
    """Exit code 1, and one log line that says whose fault it is; the user's traceback beside it when it is theirs."""
    ended = run_to_exit(write_context(tmp_path, files))
    assert ended.returncode == 1
    [line] = [line for line in map(json.loads, ended.stderr.splitlines()) if line["level"] == "error"]
    assert says in line["message"]
    assert "runtime_handler" not in line.get("traceback", "")
