"""The real Lambda runtime interface emulator around `python -m runtime_handler`, and events as the HTTP fronts send them."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import httpx

from tests.runtime_handler.harness import ROOT, START_S, clean_environment, free_port

EMULATOR = ROOT / ".venv/rie/samcli/local/rapid/aws-lambda-rie-x86_64"
INVOKE = "/2015-03-31/functions/function/invocations"


@dataclass
class Function:
    """A function in the emulator; the first invocation starts it."""

    url: str
    output: Path

    def invoke(self, event: Any) -> Any:
        """The function's response; a failed invocation is a dict with `errorMessage`."""
        return httpx.post(self.url + INVOKE, content=json.dumps(event), timeout=START_S, trust_env=False).json()

    def request(
        self, method: str, path: str, query: str = "", headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        """The answer to a request that comes through an HTTP API."""
        return as_response(self.invoke(http_api_event(method, path, query, headers or {}, body)))

    @property
    def log(self) -> str:
        return self.output.read_text()


def as_response(answer: Mapping[str, Any]) -> httpx.Response:
    """What the front makes of a function's response."""
    assert "statusCode" in answer, answer
    body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    headers = answer.get("headers") or {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
    raw = [(name, value.encode("latin-1")) for name, value in headers.items()]
    return httpx.Response(answer["statusCode"], headers=raw, content=body)


def _body(body: bytes) -> dict[str, Any]:
    try:
        return {"body": body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def http_api_event(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """API Gateway HTTP API, payload version 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": dict(headers),
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "id",
            "stage": "$default",
        },
        **_body(body),
    }


def function_url_event(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A function's own URL without authentication, as AWS's page "Invoking Lambda function URLs" lists its event."""
    content_type = headers.get("content-type", "").lower()
    is_text = content_type.startswith(("text/", "application/json"))
    names = dict.fromkeys(name for name, _ in parse_qsl(query))
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": ["a=1", "b=2"],
        "headers": {**headers, "x-forwarded-proto": "https", "x-forwarded-port": "443", "host": "id.lambda-url.eu-west-1.on.aws"},
        "queryStringParameters": {name: ",".join(parse_qs(query)[name]) for name in names} or None,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "id",
            "authentication": None,
            "authorizer": None,
            "domainName": "id.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "id",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
            "requestId": "id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
    }
    if not body:
        return event
    if is_text:
        return {**event, **_body(body)}
    return {**event, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def rest_api_event(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """API Gateway REST API, payload version 1.0."""
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": dict(headers),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": dict(parse_qsl(query)) or None,
        "multiValueQueryStringParameters": parse_qs(query) or None,
        "requestContext": {"requestId": "id", "stage": "prod", "identity": {"sourceIp": "192.0.2.1"}, "httpMethod": method},
        **_body(body),
    }


def _as_sent(query: str) -> dict[str, list[str]]:
    parameters: dict[str, list[str]] = {}
    for name, _, value in (pair.partition("=") for pair in query.split("&") if pair):
        parameters.setdefault(name, []).append(value)
    return parameters


def load_balancer_event(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Application load balancer with multi-value headers; query parameters arrive as they were sent."""
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/t/1"}},
        "httpMethod": method,
        "path": path,
        "multiValueQueryStringParameters": _as_sent(query),
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        **_body(body),
    }


@contextlib.contextmanager
def emulating(
    context: Path, *, command: Sequence[str | Path] = (sys.executable, "-m", "runtime_handler"), **environment: str
) -> Iterator[Function]:
    """The context as a Lambda function, started by `command` in its folder; everything is killed at the end."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "log"
        with output.open("wb") as log:
            process = subprocess.Popen(
                [
                    EMULATOR,
                    "--runtime-interface-emulator-address",
                    f"127.0.0.1:{port}",
                    "--runtime-api-address",
                    f"127.0.0.1:{free_port()}",
                    *command,
                ],
                cwd=context,
                env=clean_environment(**environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            _wait_for_port(port)
            yield Function(f"http://127.0.0.1:{port}", output)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/", timeout=5, trust_env=False)
            return
        time.sleep(0.02)
    raise AssertionError("the emulator does not listen")
