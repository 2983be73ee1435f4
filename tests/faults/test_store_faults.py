"""A store that fails and lies for ten minutes: requests to known models do not notice."""

import os
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runtime_handler.models.source import Source, SourceError, StoredObject
from tests.runtime_handler.models.builders import a_manager
from tests.runtime_handler.models.fakes import Clock, FakeBucket, FakePlaces, FakeSource
from tests.runtime_handler.models.servers import client

SEEDS = int(os.environ.get("CXPACK_GATE_FAULTS", "3"))
MODELS = [f"m{number}" for number in range(20)]


class FaultySource(FakeSource):
    """A source that fails three requests of four, and whose listings are empty or end early as often as they are right."""

    def __init__(self, bucket: FakeBucket, prefix: str, chooser: random.Random) -> None:
        super().__init__(bucket, prefix)
        self.chooser = chooser
        self.faulty = False

    def list(self, at_most: int | None = None, folder: str = "") -> Sequence[StoredObject]:
        found = super().list(at_most, folder)
        if not self.faulty:
            return found
        match self.chooser.choice(["error", "timeout", "empty", "truncated", "right"]):
            case "error":
                raise SourceError("503 Slow Down")
            case "timeout":
                self.bucket.clock.sleep(10)
                raise SourceError("timed out")
            case "empty":
                return []
            case "truncated":
                return found[: self.chooser.randrange(len(found))]
        return found

    def gone(self, path: str) -> bool:
        if self.faulty and self.chooser.random() < 0.75:
            raise SourceError("500 Internal Error")
        return super().gone(path)


class FaultyPlaces(FakePlaces):
    def __init__(self, bucket: FakeBucket, chooser: random.Random) -> None:
        super().__init__(bucket)
        self.only = FaultySource(bucket, "models/", chooser)

    def source(self, path: str) -> Source:
        return self.only


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("cache", [None, (20, 20)])
def test_ten_minutes_of_faults_fail_no_request(tmp_path: Path, seed: int, cache: tuple[int, int] | None) -> None:
    """Errors, timeouts, empty and truncated listings: every known model answers after each poll; one good poll ends it."""
    bucket = FakeBucket(Clock(), {f"models/{name}/{version}/model": f"{name}.{version}" for name in MODELS for version in (1, 2)})
    places = FaultyPlaces(bucket, random.Random(seed))
    manager = a_manager(tmp_path, bucket, places=places, cache=cache)
    manager.start()
    for name in MODELS:
        assert manager.get(name).value == f"{name}.2"
    places.only.faulty = True
    end = bucket.clock() + 600
    while bucket.clock() < end:
        bucket.clock.sleep(10)
        manager.tick()
        for name in MODELS:
            assert manager.get(name).value == f"{name}.2"
    places.only.faulty = False
    bucket.put("models/m0/3/model", "m0.3", age=60)
    bucket.delete("models/m1/")
    manager.tick()
    assert manager.get("m0").value == "m0.3"
    manager.tick()
    assert "m1" not in {status.name for status in manager.status()}


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on to an S3 server, counting listings; while `fault` is set, answers with it instead."""

    protocol_version = "HTTP/1.1"
    backend = ""
    fault: str | None = None
    listings = 0

    def do_GET(self) -> None:
        type(self).listings += "list-type" in self.path
        match self.fault:
            case "500" | "503" as status:
                self._answer(int(status), b"<Error><Code>SlowDown</Code></Error>")
            case "hang up":
                self.close_connection = True
            case "half a page":
                status, body = self._ask()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            case "no XML":
                self._answer(200, b"<html>a captive portal</html>")
            case "empty" if "list-type" in self.path:
                empty = b"<IsTruncated>false</IsTruncated><KeyCount>0</KeyCount>"
                self._answer(200, b'<?xml version="1.0"?><ListBucketResult>' + empty + b"</ListBucketResult>")
            case _:
                self._answer(*self._ask())

    do_HEAD = do_GET

    def _ask(self) -> tuple[int, bytes]:
        connection = HTTPConnection(self.backend, timeout=10)
        try:
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            answer = connection.getresponse()
            self.passed = answer.getheaders()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in getattr(self, "passed", []):
            if name.lower() not in {"content-length", "connection", "date", "server", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def proxy(backend: str) -> Iterator[tuple[str, type[Proxy]]]:
    handler = type("ProxyToS3", (Proxy,), {"backend": backend.removeprefix("http://")})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler
        server.shutdown()


@pytest.mark.usefixtures("aws")
def test_faults_of_a_real_connection_fail_no_request(
    moto: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Server errors, cut connections, half pages, foreign pages and empty listings over HTTP change nothing either."""
    s3 = client(moto)
    s3.create_bucket(Bucket="faulty-store")
    for name in MODELS[:3]:
        s3.put_object(Bucket="faulty-store", Key=f"m/{name}/1/model", Body=name.encode())
    with proxy(moto) as (endpoint, handler):
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        manager = a_manager(tmp_path, directory="s3://faulty-store/m", settle_s=0)
        manager.start()
        for fault in ("500", "503", "hang up", "half a page", "no XML", "empty", "empty", "empty"):
            handler.fault = fault
            manager.tick()
            assert [manager.get(name).value for name in MODELS[:3]] == MODELS[:3], fault
        handler.fault = None
        s3.put_object(Bucket="faulty-store", Key="m/m0/2/model", Body=b"two")
        manager.tick()
        assert manager.get("m0").value == "two"
