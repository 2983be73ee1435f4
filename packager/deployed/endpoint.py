"""SageMaker's endpoints: which addresses are theirs, and a request to one."""

import re
from dataclasses import dataclass

from packager.deployed.session import client

TIMEOUT_S = 70
"""SageMaker waits 60 s for the container, and asks clients to wait longer than that (InvokeEndpoint)."""

_URL = re.compile(r"https://runtime\.sagemaker\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/endpoints/([A-Za-z0-9-]+)/invocations")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Its region and its name there."""

    region: str
    name: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """What the container answered: status, content type (empty where SageMaker does not pass it on) and body."""

    status: int
    content_type: str
    body: bytes


def endpoint_at(url: str) -> Endpoint | None:
    """The endpoint of an address, the output `Url` of its stack; None for every other address."""
    match = _URL.fullmatch(url)
    return None if match is None else Endpoint(*match.groups())


def invoke(endpoint: Endpoint, body: bytes) -> Invocation:
    """POST JSON with the environment's credentials, once: a prediction may do more than answer.

    Raises AwsError; an answer of the container's own is none, whatever its status.
    """
    from botocore.config import Config  # here, with boto3

    once = Config(read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1})
    with client("sagemaker-runtime", region_name=endpoint.region, config=once) as runtime:
        try:
            answer = runtime.invoke_endpoint(EndpointName=endpoint.name, ContentType="application/json", Body=body)
        except runtime.exceptions.ModelError as error:
            return Invocation(error.response["OriginalStatusCode"], "", error.response["OriginalMessage"].encode())
        return Invocation(200, answer.get("ContentType", ""), answer["Body"].read())
