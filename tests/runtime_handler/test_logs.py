"""What the log of a server says."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runtime_handler import app
from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec
from runtime_handler.metrics.recorder import NullRecorder
from runtime_handler.models.model import ModelId
from runtime_handler.request import Answer, Request
from runtime_handler.service import Service
from tests.runtime_handler.harness import ECHO, a_spec, serving, write_context

WITH_MODEL = """
import logging

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        return 1

    def predict(self, payload):
        logging.getLogger("mine").info("saw %s", payload)
        return self.client.get_model() / payload
"""


def test_lines_are_json_with_request_model_and_version(tmp_path: Path) -> None:
    """The user's records and ours; a failing request names its id and the model that it used, with the whole traceback."""
    models = ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="models/m"),))
    context = write_context(tmp_path / "context", {"predictor.py": WITH_MODEL}, a_spec(models=models, log_level="debug"))
    (context / "models/m/7").mkdir(parents=True)
    (context / "models/m/7/w").write_text("w")
    with serving(context, CXPACK_MODEL_STORE=str(tmp_path / "store")) as server:
        assert server.client.post("/iris", json=2, headers={"x-request-id": "good"}).json() == 0.5
        assert server.client.post("/iris", json=0, headers={"x-request-id": "bad"}).status_code == 500
        lines = [json.loads(line) for line in server.stderr.splitlines()]
    messages = [line["message"] for line in lines]
    assert "saw 2" in messages
    done = next(line for line in lines if line["message"] == "request" and line.get("request_id") == "good")
    assert (done["status"], done["model"], done["version"]) == (200, SINGLE_MODEL, 7)
    assert done["duration_ms"] > 0
    failed = next(line for line in lines if "ZeroDivisionError" in line["message"])
    assert (failed["request_id"], failed["model"], failed["version"], failed["level"]) == ("bad", SINGLE_MODEL, 7, "error")
    assert failed["traceback"].splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_requests_are_not_logged_one_by_one(tmp_path: Path) -> None:
    """At the default level a thousand good requests leave no line."""
    with serving(write_context(tmp_path, {"predictor.py": ECHO})) as server:
        for _ in range(20):
            server.client.post("/iris", json=1)
        assert len(server.stderr.splitlines()) == 2  # listening, ready


def test_slow_requests_and_errors_have_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """At the default level: which request it was, with its model, version and duration."""
    monkeypatch.setattr(app, "SLOW_MS", 0.0)

    def answer(request: Request) -> Answer:
        request.used = ModelId("m", 7)
        return Answer(200, b"1", "application/json", [])

    asyncio.run(ask_app(tmp_path, answer))
    [record] = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "slow request")
    assert (record.request_id, record.model, record.version, record.status) == ("slow", "m", 7, 200)
    assert record.duration_ms > 0


async def ask_app(project: Path, answer: Callable[[Request], Answer]) -> None:
    """One POST to an app whose predictions are `answer`."""

    def not_opened(*_: object) -> Any:
        raise AssertionError

    async def predict(request: Request) -> Answer:
        return answer(request)

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"1"}

    async def send(message: Mapping[str, Any]) -> None:
        assert message.get("status", 200) == 200

    service = Service(a_spec(), project, not_opened, NullRecorder())
    service.ready = True
    headers = [(b"x-request-id", b"slow"), (b"content-type", b"application/json")]
    scope = {"method": "POST", "path": "/iris", "headers": headers, "query_string": b""}
    await app.App(service, predict, NullRecorder())(scope, receive, send)


def test_text_is_for_people(tmp_path: Path) -> None:
    """CXPACK_LOG_FORMAT=text: plain lines, the traceback below, and no metric lines between the user's prints."""
    predictor = ECHO.replace("return payload", "print('hello', payload); return 1 / payload")
    with serving(write_context(tmp_path, {"predictor.py": predictor}), CXPACK_LOG_FORMAT="text") as server:
        server.client.post("/iris", json=0)
        assert server.stop() == 0
        assert "iris error: predict raised ZeroDivisionError" in server.stderr
        assert "\nZeroDivisionError: division by zero" in server.stderr
        assert server.stdout == "hello 0\n"


def test_whatever_a_record_carries_becomes_a_line(tmp_path: Path) -> None:
    """Fields that are called like ours and hold something else, and the stack that a record asks for."""
    predictor = """
import logging

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        log = logging.getLogger("mine")
        log.warning("number", extra={"traceback": 5})
        log.warning("mapping", extra={"model": {(1, 2): 3}})
        log.warning("stack", stack_info=True)
"""
    with serving(write_context(tmp_path, {"predictor.py": predictor})) as server:
        assert server.client.post("/iris", json=1).status_code == 200
        lines = {line["message"]: line for line in map(json.loads, server.stderr.splitlines())}
    assert lines["number"]["traceback"] == "5"
    assert lines["mapping"]["model"] == "{(1, 2): 3}"
    assert lines["stack"]["traceback"].startswith("Stack (most recent call last):")


def test_metric_lines_stay_whole_beside_what_the_user_prints(tmp_path: Path) -> None:
    """Also unbuffered, as Python runs in the images."""
    predictor = """
import sys
import threading

class PythonPredictor:
    def __init__(self, config):
        threading.Thread(target=self.talk, daemon=True).start()

    def talk(self):
        while True:
            print("one of my lines")

    def predict(self, payload):
        return payload
"""
    script = """
import os
import sys

from runtime_handler.logs import configure
from runtime_handler.metrics.emf_recorder import EmfRecorder, write_to_stdout
from predictor import PythonPredictor

configure("info", "json", "iris")
PythonPredictor({})
recorder = EmfRecorder("iris", write_to_stdout)
for number in range(300):
    recorder.record("Latency", number)
    recorder.flush()
os._exit(0)
"""
    (tmp_path / "predictor.py").write_text(predictor)
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line for line in result.stdout.splitlines() if line != "one of my lines"]
    assert [json.loads(line)["Latency"] for line in lines if not "one of my lines".startswith(line)] == list(range(300))
