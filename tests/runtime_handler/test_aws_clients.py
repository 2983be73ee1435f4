"""AWS's own clients: `lambda.invoke` at the emulator, `sagemaker-runtime.invoke_endpoint` at the container."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.runtime_handler.emulator import as_response, emulating, http_api_event
from tests.runtime_handler.harness import ECHO, serving, write_context
from tests.runtime_handler.sagemaker_front import invoking

CREDENTIALS = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return write_context(tmp_path, {"predictor.py": ECHO})


def test_lambda_invoke(context: Path) -> None:
    """An HTTP event, and the bare payload, through boto3."""
    with emulating(context) as function:
        client: Any = boto3.client("lambda", endpoint_url=function.url, **CREDENTIALS)
        request = http_api_event("POST", "/iris", "", {"content-type": "application/json"}, b"[1]")
        for event, body in ((request, b"[1]"), ({"x": 1}, b'{"x": 1}')):
            response = client.invoke(FunctionName="function", Payload=json.dumps(event))
            assert "FunctionError" not in response
            assert as_response(json.load(response["Payload"])).content == body


@pytest.fixture
def endpoint(context: Path) -> Iterator[str]:
    """The container as SageMaker starts it, with its runtime in front."""
    with serving(context, arguments=("serve",)) as server, invoking(server.url, "iris") as front:
        yield front.url


def test_sagemaker_invoke_endpoint(endpoint: str) -> None:
    """Body and content type pass in both directions; a 400 of ours is a model error to the client."""
    client: Any = boto3.client("sagemaker-runtime", endpoint_url=endpoint, **CREDENTIALS)
    response = client.invoke_endpoint(EndpointName="iris", ContentType="application/json", Body=b'{"a": [1, 2]}')
    assert (response["ContentType"], response["Body"].read()) == ("application/json", b'{"a": [1, 2]}')
    with pytest.raises(client.exceptions.ModelError) as raised:
        client.invoke_endpoint(EndpointName="iris", ContentType="application/json", Body=b"{")
    assert raised.value.response["OriginalStatusCode"] == 400
    assert json.loads(raised.value.response["OriginalMessage"])["kind"] == "bad_payload"
