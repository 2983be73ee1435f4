"""Every error that has to do with models, the same from every place that an image can run in."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from runtime_handler.contract import ModelsSpec
from tests.builders import a_project, an_api
from tests.runtime_handler.emulator import Function, emulating
from tests.runtime_handler.harness import Server, a_spec, serving, write_context
from tests.test_local import local

PREDICTOR = """
class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        with open(model_path + "/weights") as file:
            return 1 / int(file.read())

    def predict(self, payload, query_params):
        return self.client.get_model(query_params.get("model"), query_params.get("version", "latest"))
"""
WEIGHTS = {"good/1": "1", "good/2": "2", "broken/1": "0"}

CASES = {
    "model=good": (200, None),
    "model=good&version=1": (200, None),
    "": (400, "missing_model_name"),
    "model=good&version=one": (400, "bad_model_version"),
    "model=nobody": (404, "model_not_found"),
    "model=good&version=3": (404, "version_not_found"),
    "model=broken": (503, "model_failed"),
}
"""Query -> status and kind."""


def write_models(folder: Path) -> Path:
    for name, weights in WEIGHTS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "weights").write_text(weights)
    return folder


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_context(
        tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR}, a_spec(models=ModelsSpec(dir="models"))
    )
    write_models(folder / "models")
    return folder


@pytest.fixture(scope="module")
def server(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(context, CXPACK_MODEL_STORE=str(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture(scope="module")
def function(context: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    with emulating(context, CXPACK_MODEL_STORE=str(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of `cxpack local`."""
    folder = tmp_path_factory.mktemp("project")
    write_models(folder / "models")
    file = a_project(folder, an_api("iris", predictor="models: {dir: models/}"), predictor_dot_py=PREDICTOR)
    with local(file) as running, httpx.Client(base_url=running.urls["iris"].removesuffix("/iris"), trust_env=False) as client:
        yield client


@pytest.mark.parametrize("query", CASES, ids=lambda query: query or "nothing")
def test_every_surface_tells_the_same_of_a_model(server: Server, front: httpx.Client, function: Function, query: str) -> None:
    """The HTTP server, SageMaker's path, `cxpack local` and Lambda agree on status, kind and body."""
    status, kind = CASES[query]
    answers = [
        server.client.post(f"/iris?{query}", json=0),
        server.client.post(f"/invocations?{query}", json=0),
        front.post(f"/iris?{query}", json=0),
        function.request("POST", "/iris", query, {"content-type": "application/json"}, b"0"),
    ]
    assert [answer.status_code for answer in answers] == [status] * 4
    assert len({answer.headers["content-type"] for answer in answers}) == 1
    if kind is None:
        assert {answer.text for answer in answers} == {"1.0" if "version" in query else "0.5"}
    else:
        assert {answer.json()["kind"] for answer in answers} == {kind}
    assert all(("retry-after" in answer.headers) == (status == 503) for answer in answers)
    if status != 503:  # which counts the seconds until it is tried again
        assert len({answer.text for answer in answers}) == 1
