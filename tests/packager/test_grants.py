"""What an API may read from S3, found in its spec, and what check says of it."""

from pathlib import Path

import pytest

from packager.check import check
from packager.grants import asks_aws, s3_grants
from packager.problem import Problem
from runtime_handler.contract import ModelPath, ModelsSpec, PredictorSpec, ServeSpec
from tests.builders import PREDICTOR, a_project, an_api


def grants(**predictor: object) -> list[tuple[str, str, str]]:
    spec = ServeSpec(name="a", endpoint="/a", predictor=PredictorSpec(type="python", path="p.py", **predictor))  # type: ignore[arg-type]
    return [(grant.bucket, " ".join(grant.keys), grant.reason) for grant in s3_grants(spec)]


def listed(**predictor: object) -> list[tuple[str, ...]]:
    spec = ServeSpec(name="a", endpoint="/a", predictor=PredictorSpec(type="python", path="p.py", **predictor))  # type: ignore[arg-type]
    return [grant.prefixes for grant in s3_grants(spec)]


def test_model_paths_are_granted() -> None:
    """One model path, several, or a folder of models; local ones need no grant."""
    paths = (ModelPath(name="a", path="s3://b/x/a/"), ModelPath(name="c", path="models/c"))
    assert grants(models=ModelsSpec(paths=paths)) == [("b", "x/a/*", "predictor.models.paths[0].path")]
    assert grants(models=ModelsSpec(dir="s3://b/all/")) == [("b", "all/*", "predictor.models.dir")]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("s3://b/models/text", "models/text/*"),
        ("s3://b/models/text//", "models/text/*"),
        ("s3://b//models/text/", "models/text/*"),
        ("s3://b", "*"),
        ("s3://b/", "*"),
        ("s3://b/models/net.onnx", "models/net.onnx"),
    ],
)
def test_a_models_grant_is_for_its_folder_or_its_file_alone(path: str, keys: str) -> None:
    """What begins alike beside it is not granted: models/text is no leave for models/text-private."""
    [grant] = grants(models=ModelsSpec(paths=(ModelPath(name="a", path=path),)))
    assert grant == ("b", keys, "predictor.models.paths[0].path")


def test_what_config_and_env_name_is_granted() -> None:
    """As Cortex's examples download: `bucket` beside `key` or `prefix`, and s3:// strings at any depth."""
    config = {"bucket": "cortex-examples", "key": "sklearn/model.pkl", "more": [{"deep": "s3://d/e/f"}], "n": 3}
    assert grants(config=config, env={"WEIGHTS": "s3://w", "OTHER": "x"}) == [
        ("cortex-examples", "sklearn/model.pkl", "predictor.config.bucket"),
        ("d", "e/f e/f/*", "predictor.config.more[0].deep"),
        ("w", "*", "predictor.env.WEIGHTS"),
    ]


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"bucket": "b", "key": "a/model.pkl"}, "a/model.pkl"),
        ({"bucket": "b", "key": "a/"}, "a/*"),
        ({"bucket": "b", "key": ""}, "*"),
        ({"bucket": "s3://b/", "key": "/a"}, "a"),
        ({"bucket": "b", "prefix": "a"}, "a*"),
    ],
)
def test_a_key_is_one_object_and_a_prefix_is_many(config: dict[str, str], keys: str) -> None:
    """A key that ends in a slash is a folder."""
    assert grants(config=config) == [("b", keys, "predictor.config.bucket")]


@pytest.mark.parametrize(
    ("text", "keys", "prefixes"),
    [
        ("s3://b/model", "model model/*", ("model", "model/*")),
        ("s3://b/models/net.bin", "models/net.bin models/net.bin/*", ("models/net.bin", "models/net.bin/*")),
        ("s3://b/models/", "models/*", ("models/*",)),
        ("s3://b", "*", ("*",)),
        ("s3://b/", "*", ("*",)),
    ],
)
def test_a_text_is_a_file_or_a_folder(text: str, keys: str, prefixes: tuple[str, ...]) -> None:
    """Which of the two it does not tell; s3://b/model is no leave for s3://b/model-other in either case."""
    assert grants(config={"weights": text}) == [("b", keys, "predictor.config.weights")]
    assert grants(env={"WEIGHTS": text}) == [("b", keys, "predictor.env.WEIGHTS")]
    assert listed(config={"weights": text}) == [prefixes]


