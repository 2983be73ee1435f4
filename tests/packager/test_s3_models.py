"""`check --aws` asks S3 about model paths, one listing for each, and says what it found in the words of a local check."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.s3.models import s3_backends

from packager.problem import Problem
from packager.reading import read_project
from packager.s3_models import NoListing, list_keys, split_path
from tests.runtime_handler.models.servers import KEY, SECRET, moto_server

PREDICTOR = "class ONNXPredictor:\n    def __init__(self, onnx_client, config): pass\n    def predict(self): return 1\n"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A bucket with good and bad models."""
    with moto_server() as endpoint:
        credentials = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=endpoint, **credentials)
        client.create_bucket(Bucket="models")
        for key in (
            "good/1/a.onnx",
            "good/2/b.onnx",
            "bad/1/a.txt",
            "file.onnx",
            "file.onnx.bak",
            "all/x/a.onnx",
            "all/y/1/a.onnx",
            "empty/",
        ):
            client.put_object(Bucket="models", Key=key, Body=b"x")
        yield endpoint


@pytest.fixture
def aws(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def check(folder: Path, models: str) -> list[Problem]:
    (folder / "predictor.py").write_text(PREDICTOR)
    (folder / "cortex.yaml").write_text(f"- name: a\n  predictor:\n    type: onnx\n    path: predictor.py\n    {models}\n")
    return list(read_project(folder / "cortex.yaml", list_keys=list_keys).problems)


@pytest.mark.parametrize(
    "models",
    [
        "model_path: s3://models/good",
        "model_path: s3://models/good/",
        "model_path: s3://models/file.onnx",
        "models: {dir: s3://models/all}",
    ],
)
@pytest.mark.usefixtures("aws")
def test_a_good_model_is_no_problem(models: str, tmp_path: Path) -> None:
    """Versioned, unversioned, one file, or a folder of models; with and without a slash at the end."""
    assert check(tmp_path, models) == []


@pytest.mark.parametrize(
    ("models", "code"),
    [
        ("model_path: s3://models/goo", "spec.model_path_not_directory"),
        ("model_path: s3://models/empty/", "spec.model_path_not_directory"),
        ("model_path: s3://models/fil.onnx", "spec.model_path_not_directory"),
        ("model_path: s3://models/bad/", "spec.invalid_onnx_model_path"),
        ("models: {dir: s3://models/nothing/}", "spec.s3_dir_not_found"),
        ("models: {dir: s3://models/good/1}", "spec.dir_is_empty"),
        ("model_path: s3://no-such-bucket/a/", "aws.bucket_not_found"),
    ],
)
@pytest.mark.usefixtures("aws")
def test_a_wrong_path_is_a_problem_in_its_line(models: str, code: str, tmp_path: Path) -> None:
    """With Cortex's code for it."""
    (problem,) = check(tmp_path, models)
    assert (problem.code, problem.line, problem.severity) == (code, 5, "error")


@pytest.mark.usefixtures("aws")
def test_a_listing_has_all_of_its_pages() -> None:
    """S3 gives a thousand keys at a time."""
    for number in range(1_100):  # the server runs in this process, and uploads would take half a minute
        s3_backends["123456789012"]["aws"].put_object("models", f"many/{number}", b"x")
    assert len(list_keys("models", "many/")) == 1_100


@pytest.mark.usefixtures("aws")
def test_a_store_that_cannot_be_reached_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a traceback nor a verdict on the model."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(NoListing, match="cannot be reached") as caught:
        list_keys("models", "good/")
    assert caught.value.code == "aws.bucket_inaccessible"


def test_without_leave_s3_is_taken_on_trust(tmp_path: Path) -> None:
    """`check` works offline."""
    check(tmp_path, "model_path: s3://models/nothing/")
    assert read_project(tmp_path / "cortex.yaml").problems == ()


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("s3://b/a", ("b", "a/")),
        ("s3://b/a/", ("b", "a/")),
        ("s3://b", ("b", "")),
        ("s3://b/", ("b", "")),
        ("s3://b/x.onnx", ("b", "x.onnx")),
    ],
)
def test_a_prefix_ends_where_a_folder_does(path: str, parts: tuple[str, str]) -> None:
    """So that `a` does not list what lies below `ab`."""
    assert split_path(path) == parts
