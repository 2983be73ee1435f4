"""What a SnapStart snapshot may hold, and what its copies do."""

import json
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from runtime_handler.contract import SINGLE_MODEL, ModelPath, ModelsSpec
from runtime_handler.entrypoints.compose import Composed
from runtime_handler.entrypoints.snapshot import after_restore, before_snapshot
from runtime_handler.metrics.emf_recorder import EmfRecorder
from runtime_handler.models.places import Places
from runtime_handler.models.s3 import S3Source
from runtime_handler.service import Service
from tests.runtime_handler.harness import a_spec, write_context
from tests.runtime_handler.models.servers import client, moto_server
from tests.runtime_handler.runtime_api import body_of, connected_to, snap_started

PREDICTOR = """
import random

import numpy as np

random.seed(1)
np.random.seed(1)


class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        with open(model_path + "/weights") as file:
            return file.read()

    def predict(self, payload):
        print("predicts", payload)
        return [self.client.get_model(), random.random(), float(np.random.random())]
"""


class Store(ThreadingHTTPServer):
    """S3 and the address that hands out credentials, in front of moto: remembers whose key signed what, and where from."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.behind = httpx.Client(base_url=behind, trust_env=False)
        self.key = "FIRST"
        self.signed: list[tuple[str, int]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Recording(BaseHTTPRequestHandler):
    server: Store
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/credentials":
            assert self.headers["authorization"] == "the token"
            secret = {"SecretAccessKey": "secret", "Token": "token", "Expiration": "2099-01-01T00:00:00Z"}
            self._answer(
                200, {"content-type": "application/json"}, json.dumps({"AccessKeyId": self.server.key, **secret}).encode()
            )
            return
        authorization = self.headers.get("authorization", "")
        if authorization:
            self.server.signed.append((authorization.partition("Credential=")[2].partition("/")[0], self.client_address[1]))
        kept = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "host")}
        answer = self.server.behind.request(self.command, self.path, headers=kept)
        self._answer(answer.status_code, dict(answer.headers), answer.content)

    do_HEAD = do_GET

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def a_store() -> Iterator[tuple[Store, Any]]:
    """The store, and a client of the moto server behind it."""
    with moto_server() as behind:
        store = Store(behind)
        thread = threading.Thread(target=store.serve_forever)
        thread.start()
        try:
            yield store, client(behind)
        finally:
            store.shutdown()
            thread.join()
            store.server_close()
            store.behind.close()


def event(payload: object) -> dict[str, object]:
    """A POST through an HTTP API."""
    http = {"method": "POST", "path": "/iris", "sourceIp": "192.0.2.1"}
    headers = {"content-type": "application/json"}
    return {
        "version": "2.0",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {"http": http},
        "body": json.dumps(payload),
    }


def restored(context: Path, output: Path, store: Store, s3: Any) -> tuple[list[Any], list[Any]]:
    """Take a snapshot of a function, restore it a while later, and make two predictions: their answers and their bodies."""
    environment = {
        "AWS_ENDPOINT_URL_S3": store.url,
        "AWS_REGION": "us-east-1",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{store.url}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "the token",
        "CXPACK_MODEL_STORE": str(output.with_suffix(".store")),
        "CXPACK_SETTLE_SECONDS": "0",
        "CXPACK_POLL_SECONDS": "0",
    }
    with snap_started(context, output, **environment) as (api, process):
        api.wait_for_the_snapshot()
        written = output.read_text()
        assert "predicts warm" in written
        assert '"ModelLoad"' in written, written
        assert connected_to(process.pid) == {api.server_port}
        assert {key for key, _ in store.signed} == {"FIRST"}
        before = {port for _, port in store.signed}
        store.signed.clear()

        store.key = "SECOND"
        s3.put_object(Bucket="models", Key="iris/2/weights", Body=b"two")
        api.restore()
        deadline = time.monotonic() + 30
        answers = [api.invoke(event("go"))]
        while body_of(answers[-1])[0] != "two" and time.monotonic() < deadline:
            answers.append(api.invoke(event("go")))
        assert {key for key, _ in store.signed} == {"SECOND"}
        assert not {port for _, port in store.signed} & before
        assert output.read_text().count("predicts warm") == 1
    return answers, [body_of(answer) for answer in answers]


def test_copies_of_a_snapshot_share_nothing(tmp_path: Path) -> None:
    """A function with the real runtime client: no connection is open in the snapshot, whose key is never used again; each copy
    takes up new models, draws numbers of its own and answers with the ids of its invocations.
    """
    models = ModelsSpec(paths=(ModelPath(name=SINGLE_MODEL, path="s3://models/iris/"),))
    files = {"predictor.py": PREDICTOR, "warm.json": '"warm"'}
    context = write_context(tmp_path / "context", files, a_spec(models=models), warmup="warm.json")
    drawn = []
    with a_store() as (store, s3):
        s3.create_bucket(Bucket="models")
        for copy in ("one", "other"):
            s3.put_object(Bucket="models", Key="iris/1/weights", Body=b"one")
            s3.delete_object(Bucket="models", Key="iris/2/weights")
            store.key, store.signed = "FIRST", []
            answers, bodies = restored(context, tmp_path / f"{copy}.log", store, s3)
            assert (bodies[0][0], bodies[-1][0]) in {("one", "two"), ("two", "two")}
            assert answers[0]["headers"]["x-request-id"] == "invocation-1"
            drawn.append(bodies[0][1:])
    assert not set(drawn[0]) & set(drawn[1])


def test_what_is_closed_and_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics are written before; the clients of S3 are others after; every generator that is in use gets another seed."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")  # nobody listens: opening a client contacts nothing
    written: list[str] = []
    recorder = EmfRecorder("iris", written.append)
    places = Places(tmp_path)
    assert isinstance(places.source("s3://bucket/models/"), S3Source)
    [bucket] = places._buckets.values()
    clients = bucket.store, bucket.boto3

    def not_opened(*_: object) -> object:
        raise AssertionError

    composed = Composed(Service(a_spec(), tmp_path, not_opened, recorder), recorder)  # type: ignore[arg-type]
    composed.places = places
    recorder.record("ModelLoad", 1)
    before_snapshot(composed)
    assert len(written) == 1
    assert "store" not in vars(bucket)
    assert "boto3" not in vars(bucket)

    seeded: list[str] = []
    torch: Any = types.ModuleType("torch")
    torch.seed = lambda: seeded.append("torch")
    monkeypatch.setitem(sys.modules, "torch", torch)
    after_restore(composed)
    assert bucket.store is not clients[0]
    assert bucket.boto3 is not clients[1]
    assert seeded == ["torch"]