def test_a_file_of_a_model_is_found_in_its_folder() -> None:
    """The runtime lists the folder that the file is in, which at the top of a bucket is all of it; of a folder, that alone."""
    for path, prefixes in (
        ("s3://b/models/net.onnx", ("models/net.onnx", "models/")),
        ("s3://b/net.onnx", ("net.onnx", "")),
        ("s3://b/models/net", ("models/net/*",)),
    ):
        assert listed(models=ModelsSpec(paths=(ModelPath(name="a", path=path),))) == [prefixes]


def test_the_same_place_is_granted_once() -> None:
    """Two keys that name one prefix are one grant, sorted with the others."""
    assert grants(config={"b": "s3://z/1", "a": "s3://z/1", "c": "s3://a/1"}) == [
        ("a", "1 1/*", "predictor.config.c"),
        ("z", "1 1/*", "predictor.config.b"),
    ]


def found(folder: Path, code: str, cortex_yaml: str, **files: str) -> list[Problem]:
    return [problem for problem in check(a_project(folder, cortex_yaml, **files)).problems if problem.code == code]


def test_check_names_each_grant_and_why(tmp_path: Path) -> None:
    """A note at the key that caused it."""
    [one, many] = found(tmp_path, "deploy.grant", an_api(predictor="config: {bucket: b, key: k, more: s3://b/m}"))
    assert (one.severity, many.severity) == ("note", "note")
    assert "s3://b/k, because predictor.config.bucket names it" in one.message
    assert "s3://b/m and s3://b/m/*, because predictor.config.more names it" in many.message


@pytest.mark.parametrize(
    ("models", "line", "key"),
    [
        ("model_path: s3://bucket/x/", 5, "model_path"),
        ("models:\n  path: s3://bucket/x/", 6, "models.path"),
        ("multi_model_reloading:\n  path: s3://bucket/x/", 6, "multi_model_reloading.path"),
        ("models:\n  paths:\n  - {name: m, path: s3://bucket/x/}", 7, "models.paths[0].path"),
        ("models:\n  dir: s3://bucket/x/", 6, "models.dir"),
    ],
)
def test_a_grant_for_a_model_stands_at_its_path(tmp_path: Path, models: str, line: int, key: str) -> None:
    """In whatever spelling."""
    code = PREDICTOR.replace("config):", "config, python_client):") + "\n    def load_model(self, model_path): ...\n"
    [note] = found(tmp_path, "deploy.grant", an_api(predictor=models), predictor_dot_py=code)
    assert (note.line, note.path) == (line, f"apis[0].predictor.{key}")


@pytest.mark.parametrize(
    ("section", "warned"),
    [({}, True), ({"predictor": "config: {bucket: b, key: k}"}, False), ({"deploy": "{permissions: [PERMISSION]}"}, False)],
    ids=["nothing granted", "a grant", "permissions"],
)
def test_boto3_without_any_grant_is_a_warning(tmp_path: Path, section: dict[str, str], warned: bool) -> None:
    """Found out at check, and not when the first prediction is denied."""
    permission = "{actions: [s3:GetObject], resources: ['arn:aws:s3:::b/*']}"
    text = an_api(**{key: value.replace("PERMISSION", permission) for key, value in section.items()})
    warnings = found(tmp_path, "deploy.nothing_granted", text, predictor_dot_py="import boto3\n\n\n" + PREDICTOR)
    assert [warning.severity for warning in warnings] == ["warning"] * warned


@pytest.mark.parametrize(
    ("source", "asks"),
    [
        (b"import boto3", True),
        (b"def f():\n    from boto3.session import Session", True),
        (b"import os, boto3 as b", True),
        (b"# import boto3\nimport boto33", False),
        (b"import (", False),
        (b"\0", False),
    ],
)
def test_an_import_of_boto3_is_found_wherever_it_stands(source: bytes, asks: bool) -> None:
    """By parsing, not by searching the text."""
    assert asks_aws(source) is asks
