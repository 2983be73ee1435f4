"""Secrets for a Lambda function, which has no way of its own to take them: fetched once, when it starts.

ECS resolves a task's secrets itself. Elsewhere the stacks leave the references in one variable (contract.SECRETS), a JSON
object from variable to reference, and here each becomes the variable that the predictor reads.
"""

import json
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from runtime_handler.contract import SECRETS
from runtime_handler.errors import StartError


def resolve_secrets(environ: MutableMapping[str, str]) -> None:
    """Put the values of all references into `environ`; nothing is imported when there are none.

    Raises StartError that names every variable whose secret could not be read, and why; never a value.
    """
    references: dict[str, str] = json.loads(environ.get(SECRETS) or "{}")
    if not references:
        return
    import boto3  # here, for an API without secrets does without
    from botocore.exceptions import BotoCoreError, ClientError

    failed = []
    for name, reference in references.items():
        service, read, identifier = _reader(reference)
        try:
            environ[name] = read(boto3.client(service), identifier)
        except (BotoCoreError, ClientError) as error:
            failed.append(f"{name} ({reference}): {error}")
    if failed:
        raise StartError(f"secrets of deploy.secrets cannot be read: {'; '.join(failed)}")


def _reader(reference: str) -> tuple[Any, Callable[[Any, str], str], str]:
    """The service, how it is asked, and by which identifier; a reference is an ARN or begins with its service's name."""
    prefix, _, rest = reference.partition(":")
    service, identifier = (reference.split(":")[2], reference) if prefix == "arn" else (prefix, rest)
    return service, READERS[service], identifier


def _parameter(client: Any, name: str) -> str:
    value: str = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return value


def _secret(client: Any, identifier: str) -> str:
    value: str = client.get_secret_value(SecretId=identifier)["SecretString"]
    return value


READERS: Mapping[str, Callable[[Any, str], str]] = {"ssm": _parameter, "secretsmanager": _secret}
"""Service -> how one of its secrets is read."""
