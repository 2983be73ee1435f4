"""One API written in the dialects of many releases is one and the same ApiSpec."""

import pytest

from packager.problem import any_error
from packager.reading import read_text
from packager.spec import ApiSpec

CURRENT = """
- name: iris
  kind: RealtimeAPI
  predictor:
    type: onnx
    path: predictor.py
    model_path: s3://bucket/iris/
    processes_per_replica: 2
    threads_per_process: 4
  networking:
    endpoint: /iris/v1
    local_port: 8890
  monitoring:
    model_type: classification
  autoscaling:
    min_replicas: 2
    max_replicas: 5
    init_replicas: 3
  update_strategy:
    max_surge: 1
    max_unavailable: 0
"""
FROM_0_14_TO_0_16 = """
- name: iris
  endpoint: iris/v1
  local_port: 8890
  tracker:
    model_type: classification
  predictor:
    type: onnx
    path: predictor.py
    model: s3://bucket/iris/
  autoscaling:
    min_replicas: 2
    max_replicas: 5
    init_replicas: 3
    workers_per_replica: 2
    threads_per_worker: 4
  update_strategy:
    max_surge: 1
    max_unavailable: 0
"""
FROM_0_13 = """
- name: iris
  endpoint: iris/v1/
  local_port: 8890
  tracker:
    model_type: classification
  predictor:
    type: onnx
    path: predictor.py
    model: s3://bucket/iris/
    processes_per_replica: 2
    threads_per_process: 4
  compute:
    min_replicas: 2
    max_replicas: 5
    init_replicas: 3
    max_surge: 1
    max_unavailable: 0
"""
MODELS = "- name: iris\n  predictor:\n    type: TYPE\n    path: predictor.py\n"


def only(text: str) -> ApiSpec:
    reading = read_text(text.encode(), "cortex.yaml")
    assert not any_error(reading.problems), [str(problem) for problem in reading.problems]
    (api,) = reading.apis
    return api._replace(line=1, places={})


@pytest.mark.parametrize("text", [FROM_0_14_TO_0_16, FROM_0_13], ids=["0.14-0.16", "0.13"])
def test_older_spellings_mean_the_same(text: str) -> None:
    """Nothing is lost or changed by the way it is written."""
    assert only(text) == only(CURRENT)


@pytest.mark.parametrize(
    ("kind", "older", "current"),
    [
        ("onnx", "models: [{name: a, model_path: x/}]", "models: {paths: [{name: a, path: x/}]}"),
        ("onnx", "models: {paths: [{name: a, model_path: x/}]}", "models: {paths: [{name: a, path: x/}]}"),
        ("onnx", "models: {path: x/}", "model_path: x/"),
        ("tensorflow", "models: {path: x/, signature_key: k}", "model_path: x/\n    signature_key: k"),
        ("python", "multi_model_reloading: {path: x/}", "model_path: x/"),
        ("python", "multi_model_reloading: {dir: x/}", "models: {dir: x/}"),
        ("python", "multi_model_reloading: {paths: [{name: a, path: x/}]}", "models: {paths: [{name: a, path: x/}]}"),
        ("python", "metadata: {a: 1}", "config: {a: 1}"),
    ],
)
def test_models_in_every_shape_mean_the_same(kind: str, older: str, current: str) -> None:
    """A list from 0.18, `model_path` in it from 0.22, `models.path` and `multi_model_reloading` from 0.25."""
    text = MODELS.replace("TYPE", kind)
    new, old = only(f"{text}    {current}\n"), only(f"{text}    {older}\n")
    assert old.serve is not None
    assert new.serve is not None
    expected = new.serve.predictor.models
    if expected is not None and expected.single:  # `models` says once more what `model_path` says
        expected = expected._replace(signature_key=old.serve.predictor.models and old.serve.predictor.models.signature_key)
    assert old.serve.predictor._replace(models=None) == new.serve.predictor._replace(models=None)
    assert old.serve.predictor.models == expected


def test_both_spellings_of_one_thing_are_a_conflict() -> None:
    """Neither wins in silence."""
    text = CURRENT.replace("  predictor:", "  endpoint: /other\n  predictor:", 1)
    assert [problem.code for problem in read_text(text.encode(), "cortex.yaml").problems] == ["spec.conflicting_fields"]


def test_a_problem_is_told_in_the_spelling_and_line_of_the_file() -> None:
    """Whatever has been moved in between."""
    text = FROM_0_14_TO_0_16.replace("workers_per_replica: 2", "workers_per_replica: 200")
    errors = [problem for problem in read_text(text.encode(), "cortex.yaml").problems if problem.severity == "error"]
    assert [(problem.line, problem.path) for problem in errors] == [(15, "apis[0].autoscaling.workers_per_replica")]


def test_a_cache_over_one_model_is_kept() -> None:
    """0.25 allowed cache sizes beside `models.path`."""
    api = only(MODELS.replace("TYPE", "onnx") + "    models: {path: x/, cache_size: 1, disk_cache_size: 2}\n")
    assert api.serve is not None
    models = api.serve.predictor.models
    assert models is not None
    assert (models.single, models.cache_size, models.disk_cache_size) == (True, 1, 2)
