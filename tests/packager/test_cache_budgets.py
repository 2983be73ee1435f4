"""The byte budgets of the model cache, from cortex.yaml to api.json."""

from pathlib import Path

import pytest

from packager.check import check
from runtime_handler import memory_limit
from runtime_handler.contract import MODELS_SHARE, ModelsSpec, ServeSpec
from tests.builders import a_project
from tests.packager.test_dialect import only

API = """
- name: iris
  kind: RealtimeAPI
  predictor:
    type: onnx
    path: predictor.py
"""


def models(text: str) -> ModelsSpec:
    serve = only(API + text).serve
    assert serve is not None
    found = ServeSpec.load(serve.dump()).predictor.models
    assert found is not None
    return found


@pytest.mark.parametrize("where", ["model_path: s3://bucket/m/", "models: {dir: s3://bucket/m/}"])
def test_budgets_make_a_cache_with_or_without_counts(where: str) -> None:
    """Sizes are Kubernetes quantities, whole bytes in api.json; either of them makes a cache by itself."""
    plain, both = models(f"    {where}\n"), models(f"    {where}\n  deploy: {{cache_bytes: 512M, disk_cache_bytes: 1.5Gi}}\n")
    alone = models(f"    {where}\n  deploy: {{disk_cache_bytes: 1Ki}}\n")
    assert (plain.cache_bytes, plain.disk_cache_bytes, plain.cached) == (None, None, False)
    assert (both.cache_bytes, both.disk_cache_bytes, both.cached) == (512_000_000, 1_610_612_736, True)
    assert (alone.cache_bytes, alone.disk_cache_bytes, alone.cached) == (None, 1024, True)


def test_budgets_stand_beside_counts() -> None:
    """Both kinds of limit may be set for one API."""
    found = models("    models: {dir: s3://bucket/m/, cache_size: 2, disk_cache_size: 4}\n  deploy: {cache_bytes: 1Gi}\n")
    assert (found.cache_size, found.disk_cache_size, found.cache_bytes) == (2, 4, 1 << 30)


@pytest.mark.parametrize(
    ("compute", "budget", "told"),
    [
        ("{cpu: 1, mem: 2Gi}", "1700Mi", []),
        ("{cpu: 1, mem: 2Gi}", "2Gi", ["deploy.cache_above_memory"]),
        ("{gpu: 1, cpu: 1, mem: 2Gi}", "100Gi", []),  # models are in the accelerator's memory
    ],
)
def test_a_budget_above_the_memory_is_warned_of(tmp_path: Path, compute: str, budget: str, told: list[str]) -> None:
    """A cache that may take more than the process has ends in a kill; so it is said before anything is deployed."""
    text = API + f"    model_path: s3://bucket/m/\n  compute: {compute}\n  deploy: {{cache_bytes: {budget}, target: ecs}}\n"
    predictor = "class ONNXPredictor:\n    def __init__(self, config, onnx_client): pass\n    def predict(self, payload): pass\n"
    checked = check(a_project(tmp_path, text, predictor_dot_py=predictor))
    assert checked.ok
    assert [problem.code for problem in checked.problems if "cache" in problem.code] == told


def test_the_runtime_keeps_what_check_says_that_it_keeps() -> None:
    """A budget that check accepts is one that the runtime does not warn of, but for what the process takes itself."""
    assert memory_limit.room_for_models(2 << 30, resident=0) == (2 << 30) * MODELS_SHARE == 1792 << 20
