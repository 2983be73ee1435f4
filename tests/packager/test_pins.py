"""`cxpack pin` and `unpin`: what they write is what the runtime obeys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from packager.cli import main
from packager.pins import CannotPin, S3Root
from runtime_handler.models.pins import PINS, parse_pins
from tests.builders import a_project

PREDICTOR = """\
class PythonPredictor:
    def __init__(self, config, python_client):
        self.client = python_client

    def load_model(self, model_path):
        return open(model_path + "/model.txt").read()

    def predict(self, payload):
        return self.client.get_model()
"""


def yaml(models: str) -> str:
    return f"- name: shop\n  predictor:\n    type: python\n    path: predictor.py\n    {models}\n"


def versions(folder: Path, *numbers: str) -> None:
    for number in numbers:
        (folder / number).mkdir(parents=True)
        (folder / number / "model.txt").write_text(number)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose one model has the versions 1, 2 and 10, as the current folder."""
    versions(tmp_path / "model", "1", "2", "10")
    a_project(tmp_path, yaml("model_path: model"), predictor_dot_py=PREDICTOR)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pins(folder: Path) -> Any:
    return parse_pins((folder / PINS).read_bytes())


def test_a_pin_is_written_beside_the_model_and_taken_away_again(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is the runtime's; nothing but the pin remains in its folder."""
    assert main(["pin", "shop", "any", "2"]) == 0
    assert pins(shop / "model") == {"_cortex_default": 2}
    assert [path.name for path in (shop / "model/.cxpack").iterdir()] == ["pins.json"]
    assert main(["unpin", "shop", "any"]) == 0
    assert pins(shop / "model") == {}
    assert main(["unpin", "shop", "any"]) == 0
    assert capsys.readouterr().out.splitlines() == ["pinned any to version 2", "unpinned any", "any was not pinned"]


def test_a_version_that_is_not_there_is_refused_with_those_that_are(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typo must not leave replicas without a model."""
    assert main(["pin", "shop", "any", "3"]) == 1
    assert capsys.readouterr().err == "error: model has no version 3 of the model; it has: 1, 2, 10\n"
    assert not (shop / "model/.cxpack").exists()


def test_an_unknown_api_or_model_is_named(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the names that there are."""
    versions(shop / "other", "1")
    paths = "models: {paths: [{name: a, path: model}, {name: b, path: other}]}"
    a_project(shop, yaml(paths), predictor_dot_py=PREDICTOR)
    assert main(["pin", "shop", "c", "1"]) == 1
    assert "shop has no model c; it has: a, b" in capsys.readouterr().err
    assert main(["pin", "ship", "a", "1"]) == 1
    assert "cortex.yaml has no API ship; it has: shop" in capsys.readouterr().err
    assert main(["pin", "shop", "b", "1"]) == 0
    assert pins(shop / "other") == {"b": 1}


def test_models_of_one_folder_share_its_pins(shop: Path) -> None:
    """Pinning one of `models.dir` keeps the pins of the others."""
    versions(shop / "all/a", "1", "2")
    versions(shop / "all/b", "7", "8")
    a_project(shop, yaml("models: {dir: all}"), predictor_dot_py=PREDICTOR)
    assert main(["pin", "shop", "a", "1"]) == 0
    assert main(["pin", "shop", "b", "7"]) == 0
    assert pins(shop / "all") == {"a": 1, "b": 7}
    assert main(["unpin", "shop", "a"]) == 0
    assert pins(shop / "all") == {"b": 7}


def test_a_damaged_file_is_never_overwritten(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What somebody wrote by hand, and wrongly, is theirs to correct."""
    (shop / "model/.cxpack").mkdir()
    (shop / "model" / PINS).write_text("[1]")
    assert main(["pin", "shop", "any", "1"]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert (shop / "model" / PINS).read_text() == "[1]"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 server that the environment names, and whose bucket `models` has two versions of a model."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**credentials, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)
    httpx.post(f"{url}/moto-api/reset").raise_for_status()
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="models")
    for version in ("1", "2"):
        s3.put_object(Bucket="models", Key=f"shop/{version}/model.txt", Body=version.encode())
    yield s3
    s3.close()
    server.stop()


def test_pins_in_s3(bucket: Any, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, with the object beside the models."""
    a_project(shop, yaml("model_path: s3://models/shop"), predictor_dot_py=PREDICTOR)
    assert main(["pin", "shop", "any", "9"]) == 1
    assert "has no version 9 of the model; it has: 1, 2" in capsys.readouterr().err
    assert main(["pin", "shop", "any", "1"]) == 0
    written = bucket.get_object(Bucket="models", Key=f"shop/{PINS}")["Body"].read()
    assert parse_pins(written) == {"_cortex_default": 1}
    assert main(["unpin", "shop", "any"]) == 0


def test_of_two_who_pin_at_once_one_is_told(bucket: Any) -> None:
    """A write whose state has changed meanwhile does not happen."""
    root = S3Root("models", "shop/")
    assert root.read() == ({}, None)
    root.write({"a": 1}, None)
    with pytest.raises(CannotPin, match="run this again"):
        root.write({"b": 1}, None)
    _, state = root.read()
    root.write({"a": 2}, state)
    with pytest.raises(CannotPin, match="run this again"):
        root.write({"a": 3}, state)
    assert root.read()[0] == {"a": 2}
