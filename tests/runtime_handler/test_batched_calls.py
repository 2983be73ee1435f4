"""Server-side batching of a PythonPredictor: lists in, a list out, each caller its own entry."""

import contextlib
import http.client
import json
import threading
from pathlib import Path
from typing import Any

from runtime_handler.batched_calls import BatchedCalls
from runtime_handler.calls import PredictorFailed
from runtime_handler.contract import BatchingSpec
from runtime_handler.errors import BadPayload
from runtime_handler.models import lease
from runtime_handler.predictor import Predictor
from runtime_handler.request import Answer, Request
from tests.runtime_handler.harness import a_spec, serving, write_context


class Squares:
    """A user's predictor."""

    def __init__(self) -> None:
        self.batches: list[Any] = []
        self.after: list[Any] = []

    def predict(self, payload: list[Any], query_params: list[Any]) -> list[Any]:
        self.batches.append(payload)
        return [number * number for number in payload]

    def post_predict(self, response: list[Any], payload: list[Any]) -> None:
        self.after.append((response, payload))


def ask(predictor: Any, *bodies: bytes) -> list[Any]:
    """The body of each answer, or the kind of its exception."""
    calls = BatchedCalls(Predictor(predictor), None, lambda function, *arguments: function(*arguments))
    outcomes = calls.outcomes([Request(body, "application/json", [], b"", "id") for body in bodies])
    return [outcome.body if isinstance(outcome, Answer) else type(outcome) for outcome in outcomes]


def test_one_call_for_all() -> None:
    """Payloads as one list, predictions in the same order, post_predict once."""
    predictor = Squares()
    assert ask(predictor, b"1", b"2", b"3") == [b"1", b"4", b"9"]
    assert predictor.batches == [[1, 2, 3]]
    assert predictor.after == [([1, 4, 9], [1, 2, 3])]


def test_a_bad_payload_fails_alone() -> None:
    """Unreadable: it never reaches the batch. Unusable: the batch is tried again one by one."""
    assert ask(Squares(), b"1", b"{", b"3") == [b"1", BadPayload, b"9"]
    assert ask(Squares(), b"1", b'"a"', b"3") == [b"1", PredictorFailed, b"9"]


def test_models_of_a_multi_model_endpoint_never_share_a_call() -> None:
    """A call has one default model, so requests to another make up another call."""

    class Named(Squares):
        def predict(self, payload: list[Any], query_params: list[Any]) -> list[Any]:
            running = lease.current()
            assert running is not None
            return [[running.sent_to, number] for number in payload]

    calls = BatchedCalls(Predictor(Named()), None, lambda *_: None)
    requests = [Request(b"1", "application/json", [], b"", "id", model=name) for name in ("a", "b", "a")]
    bodies = [outcome.body for outcome in calls.outcomes(requests) if isinstance(outcome, Answer)]
    assert bodies == [b'["a", 1]', b'["b", 1]', b'["a", 1]']
    assert lease.current() is None


def test_a_predict_that_returns_too_little_is_the_codes_fault() -> None:
    """Nobody gets somebody else's prediction."""

    class First(Squares):
        def predict(self, payload: list[Any], query_params: list[Any]) -> list[Any]:
            return super().predict(payload, query_params)[:1] if len(payload) < 3 else []

    assert ask(First(), b"1", b"2", b"3") == [b"1", b"4", b"9"]

    class None_(Squares):
        def predict(self, payload: list[Any], query_params: list[Any]) -> Any:
            return None

    assert ask(None_(), b"1", b"2") == [PredictorFailed, PredictorFailed]


def test_concurrent_requests_share_a_call(tmp_path: Path) -> None:
    """While one batch runs, the requests that come make up the next; a lone request has a batch of one."""
    predictor = """
import pathlib, time

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        if payload == ["first"]:
            pathlib.Path("running").touch()
            while not pathlib.Path("go").exists():
                time.sleep(0.005)
        return [[item, len(payload)] for item in payload]
"""
    spec = a_spec(batching=BatchingSpec(max_batch_size=4, batch_interval_s=0.05))
    context = write_context(tmp_path, {"predictor.py": predictor}, spec)
    with serving(context) as server, contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)))
            for _ in range(9)
        ]
        for number, connection in enumerate(connections):
            body = json.dumps("first" if number == 0 else number)
            connection.request("POST", "/iris", body, {"content-type": "application/json"})
            pause = threading.Event()
            while not (context / "project/running").exists():
                pause.wait(0.01)
        for _ in range(3):  # answered in turn, so that the requests before are in
            server.client.get("/-/healthy")
        (context / "project/go").touch()
        answers = [json.loads(connection.getresponse().read()) for connection in connections]
    assert [item for item, _ in answers] == ["first", *range(1, 9)]
    assert answers[0][1] == 1
    assert max(size for _, size in answers) in (2, 3, 4)


def test_a_batch_that_is_tried_again_finds_its_payloads_as_they_came() -> None:
    """Whatever `predict` did to them before it failed for one of them."""

    class Consuming(Squares):
        def predict(self, payload: list[Any], query_params: list[Any]) -> list[Any]:
            return [each.pop("x") + 1 for each in payload]

    assert ask(Consuming(), b'{"x": 1}', b'{"x": 2}', b'{"y": 1}') == [b"2", b"3", PredictorFailed]


def test_a_payload_that_only_post_predict_asks_for_changes_no_answer() -> None:
    """It may be no JSON: the answers are out."""

    class Afterwards(Squares):
        def predict(self, query_params: list[Any]) -> list[Any]:  # type: ignore[override]
            return [1 for _ in query_params]

    predictor = Afterwards()
    assert ask(predictor, b"{", b"2") == [b"1", b"1"]
    assert predictor.after == []


def test_a_batch_that_ends_unexpectedly_answers_everybody(tmp_path: Path) -> None:
    """An error whose own text fails, for whatever reason, is an error of these requests; those after them are served."""
    predictor = """
from starlette.exceptions import HTTPException

class Broken:
    def __str__(self):
        raise LookupError

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        if "bad" in payload:
            raise HTTPException(429, Broken())
        return payload
"""
    spec = a_spec(batching=BatchingSpec(max_batch_size=4, batch_interval_s=0.05))
    context = write_context(tmp_path, {"predictor.py": predictor}, spec)
    with serving(context) as server:
        answers = [server.client.post("/iris", json=payload, timeout=30) for payload in ("bad", "good", "bad", "good")]
    assert [answer.status_code for answer in answers] == [500, 200, 500, 200]
