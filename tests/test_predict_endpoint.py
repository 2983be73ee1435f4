"""`cxpack predict` at an endpoint of SageMaker: signed, through AWS's own client, to a real container."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from packager.cli import main
from packager.deployed.endpoint import Endpoint, endpoint_at
from tests.runtime_handler.harness import serving, write_context
from tests.runtime_handler.sagemaker_front import Front, invoking

URL = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/shop-dev-iris/invocations"
PREDICTOR = """
from fastapi import HTTPException

class PythonPredictor:
    def __init__(self, config):
        pass

    def predict(self, payload):
        if payload == "teapot":
            raise HTTPException(status_code=418, detail="no coffee here")
        return {"got": payload}
"""


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    context = write_context(tmp_path_factory.mktemp("context"), {"predictor.py": PREDICTOR})
    with serving(context, arguments=("serve",)) as server:
        yield server.url


@pytest.fixture
def front(container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """SageMaker's runtime where boto3 looks for it."""
    monkeypatch.chdir(tmp_path)
    with invoking(container, "shop-dev-iris") as running:
        credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {**credentials, "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": running.url}.items():
            monkeypatch.setenv(name, value)
        yield running


def test_the_address_of_an_endpoint_is_invoked_signed(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    """The prediction is printed as everywhere."""
    Path("body.json").write_text('{"petal_length": 1.4}')
    assert main(["predict", URL, "body.json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"got": {"petal_length": 1.4}}
    assert front.requests == [("/endpoints/shop-dev-iris/invocations", True)]


def test_what_the_container_says_is_told_with_its_status(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    """Not SageMaker's 424, and the request is not sent a second time."""
    Path("body.json").write_text('"teapot"')
    assert main(["predict", URL, "body.json"]) == 1
    assert capsys.readouterr().err == f"error: {URL} answered 418: no coffee here\n"
    assert len(front.requests) == 1


def test_an_endpoint_that_is_not_there_is_one_sentence(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    """SageMaker's own words, beside the address that was asked."""
    Path("body.json").write_text("{}")
    gone = URL.replace("iris", "gone")
    assert main(["predict", gone, "body.json"]) == 1
    assert capsys.readouterr().err == f"error: {gone}: InvokeEndpoint: Endpoint shop-dev-gone not found.\n"
    assert main(["predict", URL.replace("/invocations", ""), "body.json"]) == 1
    assert "is no address of an endpoint: https://runtime.sagemaker.REGION" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        (URL, Endpoint("eu-west-1", "shop-dev-iris")),
        (
            "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn/endpoints/shop-dev-iris/invocations",
            Endpoint("cn-north-1", "shop-dev-iris"),
        ),
        ("https://runtime.sagemaker.eu-west-1.example.org/endpoints/shop-dev-iris/invocations", None),
        (URL + "?x=1", None),
        ("https://abc.execute-api.eu-west-1.amazonaws.com/iris", None),
    ],
)
def test_endpoints_are_known_by_their_address(url: str, endpoint: Endpoint | None) -> None:
    """Requests are signed for SageMaker's own hosts alone."""
    assert endpoint_at(url) == endpoint
