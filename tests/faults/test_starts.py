"""Starts of real servers: whoever is let in first gets an answer."""

import os
import shutil
from pathlib import Path

import httpx
import pytest

from runtime_handler.contract import ModelsSpec
from tests.runtime_handler.harness import a_spec, run_to_exit, serving, write_context
from tests.runtime_handler.models.servers import KEY, SECRET, client

STARTS = int(os.environ.get("CXPACK_GATE_STARTS", "3"))

READS = """
import os

class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        with open(os.path.join(model_path, "model")) as file:
            return file.read()

    def predict(self, payload):
        return self.client.get_model(payload)
"""


@pytest.mark.usefixtures("aws")
def test_the_first_request_after_ready_is_answered(moto: str, tmp_path: Path) -> None:
    """Old models and one that was written a moment ago, a fresh disk and a warm one, with a cache and without: 200 at once."""
    s3 = client(moto)
    s3.create_bucket(Bucket="starts")
    s3.put_object(Bucket="starts", Key="m/old/1/model", Body=b"old")
    environment = {
        "AWS_ENDPOINT_URL_S3": moto,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "CXPACK_MODEL_STORE": str(tmp_path / "store"),
        "CXPACK_SETTLE_SECONDS": "1",
    }
    contexts = [
        write_context(tmp_path / name, {"predictor.py": READS}, a_spec(models=models))
        for name, models in (
            ("all", ModelsSpec(dir="s3://starts/m")),
            ("cache", ModelsSpec(dir="s3://starts/m", cache_size=1, disk_cache_size=1)),
        )
    ]
    for number in range(STARTS):
        if number % 3 == 0:
            shutil.rmtree(tmp_path / "store", ignore_errors=True)
            s3.put_object(Bucket="starts", Key=f"m/young{number}/1/model", Body=b"young")
        with serving(contexts[number % 2], **environment) as server:
            first = httpx.post(server.url + "/iris", json=f"young{number - number % 3}", trust_env=False, timeout=30)
            assert (first.status_code, first.text) == (200, "young")
    print(f"{STARTS} starts, each with an immediate request, none failed")


def test_a_start_that_fails_in_our_own_code_ends_the_process(tmp_path: Path) -> None:
    """A fault that nobody foresaw is told, and the process ends, so that the platform does not wait for ever."""
    ended = run_to_exit(write_context(tmp_path, {"predictor.py": READS}, a_spec(type="zebra")))
    assert ended.returncode == 1
    assert "the start failed unexpectedly" in ended.stderr
