"""The function under the real runtime interface emulator: starts that fail, metrics, limits."""

import json
from pathlib import Path

import httpx
import pytest

from runtime_handler.entrypoints.aws_lambda import limit_blas_threads
from tests.runtime_handler.emulator import as_response, emulating, http_api_event, load_balancer_event
from tests.runtime_handler.harness import ECHO, a_spec, write_context

JSON = {"content-type": "application/json"}


def metric_lines(log: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith('{"_aws"')]


@pytest.mark.parametrize(
    ("environ", "threads"),
    [
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128"}, "1"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"}, "1"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1770"}, "2"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "10240"}, "4"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "OPENBLAS_NUM_THREADS": "3"}, "3"),
        ({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "OMP_NUM_THREADS": "3"}, None),
        ({}, None),
    ],
)
def test_openblas_starts_a_thread_for_each_vcpu(environ: dict[str, str], threads: str | None) -> None:
    """Of the share that the function's memory gives it of four processors; what the project says stands."""
    limit_blas_threads(environ, processors=4)
    assert environ.get("OPENBLAS_NUM_THREADS") == threads


def test_a_failing_constructor_is_an_init_error(tmp_path: Path) -> None:
    """The runtime API is told our sentence; the log has the user's traceback without our frames."""
    broken = ECHO.replace("self.config = config", "raise RuntimeError('no weights')")
    with emulating(write_context(tmp_path, {"predictor.py": broken})) as function:
        answer = function.invoke({})
        assert "__init__ raised RuntimeError: no weights" in answer["errorMessage"]
        [line] = [json.loads(line) for line in function.log.splitlines() if '"traceback"' in line]
    assert line["traceback"].splitlines()[-1] == "RuntimeError: no weights"
    assert "runtime_handler" not in line["traceback"]


def test_each_invocation_writes_one_metric_line(tmp_path: Path) -> None:
    """Status, latency and nothing else for an API without monitoring; refused methods and GETs write none."""
    with emulating(write_context(tmp_path, {"predictor.py": ECHO})) as function:
        function.request("GET", "/iris", "", {}, b"")
        function.request("POST", "/iris", "", JSON, b"1")
        function.request("POST", "/iris", "", JSON, b"{")
        lines = metric_lines(function.log)
    assert [(line["APIName"], line["Code"], line["StatusCode"]) for line in lines] == [("iris", "2XX", 1), ("iris", "4XX", 1)]
    assert all(isinstance(line["Latency"], int | float) for line in lines)


def test_an_answer_that_lambda_cannot_return_is_a_clear_error(tmp_path: Path) -> None:
    """Beyond 6 MB, or 1 MB behind a load balancer, the caller is told so and what to do; just below, the answer arrives.

    It counts as what they see.
    """
    predictor = ECHO.replace("return payload", "return 'x' * payload")
    with emulating(write_context(tmp_path, {"predictor.py": predictor})) as function:
        large = as_response(function.invoke(http_api_event("POST", "/iris", "", JSON, b"6290000")))
        assert len(large.content) == 6_290_000
        too_large = as_response(function.invoke(http_api_event("POST", "/iris", "", JSON, b"6300000")))
        balanced = as_response(function.invoke(load_balancer_event("POST", "/iris", "", JSON, b"1048576")))
        fits = as_response(function.invoke(load_balancer_event("POST", "/iris", "", JSON, b"1047000")))
        codes = [line["Code"] for line in metric_lines(function.log)]
    assert (too_large.status_code, too_large.json()["kind"]) == (500, "answer_too_large")
    assert "6 MB" in too_large.json()["error"]
    assert too_large.headers["x-request-id"]
    assert (balanced.status_code, balanced.headers["content-type"]) == (500, "application/json")
    assert "a load balancer takes at most 1 MB" in balanced.json()["error"]
    assert len(fits.content) == 1_047_000
    assert codes == ["2XX", "5XX", "5XX", "2XX"]


def test_lines_are_json_and_name_the_invocation(tmp_path: Path) -> None:
    """The user's own records, the traceback of a failing request, and a line for each at the level debug, as on servers."""
    predictor = "import logging\n" + ECHO.replace(
        "return payload", "logging.getLogger('mine').info('saw %s', payload); return 1 / payload"
    )
    context = write_context(tmp_path, {"predictor.py": predictor}, a_spec(log_level="debug"))
    with emulating(context) as function:
        identities = [function.request("POST", "/iris", "", JSON, body).headers["x-request-id"] for body in (b"2", b"0")]
        lines = [json.loads(line) for line in function.log.splitlines() if line.startswith('{"time"')]
    assert "saw 2" in [line["message"] for line in lines]
    done = [(line["request_id"], line["status"], line["level"]) for line in lines if line["message"] == "request"]
    assert done == [(identities[0], 200, "debug"), (identities[1], 500, "debug")]
    [failed] = [line for line in lines if "traceback" in line]
    assert (failed["request_id"], failed["level"]) == (identities[1], "error")
    assert failed["traceback"].splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_post_predict_runs_before_the_environment_freezes(tmp_path: Path) -> None:
    """Nothing runs between invocations in Lambda, so it runs within the one that it belongs to."""
    predictor = ECHO + "\n    def post_predict(self, response, payload):\n        print('after', response, payload)\n"
    with emulating(write_context(tmp_path, {"predictor.py": predictor})) as function:
        assert function.request("POST", "/iris", "", JSON, b"7").json() == 7
        assert "after 7 7" in function.log


def test_a_form_is_predicted_as_json_is(tmp_path: Path) -> None:
    """A predictor may run an event loop of its own, and use on it what belongs to the thread that constructed it."""
    predictor = """
import asyncio, sqlite3

class PythonPredictor:
    def __init__(self, config):
        self.database = sqlite3.connect(":memory:")

    def predict(self, payload):
        return asyncio.run(self.answer(payload["x"]))

    async def answer(self, x):
        length = len(x if isinstance(x, str) else await x.read())
        return self.database.execute("select ?", [length]).fetchone()[0]
"""
    file = httpx.Request("POST", "http://x", files={"x": b"x" * 1_500_000})  # more than is kept in memory
    requests = [
        ("application/json", b'{"x": "1"}'),
        ("application/x-www-form-urlencoded", b"x=1"),
        (file.headers["content-type"], file.read()),
    ]
    with emulating(write_context(tmp_path, {"predictor.py": predictor})) as function:
        answers = [function.request("POST", "/iris", "", {"content-type": kind}, body) for kind, body in requests]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "1"), (200, "1"), (200, "1500000")]


@pytest.mark.parametrize("how", ["StreamingResponse(ends())", "Response(background=BackgroundTask(sys.exit))"])
def test_user_code_that_would_end_the_process_ends_its_own_request(tmp_path: Path, how: str) -> None:
    """A response object runs on a loop, which sys.exit() stops; the environment goes on, and the metrics know of the request."""
    predictor = f"""
import sys
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

async def ends():
    yield "a"
    sys.exit(1)

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        return {how} if payload == "ends" else payload
"""
    with emulating(write_context(tmp_path, {"predictor.py": predictor})) as function:
        ended = function.request("POST", "/iris", "", JSON, b'"ends"')
        assert [function.request("POST", "/iris", "", JSON, b"1").json() for _ in range(2)] == [1, 1]
        codes = [line["Code"] for line in metric_lines(function.log)]
    assert ended.status_code == 500
    assert codes == ["5XX", "2XX", "2XX"]
