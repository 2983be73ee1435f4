"""The byte budgets of the model cache, from cortex.yaml to api.json."""

import pytest

from runtime_handler.contract import ModelsSpec, ServeSpec
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
