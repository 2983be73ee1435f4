"""What a SnapStart snapshot may hold."""

import random
from pathlib import Path

import pytest

from runtime_handler.entrypoints.compose import Composed
from runtime_handler.entrypoints.snapshot import after_restore, before_snapshot
from runtime_handler.metrics.emf_recorder import EmfRecorder
from runtime_handler.models.places import Places
from runtime_handler.models.s3 import S3Source
from runtime_handler.service import Service
from tests.runtime_handler.harness import a_spec


@pytest.fixture
def s3_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials, and an S3 endpoint where nobody listens: opening a client contacts nothing."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)


def test_nothing_unique_open_or_credentialed_survives(tmp_path: Path, s3_environment: None) -> None:
    """Metrics are written before; the S3 client is another one after; two copies draw different random numbers."""
    written: list[str] = []
    recorder = EmfRecorder("iris", written.append)
    places = Places(tmp_path)
    source = places.source("s3://bucket/models/")
    assert isinstance(source, S3Source)
    [bucket] = places._buckets.values()
    client = bucket.store

    def not_opened(*_: object) -> object:
        raise AssertionError

    composed = Composed(Service(a_spec(), tmp_path, not_opened, recorder), recorder)  # type: ignore[arg-type]
    composed.places = places
    recorder.record("ModelLoad", 1)
    before_snapshot(composed)
    assert len(written) == 1
    assert not hasattr(bucket, "store")

    random.seed(1)
    state = random.getstate()
    after_restore(composed)
    assert bucket.store is not client
    first = random.random()
    random.setstate(state)
    after_restore(composed)
    assert random.random() != first
