"""Secrets become variables when the container starts, and are named when they cannot be read."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from runtime_handler.contract import SECRETS
from runtime_handler.errors import StartError
from runtime_handler.secrets import resolve_secrets


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    """The address of a server that keeps a parameter and a secret."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"endpoint_url": url, "region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    boto3.client("ssm", **keys).put_parameter(Name="/iris/token", Value="open", Type="SecureString")
    boto3.client("secretsmanager", **keys).create_secret(Name="iris", SecretString="sesame")
    yield url
    server.stop()


@pytest.fixture
def credentials(account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {"AWS_ENDPOINT_URL": account, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    for name, value in {**variables, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)


def test_references_become_values(credentials: None) -> None:
    """By name or by ARN, from either service; the reference to a parameter is decrypted."""
    arn = boto3.client("secretsmanager").describe_secret(SecretId="iris")["ARN"]
    environ = {SECRETS: json.dumps({"TOKEN": "ssm:/iris/token", "KEY": "secretsmanager:iris", "SAME": arn})}
    resolve_secrets(environ)
    assert (environ["TOKEN"], environ["KEY"], environ["SAME"]) == ("open", "sesame", "sesame")


def test_every_secret_that_cannot_be_read_is_named(credentials: None) -> None:
    """All at once, by variable and reference, with what AWS said."""
    environ = {SECRETS: json.dumps({"TOKEN": "ssm:/iris/nothing", "KEY": "secretsmanager:nobody", "GOOD": "secretsmanager:iris"})}
    with pytest.raises(StartError) as raised:
        resolve_secrets(environ)
    message = str(raised.value)
    assert "TOKEN (ssm:/iris/nothing)" in message
    assert "KEY (secretsmanager:nobody)" in message
    assert "sesame" not in message


def test_without_secrets_nothing_happens() -> None:
    """No client is made, nothing is asked."""
    environ: dict[str, str] = {}
    resolve_secrets(environ)
    assert environ == {}
